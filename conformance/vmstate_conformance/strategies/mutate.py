# SPDX-License-Identifier: Apache-2.0
"""Mutations of streams that know where markers, counts, versions, names and lengths are."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Final, TypeAlias

from vmstate_conformance.strategies.choices import Choices
from vmstate_conformance.strategies.tables import BOUNDARIES, QEMU_VM_SUBSECTION, TELLING
from vmstate_conformance.strategies.wire import Part, Wire

Mutation: TypeAlias = Callable[[Choices, Wire], bytes | None]

_UNSIGNED: Final = {1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64"}
_VERSIONS: Final = (0, 1, 2, 3, 255, 256, 257, 0x7FFF_FFFF, 0xFFFF_FFFF)
_MARKERS: Final = b"\x30\x31\x32\x00\x2f\xff"


def mutate(choices: Choices, wire: Wire) -> tuple[str, bytes]:
    """Choose a mutation that the stream has room for; give its name and what it makes of the stream."""
    start = choices.below(len(MUTATIONS))
    names = tuple(MUTATIONS)
    for name in names[start:] + names[:start]:
        mutated = MUTATIONS[name](choices, wire)
        if mutated is not None:
            return name, mutated
    return "none", wire.stream


def respell(choices: Choices, wire: Wire) -> bytes:
    """Write the same state in other words: what loads alike though no save would send it.

    Booleans may be any byte but 0, nobody looks at unused bytes, and of a subsection's version only
    the low 8 bits count.
    """
    stream = bytearray(wire.stream)
    for part in wire.parts:
        if part.info == "bool":
            for at in range(part.start, part.end):
                stream[at] = stream[at] and choices.pick(b"\x01\x02\x80\xff")
        elif part.info == "unused_buffer":
            filler = choices.byte()
            stream[part.start : part.end] = bytes([filler]) * (part.end - part.start)
        elif part.kind == "subsection":
            stream[part.end - 4 : part.end - 1] = bytes(choices.byte() for _ in range(3))
    return bytes(stream)


def _put(wire: Wire, start: int, end: int, data: bytes) -> bytes:
    return wire.stream[:start] + data + wire.stream[end:]


def _pick(choices: Choices, wire: Wire, *kinds: str) -> Part | None:
    parts = wire.of(*kinds)
    return parts[choices.place(len(parts))] if parts else None


def _truncate(choices: Choices, wire: Wire) -> bytes | None:
    """End between two parts."""
    edges = wire.edges()
    return wire.stream[: edges[choices.place(len(edges))]]


def _cut(choices: Choices, wire: Wire) -> bytes | None:
    """End anywhere."""
    return wire.stream[: choices.place(len(wire.stream) + 1)] if wire.stream else None


def _marker(choices: Choices, wire: Wire) -> bytes | None:
    """Change the marker of a pointer."""
    part = _pick(choices, wire, "marker")
    return part and _put(wire, part.start, part.end, bytes([choices.pick(_MARKERS)]))


def _count(choices: Choices, wire: Wire) -> bytes | None:
    """Change a count or size: by one, or to a boundary."""
    part = _pick(choices, wire, "count")
    if part is None:
        return None
    width = min(part.width, part.end - part.start)
    old = int.from_bytes(wire.stream[part.start : part.start + width], "big")
    new = choices.pick((0, old + 1, old - 1, 1, *BOUNDARIES[_UNSIGNED[width]], old * 2))
    return _put(
        wire, part.start, part.start + width, (new % (1 << 8 * width)).to_bytes(width, "big")
    )


def _number(choices: Choices, wire: Wire) -> bytes | None:
    """Change one number."""
    part = _pick(choices, wire, "number")
    if part is None:
        return None
    width = part.width
    at = part.start + width * choices.place((part.end - part.start) // width)
    old = int.from_bytes(wire.stream[at : at + width], "big")
    new = choices.pick((0, old + 1, old - 1, *BOUNDARIES[_UNSIGNED[width]], choices.byte()))
    return _put(wire, at, at + width, (new % (1 << 8 * width)).to_bytes(width, "big"))


def _link(choices: Choices, wire: Wire) -> bytes | None:
    """Change a byte between the elements of a list or tree."""
    part = _pick(choices, wire, "link")
    if part is None:
        return None
    at = part.start + choices.place(part.end - part.start)
    return _put(wire, at, at + 1, bytes([choices.pick(b"\x00\x01\x02\xff\x05")]))


def _version(choices: Choices, wire: Wire) -> bytes | None:
    """Change the version of a subsection."""
    part = _pick(choices, wire, "subsection")
    return part and _put(wire, part.end - 4, part.end, choices.pick(_VERSIONS).to_bytes(4, "big"))


def _name(choices: Choices, wire: Wire) -> bytes | None:
    """Change a subsection's name: another byte, one less, one more, a NUL in it or behind it."""
    part = _pick(choices, wire, "subsection")
    if part is None:
        return None
    name = bytearray(wire.stream[part.start + 2 : part.end - 4])
    how, at = choices.below(6), choices.place(len(name)) if name else 0
    if how == 0:
        name += b"z"
    elif how == 1:
        del name[-1:]
    elif how == 5:
        name += b"\0z"
    elif name:
        name[at] = (0, ord("z"), choices.byte())[how - 2]
    header = bytes([QEMU_VM_SUBSECTION, len(name) & 0xFF]) + name
    return _put(wire, part.start, part.end - 4, header)


