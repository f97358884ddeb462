# SPDX-License-Identifier: Apache-2.0
"""Streams whose parts are known: what each byte is, so that a mutation can aim at it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from vmstate.operations import perform
from vmstate.trace import Segment, Trace
from vmstate_conformance.strategies.plan import VMSD, Plan, State
from vmstate_conformance.strategies.tables import LEAVES, SCALARS

#: Bytes of each info that is one number.
_WIDTHS: Final = {leaf.info: SCALARS[leaf.scalar][0] for leaf in LEAVES}
_INDEX: Final = re.compile(r"\[\d+\]")


class Part(NamedTuple):
    """Bytes `start` to `end` of a stream, and what they are.

    `kind` is marker, number, count (a number that counts or sizes something), bytes, subsection (a
    header), or link (bytes of lists and trees between their elements). A run of numbers that the
    reference moves at once is one `number` of more bytes than `width`. `info` is the codec's name,
    empty where it is not known.
    """

    start: int
    end: int
    kind: str
    width: int
    path: str
    info: str = ""


@dataclass(frozen=True, slots=True)
class Wire:
    """A stream, its parts in order, and where its subsections are, headers included."""

    stream: bytes
    parts: tuple[Part, ...]
    subsections: tuple[tuple[int, int, str], ...]

    def of(self, *kinds: str) -> list[Part]:
        """Give the parts of the kinds."""
        return [part for part in self.parts if part.kind in kinds]

    def edges(self) -> list[int]:
        """Give where parts begin, and the end."""
        return [*(part.start for part in self.parts), len(self.stream)]


def save(document: Mapping[str, Any], plan: Plan, state: State) -> Wire | None:
    """Save a state with the reference; None where that fails."""
    trace = Trace(recording=True)
    request = {"op": "save", "document": document, "state": state, "vmdesc": False}
    result = perform(request, trace=trace)
    if result["verdict"] != "ok":
        return None
    return wire(bytes.fromhex(result["stream"]), trace.segments, plan)


def wire(stream: bytes, segments: Iterable[Segment], plan: Plan) -> Wire:
    """Take a stream apart by the segments that a trace recorded."""
    found = sorted(segments, key=lambda segment: segment.start)
    counts = _Counts(plan)
    parts: list[Part] = []
    end = 0
    for segment in found:
        if segment.start > end:
            parts.append(Part(end, segment.start, "link", 1, ""))
        parts += _parts(segment, counts)
        end = max(end, segment.end)
    if end < len(stream):
        parts.append(Part(end, len(stream), "link", 1, ""))
    return Wire(stream, tuple(parts), tuple(_subsections(found)))


def _parts(segment: Segment, counts: _Counts) -> Iterator[Part]:
    start, end, kind, path = segment.start, segment.end, segment.type, segment.path
    info = kind.partition("[")[0]
    width = _WIDTHS.get(info)
    if width is not None:
        yield Part(start, end, "count" if counts.has(path) else "number", width, path, info)
    elif kind == "ptr-marker":
        yield Part(start, end, "marker", 1, path)
    elif kind == "subsection":
        yield Part(start, end, "subsection", 1, path)
    elif kind == "g_byte_array":
        yield Part(start, start + 4, "count", 4, path, info)
        if end > start + 4:
            yield Part(start + 4, end, "bytes", 1, path, info)
    else:
        yield Part(start, end, "bytes", 1, path, info)


def _subsections(segments: list[Segment]) -> Iterator[tuple[int, int, str]]:
    for at, segment in enumerate(segments):
        if segment.type == "subsection":
            end = segment.end
            for other in segments[at + 1 :]:
                if not other.path.startswith(f"{segment.path}."):
                    break
                end = other.end
            name = segment.path.rpartition("<")[2].rstrip(">")
            yield segment.start, end, name


class _Counts:
    """Tells which paths are those of counts and sizes."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._known: dict[str, bool] = {}

    def has(self, path: str) -> bool:
        path = _INDEX.sub("", path)
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = self._look(path)
        return known

    def _look(self, path: str) -> bool:
        vmsd: VMSD = self._plan.root
        *outer, last = path.split(".")
        for name in outer:
            found = self._inside(vmsd, name)
            if found is None:
                return False
            vmsd = found
        group = self._plan.group((vmsd.name,))
        numbers = group.counts.keys() | group.sizes.keys()
        return any(field.name == last and field.offset in numbers for field in vmsd.fields)

    def _inside(self, vmsd: VMSD, name: str) -> VMSD | None:
        if name.startswith("<"):
            return self._plan.descriptions.get(name[1:-1])
        found = next((field for field in vmsd.fields if field.name == name and field.vmsd), None)
        return None if found is None else self._plan.descriptions[found.vmsd[0]]
