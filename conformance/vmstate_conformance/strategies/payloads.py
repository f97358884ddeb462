# SPDX-License-Identifier: Apache-2.0
"""Whole streams of what no description describes, besides RAM, from choices.

Dirty bitmaps, the storage keys and attributes of s390, the hash page table of pseries. Nothing is promised
of a stream but that it is well-formed as a request; a third to a half are sound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from vmstate.container.payloads.blocks import BITS, SECTOR, WORD
from vmstate.whole import wire
from vmstate_conformance.strategies.choices import Choices
from vmstate_conformance.strategies.framing import section, word
from vmstate_conformance.strategies.ram import END, ID, Odd, damaged, head, oddly, request

_TIMES: Final = 5
_FILLS: Final = (0, 1, 0x22, 0x80, 0xFF)
#: The pages of a small guest, and the keys that are taken over at once.
_PAGES: Final = 64
_PART: Final = 128 << 10


def keys(choices: Choices) -> dict[str, Any]:
    """Choose storage keys: words, counts, keys."""
    many, odd = choices.chance(8), oddly(choices)
    pages = _PART + _PAGES if many else _PAGES
    body = b""
    for _ in range(choices.below(_TIMES)):
        choices.gene()
        page, count = choices.below(_PAGES), choices.below(12)
        if many and choices.chance(128):
            count = _PART + choices.pick((-1, 0, 1, 63, 64, 65))
        if odd():
            count = choices.pick((0, pages - page, pages - page + 1, pages))
        if odd():
            page = choices.pick((pages - count, pages - count + 1, pages, 1 << 16, 1 << 51))
            # Nothing at all is good anywhere.
            count *= choices.chance(192)
        body += _pages(choices, odd, page, count)
        body += bytes([choices.byte()]) * count
    return _request(
        choices, odd, "s390-skeys", {"keys": f"{pages}*00"}, _ended(choices, odd, body), 1
    )


def attributes(choices: Choices) -> dict[str, Any]:
    """Choose storage attributes: words, counts, attributes."""
    body, odd = b"", oddly(choices)
    for _ in range(choices.below(_TIMES)):
        choices.gene()
        page, count = choices.byte(), choices.below(12) + 1
        if odd():
            body += word(page * wire.S390_PAGE, wire.S390_DONE)
        sent = count
        if odd():
            count, sent = choices.pick(((0, 0), (1 << 47, 4), ((1 << 47) - 1, 4), (1 << 63, 4)))
        body += _pages(choices, odd, page, count) + bytes([choices.byte()]) * sent
    return _request(choices, odd, "s390-storage_attributes", {}, _ended(choices, odd, body), 0)


def _pages(choices: Choices, odd: Odd, page: int, count: int) -> bytes:
    flags = choices.pick((0, 3, 6, 0x0A, 0x12, 0x82, 0x102, 0x802)) if odd() else wire.S390_MORE
    return word(page * wire.S390_PAGE, flags) + count.to_bytes(8, "big")


def _ended(choices: Choices, odd: Odd, body: bytes) -> bytes:
    flags = choices.pick((wire.S390_ERROR, 5, 0x101)) if odd() else wire.S390_EOS
    return body + word(choices.below(3) * wire.S390_PAGE, flags)


def table(choices: Choices) -> dict[str, Any]:
    """Choose a hash page table: one that is there, and what is sent of one."""
    shift, odd = choices.pick((8, 9, 12, 18)), oddly(choices)
    there: dict[str, Any] = {"shift": str(shift), "entries": {"1": "22" * 16, "3": "ff" * 16}}
    if choices.chance(32):
        there = {"shift": None}
    sections = []
    for kind in (wire.SECTION_START, *[wire.SECTION_PART] * choices.below(3), wire.SECTION_END):
        choices.gene()
        header = 0
        if kind == wire.SECTION_START and choices.chance(128):
            header = choices.pick((shift, 8, 4, 1, 46, 47, wire.HTAB_NONE, 1 << 31))
        body = header.to_bytes(4, "big")
        # A header other than 0 is all.
        if not header or odd():
            for _ in range(choices.below(_TIMES)):
                choices.gene()
                body += _entries(choices, odd, (1 << shift) // wire.HTAB_ENTRY)
            body += bytes(8)
        sections.append((kind, body))
    return _in_sections(choices, odd, "spapr/htab", there, sections)


def _entries(choices: Choices, odd: Odd, room: int) -> bytes:
    index, valid, invalid = choices.below(min(room, 8)), choices.below(4), choices.below(3)
    if odd():
        index = choices.pick((room - valid, room - valid - invalid, room, 1 << 31, (1 << 32) - 1))
    if odd():
        invalid = choices.pick((0, max(room - index - valid, 0) & 0xFFFF, 0xFFFF))
    chunk = (index & 0xFFFFFFFF).to_bytes(4, "big") + valid.to_bytes(2, "big")
    chunk += invalid.to_bytes(2, "big")
    return chunk + b"".join(bytes([choices.pick(_FILLS)]) * wire.HTAB_ENTRY for _ in range(valid))


@dataclass(slots=True)
class _Begun:
    """A bitmap that the stream has begun, by its names there."""

    node: bytes
    name: bytes
    size: int
    granularity: int


@dataclass(slots=True)
class _Bitmaps:
    """Nodes of the receiving side, and what is being sent to them."""

    choices: Choices
    sizes: dict[bytes, int]
    names: tuple[bytes, ...]
    odd: Odd
    begun: list[_Begun] = field(default_factory=list)
    current: _Begun | None = None

    def chunk(self, flags: int = 0) -> bytes:
        """Give a chunk: a start, bits, zeroes, a completion, or nothing."""
        choices = self.choices
        choices.gene(64)
        node = choices.pick(tuple(self.sizes))
        taken = {each.name for each in self.begun if each.node == node and not self.odd()}
        free = [name for name in self.names if name not in taken]
        if not self.begun or (free and choices.chance(72)):
            return self.start(flags, node, choices.pick(free or self.names))
        which = self.begun[choices.below(len(self.begun))]
        if self.odd() or choices.chance(12):
            # One that was there before, or that nobody has: all bitmaps are given up, and no error.
            which = _Begun(which.node, choices.pick((b"old", b"old", b"b9")), 1 << 20, 1 << 16)
        kind = choices.pick((wire.BITMAP_BITS, wire.BITMAP_BITS, wire.BITMAP_COMPLETE, 0))
        if kind == wire.BITMAP_BITS and choices.chance(64):
            kind |= wire.BITMAP_ZEROES
        if self.odd():
            kind |= choices.pick((wire.BITMAP_COMPLETE, wire.BITMAP_BITS, wire.BITMAP_ZEROES))
        if not kind:
            return self.flagged(flags | wire.BITMAP_EOS * self.odd())
        body = b""
        if kind & wire.BITMAP_BITS and not kind & wire.BITMAP_COMPLETE:
            body = self.bits(which, zeroes=bool(kind & wire.BITMAP_ZEROES))
        return self.named(flags | kind, which, body)

    def start(self, flags: int, node: bytes, name: bytes) -> bytes:
        """Begin a bitmap."""
        choices = self.choices
        granularity = SECTOR << choices.pick((0, 3, 7, 0))
        made = _Begun(node, name, self.sizes[node], granularity)
        with_flags = choices.below(4) if not self.odd() else choices.pick((4, 7, 8, 0x80, 0xFF))
        if self.odd():
            granularity = choices.pick((0, 256, 513, 1 << 31))
        self.begun.append(made)
        body = granularity.to_bytes(4, "big") + bytes([with_flags])
        if self.odd():
            flags |= choices.pick((wire.BITMAP_COMPLETE, wire.BITMAP_BITS, wire.BITMAP_ZEROES))
        return self.named(flags | wire.BITMAP_START, made, body)

    def bits(self, which: _Begun, *, zeroes: bool) -> bytes:
        """Give a range of a bitmap and its bits: whole words, or the last ones."""
        choices = self.choices
        unit = which.granularity * BITS
        words = -(-which.size // unit)
        first = choices.below(min(words, 256))
        count = choices.below(min(words - first, 8)) + 1
        size = min(count * unit, -(-which.size // SECTOR) * SECTOR - first * unit)
        start = first * unit
        if self.odd():
            start = choices.pick((start + which.granularity, which.size, (1 << 64) - unit, 0))
        if self.odd():
            size = choices.pick((0, size + unit, size - SECTOR, which.granularity, size * 2))
        span = (start // SECTOR % (1 << 64)).to_bytes(8, "big")
        span += (size // SECTOR % (1 << 32)).to_bytes(4, "big")
        if zeroes:
            return span
        length = count * WORD
        if choices.chance(160):
            length = -(-length // (4 * WORD)) * 4 * WORD
        if self.odd():
            length = choices.pick(
                (
                    0,
                    length - 1,
                    length + 1,
                    length + 4 * WORD,
                    wire.BITMAP_MOST,
                    wire.BITMAP_MOST + 1,
                )
            )
        data = bytes([choices.pick(_FILLS)]) * length
        return span + length.to_bytes(8, "big") + data

    def named(self, flags: int, which: _Begun, body: bytes) -> bytes:
        """Give a chunk about a bitmap, with its names where they are needed, and now and then else."""
        choices, names = self.choices, b""
        fresh = self.current is None or self.current.node != which.node or choices.chance(64)
        if fresh != self.odd():
            flags |= wire.BITMAP_DEVICE_NAME
            names += self.counted(which.node)
        other = self.current is not which or choices.chance(64)
        if other != self.odd():
            flags |= wire.BITMAP_BITMAP_NAME
            names += self.counted(which.name)
        self.current = which
        return self.flagged(flags) + names + body

    def counted(self, name: bytes) -> bytes:
        """Give a counted name, nearly always the right one."""
        if self.odd():
            name = self.choices.pick(
                (b"", b"n", b"n0\0", b"none", b"old", b"b", b"A", b"\xff", *self.sizes)
            )
        return bytes([len(name)]) + name

    def flagged(self, flags: int) -> bytes:
        """Give flags in one byte, seldom in two or four."""
        if not self.odd():
            return bytes([flags])
        more = wire.BITMAP_EXTRA_FLAGS
        return self.choices.pick(
            (
                bytes([more, flags]),
                bytes([more | flags, more, 0, flags]),
                bytes([more, more, 2, flags]),
            )
        )


def bitmaps(choices: Choices) -> dict[str, Any]:
    """Choose nodes with bitmaps, names that stand for them, and what is sent to them."""
    choices.gene()
    nodes: dict[str, Any] = {
        "n0": {"size": str(choices.pick((1 << 20, 100 << 10))), "bitmaps": {}},
        "n1": {"size": "1000000", "bitmaps": {}},
    }
    if choices.chance(64):
        nodes["n1"]["read_only"] = True
    if choices.chance(160):
        nodes["n0"]["bitmaps"]["old"] = {"granularity": "65536", "words": {"0": "01" + "00" * 7}}
    sizes = {name.encode(): int(node["size"]) for name, node in nodes.items()}
    names: tuple[bytes, ...] = (b"b0", b"b1", b"b2")
    there: dict[str, Any] = {"nodes": nodes}
    if choices.chance(80):
        forced = choices.pick(({}, {"persistent": True}, {"persistent": False}))
        inner = {"x": {"name": "b0", **forced}, "y": {"name": "b1"}, "b0": {"name": "b2"}}
        there["mapping"] = {
            "A": {"node": "n0", "bitmaps": inner},
            "n0": {"node": "n1", "bitmaps": inner},
        }
        sizes = {b"A": sizes[b"n0"], b"n0": sizes[b"n1"]}
        names = (b"x", b"y", b"b0")
    odd = oddly(choices)
    sent = _Bitmaps(choices, sizes, names, odd)
    sections = []
    for kind in (wire.SECTION_START, *[wire.SECTION_PART] * choices.below(3), wire.SECTION_END):
        body = b"".join(sent.chunk() for _ in range(choices.below(_TIMES)))
        body += sent.chunk(wire.BITMAP_EOS) if odd() else bytes([wire.BITMAP_EOS])
        sections.append((kind, body))
    return _in_sections(choices, odd, "dirty-bitmap", there, sections)


def _request(
    choices: Choices, odd: Odd, name: str, there: dict[str, Any], body: bytes, version: int
) -> dict[str, Any]:
    """Give a load of a device in one section, which may be of either kind."""
    kind = choices.pick((wire.SECTION_FULL, wire.SECTION_START))
    return _in_sections(choices, odd, name, there, [(kind, body)], version)


def _in_sections(
    choices: Choices,
    odd: Odd,
    name: str,
    there: dict[str, Any],
    sections: list[tuple[int, bytes]],
    version: int = 1,
) -> dict[str, Any]:
    choices.gene()
    if odd():
        version += choices.pick((1, -1)) if version else 1
    sent = b"".join(section(kind, ID, body, name, version) for kind, body in sections)
    return request(name, there, head([]) + damaged(choices, sent + END))


#: By handler.
PAYLOADS: Final[dict[str, Callable[[Choices], dict[str, Any]]]] = {
    "dirty-bitmap": bitmaps,
    "s390-skeys": keys,
    "s390-storage_attributes": attributes,
    "spapr/htab": table,
}
