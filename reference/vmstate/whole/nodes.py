# SPDX-License-Identifier: Apache-2.0
"""Decoders and encoders of the pieces of a device's state; a plan is a tree of them.

A node reads its value from a `Reader` and writes it back to a `bytearray`, byte for byte. Values
are what JSON holds: numbers as integers (a bool is 0 or 1, or whatever the byte was), bytes as
hex, arrays as lists, structs as objects, NULL pointers as null. Keys that begin with `$` are ours.
"""

from __future__ import annotations

import struct
from typing import Any, Final, Protocol

from vmstate.whole.errors import StreamFault

#: No element takes less than nothing, so a count of empty elements is bounded by this alone.
MOST_EMPTY: Final = 1 << 16


#: The marker of a NULL in an array of pointers.
NULL: Final = 0x30


class Span:
    """One leaf of a traced decode: where it is and what it is."""

    __slots__ = ("kind", "offset", "path", "size")

    def __init__(self, path: str, offset: int, size: int, kind: str) -> None:
        self.path: Final = path
        self.offset: Final = offset
        self.size: Final = size
        self.kind: Final = kind


class Reader:
    """The bytes of one section while they are decoded, and what is learnt on the way.

    `opaque` counts the bytes that stay bytes, `options` the ways in which the bytes may be read
    otherwise than the vmdesc has it (see `pointers`), `spans` the leaves, if traced. `deficit` is by
    how much the vmdesc's own reading falls short of the section's end, `ambiguous` how many arrays
    can be read in two ways that end at the same place. `adaptive` lets the bytes say which elements
    of an array of pointers are NULL: 1 where the vmdesc has markers, 2 in every array.
    """

    __slots__ = (
        "adaptive",
        "ambiguous",
        "chosen",
        "data",
        "deficit",
        "empty",
        "end",
        "opaque",
        "options",
        "path",
        "position",
        "spans",
    )

    def __init__(self, data: memoryview, position: int, end: int) -> None:
        self.data: Final = data
        self.position = position
        self.end = end
        self.opaque: list[tuple[str, int, str]] = []
        self.options: list[int] = []
        self.chosen: dict[int, int] | None = None
        self.adaptive = 0
        self.deficit = 0
        self.empty = 0
        self.ambiguous = 0
        self.spans: list[Span] | None = None
        self.path = ""

    def need(self, size: int) -> int:
        """Step over `size` bytes and give where they start."""
        at = self.position
        if size > self.end - at:
            raise StreamFault("truncated", at, f"{size} bytes wanted, {self.end - at} left")
        self.position = at + size
        return at

    def leaf(self, at: int, size: int, kind: str, name: str = "") -> None:
        """Note a leaf, if anyone wants to know."""
        if self.spans is not None:
            self.spans.append(Span(self.path + name, at, size, kind))

    def choose(self, options: int) -> int:
        """Which of several readings to try here; 0 unless readings are being tried."""
        if self.chosen is None:
            return 0
        self.options.append(options)
        return self.chosen.get(len(self.options) - 1, 0)


class Node(Protocol):
    """One piece. `size` is its bytes on the wire according to the vmdesc."""

    size: int

    def decode(self, reader: Reader) -> Any:
        """Read the value. Raises `StreamFault`."""

    def encode(self, value: Any, out: bytearray) -> None:
        """Write the value. Raises `StreamFault` (rule `bad-value`)."""


def bad_value(detail: str) -> StreamFault:
    """Make the fault of a value that does not fit its description."""
    return StreamFault("bad-value", 0, detail)


class Scalar:
    """One number."""

    __slots__ = ("code", "kind", "packer", "size")

    def __init__(self, code: str, kind: str) -> None:
        self.code: Final = code
        self.kind: Final = kind
        self.packer: Final = struct.Struct(">" + code)
        self.size = self.packer.size

    def decode(self, reader: Reader) -> Any:
        """Read it."""
        at = reader.need(self.size)
        reader.leaf(at, self.size, self.kind)
        return self.packer.unpack_from(reader.data, at)[0]

    def encode(self, value: Any, out: bytearray) -> None:
        """Write it."""
        try:
            out += self.packer.pack(value)
        except struct.error:
            raise bad_value(f"no {self.kind}: {short(value)}") from None


