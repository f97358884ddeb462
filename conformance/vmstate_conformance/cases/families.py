# SPDX-License-Identifier: Apache-2.0
"""Families: many cases from one base, each with a permanent id of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import permutations
from typing import Any, Final

from vmstate.errors import CaseError
from vmstate.values import brief, integer, mapping, sequence
from vmstate_conformance.cases.segments import as_segments, join, segment_bytes

#: The keys of a family, in the order of its file.
IN_ORDER: Final = (
    "id",
    "title",
    "level",
    "clauses",
    "flags",
    "dialects",
    "of",
    "expand",
    "at",
    "values",
    "expect",
    "except",
    "witnesses",
    "added",
    "revised",
)
KEYS: Final = frozenset(IN_ORDER)
_LEFT_OUT: Final = frozenset({"why", "expect"})
#: The most members of a family.
_MOST: Final = 4096
_BLOCKS: Final = 4

#: A member: the end of its id, the key and value that `except` knows it by, and what it mutates.
Member = tuple[str, str, int | str, list[dict[str, Any]]]


def members(family: Mapping[str, Any], base: Mapping[str, Any], path: str) -> Iterator[Member]:
    """Give the members of a family of `base`, the inputs of a case. Raises `CaseError`."""
    expand = family.get("expand")
    if not isinstance(expand, str) or expand not in EXPANDERS:
        known = ", ".join(EXPANDERS)
        raise CaseError("expand", f"{path}.expand", f"{brief(expand)} is none of {known}")
    for count, member in enumerate(EXPANDERS[expand](family, base, path)):
        if count >= _MOST:
            raise CaseError("family", path, f"more than {_MOST} members")
        yield member


def exceptions(family: Mapping[str, Any], path: str) -> dict[tuple[str, Any], Mapping[str, Any]]:
    """Give what `except` says, by the member it says it of. Raises `CaseError`."""
    out: dict[tuple[str, Any], Mapping[str, Any]] = {}
    for at, each in enumerate(sequence(family.get("except", []), f"{path}.except")):
        keys = [key for key in mapping(each, f"{path}.except[{at}]") if key not in _LEFT_OUT]
        if len(keys) != 1 or not isinstance(each.get("why"), str):
            raise CaseError("except", f"{path}.except[{at}]", "names one member, and says why")
        out[keys[0], each[keys[0]]] = each
    return out


def _truncate_each(
    family: Mapping[str, Any], base: Mapping[str, Any], path: str
) -> Iterator[Member]:
    """Every proper prefix of the stream."""
    for to in range(len(join(base.get("stream"), f"{path}.of"))):
        yield f"{to:03}", "to", to, [{"op": "truncate", "to": to}]


def _flip_framing(
    family: Mapping[str, Any], base: Mapping[str, Any], path: str
) -> Iterator[Member]:
    """Every byte of the segments that are marked as framing, all its bits turned."""
    at = 0
    for segment in as_segments(base.get("stream"), f"{path}.of"):
        held = segment_bytes(segment)
        if segment.get("framing"):
            for offset, byte in enumerate(held, at):
                hexed = f"{byte ^ 0xFF:02x}"
                yield (
                    f"{offset:03}",
                    "offset",
                    offset,
                    [{"op": "set", "offset": offset, "hex": hexed}],
                )
        at += len(held)


def _version_sweep(
    family: Mapping[str, Any], base: Mapping[str, Any], path: str
) -> Iterator[Member]:
    """Each of the versions in `values`."""
    for value in _values(family, path):
        yield _number(value), "value", value, [{"op": "version_id", "value": value}]


def _count_sweep(family: Mapping[str, Any], base: Mapping[str, Any], path: str) -> Iterator[Member]:
    """Each of the numbers in `values` in the segment at `at`, cut to its width."""
    offset = 0
    for segment in as_segments(base.get("stream"), f"{path}.of"):
        width = len(segment_bytes(segment))
        if segment.get("at") == family.get("at"):
            for value in _values(family, path):
                hexed = (value % (1 << 8 * width)).to_bytes(width, "big").hex()
                step = {"op": "set", "offset": offset, "hex": hexed}
                yield _number(value), "value", value, [step]
            return
        offset += width
    raise CaseError("family", f"{path}.at", f"the base has no segment at {brief(family.get('at'))}")


def _subsection_order(
    family: Mapping[str, Any], base: Mapping[str, Any], path: str
) -> Iterator[Member]:
    """Every other order of the subsections of the root."""
    blocks: list[bytes] = []
    start = end = at = 0
    name = None
    for segment in as_segments(base.get("stream"), f"{path}.of"):
        held = segment_bytes(segment)
        place = str(segment.get("at", ""))
        if place.startswith("<"):
            whose = place[: place.index(">") + 1] if ">" in place else place
            if whose != name:
                start = start if blocks else at
                blocks.append(b"")
                name = whose
            blocks[-1] += held
            end = at + len(held)
        at += len(held)
    if not 2 <= len(blocks) <= _BLOCKS:
        raise CaseError("family", f"{path}.of", f"{len(blocks)} subsections; 2 to {_BLOCKS} wanted")
    drop = {"op": "drop", "offset": start, "size": end - start}
    for order in list(permutations(range(len(blocks))))[1:]:
        digits = "".join(str(each + 1) for each in order)
        moved = b"".join(blocks[each] for each in order).hex()
        yield digits, "order", digits, [drop, {"op": "insert", "offset": start, "hex": moved}]


EXPANDERS: Final[
    Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any], str], Iterator[Member]]]
] = {
    "truncate-each": _truncate_each,
    "flip-each-framing-byte": _flip_framing,
    "version-sweep": _version_sweep,
    "count-sweep": _count_sweep,
    "subsection-order": _subsection_order,
}


def _values(family: Mapping[str, Any], path: str) -> list[int]:
    values = sequence(family.get("values"), f"{path}.values")
    return [integer(value, f"{path}.values[{at}]") for at, value in enumerate(values)]


def _number(value: int) -> str:
    return f"m{-value}" if value < 0 else f"{value:03}"
