# SPDX-License-Identifier: Apache-2.0
"""RAM: ram_load() in migration/ram.c. What a destination looks like says `ram_request`.

The words are those that `vmstate.whole` reads, too; here they change memory, and whatever is wrong
with them is found when and as QEMU finds it. What POSTCOPY_LISTEN changes is not part of it.
"""

from __future__ import annotations

from typing import Any, Final

from vmstate.container.model import Machine, PayloadError
from vmstate.container.payloads.ramblocks import Block
from vmstate.container.payloads.rammapped import Mapped
from vmstate.errors import EINVAL
from vmstate.extent import int64
from vmstate.stream import InputStream
from vmstate.trace import Trace
from vmstate.whole import wire, xbzrle
from vmstate.whole.errors import StreamFault

_KINDS: Final = wire.RAM_ZERO | wire.RAM_PAGE | wire.RAM_XBZRLE
_UNMAPPED: Final = _KINDS | wire.RAM_HOOK | wire.RAM_MULTIFD_FLUSH
_WORD: Final = (1 << 64) - 1
_HOST_PAGE: Final = 4096


class Ram:
    """All blocks, and the one that the last page was of, which CONTINUE goes on with."""

    version_id: Final = wire.RAM_VERSION

    def __init__(self, blocks: list[Block], page_size: int) -> None:
        self.blocks: Final = blocks
        self.page_size: Final = page_size
        self.current: Block | None = None

    def find(self, name: bytes) -> Block | None:
        """Find a block by its name."""
        return next((block for block in self.blocks if block.name.encode() == name), None)

    def discard(self, name: bytes, start: int, length: int) -> bool:
        """Zero whole pages of the host in a block, as far as it can become. [CMD-DISCARD-2]"""
        block = self.find(name)
        if block is None or start % _HOST_PAGE or length % _HOST_PAGE:
            return False
        if start + length > len(block.memory):
            return False
        block.memory[start : start + length] = bytes(length)
        return True

    def load(self, stream: InputStream, version_id: int, machine: Machine, trace: Trace) -> None:
        """Load words up to EOS. [RAM-WORD-1] [RAM-EOS-1]"""
        if version_id != wire.RAM_VERSION:
            # By clause [RAM-VERSION-1]
            raise PayloadError("payload-version", EINVAL)
        words = _Words(self, stream, machine, trace)
        while words.load():
            pass

    def state(self) -> dict[str, Any]:
        """Give all blocks."""
        return {"blocks": [block.state() for block in self.blocks]}