class Scalars:
    """Neighbouring numbers of one struct, read at once into its object."""

    __slots__ = ("kinds", "names", "packer", "size")

    def __init__(self, names: list[str], scalars: list[Scalar]) -> None:
        self.names: Final = tuple(names)
        self.kinds: Final = tuple(s.kind for s in scalars)
        self.packer: Final = struct.Struct(">" + "".join(s.code for s in scalars))
        self.size = self.packer.size

    def decode(self, reader: Reader) -> dict[str, Any]:
        """Read them all."""
        at = reader.position
        if self.size > reader.end - at:
            return self._short(reader)
        reader.position = at + self.size
        if reader.spans is not None:
            for name, code, kind in zip(
                self.names, self.packer.format[1:], self.kinds, strict=True
            ):
                size = struct.calcsize(">" + code)
                reader.leaf(at, size, kind, "." + name)
                at += size
        return dict(
            zip(
                self.names,
                self.packer.unpack_from(reader.data, reader.position - self.size),
                strict=True,
            )
        )

    def _short(self, reader: Reader) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, code, kind in zip(self.names, self.packer.format[1:], self.kinds, strict=True):
            try:
                out[name] = Scalar(code, kind).decode(reader)
            except StreamFault as fault:
                fault.partial = out
                raise fault.within("." + name) from None
        raise AssertionError

    def encode(self, value: Any, out: bytearray) -> None:
        """Write the members that are these, out of the whole object."""
        try:
            out += self.packer.pack(*[value[name] for name in self.names])
        except (struct.error, KeyError, TypeError):
            self._bad(value)

    def _bad(self, value: dict[str, Any]) -> None:
        for name, code, kind in zip(self.names, self.packer.format[1:], self.kinds, strict=True):
            if name not in value:
                raise bad_value("missing").within("." + name)
            try:
                Scalar(code, kind).encode(value[name], bytearray())
            except StreamFault as fault:
                raise fault.within("." + name) from None
        raise AssertionError


class ScalarArray:
    """So many numbers of one type."""

    __slots__ = ("count", "packer", "scalar", "size")

    def __init__(self, scalar: Scalar, count: int) -> None:
        self.scalar: Final = scalar
        self.count: Final = count
        self.size = scalar.size * count

    def decode(self, reader: Reader) -> list[Any]:
        """Read them all."""
        if reader.adaptive > 1:
            return decode_sparse(self.scalar, self.count, reader)
        if reader.chosen is not None and self.count > 1 and reader.choose(2):
            return decode_but_last(self.scalar, self.count, reader)
        at = reader.need(self.size)
        if reader.spans is not None:
            for i in range(self.count):
                reader.leaf(at + i * self.scalar.size, self.scalar.size, self.scalar.kind, f"[{i}]")
        return list(struct.unpack_from(f">{self.count}{self.scalar.code}", reader.data, at))

    def encode(self, value: Any, out: bytearray) -> None:
        """Write as many as the list holds, nulls as markers."""
        expect_list(value)
        try:
            out += struct.pack(f">{len(value)}{self.scalar.code}", *value)
        except struct.error:
            for i, one in enumerate(value):
                encode_element(self.scalar, one, i, out)


class Bytes:
    """Raw bytes, as hex. With a `reason`, they are bytes because nobody knows better."""

    __slots__ = ("kind", "reason", "size")

    def __init__(self, size: int, kind: str, reason: str = "") -> None:
        self.size = size
        self.kind: Final = kind
        self.reason: Final = reason

    def decode(self, reader: Reader) -> Any:
        """Read them."""
        at = reader.need(self.size)
        reader.leaf(at, self.size, self.kind)
        data = reader.data[at : at + self.size].hex()
        if self.reason:
            reader.opaque.append((self.kind, self.size, self.reason))
            return {"$bytes": data, "$why": self.reason}
        return data

    def encode(self, value: Any, out: bytearray) -> None:
        """Write them."""
        out += unhex(value["$bytes"] if isinstance(value, dict) and "$bytes" in value else value)