def _length(choices: Choices, wire: Wire) -> bytes | None:
    """Change the length of a subsection's name, and leave the name."""
    part = _pick(choices, wire, "subsection")
    if part is None:
        return None
    old = wire.stream[part.start + 1]
    new = choices.pick((0, old - 1, old + 1, 1, 255, old + 4)) & 0xFF
    return _put(wire, part.start + 1, part.start + 2, bytes([new]))


def _drop(choices: Choices, wire: Wire) -> bytes | None:
    """Leave a subsection out."""
    if not wire.subsections:
        return None
    start, end, _ = choices.pick(wire.subsections[:256])
    return _put(wire, start, end, b"")


def _again(choices: Choices, wire: Wire) -> bytes | None:
    """Send a subsection twice."""
    if not wire.subsections:
        return None
    start, end, _ = choices.pick(wire.subsections[:256])
    return _put(wire, end, end, wire.stream[start:end])


def _swap(choices: Choices, wire: Wire) -> bytes | None:
    """Exchange two subsections that follow each other."""
    pairs = [
        (first, second)
        for first in wire.subsections
        for second in wire.subsections
        if first[1] == second[0]
    ]
    if not pairs:
        return None
    (start, middle, _), (_, end, _) = choices.pick(pairs[:256])
    return _put(wire, start, end, wire.stream[middle:end] + wire.stream[start:middle])


def _hoist(choices: Choices, wire: Wire) -> bytes | None:
    """Send a subsection of a subsection before the one that it belongs to."""
    pairs = [
        (outer, inner)
        for outer in wire.subsections
        for inner in wire.subsections
        if outer[0] < inner[0] and inner[1] <= outer[1]
    ]
    if not pairs:
        return None
    (at, _, _), (start, end, _) = choices.pick(pairs[:256])
    return _put(wire, at, at, wire.stream[start:end])


def _short(choices: Choices, wire: Wire) -> bytes | None:
    """End inside of a part."""
    parts = [part for part in wire.parts if part.end - part.start > 1]
    if not parts:
        return None
    part = parts[choices.place(len(parts))]
    return wire.stream[: part.start + 1 + choices.place(part.end - part.start - 1)]


def _unknown(choices: Choices, wire: Wire) -> bytes | None:
    """Put a subsection that nobody knows behind a known one, or at the end."""
    places = [(end, name) for _, end, name in wire.subsections]
    at, name = choices.pick([*places[:255], (len(wire.stream), "dev")])
    parent = name.rpartition("/")[0] or name
    data = f"{parent}/zz".encode()
    header = bytes([QEMU_VM_SUBSECTION, len(data) & 0xFF]) + data + (1).to_bytes(4, "big")
    return _put(wire, at, at, header)


def _flip(choices: Choices, wire: Wire) -> bytes | None:
    """Change a byte, whatever it is."""
    if not wire.stream:
        return None
    at = choices.place(len(wire.stream))
    new = wire.stream[at] ^ 1 << choices.below(8) if choices.chance(128) else choices.pick(TELLING)
    return _put(wire, at, at + 1, bytes([new]))


def _insert(choices: Choices, wire: Wire) -> bytes | None:
    """Put a byte between two parts."""
    edges = wire.edges()
    at = edges[choices.place(len(edges))]
    return _put(wire, at, at, bytes([choices.pick(TELLING)]))


def _remove(choices: Choices, wire: Wire) -> bytes | None:
    """Leave a part out."""
    if not wire.parts:
        return None
    part = wire.parts[choices.place(len(wire.parts))]
    return _put(wire, part.start, part.end, b"")


def _copy(choices: Choices, wire: Wire) -> bytes | None:
    """Send a part where another should be, of the same size or of any."""
    if not wire.parts:
        return None
    one = wire.parts[choices.place(len(wire.parts))]
    others = wire.parts
    if choices.chance(128):
        size = one.end - one.start
        others = tuple(each for each in others if each.end - each.start == size)
    other = others[choices.place(len(others))]
    return _put(wire, one.start, one.end, wire.stream[other.start : other.end])


#: All mutations by name, the plainest first.
MUTATIONS: Final = MappingProxyType[str, Mutation](
    {
        "truncate": _truncate,
        "marker": _marker,
        "count": _count,
        "number": _number,
        "link": _link,
        "subsection-version": _version,
        "subsection-name": _name,
        "subsection-length": _length,
        "subsection-drop": _drop,
        "subsection-again": _again,
        "subsection-swap": _swap,
        "subsection-unknown": _unknown,
        "flip": _flip,
        "insert": _insert,
        "remove": _remove,
        "copy": _copy,
        "cut": _cut,
        "short": _short,
        "subsection-hoist": _hoist,
    }
)
