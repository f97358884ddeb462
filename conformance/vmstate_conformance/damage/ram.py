# SPDX-License-Identifier: Apache-2.0
"""Damage of RAM: the list of blocks and the pages."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from vmstate_conformance.damage.anatomy import Anatomy, Damage

_NAMES: Final = (
    ("parent", b"../../outside"),
    ("absolute", b"/tmp/outside"),
    ("dot-dot", b".."),
    ("odd", b"\x1b[2J\n\r\0x"),
    ("no-utf-8", b"\xff\xfe\x80"),
    ("empty", b""),
    ("long", b"n" * 255),
)


def ram(a: Anatomy) -> Iterator[Damage]:
    """Give the damages of RAM."""
    at = a.mem_size

    def word(number: int) -> bytes:
        return struct.pack(">Q", number & 0xFFFFFFFFFFFFFFFF)

    yield Damage("ram-total-0", a.patch(at, word(4)))
    yield Damage("ram-total-huge", a.patch(at, word(0xFFFFFFFFFFFFF004)), rejected=True)
    yield Damage("ram-total-odd", a.patch(at, word(0x7004)))
    yield Damage("ram-no-list", a.patch(at, word(16)), rejected=True)
    yield Damage("ram-flags-obsolete", a.patch(at, word(0x1001)), rejected=True)
    yield Damage("ram-flags-compressed", a.patch(at, word(0x1100)), rejected=True)
    yield Damage("ram-flags-hook", a.patch(at, word(0x80)))
    yield Damage("ram-flags-unknown", a.patch(at, word(0x1C00)), rejected=True)
    yield Damage("cut-in-ram-list", a.cut(at + 11), rejected=True)
    if a.blocks:
        yield from _blocks(a, a.blocks[0])
    for name, place in (("zero", a.zero), ("page", a.page), ("xbzrle", a.xbzrle)):
        if place >= 0:
            yield from _page(a, name, place)
    if a.zero >= 0:
        fill = a.zero + 8 + _name_size(a, a.zero)
        yield Damage("zero-page-of-2", a.patch(fill, b"\2"), rejected=True)
    if a.xbzrle >= 0:
        body = a.xbzrle + 8 + _name_size(a, a.xbzrle)
        yield Damage("xbzrle-flag", a.patch(body, b"\2"), rejected=True)
        yield Damage("xbzrle-longer-than-a-page", a.patch(body + 1, b"\x10\1"), rejected=True)
        yield Damage("xbzrle-empty", a.patch(body + 1, b"\0\0"))
        yield Damage("xbzrle-run-past-page", a.patch(body + 3, b"\xff\x7f"), rejected=True)
        yield Damage("xbzrle-number-without-end", a.patch(body + 3, b"\xff\xff\xff"))


def _blocks(a: Anatomy, at: int) -> Iterator[Damage]:
    old = a.stream[at]
    name = a.stream[at + 1 : at + 1 + old]
    for kind, other in _NAMES:
        counted = bytes([len(other)]) + other
        yield Damage(f"block-{kind}", a.patch(at, counted, 1 + old), rejected=True)
        # All of its pages too, so that a reader which extracts them gets as far.
        whole = a.stream.replace(bytes([old]) + name, counted)
        yield Damage(f"blocks-{kind}", whole, rejected=True)
    yield Damage("block-size-0", a.patch(at + 1 + old, bytes(8)), rejected=True)
    yield Damage("block-size-huge", a.patch(at + 1 + old, b"\x7f" + b"\xff" * 7), rejected=True)
    yield Damage("block-size-negative", a.patch(at + 1 + old, b"\xff" * 8), rejected=True)
    yield Damage("block-size-odd", a.patch(at + 1 + old, b"\0\0\0\0\0\0\x70\7"), rejected=True)
    entry = a.stream[at : at + 9 + old]
    yield Damage("block-twice", a.patch(at, entry, 0), rejected=True)


def _name_size(a: Anatomy, at: int) -> int:
    word = struct.unpack_from(">Q", a.stream, at)[0]
    return 0 if word & 0x20 else 1 + a.stream[at + 8]


def _page(a: Anatomy, name: str, at: int) -> Iterator[Damage]:
    word = struct.unpack_from(">Q", a.stream, at)[0]
    size = _name_size(a, at)
    flags = word & 0xFFF

    def patch(number: int) -> bytes:
        return a.patch(at, struct.pack(">Q", number & 0xFFFFFFFFFFFFFFFF))

    yield Damage(f"{name}-outside", patch(0xFFFFFFFFF000 | flags), rejected=True)
    yield Damage(f"{name}-address-negative", patch(-0x1000 | flags), rejected=True)
    yield Damage(f"{name}-two-kinds", patch(word | 0x4A), rejected=True)
    yield Damage(f"{name}-no-kind", patch(word & ~0xFDF), rejected=True)
    yield Damage(f"{name}-eos-instead", patch(16), rejected=True)
    yield Damage(f"cut-in-{name}", a.cut(at + 8 + size), rejected=True)
    if size:
        yield Damage(
            f"{name}-continued-from-nothing",
            a.patch(at, struct.pack(">Q", word | 0x20), 8 + size),
            rejected=True,
        )
        yield Damage(f"{name}-of-unknown-block", a.patch(at + 9, b"?"), rejected=True)
        yield Damage(f"{name}-name-255", a.patch(at + 8, b"\xff"), rejected=True)
