# SPDX-License-Identifier: Apache-2.0
"""States: values of a layout as JSON, put into a heap and read back.

Scalars are decimal strings (integers are accepted too), bytes lower-case hex, structs objects with
every member, pointers null or the value pointed at, lists and arrays lists, trees lists of pairs.
"""

from __future__ import annotations

from typing import Any, Final

from vmstate.errors import CaseError
from vmstate.heap import POINTER, Block, Heap, Tree
from vmstate.infos_nested import insert_tail
from vmstate.layout import (
    SCALARS,
    Array,
    Bytes,
    GByteArray,
    GTree,
    Layout,
    Pointer,
    Queue,
    Scalar,
    Struct,
    StructRef,
    Type,
)
from vmstate.values import hexadecimal, integer, mapping, sequence

#: How deep a state may be, in objects and lists: what any JSON parser takes.
DEPTH: Final = 400
#: How much of a state is read back, in characters of JSON, about: a line of the testee protocol has 4 MiB.
_SHOWN: Final = 3 << 20
#: What a value costs, a number in a list, and a member besides its name.
_VALUE: Final = 8
_NUMBER: Final = 4

#: What a pointer to nothing known looks like.
WILD: Final = {"wild": 1}
# An address in no block, and never in one.
_WILD: Final = 0xDEAD_0000_0000_0000


def key_members(layout: Layout, key: str | None) -> tuple[tuple[int, int], ...] | None:
    """Give what a tree compares keys by: the members of at most 8 bytes. [INFO-GTREE-6]"""
    if key is None:
        return None
    members = ((each.offset, layout.size(each.type)) for each in layout.struct(key).members)
    return tuple((offset, size) for offset, size in members if size <= POINTER)


