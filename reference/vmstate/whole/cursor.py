# SPDX-License-Identifier: Apache-2.0
"""A place in the bytes of a file, bounded: reading past the end is a fault, never less data."""

from __future__ import annotations

import struct
from typing import Final

from vmstate.whole.errors import StreamFault

_U16: Final = struct.Struct(">H").unpack_from
_U32: Final = struct.Struct(">I").unpack_from
_U64: Final = struct.Struct(">Q").unpack_from


class Cursor:
    """Reads big-endian numbers and byte runs of `data` from `position` up to `end`.

    Offsets are those of the whole file. Every method raises `StreamFault` of rule `truncated`
    where the bytes end too soon, and has then moved nothing.
    """

    __slots__ = ("data", "end", "position")

    def __init__(self, data: memoryview, position: int, end: int) -> None:
        self.data: Final = data
        self.position = position
        self.end = end

    def need(self, size: int, what: str) -> int:
        """Step over `size` bytes and give where they start."""
        at = self.position
        if size > self.end - at:
            left = self.end - at
            raise StreamFault("truncated", at, f"{what}: {size} bytes wanted, {left} left")
        self.position = at + size
        return at

    def u8(self, what: str) -> int:
        """Read one byte."""
        return self.data[self.need(1, what)]

    def u16(self, what: str) -> int:
        """Read 16 bits."""
        number: int = _U16(self.data, self.need(2, what))[0]
        return number

    def u32(self, what: str) -> int:
        """Read 32 bits."""
        number: int = _U32(self.data, self.need(4, what))[0]
        return number

    def u64(self, what: str) -> int:
        """Read 64 bits."""
        number: int = _U64(self.data, self.need(8, what))[0]
        return number

    def take(self, size: int, what: str) -> memoryview:
        """Give the next `size` bytes, uncopied."""
        at = self.need(size, what)
        return self.data[at : at + size]

    def counted(self, what: str) -> str:
        """Read a counted string: one byte of length, then the bytes."""
        at = self.position
        size = self.u8(what)
        try:
            return text(self.take(size, what))
        except StreamFault:
            self.position = at
            raise


def text(data: memoryview | bytes) -> str:
    """Turn bytes into a string such that `untext` gives the very bytes again."""
    return bytes(data).decode("utf-8", "surrogateescape")


def untext(string: str) -> bytes:
    """Turn a string of `text` back into its bytes. Raises `StreamFault` where it is none of those."""
    try:
        return string.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise StreamFault("bad-value", 0, "a lone surrogate is no text") from None