class Array:
    """So many elements that look alike, each read on its own."""

    __slots__ = ("count", "element", "size")

    def __init__(self, element: Node, count: int) -> None:
        self.element: Final = element
        self.count: Final = count
        self.size = element.size * count

    def decode(self, reader: Reader) -> list[Any]:
        """Read all of them."""
        if reader.adaptive > 1:
            return decode_sparse(self.element, self.count, reader)
        if reader.chosen is not None and self.count > 1 and reader.choose(2):
            return decode_but_last(self.element, self.count, reader)
        return decode_run(self.element, self.count, reader)

    def encode(self, value: Any, out: bytearray) -> None:
        """Write as many as the list holds, nulls as markers."""
        expect_list(value)
        for i, one in enumerate(value):
            encode_element(self.element, one, i, out)


def decode_run(element: Node, count: int, reader: Reader, start: int = 0) -> list[Any]:
    """Decode `count` elements, numbered from `start`."""
    left = reader.end - reader.position
    if element.size == 0:
        # Nothing in the bytes bounds these, and they may stand inside each other.
        reader.empty += count
    if count > left if element.size else reader.empty > MOST_EMPTY:
        raise StreamFault("bad-count", reader.position, f"{count} elements in {left} bytes")
    out: list[Any] = []
    outer = reader.path
    for i in range(start, start + count):
        if reader.spans is not None:
            reader.path = f"{outer}[{i}]"
        try:
            out.append(element.decode(reader))
        except StreamFault as fault:
            fault.partial = out if fault.partial is None else [*out, fault.partial]
            raise fault.within(f"[{i}]") from None
    reader.path = outer
    return out


def decode_sparse(element: Node, count: int, reader: Reader) -> list[Any]:
    """Decode an array in which a byte 0x30 in an element's place is a NULL."""
    out: list[Any] = []
    outer = reader.path
    for i in range(count):
        if reader.position < reader.end and reader.data[reader.position] == NULL:
            reader.leaf(reader.need(1), 1, "ptr-marker", f"[{i}]")
            out.append(None)
            continue
        reader.path = f"{outer}[{i}]"
        out.append(element.decode(reader))
        reader.path = outer
        if not element.size:
            reader.empty += 1
            if reader.empty > MOST_EMPTY:
                raise StreamFault("bad-count", reader.position, f"{count} elements of nothing")
    return out


def decode_but_last(element: Node, count: int, reader: Reader) -> list[Any]:
    """Decode an array whose last element is a NULL of which the vmdesc does not speak."""
    out = decode_run(element, count - 1, reader)
    at = reader.need(1)
    if reader.data[at] != NULL:
        raise StreamFault(
            "unexpected-ptr-marker", at, f"{reader.data[at]:#04x} where a NULL may be"
        )
    reader.leaf(at, 1, "ptr-marker", f"[{count - 1}]")
    return [*out, None]


def encode_element(element: Node, value: Any, index: int, out: bytearray) -> None:
    """Write one element of an array; NULL is the byte 0x30."""
    if value is None:
        out.append(NULL)
        return
    try:
        element.encode(value, out)
    except StreamFault as fault:
        raise fault.within(f"[{index}]") from None


def unhex(value: Any) -> bytes:
    """Read hex. Raises `StreamFault`."""
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError):
        raise bad_value(f"no hex: {short(value)}") from None


def expect_list(value: Any) -> None:
    """Refuse what is no list."""
    if not isinstance(value, list):
        raise bad_value(f"a list is wanted, not {short(value)}")


def short(value: Any) -> str:
    """Give a value's repr, cut for one line."""
    shown = repr(value)
    return shown if len(shown) <= 40 else shown[:37] + "..."