class Writer:
    """Puts states into a heap. Every pointer gets a block of its own."""

    __slots__ = ("_depth", "heap", "layout")

    def __init__(self, layout: Layout, heap: Heap) -> None:
        self.layout = layout
        self.heap = heap
        self._depth = 0

    def struct(self, name: str, state: object, path: str = "state") -> int:
        """Make a block that holds the struct and give its address. Raises `CaseError`."""
        struct = self.layout.struct(name)
        address = self.heap.allocate(struct.size, path, f"struct {name}")
        self._members(struct, address, state, path)
        return address

    def _members(self, struct: Struct, address: int, state: object, path: str) -> None:
        given = mapping(state, path, frozenset(member.name for member in struct.members))
        for member in struct.members:
            at = f"{path}.{member.name}"
            if member.name not in given:
                raise CaseError("missing", at, f"the state of {struct.name} lacks it")
            self.value(member.type, address + member.offset, given[member.name], at)

    def value(self, kind: Type, address: int, state: object, path: str) -> None:
        """Store one value in place. Raises `CaseError` where it is outside its type."""
        self._depth += 1
        if self._depth > DEPTH:
            raise CaseError("depth", path, f"a state more than {DEPTH} deep")
        self._store(kind, address, state, path)
        self._depth -= 1

    def _store(self, kind: Type, address: int, state: object, path: str) -> None:
        match kind:
            case Scalar():
                data = _number(kind, state, path)
            case Bytes(size=size):
                data = _exactly(hexadecimal(state, path), size, path)
            case Array():
                return self._array(kind, address, state, path)
            case StructRef(name=name):
                return self._members(self.layout.struct(name), address, state, path)
            case Queue():
                return self._queue(kind, address, state, path)
            case GTree():
                data = self._tree(kind, state, path).to_bytes(POINTER, "little")
            case GByteArray():
                data = self._gbytearray(state, path).to_bytes(POINTER, "little")
            case Pointer():
                data = self._pointer(kind, state, path).to_bytes(POINTER, "little")
        self.heap.write(address, data)
        return None

    def _array(self, kind: Array, address: int, state: object, path: str) -> None:
        items = sequence(state, path)
        if len(items) != kind.count:
            raise CaseError("length", path, f"{len(items)} items, not {kind.count}")
        self._items(kind.item, address, items, path)

    def _items(self, item: Type, address: int, items: Any, path: str) -> None:
        if isinstance(item, Scalar):
            numbers = (_number(item, value, f"{path}[{at}]") for at, value in enumerate(items))
            self.heap.write(address, b"".join(numbers))
            return
        size = self.layout.size(item)
        for at, value in enumerate(items):
            self.value(item, address + at * size, value, f"{path}[{at}]")

    def _pointer(self, kind: Pointer, state: object, path: str) -> int:
        if state is None:
            return 0
        if state == WILD:
            return _WILD
        if kind.item is None:
            data = hexadecimal(state, path)
            address = self.heap.allocate(len(data), path, "bytes")
            self.heap.write(address, data)
            return address
        if kind.many:
            items = sequence(state, path)
            size = self.layout.size(kind.item) * len(items)
            address = self.heap.allocate(size, path, "array")
            self._items(kind.item, address, items, path)
            return address
        address = self.heap.allocate(self.layout.size(kind.item), path, "element")
        self.value(kind.item, address, state, path)
        return address

    def _queue(self, kind: Queue, address: int, state: object, path: str) -> None:
        if kind.tail:
            self.heap.store_pointer(address + POINTER, address)
        last = address
        for at, value in enumerate(sequence(state, path)):
            node = self.struct(kind.element, value, f"{path}[{at}]")
            if kind.tail:
                insert_tail(self.heap, address, node, kind.entry, 0)
            else:
                self.heap.store_pointer(last, node)
                self.heap.store_pointer(node + kind.entry + POINTER, last)
                last = node + kind.entry

    def _tree(self, kind: GTree, state: object, path: str) -> int:
        if state is None:
            return 0
        # GLib's struct begins with the root node: NULL in an empty tree, what nobody can use in others.
        address = self.heap.allocate(POINTER, path, "GTree")
        block = self.heap.block_at(address)
        assert block is not None
        tree = block.tree = Tree(self.heap, key_members(self.layout, kind.key))
        for at, pair in enumerate(sequence(state, path)):
            where = f"{path}[{at}]"
            if len(sequence(pair, where)) != 2:
                raise CaseError("pair", where, "a tree's node is [key, value]")
            if kind.key is None:
                key = integer(pair[0], f"{where}[0]", range(1 << 64))
            else:
                key = self.struct(kind.key, pair[0], f"{where}[0]")
            tree.insert(key, self.struct(kind.value, pair[1], f"{where}[1]"))
        if tree.nodes:
            self.heap.store_pointer(address, _WILD)
        return address

    def _gbytearray(self, state: object, path: str) -> int:
        if state is None:
            return 0
        data = hexadecimal(state, path)
        held = self.heap.allocate(2 * POINTER, path, "GByteArray")
        address = self.heap.allocate(len(data), path, "GByteArray data")
        self.heap.write(address, data)
        self.heap.store_pointer(held, address)
        self.heap.write(held + POINTER, len(data).to_bytes(4, "little"))
        return held


def _range(kind: Scalar) -> range:
    bits = 8 * kind.size
    if kind.name == "bool":
        return range(2)
    return range(-(1 << bits - 1), 1 << bits - 1) if kind.signed else range(1 << bits)


#: What a scalar may be, by its type.
_WITHIN: Final = {name: _range(kind) for name, kind in SCALARS.items()}


def _number(kind: Scalar, state: object, path: str) -> bytes:
    number = integer(state, path, _WITHIN[kind.name])
    return number.to_bytes(kind.size, "little", signed=kind.signed)


def _exactly(data: bytes, size: int, path: str) -> bytes:
    if len(data) != size:
        raise CaseError("length", path, f"{len(data)} bytes, not {size}")
    return data