class _Words:
    """The words of one section. Every method raises `PayloadError`."""

    def __init__(self, ram: Ram, stream: InputStream, machine: Machine, trace: Trace) -> None:
        self.ram: Final = ram
        self.stream: Final = stream
        self.machine: Final = machine
        self.trace: Final = trace
        self.shared: Final = "x-ignore-shared" in machine.capabilities
        # With mapped-ram, pages are where the list says, and none are behind words.
        mapped = "mapped-ram" in machine.capabilities
        self.mapped: Final = Mapped(ram.page_size, self.shared) if mapped else None

    def load(self) -> bool:
        """Load a word and what follows it; whether there is more. [RAM-WORD-3]"""
        stream = self.stream
        start = stream.position
        word = stream.number(8)
        self._note(start, "word", f"{word:#x}")
        self._ended("Getting RAM address failed")
        flags = word % self.ram.page_size
        address = word - flags
        if self.mapped is not None and flags & _UNMAPPED:
            # By clause [RAM-MAPPED-7]
            told = f"Unexpected RAM flags: {flags & _UNMAPPED}"
            raise PayloadError("payload-flags", EINVAL, told)
        kind = flags & ~wire.RAM_CONTINUE
        # Any of these flags has a page, whatever else there is [RAM-WORD-4]
        page = self._page(address, flags) if flags & _KINDS else None
        if kind == wire.RAM_MEM_SIZE:
            self._mem_size(address)
        elif page is not None and kind == wire.RAM_ZERO:
            self._zero(page)
        elif page is not None and kind == wire.RAM_PAGE:
            start = stream.position
            # What a stream cut short has of the page is stored [RAM-PAGE-2]
            data = stream.take(len(page))
            page[: len(data)] = data
            self._note(start, "page", f"{len(data)} bytes")
        elif page is not None and kind == wire.RAM_XBZRLE:
            self._xbzrle(page, address)
        elif kind not in {wire.RAM_EOS, wire.RAM_MULTIFD_FLUSH, wire.RAM_HOOK}:
            # By clause [RAM-WORD-2]
            told = f"Unknown combination of migration flags: 0x{flags:x}"
            raise PayloadError("payload-flags", EINVAL, told)
        # By clause [RAM-WORD-5]
        self._ended()
        return kind != wire.RAM_EOS

    def _page(self, address: int, flags: int) -> memoryview:
        """Find the memory of a page. [RAM-PAGE-1] [RAM-PAGE-3]"""
        block = self._block(flags)
        told = f"Illegal RAM offset {address:x}"
        if block is None:
            raise PayloadError("payload-block", EINVAL, told)
        if address >= block.used:
            raise PayloadError("payload-offset", EINVAL, told)
        return memoryview(block.memory)[address : address + self.ram.page_size]

    def _block(self, flags: int) -> Block | None:
        """Find the block of a page; None where there is none. [RAM-BLOCK-1]"""
        if flags & wire.RAM_CONTINUE:
            if self.ram.current is None:
                # By clause [RAM-BLOCK-2]
                self.machine.report("Ack, bad migration stream!")
            return self.ram.current
        name = self._name()
        block = self.ram.find(name)
        if block is None:
            # By clause [RAM-BLOCK-3]
            self.machine.report(f"Can't find block {_shown(name)}")
            return None
        if self._ignored(block):
            # By clause [RAM-BLOCK-4]
            self.machine.report(f"block {_shown(name)} should not be migrated !")
            return None
        self.ram.current = block
        return block

    def _ignored(self, block: Block) -> bool:
        """Whether a block's pages are not sent. [RAM-SHARED-2]"""
        return not block.migratable or (self.shared and block.shared)

    def _name(self) -> bytes:
        """Read a counted name; what the stream's end cut off reads as zeros. [RAM-BLOCK-5]"""
        start = self.stream.position
        name = self.stream.take(self.stream.number(1))
        self._note(start, "block", _shown(name))
        return name.split(b"\0", 1)[0]

    def _zero(self, page: memoryview) -> None:
        """By clause [RAM-ZERO-1]."""
        start = self.stream.position
        fill = self.stream.number(1)
        self._note(start, "fill", str(fill))
        if fill:
            # By clause [RAM-ZERO-2]
            raise PayloadError("payload-content", EINVAL, f"Found a zero page with value {fill}")
        page[:] = bytes(len(page))

    def _xbzrle(self, page: memoryview, address: int) -> None:
        """Change a page by what came before. [RAM-XBZRLE-1] [RAM-XBZRLE-2]"""
        stream = self.stream
        start = stream.position
        flag, size = stream.number(1), stream.number(2)
        self._note(start, "xbzrle", f"{flag}, {size} bytes")
        told = ""
        if flag != wire.XBZRLE_FLAG:
            told = "Failed to load XBZRLE page - wrong compression!"
        elif size > len(page):
            told = "Failed to load XBZRLE page - len overflow!"
        else:
            start = stream.position
            # QEMU takes what is left where the stream ends, and the rest is as its buffer was.
            stream.peek(size, 0)
            data = stream.take(size).ljust(size, b"\0")
            self._note(start, "runs", f"{size} bytes")
            try:
                xbzrle.apply(data, page, start)
            except StreamFault as fault:
                told = fault.says
        if told:
            self.machine.report(told)
            told = f"Failed to decompress XBZRLE page at {address:x}"
            raise PayloadError("payload-content", EINVAL, told)

    def _mem_size(self, total: int) -> None:
        """Read the list of blocks, up to the total. [RAM-SIZE-1] [RAM-SIZE-3]"""
        while total:
            name = self._name()
            start = self.stream.position
            length = self.stream.number(8)
            self._note(start, "length", f"{length:#x}")
            block = self.ram.find(name)
            if block is None:
                # By clause [RAM-SIZE-2]
                told = f'Unknown ramblock "{_shown(name)}", cannot accept migration'
                raise PayloadError("payload-block", EINVAL, told)
            if self.shared:
                self._address(block)
            if self.mapped is not None:
                self.mapped.load(self.stream, block, length, self.trace)
            elif not block.migratable:
                # By clause [RAM-SIZE-4]
                told = f"block {_shown(name)} should not be migrated !"
                raise PayloadError("payload-block", EINVAL, told)
            elif length != block.used:
                block.resize(length)
            total = total - length & _WORD

    def _address(self, block: Block) -> None:
        """Compare where in the guest shared memory is. [RAM-SHARED-1]"""
        start = self.stream.position
        address = self.stream.number(8)
        self._note(start, "address", f"{address:#x}")
        if self._ignored(block) and address != block.address:
            told = (
                f"Mismatched GPAs for block {block.name} {int64(address)}!= {int64(block.address)}"
            )
            raise PayloadError("payload-offset", EINVAL, told)

    def _ended(self, told: str = "") -> None:
        if self.stream.error:
            raise PayloadError("payload-ended", self.stream.error, told)

    def _note(self, start: int, kind: str, value: str) -> None:
        self.trace.note(start, self.stream.position, kind, value)


def _shown(name: bytes) -> str:
    return name.split(b"\0", 1)[0].decode(errors="replace")
