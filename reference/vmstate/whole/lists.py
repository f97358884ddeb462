# SPDX-License-Identifier: Apache-2.0
"""Pieces that say their own length: QTAILQ, QLIST, GTree, GByteArray."""

from __future__ import annotations

from typing import Any, Final

from vmstate.whole.errors import StreamFault
from vmstate.whole.fields import Fields
from vmstate.whole.nodes import Reader, bad_value, expect_list, short, unhex


class Nodes:
    """A QTAILQ or QLIST: 0x01 before each element, 0x00 at the end.

    `layouts` has one description an element. Where a list stands in an array of structs, only the
    first struct's was described, and its first element speaks for the others.
    """

    __slots__ = ("layouts", "size")

    def __init__(self, layouts: list[Fields], size: int) -> None:
        self.layouts: Final = layouts
        self.size = size

    def decode(self, reader: Reader) -> list[Any]:
        """Read the list."""
        out: list[Any] = []
        while _more(reader):
            decode_node(self._layout(len(out), reader.position), reader, out)
        return out

    def _layout(self, index: int, offset: int = 0) -> Fields:
        if not self.layouts:
            raise StreamFault("undescribed", offset, "an element that the vmdesc does not describe")
        return self.layouts[min(index, len(self.layouts) - 1)]

    def encode(self, value: Any, out: bytearray) -> None:
        """Write the list."""
        expect_list(value)
        for i, one in enumerate(value):
            out.append(1)
            encode_node(self._layout(i), one, f"[{i}]", out)
        out.append(0)


class Tree:
    """A GTree: BE32 count, then 0x01, key and value for each node, and 0x00.

    A direct key is BE64 and has no description, so `layouts` has one or two entries a node.
    """

    __slots__ = ("layouts", "size")

    def __init__(self, layouts: list[Fields], size: int) -> None:
        self.layouts: Final = layouts
        self.size = size

    def decode(self, reader: Reader) -> list[Any]:
        """Read the tree as a list of [key, value]."""
        at = reader.need(4)
        reader.leaf(at, 4, "count")
        declared = int.from_bytes(reader.data[at : at + 4], "big")
        keyed = declared > 0 and len(self.layouts) == 2 * declared
        if len(self.layouts) not in {declared, 2 * declared}:
            raise StreamFault(
                "undescribed", at, f"{declared} nodes, and the vmdesc describes others"
            )
        out: list[Any] = []
        while _more(reader):
            if len(out) == declared:
                raise StreamFault(
                    "bad-count", reader.position, f"more than the {declared} nodes of its count"
                )
            pair: list[Any] = []
            out.append(pair)
            if keyed:
                decode_node(self.layouts[2 * len(out) - 2], reader, pair, f"[{len(out) - 1}]")
            else:
                key = reader.need(8)
                reader.leaf(key, 8, "key", f"[{len(out) - 1}][0]")
                pair.append(int.from_bytes(reader.data[key : key + 8], "big"))
            layout = self.layouts[2 * len(out) - 1 if keyed else len(out) - 1]
            decode_node(layout, reader, pair, f"[{len(out) - 1}]")
        if len(out) != declared:
            raise StreamFault("bad-count", at, f"{len(out)} nodes where {declared} are declared")
        return out

    def encode(self, value: Any, out: bytearray) -> None:
        """Write the tree."""
        expect_list(value)
        out += len(value).to_bytes(4, "big")
        keyed = bool(value) and len(self.layouts) == 2 * len(value)
        for i, pair in enumerate(value):
            if not isinstance(pair, list) or len(pair) != 2 or i >= len(self.layouts):
                raise bad_value(f"no described pair of key and value: {short(pair)}")
            out.append(1)
            if keyed:
                encode_node(self.layouts[2 * i], pair[0], f"[{i}][0]", out)
            else:
                out += _word(pair[0])
            encode_node(self.layouts[2 * i + 1 if keyed else i], pair[1], f"[{i}][1]", out)
        out.append(0)


class CountedBytes:
    """A GByteArray: BE32 length, then the bytes."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size

    def decode(self, reader: Reader) -> str:
        """Read them."""
        at = reader.need(4)
        size = int.from_bytes(reader.data[at : at + 4], "big")
        start = reader.need(size)
        reader.leaf(at, 4 + size, "GByteArray")
        return reader.data[start : start + size].hex()

    def encode(self, value: Any, out: bytearray) -> None:
        """Write them."""
        data = unhex(value)
        out += len(data).to_bytes(4, "big") + data


def _word(value: Any) -> bytes:
    try:
        return int(value).to_bytes(8, "big")
    except (TypeError, ValueError, OverflowError):
        raise bad_value(f"no key of 64 bits: {short(value)}") from None


def _more(reader: Reader) -> bool:
    at = reader.need(1)
    byte = reader.data[at]
    reader.leaf(at, 1, "more" if byte else "end")
    if byte > 1:
        # A loader takes any byte but 0 for "an element follows"; no QEMU writes one but 1.
        raise StreamFault("bad-marker", at, f"{byte:#04x} where a list has 0 or 1")
    return byte == 1


def decode_node(layout: Fields, reader: Reader, out: list[Any], outer: str = "") -> None:
    """Decode one element onto the end of `out`; a fault carries what there is of it."""
    where = f"{outer}[{len(out)}]"
    before = reader.path
    reader.path = before + where
    try:
        out.append(layout.decode(reader))
    except StreamFault as fault:
        out.append(fault.partial)
        fault.partial = out
        raise fault.within(where) from None
    finally:
        reader.path = before


def encode_node(layout: Fields, value: Any, where: str, out: bytearray) -> None:
    """Encode one element."""
    try:
        layout.encode(value, out)
    except StreamFault as fault:
        raise fault.within(where) from None
