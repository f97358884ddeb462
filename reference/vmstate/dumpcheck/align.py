# SPDX-License-Identifier: Apache-2.0
"""Two lists of fields laid side by side: what stands in both, what moved, what lies between."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from vmstate.dumpcheck.model import Field

_Key = tuple[str, int]


@dataclass(slots=True)
class Alignment:
    """`pairs` stand in both in the same order, `moved` in both at other places.

    `gaps` are what is left between two pairs: fields of OLD only, fields of NEW only.
    """

    pairs: list[tuple[Field, Field]] = field(default_factory=list)
    moved: list[tuple[Field, Field]] = field(default_factory=list)
    gaps: list[tuple[list[Field], list[Field]]] = field(default_factory=list)


def align(old: Sequence[Field], new: Sequence[Field]) -> Alignment:
    """Lay two lists side by side, by name: the longest common order. O(n log n).

    Padding pairs with nothing: its name says nothing, so it is left to the gaps.
    """
    old_keys, new_keys = _keys(old), _keys(new)
    places = {key: at for at, key in enumerate(new_keys) if key is not None}
    both = [(at, places[key]) for at, key in enumerate(old_keys) if key in places and key]
    kept = _longest_rising(both)
    aligned = Alignment([(old[i], new[j]) for i, j in kept])
    still = set(kept)
    aligned.moved = [(old[i], new[j]) for i, j in both if (i, j) not in still]
    gone_old, gone_new = {i for i, _ in both}, {j for _, j in both}
    before = (-1, -1)
    for i, j in [*kept, (len(old), len(new))]:
        gap = (
            [old[k] for k in range(before[0] + 1, i) if k not in gone_old],
            [new[k] for k in range(before[1] + 1, j) if k not in gone_new],
        )
        if gap[0] or gap[1]:
            aligned.gaps.append(gap)
        before = (i, j)
    return aligned


def _keys(fields: Sequence[Field]) -> list[_Key | None]:
    """Number the fields of one name, so that each has a key of its own."""
    seen: Counter[str] = Counter()
    keys: list[_Key | None] = []
    for each in fields:
        keys.append(None if each.padding else (each.name, seen[each.name]))
        seen[each.name] += 1
    return keys


def _longest_rising(both: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Give the longest part of `both`, rising in its first numbers, that rises in its second."""
    ends: list[int] = []
    at_end: list[int] = []
    behind: list[int] = []
    for at, (_, place) in enumerate(both):
        length = bisect_left(ends, place)
        behind.append(at_end[length - 1] if length else -1)
        if length == len(ends):
            ends.append(place)
            at_end.append(at)
        else:
            ends[length], at_end[length] = place, at
    chain = []
    at = at_end[-1] if at_end else -1
    while at >= 0:
        chain.append(both[at])
        at = behind[at]
    return chain[::-1]


#: What makes two sides of a gap the same bytes, from the least change to the most.
SAME: Final = ("field-regrouped", "field-padding", "field-renamed")


def same_bytes(old: Sequence[Field], new: Sequence[Field]) -> str:
    """Tell why two sides of a gap are the same bytes: a rule of `SAME`, or "" if they are not."""
    left, right = _leaves(old), _leaves(new)
    worst = 0
    i = j = 0
    while i < len(left) and j < len(right):
        one, other = left[i], right[j]
        if one.padding or other.padding:
            k, m = _padded(left, right, i, j)
            if not k:
                return ""
            if not all(each.padding for each in (*left[i:k], *right[j:m])):
                worst = max(worst, 1)
            i, j = k, m
            continue
        if (one.size, one.num, one.description) != (other.size, other.num, other.description):
            return ""
        if one.name != other.name:
            worst = 2
        i, j = i + 1, j + 1
    return SAME[worst] if i == len(left) and j == len(right) else ""


def without_equal_padding(
    old: Sequence[Field], new: Sequence[Field]
) -> tuple[list[Field], list[Field]]:
    """Leave out the padding that both sides of a gap have with the same size."""
    left = Counter(each.extent for each in old if each.padding)
    common = left & Counter(each.extent for each in new if each.padding)
    sides = []
    for side in (old, new):
        spare = common.copy()
        rest = []
        for each in side:
            if each.padding and spare[each.extent]:
                spare[each.extent] -= 1
            else:
                rest.append(each)
        sides.append(rest)
    return sides[0], sides[1]


def _padded(left: list[Field], right: list[Field], i: int, j: int) -> tuple[int, int]:
    """Give the places behind padding and the plain values it stands for; (0, 0) if none fit."""
    ahead = left[i].extent - right[j].extent
    i, j = i + 1, j + 1
    while ahead:
        side, at = (right, j) if ahead > 0 else (left, i)
        if at == len(side) or side[at].description is not None:
            return 0, 0
        if ahead > 0:
            ahead, j = ahead - side[at].extent, j + 1
        else:
            ahead, i = ahead + side[at].extent, i + 1
    return i, j


def _leaves(fields: Sequence[Field]) -> list[Field]:
    """Put the fields of single structs in their place; arrays and those with subsections stay whole."""
    out: list[Field] = []
    for each in fields:
        inner = each.description
        if inner is None or each.num is not None or inner.subsections or each.field_exists:
            out.append(each)
        else:
            out += _leaves([one for one in inner.fields if one.read_at(inner.version_id)])
    return out
