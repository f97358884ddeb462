# SPDX-License-Identifier: Apache-2.0
"""RAM written out: a file for each block, with a safe name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO, Final, Self

from vmstate.whole import mapped, xbzrle
from vmstate.whole.errors import StreamFault
from vmstate.whole.model import Block, Record, Section
from vmstate.whole.walk import Walker

#: Files of blocks are sparse; one larger than this is no block of a machine.
_LARGEST: Final = 1 << 46
_CHUNK: Final = 1 << 20
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")


class Extractor:
    """Writes each block to a file of its own in `directory`, whose name is safe.

    Raises `OSError` where that cannot be written, `StreamFault` where the stream does not fit.
    """

    def __init__(self, walker: Walker, directory: Path) -> None:
        self.walker: Final = walker
        self.directory: Final = directory
        self.files: Final[dict[str, BinaryIO]] = {}
        self.names: Final[dict[str, Path]] = {}

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():
            file.close()

    def add(self, section: Section) -> None:
        """Write the pages of one section."""
        if section.idstr != "ram" or section.state is None:
            return
        for record in section.state:
            if record.op == "mem-size":
                for block in record.blocks:
                    self._block(block)
            elif record.op in {"zero", "page", "xbzrle"}:
                self._pages(record)

    def _block(self, block: Block) -> None:
        if block.used_length > _LARGEST:
            detail = f"block {block.name} of {block.used_length:#x} bytes is beyond any machine"
            raise StreamFault("ram.mem-size", 0, detail)
        if block.name in self.files:
            return
        name = f"{len(self.files):02d}-{_UNSAFE.sub('_', block.name)[:100]}.bin"
        self.names[block.name] = path = self.directory / name
        file = self.files[block.name] = path.open("w+b")
        file.truncate(block.used_length)
        if block.mapped is None:
            return
        size, start = block.mapped[1], block.mapped[3]
        for first, run in mapped.present(block, self.walker.data):
            low = first * size
            self._copy(file, low, start + low, min(block.used_length, (first + run) * size) - low)

    def _copy(self, file: BinaryIO, to: int, at: int, size: int) -> None:
        for low in range(0, size, _CHUNK):
            file.seek(to + low)
            file.write(self.walker.data[at + low : at + min(size, low + _CHUNK)])

    def _pages(self, record: Record) -> None:
        file = self.files.get(record.block)
        if file is None:
            raise StreamFault("ram.unknown-block", record.offset, f"no block {record.block!r}")
        size = self.walker.ram.page_size
        if record.op == "page":
            for i in range(record.count):
                file.seek(record.address + i * size)
                at = record.data + i * (size + 8)
                file.write(self.walker.data[at : at + size])
        elif record.op == "zero":
            # A page may have been sent before with something in it.
            for i in range(record.count):
                file.seek(record.address + i * size)
                if any(file.read(size)):
                    file.seek(record.address + i * size)
                    file.write(bytes(size))
        else:
            file.seek(record.address)
            page = bytearray(file.read(size).ljust(size, b"\0"))
            data = self.walker.data[record.data : record.offset + record.size]
            xbzrle.apply(bytes(data), page, record.data)
            file.seek(record.address)
            file.write(page)
