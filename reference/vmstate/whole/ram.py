# SPDX-License-Identifier: Apache-2.0
"""The ram section, version 4: words of address and flags up to EOS (migration/ram.c).

Pages come in long runs that differ by their address alone, and a run is checked in bulk: the words
of many records are taken out of the bytes at once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Protocol

from vmstate.whole import mapped, wire
from vmstate.whole.cursor import Cursor
from vmstate.whole.errors import StreamFault
from vmstate.whole.model import Block, Record
from vmstate.whole.nodes import Span

#: Records whose words are looked at in one go, and the bytes of pages.
_WINDOW: Final = 4096
_PAGES: Final = 1 << 20
_KNOWN: Final = {wire.RAM_ZERO: "zero", wire.RAM_PAGE: "page", wire.RAM_XBZRLE: "xbzrle"}
#: Records of one section that are kept apart; a run of pages is one.
_MOST_RECORDS: Final = 1 << 21
#: An upper bound on blocks, well above what a machine has; each takes at least ten bytes anyway.
_MOST_BLOCKS: Final = 1 << 16


class Window(Protocol):
    """A way to look at a file without having it in memory."""

    def read(self, position: int, size: int) -> memoryview:
        """Give bytes that stay good until the next read."""

    def release(self, position: int) -> None:
        """Let go of what lies before an offset."""


class RamReader:
    """Reads the payloads of ram sections; it remembers blocks and the current block between them.

    `blocks` is filled by the list of sizes. Runs of pages are read through `window`, if there
    is one.
    """

    def __init__(
        self,
        page_size: int,
        blocks: dict[str, Block],
        spans: list[Span] | None = None,
        window: Window | None = None,
        base: int = 0,
    ) -> None:
        self.page_size = page_size
        self.blocks: Final = blocks
        self.spans: Final = spans
        self.window: Final = window
        self.base: Final = base
        self.shared = False  # x-ignore-shared: the list has addresses
        self.mapped = False  # mapped-ram: the list has headers, and there are no page records
        self.postcopy = False  # POSTCOPY_ADVISE came: the list may have page sizes
        self.flushes = 0
        self.pages = 0
        self.current = ""

    def read(self, cursor: Cursor, path: str) -> list[Record]:
        """Read up to and with EOS. Raises `StreamFault`; `partial` has the records before. [RAM-EOS-1]"""
        records: list[Record] = []
        try:
            while True:
                record = self._record(cursor, path, len(records))
                records.append(record)
                if len(records) > _MOST_RECORDS:
                    raise _fault("ram.records", record.offset, f"more than {_MOST_RECORDS} records")
                if record.op == "eos":
                    return records
                if record.op in {"zero", "page"}:
                    self._extend(record, cursor)
        except StreamFault as fault:
            fault.partial = records
            raise

    def elsewhere(self) -> list[str]:
        """Say where the pages are if they are not in this stream."""
        if self.pages or self.mapped:
            return []
        if self.flushes:
            return ["the main channel of multifd: the pages are in its other channels"]
        if self.shared:
            return ["x-ignore-shared: the pages are in memory that both sides share"]
        if self.blocks:
            return ["no pages: they were left out, or went through channels of multifd"]
        return []

    def _record(self, cursor: Cursor, path: str, index: int) -> Record:
        """Read a word and what follows it. [RAM-WORD-1] [RAM-WORD-2]"""
        at = cursor.position
        word = cursor.u64("a word of ram")
        flags = word & (self.page_size - 1)
        address = word - flags
        path = f"{path}[{index}]"
        self._span(path + ".word", at, 8, "ram-word")
        kind = flags & ~wire.RAM_CONTINUE
        # Where no page follows, CONTINUE says nothing, and is kept beside the address.
        idle = flags & wire.RAM_CONTINUE
        if self.mapped and kind in {*_KNOWN, wire.RAM_HOOK, wire.RAM_MULTIFD_FLUSH}:
            raise _fault("ram.bad-flags", at, f"flags {flags:#x} in mapped-ram")
        if kind in _KNOWN:
            return self._page(cursor, at, address, flags, path)
        if kind == wire.RAM_MEM_SIZE:
            record = Record("mem-size", at, address | idle)
            self._mem_size(cursor, record, path)
            record.size = cursor.position - at
            return record
        if kind == wire.RAM_EOS:
            return Record("eos", at, address | idle)
        if kind == wire.RAM_MULTIFD_FLUSH:
            self.flushes += 1
            return Record("flush", at, address | idle)
        if kind == wire.RAM_HOOK:
            raise _fault("ram.hook", at, "a hook of RDMA, whose RAM is not in the stream")
        says = f"Unknown combination of migration flags: {flags:#x}"
        raise _fault("ram.bad-flags", at, f"unknown flags {flags:#x}", says)

    def _page(self, cursor: Cursor, at: int, address: int, flags: int, path: str) -> Record:
        """Read a page of any kind. [RAM-BLOCK-1] [RAM-PAGE-1] [RAM-ZERO-1] [RAM-SIZE-2]"""
        named = not flags & wire.RAM_CONTINUE
        if named:
            self.current = self._name(cursor, path)
            if self.blocks and self.current not in self.blocks:
                says = f"Can't find block {self.current}"
                raise _fault("ram.unknown-block", at + 8, f"no block {self.current!r}", says)
        elif not self.current:
            raise _fault(
                "ram.no-block", at, "CONTINUE before any block", "Ack, bad migration stream!"
            )
        op = _KNOWN[flags & ~wire.RAM_CONTINUE]
        block = self.blocks.get(self.current)
        if block is not None and address >= block.used_length:
            says = f"Illegal RAM offset {address:x}"
            detail = f"page {address:#x} of {block.name}, which ends at {block.used_length:#x}"
            raise _fault("ram.bad-offset", at, detail, says)
        self.pages += 1
        record = Record(op, at, address, self.current, named=named)
        record.data = cursor.position
        if op == "zero":
            fill = cursor.u8("the byte of a zero page")
            self._span(path + ".fill", record.data, 1, "ram-fill")
            if fill:
                says = f"Found a zero page with value {fill}"
                raise _fault("ram.bad-fill", record.data, f"zero page of {fill:#04x}", says)
        elif op == "page":
            cursor.need(self.page_size, "a page")
            self._span(path + ".page", record.data, self.page_size, "ram-page")
        else:
            self._xbzrle(cursor, record, path)
        record.size = cursor.position - at
        return record

    def _xbzrle(self, cursor: Cursor, record: Record, path: str) -> None:
        at = cursor.position
        flag = cursor.u8("the flag of XBZRLE")
        size = cursor.u16("the length of XBZRLE")
        self._span(path + ".flag", at, 1, "xbzrle-flag")
        self._span(path + ".length", at + 1, 2, "length")
        if flag != wire.XBZRLE_FLAG:
            says = "Failed to load XBZRLE page - wrong compression!"
            raise _fault("ram.xbzrle", at, f"XBZRLE flag {flag:#04x}", says)
        if size > self.page_size:
            says = "Failed to load XBZRLE page - len overflow!"
            raise _fault("ram.xbzrle", at + 1, f"{size} bytes of XBZRLE", says)
        record.data = cursor.need(size, "an XBZRLE page")
        self._span(path + ".xbzrle", record.data, size, "xbzrle")
        record.count = 1

    def _name(self, cursor: Cursor, path: str) -> str:
        at = cursor.position
        name = cursor.counted("the name of a block")
        self._span(path + ".length", at, 1, "length")
        self._span(path + ".name", at + 1, cursor.position - at - 1, "name")
        return name

    def _mem_size(self, cursor: Cursor, record: Record, path: str) -> None:
        """Read the list of blocks, whose lengths add up to the total in the word. [RAM-SIZE-1]"""
        left = record.address & ~wire.RAM_CONTINUE
        blocks: list[Block] = []
        record.blocks = blocks
        while left:
            at = cursor.position
            where = f"{path}.blocks[{len(blocks)}]"
            name = self._name(cursor, where)
            if not name:
                raise _fault("ram.mem-size", at, f"a block without a name, {left:#x} bytes to go")
            block = Block(name, cursor.u64("the length of a block"))
            self._span(where + ".used_length", cursor.position - 8, 8, "uint64")
            if self.postcopy and _page_size_follows(cursor):
                block.page_size = cursor.u64("the page size of a block")
                self._span(where + ".page_size", cursor.position - 8, 8, "uint64")
            if self.shared:
                block.address = cursor.u64("the address of a block")
                self._span(where + ".address", cursor.position - 8, 8, "uint64")
            if self.mapped:
                mapped.read(cursor, block, self.base, where, self._span)
            if not 0 < block.used_length <= left or len(blocks) > _MOST_BLOCKS:
                detail = f"block {name} of {block.used_length:#x} bytes, {left:#x} bytes to go"
                raise _fault("ram.mem-size", at, detail)
            left -= block.used_length
            blocks.append(block)
            self.blocks[name] = block

    def _extend(self, record: Record, cursor: Cursor) -> None:
        """Take all that follows and only goes on: same kind, next address, same block."""
        if self.spans is not None:
            return
        page = record.op == "page"
        stride = 8 + (self.page_size if page else 1)
        flags = wire.RAM_CONTINUE | (wire.RAM_PAGE if page else wire.RAM_ZERO)
        block = self.blocks.get(record.block)
        limit = block.used_length if block else 1 << 62
        window = 8
        ahead = cursor.data[cursor.position : cursor.position + 8]
        if int.from_bytes(ahead, "big") != record.address + self.page_size | flags:
            return
        while True:
            start = record.address + record.count * self.page_size
            most = min((cursor.end - cursor.position) // stride, window)
            most = min(most, (limit - start) // self.page_size)
            if most <= 0:
                return
            if page:
                most = min(most, max(1, _PAGES // self.page_size))
            size = most * stride
            if self.window is None:
                data = cursor.data[cursor.position : cursor.position + size]
            else:
                self.window.release(cursor.position)
                data = self.window.read(cursor.position, size)
            run = _alike(data, most, stride, start | flags, self.page_size, page=page)
            record.count += run
            record.size += run * stride
            cursor.position += run * stride
            if run < most:
                return
            window = min(_WINDOW, window * 8)

    def _span(self, path: str, at: int, size: int, kind: str) -> None:
        if self.spans is not None:
            self.spans.append(Span(path, at, size, kind))


def _alike(data: memoryview, most: int, stride: int, first: int, step: int, *, page: bool) -> int:
    """How many of `most` records have the words first, first + step, first + 2 step…"""
    if page:
        words = data.cast("Q")[:: stride // 8].tobytes()
    else:
        packed = bytearray(8 * most)
        flat = bytes(data)
        for i in range(8):
            packed[i::8] = flat[i::stride]
        words = bytes(packed)
        fills = flat[8::stride]
        if any(fills):
            most = len(fills) - len(fills.lstrip(b"\0"))
            words = words[: 8 * most]
    good = _progression(most, first, step)
    if words == good:
        return most
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if words[: 8 * middle] == good[: 8 * middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _progression(count: int, first: int, step: int) -> bytes:
    """Give `count` big-endian words first, first + step, first + 2 step…

    Made by one addition of large numbers: no word overflows into its neighbour.
    """
    ones, steps = _pattern(count, step)
    return (first * ones + steps).to_bytes(8 * count, "big")


@lru_cache(maxsize=64)
def _pattern(count: int, step: int) -> tuple[int, int]:
    ones = int.from_bytes(bytes((0, 0, 0, 0, 0, 0, 0, 1)) * count, "big")
    steps = int.from_bytes(b"".join((i * step).to_bytes(8, "big") for i in range(count)), "big")
    return ones, steps


def _page_size_follows(cursor: Cursor) -> bool:
    """Whether the next eight bytes are a page size; no name begins so, and no word of pages does."""
    ahead = bytes(cursor.data[cursor.position : cursor.position + 8])
    number = int.from_bytes(ahead, "big")
    return len(ahead) == 8 and number >= 4096 and number & (number - 1) == 0


def _fault(rule: str, offset: int, detail: str, says: str = "") -> StreamFault:
    return StreamFault(rule, offset, detail, says=says)