class Reader:
    """Reads states back from a heap. Never raises.

    What a pointer cannot reach is `WILD`, and so is what is too deep or too much to show.
    """

    __slots__ = ("_depth", "_inside", "_left", "heap", "layout")

    def __init__(self, layout: Layout, heap: Heap) -> None:
        self.layout = layout
        self.heap = heap
        self._inside: set[int] = set()
        self._depth = 0
        self._left = _SHOWN

    def value(self, kind: Type, address: int) -> Any:
        """Give the value in place at `address`."""
        self._left -= _VALUE
        if self._left < 0 or self._depth >= DEPTH:
            return WILD
        self._depth += 1
        try:
            return self._value(kind, address)
        finally:
            self._depth -= 1

    def _value(self, kind: Type, address: int) -> Any:
        match kind:
            case Scalar(size=size, signed=signed):
                return str(self.heap.number(address, size, signed=signed))
            case Bytes(size=size):
                return self.heap.read(address, size).hex()
            case Array(item=item, count=count):
                return self._items(item, address, count)
            case StructRef(name=name):
                members = self.layout.struct(name).members
                self._left -= sum(len(member.name) for member in members)
                return {
                    member.name: self.value(member.type, address + member.offset)
                    for member in members
                }
            case Queue():
                return self._queue(kind, address)
            case _:
                return self._behind(kind, self.heap.pointer(address))

    def _items(self, item: Type, address: int, count: int) -> Any:
        size = self.layout.size(item)
        if count * _NUMBER > self._left:
            return WILD
        if isinstance(item, Scalar):
            data = self.heap.read(address, size * count)
            numbers = [
                str(int.from_bytes(data[at : at + size], "little", signed=item.signed))
                for at in range(0, len(data), size)
            ]
            self._left -= sum(map(len, numbers)) + _NUMBER * count
            return numbers if self._left >= 0 else WILD
        block = self.heap.block_at(address)
        if block is None or block.data is not None:
            items = [self.value(item, address + at * size) for at in range(count)]
            return items if self._left >= 0 else WILD
        # Elements in pages that nothing was written to are all alike: one is read for all.
        alike, cost, items = None, 0, []
        for at in range(address, address + count * size, size or 1):
            if not block.blank(at - block.base, size):
                items.append(self.value(item, at))
                continue
            if alike is None:
                before = self._left
                alike = self.value(item, at)
                cost = before - self._left
                if cost * count > before:
                    break
            else:
                self._left -= cost
            items.append(alike)
        return items if self._left >= 0 and len(items) == count else WILD

    def _behind(self, kind: Type, target: int) -> Any:
        if not target:
            return None
        block = self.heap.block_at(target)
        if block is None or block.base != target or target in self._inside:
            return WILD
        self._inside.add(target)
        try:
            return self._block(kind, block)
        finally:
            self._inside.remove(target)

    def _block(self, kind: Type, block: Block) -> Any:
        match kind:
            case Pointer(item=None):
                return self._bytes(block)
            case Pointer(item=item, many=True) if item is not None:
                size = self.layout.size(item)
                count = block.size // size if size else 0
                return self._items(item, block.base, count)
            case Pointer(item=item) if item is not None and self.layout.size(item) <= block.size:
                return self.value(item, block.base)
            case GTree() if block.tree is not None:
                return [self._node(kind, key, value) for _, key, value in block.tree.nodes]
            case GByteArray() if block.size == 2 * POINTER:
                data = self.heap.pointer(block.base)
                return self._behind(Pointer(None), data) if data else ""
            case _:
                return WILD

    def _bytes(self, block: Block) -> Any:
        self._left -= 2 * block.size
        return WILD if self._left < 0 else self.heap.read(block.base, block.size).hex()

    def _node(self, kind: GTree, key: int, value: int) -> list[Any]:
        shown = str(key) if kind.key is None else self._behind(Pointer(StructRef(kind.key)), key)
        return [shown, self._behind(Pointer(StructRef(kind.value)), value)]

    def _queue(self, kind: Queue, address: int) -> Any:
        items: list[Any] = []
        size = self.layout.struct(kind.element).size
        node = self.heap.pointer(address)
        while node:
            if self.heap.room(node) < max(size, kind.entry + POINTER) or node in self._inside:
                return WILD
            if self._left <= 0:
                return WILD
            self._inside.add(node)
            items.append(self.value(StructRef(kind.element), node))
            self._inside.remove(node)
            node = self.heap.pointer(node + kind.entry)
        return items
