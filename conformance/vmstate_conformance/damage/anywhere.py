# SPDX-License-Identifier: Apache-2.0
"""Damage without a name: a cut anywhere, wrong bytes anywhere."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from typing import Final

from vmstate_conformance.damage.anatomy import Anatomy, Damage

_ODD: Final = (0, 1, 2, 5, 0x30, 0x31, 0x7E, 0x7F, 0x80, 0xFE, 0xFF)


def truncations(stream: bytes, most: int = 500) -> Iterator[Damage]:
    """Cut a stream at every place, or at `most` of them, spread evenly."""
    step = max(1, -(-len(stream) // most))
    for size in range(0, len(stream), step):
        yield Damage(f"cut-at-{size:#x}", stream[:size])


def mutations(stream: bytes, count: int, seed: int = 0) -> Iterator[Damage]:
    """Give `count` streams with one to four wrong places, most of them outside of RAM's pages.

    Each is named by seed and number, and comes out the same whenever it is asked for.
    """
    places = _places(stream)
    for number in range(count):
        rng = random.Random(f"{seed}-{number}")  # noqa: S311 - no secret
        data = bytearray(stream)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            low, high = rng.choice(places)
            _spoil(data, min(rng.randrange(low, high), len(data) - 1), rng)
            if not data:
                break
        yield Damage(f"mutation-{seed}-{number}", bytes(data))


def _places(stream: bytes) -> list[tuple[int, int]]:
    """Give the spans to spoil, each as likely as the other."""
    places = [(0, len(stream))]
    try:
        a = Anatomy(stream)
    except (ValueError, struct.error, IndexError):
        return places
    places += [(0, a.mem_size + 40), (a.ram, a.mem_size + 40)]
    places += [(each.start, each.footer + 5) for each in a.sections]
    if a.vmdesc >= 0:
        places += [(a.end - 5, a.vmdesc + 6)] + [(a.vmdesc, len(stream))] * (
            1 + len(a.sections) // 4
        )
    return [(low, min(high, len(stream))) for low, high in places]


def _spoil(data: bytearray, at: int, rng: random.Random) -> None:
    match rng.randrange(8):
        case 0:
            data[at] ^= 1 << rng.randrange(8)
        case 1 | 2:
            data[at] = rng.choice(_ODD)
        case 3:
            number = rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << rng.randrange(32)))
            data[at : at + 4] = struct.pack(">I", number)
        case 4:
            del data[at : at + rng.choice((1, 1, 2, 4, 8, 100))]
        case 5:
            data[at:at] = bytes(rng.choice(_ODD) for _ in range(rng.choice((1, 1, 2, 4, 8))))
        case 6:
            size = rng.choice((1, 4, 16, 64))
            source = rng.randrange(len(data))
            data[at : at + size] = data[source : source + size]
        case _:
            # A digit of the JSON is worth more than any other letter of it.
            digit = next((i for i in range(at, min(at + 200, len(data))) if 48 <= data[i] < 58), at)
            data[digit] = rng.choice(b"0123456789-")
