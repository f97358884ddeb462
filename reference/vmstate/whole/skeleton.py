# SPDX-License-Identifier: Apache-2.0
"""A stream without the contents of its RAM: small enough to send around, and still a whole stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from vmstate.whole import mapped
from vmstate.whole.model import Block, Section
from vmstate.whole.walk import Walker

_PAGES: Final = frozenset({"page", "zero", "xbzrle"})
_CHUNK: Final = 1 << 20
#: Type and id of a footer.
_FOOTER: Final = 5


def skeleton(walker: Walker, write: Callable[[bytes], object]) -> tuple[int, int]:
    """Write the stream without pages; give how many pages and how many bytes were left out.

    Sections of ram that held nothing else are left out whole. A mapped-ram file keeps its layout, by
    which a loader finds what follows; its bitmaps say that there are no pages.
    """
    data = walker.data
    done = pages = 0
    written = 0

    def put(piece: bytes) -> None:
        nonlocal written
        write(piece)
        written += len(piece)

    for item in walker.walk():
        # Sections in packages have nothing of RAM's pages; they go with their command.
        if not isinstance(item, Section) or item.idstr != "ram" or item.raw:
            continue
        _copy(data, done, item.offset, put)
        footer = 0 if item.footer is None else _FOOTER
        done = item.end + footer
        kept = [record for record in item.state if record.op not in _PAGES]
        pages += sum(record.count for record in item.state if record.op in _PAGES)
        if item.kind == "part" and len(kept) == 1 and len(item.state) > 1:
            continue
        put(bytes(data[item.offset : item.payload]))
        for record in kept:
            at = record.offset
            for block in record.blocks:
                if block.mapped is None or mapped.absent(block):
                    continue
                pages += sum(run for _, run in mapped.present(block, data))
                at = _hollow(data, at, block, put)
            _copy(data, at, record.offset + record.size, put)
        _copy(data, item.end, done, put)
        item.state = None
    _copy(data, done, len(data), put)
    return pages, len(data) - written


def _hollow(data: memoryview, at: int, block: Block, put: Callable[[bytes], None]) -> int:
    """Write up to the end of a mapped block, its bitmap and pages as zeros."""
    assert block.mapped is not None
    end = block.mapped[3] + block.used_length
    _copy(data, at, block.mapped[2], put)
    for size in _steps(end - block.mapped[2]):
        put(bytes(size))
    return end


def _copy(data: memoryview, start: int, end: int, put: Callable[[bytes], None]) -> None:
    for size in _steps(end - start):
        put(bytes(data[start : start + size]))
        start += size


def _steps(size: int) -> Iterator[int]:
    while size > 0:
        yield min(size, _CHUNK)
        size -= _CHUNK
