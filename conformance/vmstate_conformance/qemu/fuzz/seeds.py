# SPDX-License-Identifier: Apache-2.0
"""A stream as the fuzzer sees it: its leaves by group, its sections, what may be cut out whole."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from vmstate.whole import read_file
from vmstate_conformance.qemu.provision import QemuError

_INDEX: Final = re.compile(r"\[\d+\]")
#: Leaves longer than this many bytes are parted into windows, but for those of RAM.
_LONG: Final = 64
#: So many elements of a group are enough to choose from; RAM may have millions.
_MOST: Final = 1 << 13
_WINDOW: Final = 16
_WHOLE: Final = frozenset(("ram-page", "ram-pages", "xbzrle", "padding", "name"))
_SUBSECTION: Final = re.compile(r"^(.*:[^.:]+?)\.[^:]*$")


@dataclass(frozen=True, slots=True)
class Spot:
    """One leaf: where it is and what it is."""

    path: str
    offset: int
    size: int
    kind: str

    @property
    def end(self) -> int:
        """Behind its last byte."""
        return self.offset + self.size


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the stream that can be left out, sent twice or elsewhere: section, subsection, element."""

    label: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Seed:
    """A stream taken apart."""

    data: bytes
    groups: dict[str, tuple[Spot, ...]]
    """Leaves by their path without indices: an array of a thousand is one group."""
    focus: tuple[str, ...]
    """The groups that belong to the sections that the recipe is about."""
    sections: tuple[Part, ...]
    subsections: tuple[Part, ...]
    end: int
    """Where what QEMU reads ends: behind it stand the vmdesc and the like."""

    def section_of(self, offset: int) -> str:
        """Give the label of the section that holds an offset, empty where none does."""
        return next((each.label for each in self.sections if each.start <= offset < each.end), "")


def group_of(path: str) -> str:
    """Give the group that a path belongs to."""
    return _INDEX.sub("[]", path)


def _windows(spot: Spot, data: bytes) -> Iterator[Spot]:
    """Part a long leaf that nobody has taken apart: each piece that holds something is a group."""
    if spot.size <= _LONG or spot.kind in _WHOLE:
        yield spot
        return
    for at in range(spot.offset, spot.end, _WINDOW):
        size = min(_WINDOW, spot.end - at)
        held = data[at : at + size].strip(b"\0")
        name = f"+{at - spot.offset:#x}" if held else f"+zeros[{at - spot.offset}]"
        yield Spot(spot.path + name, at, size, "bytes")


def plant(data: bytes, focus: Sequence[str]) -> Seed:
    """Take a stream apart. Raises `QemuError` where it cannot be read to its end."""
    stream = read_file(data, spans=True)
    if stream.fault is not None:
        raise QemuError(f"the seed cannot be read: {stream.fault}")
    groups: dict[str, list[Spot]] = defaultdict(list)
    inside: dict[str, list[int]] = {}
    end = stream.vmdesc_at if stream.vmdesc_at >= 0 else stream.size
    for span in stream.spans or ():
        if span.offset >= end or not span.size:
            continue
        if len(groups.get(group_of(span.path), ())) >= _MOST:
            continue
        for spot in _windows(Spot(span.path, span.offset, span.size, span.kind), data):
            groups[group_of(spot.path)].append(spot)
        if found := _SUBSECTION.match(span.path):
            bounds = inside.setdefault(found[1], [span.offset, 0])
            bounds[0] = min(bounds[0], span.offset)
            bounds[1] = max(bounds[1], span.offset + span.size)
    footer = 5 if stream.footers else 0
    sections = tuple(
        Part(each.label, each.offset, each.end + (footer if each.footer is not None else 0))
        for each in stream.sections()
    )
    wanted = [
        name
        for name in groups
        if not name.startswith(("ram#", "$")) and any(each in name for each in focus or ("",))
    ]
    return Seed(
        data,
        {name: tuple(spots) for name, spots in groups.items()},
        tuple(wanted or groups),
        sections,
        tuple(Part(label, start, end) for label, (start, end) in inside.items()),
        end,
    )
