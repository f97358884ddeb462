# SPDX-License-Identifier: Apache-2.0
"""mapped-ram: parse_ramblock_mapped_ram() in migration/ram.c. Pages have their places in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vmstate.container.model import PayloadError
from vmstate.container.payloads.ramblocks import Block
from vmstate.errors import EINVAL, EIO, Abort
from vmstate.stream import InputStream
from vmstate.trace import Trace
from vmstate.whole import mapbits

_VERSION: Final = 1
_HEADER: Final = 28
#: Pages are read in parts of this size.
_PART: Final = 1 << 20
#: What no machine allocates.
_TOO_MUCH: Final = 1 << 46
#: As much is read before it is sure that the file goes in circles.
_MOST_READ: Final = 1 << 28
_WORD: Final = (1 << 64) - 1


@dataclass(slots=True)
class Mapped:
    """Loads blocks whose pages lie elsewhere in the file. `read` counts what that came to so far."""

    page_size: int
    shared: bool
    """Whether x-ignore-shared is on as well."""
    read: int = 0

    def load(self, stream: InputStream, block: Block, length: int, trace: Trace) -> None:
        """Load a block by its header; the stream goes on behind its pages. [RAM-MAPPED-1]

        The block's own length, and whether it is to be migrated, do not matter. [RAM-MAPPED-2]
        Raises `PayloadError`.
        """
        self.read += self.page_size
        if self.read > _MOST_READ:
            raise Abort("hang", "bad-count", "the list of blocks comes again and again")
        start = stream.position
        header = stream.take(_HEADER)
        trace.note(start, stream.position, "mapped-ram header", f"{len(header)} bytes")
        if len(header) < _HEADER:
            raise _refused(
                "payload-ended",
                "Could not read whole mapped-ram migration header "
                f"(expected {_HEADER}, got {len(header)} bytes)",
            )
        version = int.from_bytes(header[:4], "big")
        page_size, bitmap, pages = (
            int.from_bytes(header[at : at + 8], "big") for at in (4, 12, 20)
        )
        if version > _VERSION:
            # By clause [RAM-MAPPED-3]
            raise _refused(
                "payload-version",
                "Migration mapped-ram capability version not supported "
                f"(expected <= {_VERSION}, got {version})",
            )
        if page_size != self.page_size:
            # By clause [RAM-MAPPED-3]
            raise _refused(
                "payload-content",
                f"Migration mapped-ram header has invalid page_size {page_size} "
                f"(expected {self.page_size})",
            )
        if self.shared and not bitmap and not pages:
            # By clause [RAM-MAPPED-6]
            return
        if pages % self.page_size:
            # By clause [RAM-MAPPED-3]
            told = f"Error reading ramblock {block.name} pages, region has bad alignment"
            raise _refused("payload-offset", told)
        self._load(stream, block, length // self.page_size, bitmap, pages, trace)
        # By clause [RAM-MAPPED-5]
        stream.seek(pages + length & _WORD)

    def _load(
        self,
        stream: InputStream,
        block: Block,
        count: int,
        bitmap: int,
        pages: int,
        trace: Trace,
    ) -> None:
        size = mapbits.size(count)
        if size >= _TOO_MUCH:
            # By clause [RAM-MAPPED-9]
            raise Abort("oom", "allocation-failed", f"a bitmap of {size} bytes")
        bits = stream.read_at(bitmap, size)
        trace.note(bitmap, bitmap + len(bits), "bitmap", f"{count} pages")
        if len(bits) < size:
            raise _refused("payload-ended", "Error reading dirty bitmap")
        for first, many in mapbits.runs(bits, count):
            start = first * self.page_size
            end = start + many * self.page_size
            for at in range(start, end, _PART):
                self._pages(stream, block, at, min(_PART, end - at), pages, trace)

    def _pages(
        self,
        stream: InputStream,
        block: Block,
        at: int,
        size: int,
        pages: int,
        trace: Trace,
    ) -> None:
        """Read some pages at their place. [RAM-MAPPED-4]"""
        if at >= block.used:
            raise _refused("payload-offset", f"page outside of ramblock {block.name} range")
        offset = pages + at & _WORD
        data = stream.read_at(offset, size)
        trace.note(offset, offset + len(data), "pages", f"{len(data)} bytes at {at:#x}")
        self.read += size
        # Behind the memory of a block the host has none, and takes what fits; nobody should rely on it.
        fits = data[: len(block.memory) - at]
        block.memory[at : at + len(fits)] = fits
        told = f"({block.name}) failed to read page {at:x}from file offset {offset:x}: "
        if len(fits) < len(data):
            stream.set_error(EIO)
            raise _refused("payload-offset", f"{told}Unable to read from file: Bad address")
        if len(data) < size:
            said = "Unexpected end-of-file before all data were read"
            if offset > _WORD >> 1:
                said = "Unable to read from file: Invalid argument"
            raise _refused("payload-ended", told + said)


def _refused(error: str, told: str) -> PayloadError:
    return PayloadError(error, EINVAL, told)
