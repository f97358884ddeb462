# SPDX-License-Identifier: Apache-2.0
"""Changes to a stream: each knows its field, and can be taken back alone."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from vmstate_conformance.qemu.fuzz.seeds import Part, Seed, Spot, group_of

_BYTES: Final = frozenset(
    ("buffer", "unused_buffer", "bitmap", "bytes", "name", "ram-page", "pci config", "msix state",
     "payload", "ram-pages", "xbzrle", "padding", "virtio")
)  # fmt: skip
_MARKERS: Final = (0x30, 0x31, 0x32, 0x00, 0xFF)
_VMDESC: Final = b"\x06\0\0\0\2{}"
_HELD: Final = re.compile(rb"[^\0]")
_WIDEST: Final = 8
#: Of a hundred inputs, how many go to the recipe's own sections, and how many change the framing.
_FOCUSED: Final = 88
_STRUCTURAL: Final = 8
_MANY: Final = 25


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes of the seed replaced by others; `size` 0 inserts, no `new` deletes."""

    offset: int
    size: int
    new: bytes
    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A seed and its edits, none of which overlap."""

    seed: Seed
    edits: tuple[Edit, ...]

    def bytes(self) -> bytes:
        """Give the stream; the vmdesc, which QEMU does not read, is an empty one."""
        out = bytearray(self.seed.data[: self.seed.end])
        for edit in sorted(self.edits, key=lambda edit: edit.offset, reverse=True):
            out[edit.offset : edit.offset + edit.size] = edit.new
        return bytes(out) if self.truncated else bytes(out) + _VMDESC

    @property
    def truncated(self) -> bool:
        """Whether the end is what is missing."""
        return any(edit.what == "truncated" for edit in self.edits)


class Mutator:
    """Makes mutants of one seed; the same random numbers make the same ones."""

    def __init__(self, seed: Seed, rng: random.Random) -> None:
        self._seed = seed
        self._random = rng
        self._names = tuple(seed.groups)
        self._sections: dict[str, list[str]] = {}
        for name in seed.focus:
            self._sections.setdefault(name.split("#", 1)[0], []).append(name)
        self._tired: dict[str, int] = {}

    def tire(self, edits: Iterable[Edit], amount: int = 1) -> None:
        """Choose the groups of these less often: what they do is known."""
        for edit in edits:
            name = group_of(edit.path)
            self._tired[name] = self._tired.get(name, 0) + amount

    def next(self) -> Mutant:
        """Make one mutant."""
        chance = self._random.randrange(100)
        count = 1 if self._random.randrange(100) >= _MANY else self._random.randint(2, 5)
        edits: list[Edit] = []
        for _ in range(count):
            edit = self._structure() if chance < _STRUCTURAL else self._field()
            if not any(_overlap(edit, other) for other in edits):
                edits.append(edit)
        return Mutant(self._seed, tuple(edits))

    def _field(self) -> Edit:
        """Change a leaf: first the group is chosen, then which of its elements."""
        for _ in range(20):
            name = self._group()
            # What frames a section is mostly refused; what is known to kill need not be tried often.
            likely = 0.5 ** self._tired.get(name, 0) * (0.3 if ".$" in name else 1)
            if self._random.random() < likely:
                break
        spot = self._random.choice(self._seed.groups[name])
        new, what = self._change(spot)
        return Edit(spot.offset, spot.size, new, spot.path, what)

    def _group(self) -> str:
        if self._random.randrange(100) >= _FOCUSED:
            return self._random.choice(self._names)
        if self._random.randrange(2):
            return self._random.choice(self._seed.focus)
        return self._random.choice(self._sections[self._random.choice(list(self._sections))])

    def _change(self, spot: Spot) -> tuple[bytes, str]:
        old = self._seed.data[spot.offset : spot.end]
        if spot.kind == "ptr-marker":
            return bytes((self._random.choice(_MARKERS),)), "marker"
        if spot.kind in _BYTES or spot.size > _WIDEST:
            return self._bytes(old)
        if spot.kind == "bool":
            return bytes((self._random.choice((1 - (old[0] & 1), 2, 0x80, 0xFF)),)), "bool"
        return self._number(old)

    def _number(self, old: bytes) -> tuple[bytes, str]:
        bits = 8 * len(old)
        value = int.from_bytes(old, "big")
        pick = self._random
        new, what = pick.choice(_NUMBERS)(pick, value, bits)
        return (new & ((1 << bits) - 1)).to_bytes(len(old), "big"), what

    def _bytes(self, old: bytes) -> tuple[bytes, str]:
        """Change a few of many bytes, mostly near those that hold something, as a number or as bits."""
        pick = self._random
        new = bytearray(old)
        size = min(pick.choice((1, 1, 2, 2, 4, 4, 8)), len(old))
        held = [found.start() for found in itertools.islice(_HELD.finditer(old), 4096)]
        at = pick.randrange(len(old))
        if held and pick.randrange(4):
            at = pick.choice(held) - pick.randrange(size)
        at = min(max(at, 0), len(old) - size)
        match pick.randrange(8):
            case 0:
                new[at] ^= 1 << pick.randrange(8)
            case 1:
                new[at : at + size] = pick.randbytes(size)
            case 2:
                new = bytearray(pick.choice((b"\0", b"\xff")) * len(new))
            case _:
                new[at : at + size] = self._number(old[at : at + size])[0]
        return bytes(new), "bytes"

    def _structure(self) -> Edit:
        """Change what frames the fields: the framing may stay whole, or be broken."""
        pick = self._random
        data = self._seed.data
        parts: list[Part] = [*self._seed.sections, *self._seed.subsections * 3]
        part = pick.choice(parts or self._seed.sections)
        match pick.randrange(7):
            case 0:
                return Edit(part.start, part.end - part.start, b"", part.label, "left out")
            case 1:
                twice = data[part.start : part.end]
                return Edit(part.end, 0, twice, part.label, "sent twice")
            case 2:
                other = pick.choice(self._seed.sections)
                moved = data[part.start : part.end]
                return Edit(other.end, 0, moved, part.label, f"again after {other.label}")
            case 3:
                cut = pick.randint(part.start, part.end - 1)
                return Edit(cut, self._seed.end - cut, b"", part.label, "truncated")
            case 4:
                at = pick.randint(part.start, part.end)
                return Edit(
                    at, 0, pick.randbytes(pick.choice((1, 2, 4, 8))), part.label, "bytes more"
                )
            case 5:
                at = pick.randint(part.start, part.end - 1)
                size = min(pick.choice((1, 2, 4, 8)), part.end - at)
                return Edit(at, size, b"", part.label, "bytes less")
            case _:
                return self._array()

    def _array(self) -> Edit:
        """Let an element of an array be sent twice, or not: counts and contents part company."""
        name = self._group()
        spots = self._seed.groups[name]
        spot = self._random.choice(spots)
        if self._random.randrange(2):
            return Edit(spot.offset, spot.size, b"", spot.path, "left out")
        old = self._seed.data[spot.offset : spot.end]
        return Edit(spot.end, 0, old, spot.path, "sent twice")


_Number = Callable[[random.Random, int, int], tuple[int, str]]
_NUMBERS: Final[tuple[_Number, ...]] = (
    lambda _pick, _value, _bits: (0, "zero"),
    lambda _pick, _value, _bits: (-1, "all ones"),
    lambda _pick, _value, bits: (1 << (bits - 1), "the most negative"),
    lambda _pick, _value, bits: ((1 << (bits - 1)) - 1, "the largest signed"),
    lambda _pick, value, _bits: (value + 1, "one more"),
    lambda _pick, value, _bits: (value - 1, "one less"),
    lambda pick, value, bits: (value ^ (1 << pick.randrange(bits)), "a bit turned"),
    lambda pick, _value, bits: (1 << pick.randrange(bits), "a power of two"),
    lambda pick, _value, bits: ((1 << pick.randrange(bits)) - 1, "one below a power of two"),
    lambda pick, _value, _bits: (pick.randrange(1, 260), "small"),
    lambda pick, _value, bits: (-pick.randrange(1, 260) & ((1 << bits) - 1), "small and negative"),
    lambda pick, _value, bits: (pick.getrandbits(bits), "any"),
    lambda pick, value, _bits: (value * pick.choice((2, 4, 16, 256)), "a multiple"),
)


def _overlap(one: Edit, other: Edit) -> bool:
    return one.offset <= other.offset + other.size and other.offset <= one.offset + one.size
