# SPDX-License-Identifier: Apache-2.0
"""The model heap: 64-bit addresses, blocks that know who made them, and every access checked.

It is the sanitizer of the reference. Host memory is never touched by an address of the model; a block
keeps bytes only for the pages that were written, so a count from a stream cannot make it large.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from vmstate.dialects import Limits
from vmstate.errors import Abort, out_of_bounds

POINTER: Final = 8
# Blocks end with a page, as guarded memory of a real process has it, so that descriptions which take an
# address for a number meet the same kind of number.
_GUARDED: Final = 1 << 12
# Far enough that no stride of a real description steps over what lies between two blocks.
_GAP: Final = 1 << 20
_LAST: Final = 1 << 62
_PAGE: Final = 1 << 16


@dataclass(slots=True, eq=False)
class Block:
    """One allocation: `size` bytes at `base`, made for the field at `owner` in step `made`.

    `made` is 0 for what stood before the operation. `lost_by` is the path of the store that
    overwrote the last pointer seen to it, once `Heap.leaks` has looked.
    """

    base: int
    size: int
    owner: str
    kind: str
    made: int
    live: bool = True
    data: bytearray | None = None
    pages: dict[int, bytearray] = field(default_factory=dict)
    tree: Tree | None = None
    lost_by: str = ""

    def read(self, offset: int, size: int) -> bytes:
        """Give `size` bytes at `offset`; the caller has checked the bounds."""
        if self.data is not None:
            return bytes(self.data[offset : offset + size])
        out = bytearray(size)
        for at, start, length in _spans(offset, size):
            page = self.pages.get(at)
            if page is not None:
                begin = at * _PAGE + start - offset
                out[begin : begin + length] = page[start : start + length]
        return bytes(out)

    def blank(self, offset: int, size: int) -> bool:
        """Whether no page of these bytes was ever written to."""
        if self.data is not None:
            return False
        return all(at not in self.pages for at, _, _ in _spans(offset, size))

    def touched(self) -> Iterator[bytearray]:
        """Give the bytes that may be other than zero, each run starting at a multiple of 8."""
        if self.data is not None:
            yield self.data
        else:
            yield from self.pages.values()


@dataclass(slots=True, eq=False)
class Tree:
    """A GTree: nodes (rank, key, value) in key order.

    `members` are the (offset, size) of the numbers that two keys are compared by, in order and
    unsigned; None for direct keys, which are numbers and not addresses. QEMU leaves the order to the
    device. [INFO-GTREE-6]
    """

    heap: Heap
    members: tuple[tuple[int, int], ...] | None
    nodes: list[tuple[Any, int, int]] = field(default_factory=list)

    def rank(self, key: int) -> Any:
        """Give what a key is ordered by; a direct one counts by its low 32 bits."""
        if self.members is None:
            return key & 0xFFFF_FFFF
        return [self.heap.number(key + offset, size) for offset, size in self.members]

    def insert(self, key: int, value: int) -> None:
        """As g_tree_insert(): an equal key keeps the old key and takes the new value. [INFO-GTREE-7]"""
        rank = self.rank(key)
        at = bisect_left(self.nodes, rank, key=_rank)
        if at < len(self.nodes) and self.nodes[at][0] == rank:
            self.nodes[at] = (rank, self.nodes[at][1], value)
        else:
            self.nodes.insert(at, (rank, key, value))


def _rank(node: tuple[Any, int, int]) -> Any:
    return node[0]


_NONE: Final = Block(0, -1, "", "none", 0, live=False)


@dataclass(slots=True, eq=False)
class Mark:
    """What a heap was at one moment: its blocks, those with nothing but bytes, and the others."""

    count: int
    small: list[tuple[Block, bytes]]
    others: list[Kept]
    following: int
    stored: int


#: A block, its bytes, its pages, its tree's nodes.
Kept: TypeAlias = tuple[Block, bytes | None, dict[int, bytes], list[tuple[Any, int, int]]]


class Heap:
    """All memory that one operation sees.

    Raises `Abort` (`memory` for an access outside a live block, `oom` for a block that is too
    large). `accesses` and `writes` only count, so that a caller can see that nothing was touched.
    """

    __slots__ = (
        "_bases",
        "_blocks",
        "_last",
        "_next",
        "_stored",
        "accesses",
        "limits",
        "step",
        "writes",
    )

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._bases: list[int] = []
        self._blocks: list[Block] = []
        self._next = limits.addresses
        self._stored = 0
        self.step = 0
        self.accesses = 0
        self.writes = 0
        self._last = _NONE

    def allocate(self, size: int, owner: str, kind: str) -> int:
        """Make a zeroed block of `size` bytes and give its address. [HEAP-ALLOC-1]"""
        if size >= self.limits.block:
            raise Abort("oom", "allocation-failed", f"failed to allocate {size} bytes")
        if len(self._blocks) >= self.limits.blocks:
            raise Abort("oom", "allocation-failed", f"more than {self.limits.blocks} blocks")
        if self._next + size > _LAST:
            raise Abort("oom", "allocation-failed", "the address space is used up")
        base = self._next + -size % _GUARDED
        block = Block(base, size, owner, kind, self.step)
        if size <= _PAGE:
            self._store(size)
            block.data = bytearray(size)
        self._next = (base + size + _GAP + _GUARDED - 1) // _GUARDED * _GUARDED
        self._bases.append(block.base)
        self._blocks.append(block)
        return block.base

    def mark(self) -> Mark:
        """Note what is there, so that one heap can serve many operations."""
        small: list[tuple[Block, bytes]] = []
        others: list[Kept] = []
        for block in self._blocks:
            data = None if block.data is None else bytes(block.data)
            if data is not None and block.tree is None:
                small.append((block, data))
                continue
            pages = {at: bytes(page) for at, page in block.pages.items()}
            nodes = [] if block.tree is None else list(block.tree.nodes)
            others.append((block, data, pages, nodes))
        return Mark(len(self._blocks), small, others, self._next, self._stored)

    def reset(self, mark: Mark) -> None:
        """Go back to what `mark` noted, whatever was stored, allocated and freed since."""
        del self._blocks[mark.count :]
        del self._bases[mark.count :]
        for block, content in mark.small:
            block.live, block.data = True, bytearray(content)
        for block, data, pages, nodes in mark.others:
            block.live = True
            if data is not None:
                block.data = bytearray(data)
            if pages or block.pages:
                block.pages = {at: bytearray(page) for at, page in pages.items()}
            if block.tree is not None:
                block.tree.nodes[:] = nodes
        self._next, self._stored = mark.following, mark.stored
        self.accesses = self.writes = 0
        self._last = _NONE

    def made(self, mark: Mark) -> int:
        """Give how many blocks were made since."""
        return len(self._blocks) - mark.count

    def place(self, block: Block) -> None:
        """Take over a block of somebody else's memory, at its own address."""
        at = bisect_right(self._bases, block.base)
        self._bases.insert(at, block.base)
        self._blocks.insert(at, block)

    def free(self, address: int) -> None:
        """Release the block at `address`; any later access to it is out of bounds."""
        block = self.block_at(address)
        if block is None or block.base != address:
            raise out_of_bounds("free of a wild pointer")
        if block.data is not None:
            self._stored -= block.size
        self._stored -= _PAGE * len(block.pages)
        block.live, block.data, block.pages = False, None, {}
        self._last = _NONE

    def block_at(self, address: int) -> Block | None:
        """Give the live block that holds `address` or starts or ends there, if any."""
        at = bisect_right(self._bases, address) - 1
        if at < 0:
            return None
        block = self._blocks[at]
        return block if block.live and address - block.base <= block.size else None

    def _find(self, address: int, size: int, verb: str) -> Block:
        block = self._last
        offset = address - block.base
        if 0 <= offset <= block.size - size:
            return block
        at = bisect_right(self._bases, address) - 1
        if at >= 0:
            block = self._blocks[at]
            if block.live and address - block.base + size <= block.size:
                self._last = block
                return block
            if block.live and address - block.base <= block.size:
                raise out_of_bounds(f"{verb} outside of a block")
        raise out_of_bounds(f"{verb} through a wild pointer")

    def read(self, address: int, size: int) -> bytes:
        """Give `size` bytes. A size of 0 touches nothing. [HEAP-ACCESS-1]"""
        if not size:
            return b""
        self.accesses += 1
        block = self._find(address, size, "read")
        offset = address - block.base
        if block.data is not None:
            return bytes(block.data[offset : offset + size])
        return block.read(offset, size)

    def write(self, address: int, data: bytes) -> None:
        """Store `data`. Writing nothing touches nothing. [HEAP-ACCESS-1]"""
        size = len(data)
        if not size:
            return
        self.accesses += 1
        self.writes += 1
        block = self._find(address, size, "write")
        offset = address - block.base
        if block.data is not None:
            block.data[offset : offset + size] = data
            return
        for at, start, length in _spans(offset, size):
            page = block.pages.get(at)
            if page is None:
                self._store(_PAGE)
                page = block.pages[at] = bytearray(_PAGE)
            begin = at * _PAGE + start - offset
            page[start : start + length] = data[begin : begin + length]

    def view(self, address: int, size: int) -> tuple[bytearray, int] | None:
        """Give a small block's own bytes and where `address` is in them, if all `size` are there."""
        block = self._last
        offset = address - block.base
        if not 0 <= offset <= block.size - size:
            found = self.block_at(address)
            if found is None or found.size - (address - found.base) < size:
                return None
            block, offset = found, address - found.base
            self._last = block
        return None if block.data is None else (block.data, offset)

    def check(self, address: int, size: int, verb: str) -> None:
        """Raise `Abort` unless `size` bytes can be accessed. [HEAP-ACCESS-1]"""
        if size:
            self._find(address, size, verb)

    def clear(self, address: int, size: int) -> None:
        """Store zeros, without making pages for them."""
        if not size:
            return
        block = self._find(address, size, "write")
        self.writes += 1
        offset = address - block.base
        if block.data is not None:
            block.data[offset : offset + size] = bytes(size)
            return
        for at, page in block.pages.items():
            start = max(offset - at * _PAGE, 0)
            end = min(offset + size - at * _PAGE, _PAGE)
            if start < end:
                page[start:end] = bytes(end - start)

    def room(self, address: int) -> int:
        """Give how many bytes can be accessed from `address` on."""
        block = self.block_at(address)
        return 0 if block is None else block.base + block.size - address

    def number(self, address: int, size: int, *, signed: bool = False) -> int:
        """Read a little-endian number of `size` bytes."""
        return int.from_bytes(self.read(address, size), "little", signed=signed)

    def pointer(self, address: int) -> int:
        """Read a pointer."""
        return int.from_bytes(self.read(address, POINTER), "little")

    def store_pointer(self, address: int, value: int) -> None:
        """Write a pointer."""
        self.write(address, value.to_bytes(POINTER, "little"))

    def blocks(self) -> Iterator[Block]:
        """Give all live blocks, oldest first."""
        return (block for block in self._blocks if block.live)

    def reachable(self, root: int) -> set[Block]:
        """Give the blocks that something reachable from `root` points into. [HEAP-LEAK-1]"""
        first = self.block_at(root)
        seen: set[Block] = set() if first is None else {first}
        todo = list(seen)
        while todo:
            for address in self._pointers(todo.pop()):
                block = self.block_at(address)
                if block is not None and block not in seen:
                    seen.add(block)
                    todo.append(block)
        return seen

    def _pointers(self, block: Block) -> Iterator[int]:
        lowest = self._bases[0]
        if block.tree is not None:
            for _, key, value in block.tree.nodes:
                yield key
                yield value
        for data in block.touched():
            words = memoryview(data)[: len(data) // POINTER * POINTER].cast("Q")
            yield from (word for word in words if word >= lowest)

    def _store(self, size: int) -> None:
        self._stored += size
        if self._stored > self.limits.stored:
            raise Abort("oom", "allocation-failed", f"more than {self.limits.stored} bytes in use")


def _spans(offset: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Split a range into (page number, start in the page, length)."""
    end = offset + size
    while offset < end:
        at, start = divmod(offset, _PAGE)
        length = min(_PAGE - start, end - offset)
        yield at, start, length
        offset += length
