# SPDX-License-Identifier: Apache-2.0
"""Where in a good stream the places are that can be damaged: found by search, not by reading it."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from typing import Any, Final

_HEADER: Final = b"QEVM\0\0\0\3"
_RAM: Final = re.compile(rb"\x01(....)\x03ram\0\0\0\0\0\0\0\x04", re.DOTALL)
_MEM_SIZE, _ZERO, _PAGE, _EOS, _CONTINUE, _XBZRLE = 4, 2, 8, 16, 32, 64


@dataclass(frozen=True, slots=True)
class Damage:
    """One damaged stream. `rejected` is what QEMU does with it: True, False, or None if unknown."""

    name: str
    data: bytes
    rejected: bool | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A FULL section: the offsets of its type byte, of its content, and of its footer."""

    start: int
    content: int
    footer: int
    idstr: str


class Anatomy:
    """The places of a stream. Offsets are -1 for what it does not have."""

    def __init__(self, stream: bytes) -> None:
        self.stream: Final = stream
        found = _RAM.search(stream)
        if not stream.startswith(_HEADER) or found is None:
            raise ValueError("no stream with a RAM section")
        self.configuration: Final = 8 if stream[8:9] == b"\7" else -1
        self.ram: Final = found.start()
        self.ram_id: Final = found[1]
        self.mem_size: Final = found.end()
        self.blocks: Final = self._blocks()
        self.vmdesc: Final = self._vmdesc()
        self.end: Final = self.vmdesc - 1 if self.vmdesc >= 0 else len(stream)
        self.sections: Final = self._sections()
        self.command: Final = stream.find(b"\x08\0\x0b\0\0\3", found.end())
        self.part: Final = stream.find(b"\2" + self.ram_id, found.end())
        self.finish: Final = stream.find(b"\3" + self.ram_id, found.end())
        self.zero, self.page, self.xbzrle = self._pages()

    @property
    def json(self) -> Any:
        """What the vmdesc says, freshly read."""
        return json.loads(self.stream[self.vmdesc + 5 :].rstrip(b"\0"))

    def patch(self, at: int, data: bytes, over: int | None = None) -> bytes:
        """Give the stream with `data` at an offset, in the place of `over` bytes (of as many)."""
        over = len(data) if over is None else over
        return self.stream[:at] + data + self.stream[at + over :]

    def cut(self, at: int) -> bytes:
        """Give the bytes before an offset."""
        return self.stream[:at]

    def describe(self, text: bytes, length: int | None = None) -> bytes:
        """Give the stream with another vmdesc."""
        length = len(text) if length is None else length
        return self.cut(self.end + 1) + b"\6" + struct.pack(">I", length & 0xFFFFFFFF) + text

    def _blocks(self) -> list[int]:
        """Give the offset of each block's name in the list of blocks."""
        total = struct.unpack_from(">Q", self.stream, self.mem_size)[0] & ~0xFFF
        at, blocks = self.mem_size + 8, []
        while total > 0:
            blocks.append(at)
            size = self.stream[at]
            total -= struct.unpack_from(">Q", self.stream, at + 1 + size)[0]
            at += 9 + size
            # Other formats have more here; the first block is enough for them.
            if total <= 0 or not 0 < self.stream[at] < 64:
                break
        return blocks

    def _vmdesc(self) -> int:
        at = self.stream.rfind(b"\0\6")
        while at >= 0:
            size = struct.unpack_from(">I", self.stream.ljust(at + 6, b"\0"), at + 2)[0]
            if size == len(self.stream) - at - 6 and self.stream[at + 6 : at + 7] == b"{":
                return at + 1
            at = self.stream.rfind(b"\0\6", 0, at)
        return -1

    def _sections(self) -> list[Section]:
        if self.vmdesc < 0:
            return []
        found = []
        for device in self.json.get("devices", []):
            name = device["name"].encode()
            fixed = struct.pack(">I", device.get("instance_id", 0) & 0xFFFFFFFF)
            head = re.compile(
                rb"\x04(....)" + re.escape(bytes([len(name)]) + name + fixed) + rb"....", re.DOTALL
            )
            start = head.search(self.stream, self.ram)
            if start is None:
                continue
            footer = self.stream.find(b"\x7e" + start[1], start.end())
            if footer >= 0:
                found.append(Section(start.start(), start.end(), footer, device["name"]))
        return found

    def _pages(self) -> tuple[int, int, int]:
        """Give the first zero page, normal page and XBZRLE page of the first part that has one."""
        found = {_ZERO: -1, _PAGE: -1, _XBZRLE: -1}
        for part in (self.part, self.finish):
            at = part + 5
            while 5 <= at < len(self.stream) - 8:
                word = struct.unpack_from(">Q", self.stream, at)[0]
                kind = word & (_ZERO | _PAGE | _XBZRLE)
                if word & _EOS or word & 0x200 or kind not in found:
                    break
                if found[kind] < 0:
                    found[kind] = at
                at += 8 if word & _CONTINUE else 9 + self.stream[at + 8]
                if kind == _XBZRLE:
                    at += 3 + struct.unpack_from(">H", self.stream, at + 1)[0]
                else:
                    at += 1 if kind == _ZERO else 4096
                if min(found.values()) >= 0:
                    break
        return found[_ZERO], found[_PAGE], found[_XBZRLE]
