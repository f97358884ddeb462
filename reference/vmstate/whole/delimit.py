# SPDX-License-Identifier: Apache-2.0
"""Where a section ends whose layout nobody gave: at a footer, or before a header, that fit in."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final

from vmstate.whole import wire

_HEADER: Final = re.compile(rb"\x04\x00\x00..(?=[\x01-\xff])", re.DOTALL)
_NAME: Final = re.compile(rb"[ -~]+")
#: Instance and version numbers that devices have: small, or a dev/bus number.
_SMALL: Final = 1 << 20


class Delimiter:
    """Finds ends of sections in `data`.

    `known` are the (idstr, instance_id) of the vmdesc, if there is one; `started` the ids of the
    sections that PART and END may name; it grows while the stream is read.
    """

    def __init__(
        self, data: memoryview, known: Container[tuple[str, int]], started: Container[int]
    ) -> None:
        self.data: Final = data
        self.known: Final = known
        self.started: Final = started

    def footer(self, start: int, end: int, section_id: int) -> int:
        """Give the offset of the footer that ends the section, -1 if there is none."""
        pattern = re.compile(re.escape(b"\x7e" + section_id.to_bytes(4, "big")))
        loose = -1
        for match in pattern.finditer(self.data, start, end):
            if self.begins(match.end(), end):
                return match.start()
            if match.end() < end and self.data[match.end()] == wire.EOF:
                loose = match.start()
        return loose

    def header(self, start: int, end: int) -> int:
        """Give the offset of the next FULL header or of the EOF, -1 if there is none."""
        for match in _HEADER.finditer(self.data, start, end):
            if self.begins(match.start(), end):
                eof = self._eof(start, match.start())
                return match.start() if eof < 0 else eof
        return self._eof(start, end)

    def _eof(self, start: int, end: int) -> int:
        for match in re.finditer(rb"\x00\x06", self.data[start:end]):
            if self._vmdesc(start + match.start() + 1, len(self.data)):
                return start + match.start()
        return -1

    def begins(self, at: int, end: int) -> bool:
        """Whether a section, a command or the end can begin at an offset."""
        data = self.data
        if at >= end:
            return at == end
        kind = data[at]
        if kind in {wire.SECTION_PART, wire.SECTION_END}:
            return int.from_bytes(data[at + 1 : at + 5], "big") in self.started
        if kind == wire.COMMAND:
            number = int.from_bytes(data[at + 1 : at + 3], "big")
            return number in wire.COMMANDS and at + 5 <= end
        if kind in {wire.SECTION_START, wire.SECTION_FULL}:
            return self._header(at, end)
        return kind == wire.EOF and (at + 1 == end or self._vmdesc(at + 1, end))

    def _header(self, at: int, end: int) -> bool:
        """Whether a START or FULL header stands here: a known name, or else what looks like one."""
        data = self.data
        if at + 6 > end:
            return False
        size = data[at + 5]
        behind = at + 6 + size
        if not size or behind + 8 > end:
            return False
        name = bytes(data[at + 6 : behind])
        instance = int.from_bytes(data[behind : behind + 4], "big")
        if self.known and data[at] == wire.SECTION_FULL:
            return (name.decode("utf-8", "surrogateescape"), instance) in self.known
        version = int.from_bytes(data[behind + 4 : behind + 8], "big")
        return _NAME.fullmatch(name) is not None and version < _SMALL

    def _vmdesc(self, at: int, end: int) -> bool:
        data = self.data
        length = int.from_bytes(data[at + 1 : at + 5], "big")
        return (
            at + 6 <= end
            and data[at] == wire.VMDESCRIPTION
            and data[at + 5] == 0x7B
            and (2 <= length <= len(data) - at - 5)
        )
