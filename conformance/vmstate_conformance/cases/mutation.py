# SPDX-License-Identifier: Apache-2.0
"""Mutations: small named changes that make one case of another."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from vmstate.errors import CaseError
from vmstate.values import brief, hexadecimal, integer, mapping, sequence
from vmstate_conformance.cases.jsonfile import parse_path
from vmstate_conformance.cases.segments import as_segments, segment_bytes

#: What each operation may say besides `op`.
KEYS: Final[Mapping[str, frozenset[str]]] = {
    "set": frozenset({"at", "offset", "hex"}),
    "truncate": frozenset({"to"}),
    "insert": frozenset({"at", "offset", "hex"}),
    "drop": frozenset({"at", "offset", "size"}),
    "append": frozenset({"hex"}),
    "version_id": frozenset({"value"}),
    "state": frozenset({"path", "value"}),
    "destination": frozenset({"path", "value"}),
    "document": frozenset({"path", "value"}),
    "devices": frozenset({"path", "value"}),
    "machine": frozenset({"path", "value"}),
}
_MOST: Final = range(1 << 30)


def mutate(inputs: Mapping[str, Any], mutations: object, path: str = "mutate") -> dict[str, Any]:
    """Apply mutations, one after the other, to the inputs of a case: request keys and `stream`.

    Offsets are those of the stream as the mutations before have left it. Raises `CaseError`.
    """
    out = dict(inputs)
    for at, each in enumerate(sequence(mutations, path)):
        where = f"{path}[{at}]"
        op = mapping(each, where).get("op")
        if not isinstance(op, str) or op not in KEYS:
            raise CaseError("mutation", f"{where}.op", f"{brief(op)} is none of {', '.join(KEYS)}")
        mapping(each, where, KEYS[op] | {"op"})
        _OPERATIONS[op](out, each, where)
    return out


def _stream(
    change: Callable[[list[dict[str, Any]], Mapping[str, Any], str], None],
) -> Callable[[dict[str, Any], Mapping[str, Any], str], None]:
    def apply(out: dict[str, Any], step: Mapping[str, Any], where: str) -> None:
        if "stream" not in out:
            raise CaseError("mutation", where, "there is no stream")
        segments = as_segments(out["stream"])
        change(segments, step, where)
        out["stream"] = segments

    return apply


def _set(segments: list[dict[str, Any]], step: Mapping[str, Any], where: str) -> None:
    data = hexadecimal(step.get("hex"), f"{where}.hex")
    if "at" in step:
        index = _find(segments, step, where)
        held = segment_bytes(segments[index])
        if len(data) > len(held):
            raise CaseError("mutation", where, f"the segment holds {len(held)} bytes only")
        segments[index] = {**_bare(segments[index]), "hex": (data + held[len(data) :]).hex()}
        return
    start = _offset(segments, step, where)
    end = start + len(data)
    if end > _length(segments):
        raise CaseError("mutation", where, f"bytes {start} to {end} are beyond the stream")
    at = 0
    for index, segment in enumerate(segments):
        held = segment_bytes(segment)
        first, last = max(start, at), min(end, at + len(held))
        if first < last:
            new = held[: first - at] + data[first - start : last - start] + held[last - at :]
            segments[index] = {**_bare(segment), "hex": new.hex()}
        at += len(held)


def _truncate(segments: list[dict[str, Any]], step: Mapping[str, Any], where: str) -> None:
    to = integer(step.get("to"), f"{where}.to", _MOST)
    if to > _length(segments):
        raise CaseError("mutation", where, f"the stream has no {to} bytes")
    _cut(segments, to, _length(segments))


def _insert(segments: list[dict[str, Any]], step: Mapping[str, Any], where: str) -> None:
    new = {"hex": hexadecimal(step.get("hex"), f"{where}.hex").hex()}
    if "at" in step:
        segments.insert(_find(segments, step, where), new)
        return
    offset = _offset(segments, step, where)
    if offset > _length(segments):
        raise CaseError("mutation", where, f"offset {offset} is beyond the stream")
    segments.insert(_split(segments, offset), new)


def _drop(segments: list[dict[str, Any]], step: Mapping[str, Any], where: str) -> None:
    if "at" in step:
        segments.pop(_find(segments, step, where))
        return
    start = _offset(segments, step, where)
    end = start + integer(step.get("size"), f"{where}.size", _MOST)
    if end > _length(segments):
        raise CaseError("mutation", where, f"bytes {start} to {end} are beyond the stream")
    _cut(segments, start, end)


def _append(segments: list[dict[str, Any]], step: Mapping[str, Any], where: str) -> None:
    segments.append({"hex": hexadecimal(step.get("hex"), f"{where}.hex").hex()})


def _version_id(out: dict[str, Any], step: Mapping[str, Any], where: str) -> None:
    out["version_id"] = integer(step.get("value"), f"{where}.value")


def _value(key: str) -> Callable[[dict[str, Any], Mapping[str, Any], str], None]:
    def apply(out: dict[str, Any], step: Mapping[str, Any], where: str) -> None:
        out[key] = replace(out.get(key), step.get("path"), step, where)

    return apply


_OPERATIONS: Final[Mapping[str, Callable[[dict[str, Any], Mapping[str, Any], str], None]]] = {
    "set": _stream(_set),
    "truncate": _stream(_truncate),
    "insert": _stream(_insert),
    "drop": _stream(_drop),
    "append": _stream(_append),
    "version_id": _version_id,
    "state": _value("state"),
    "destination": _value("destination"),
    "document": _value("document"),
    "devices": _value("devices"),
    "machine": _value("machine"),
}


def replace(value: Any, path: object, step: Mapping[str, Any], where: str) -> Any:
    """Give a copy of a JSON value with the part at `path` replaced, added, or, with no value, gone.

    `path` is text like `sq[0].dma`, or a list where a key holds a dot. Raises `CaseError`.
    """
    try:
        steps = parse_path(path) if isinstance(path, str) else list(sequence(path, f"{where}.path"))
    except ValueError as error:
        raise CaseError("path", f"{where}.path", str(error)) from None
    if not steps:
        return copy.deepcopy(step.get("value"))
    out = copy.deepcopy(value)
    try:
        inside = out
        for each in steps[:-1]:
            inside = inside[each]
        if "value" not in step:
            del inside[steps[-1]]
        elif isinstance(inside, list) and steps[-1] == len(inside):
            inside.append(copy.deepcopy(step["value"]))
        else:
            inside[steps[-1]] = copy.deepcopy(step["value"])
    except (KeyError, IndexError, TypeError):
        raise CaseError("path", f"{where}.path", f"{brief(path)} leads nowhere") from None
    return out


def _find(segments: Sequence[Mapping[str, Any]], step: Mapping[str, Any], where: str) -> int:
    """Find the one segment at a path; of a marker and its element, the marker comes first."""
    found = [index for index, each in enumerate(segments) if each.get("at") == step["at"]]
    if not found:
        raise CaseError("mutation", f"{where}.at", f"no segment is at {brief(step['at'])}")
    return found[0]


def _offset(segments: object, step: Mapping[str, Any], where: str) -> int:
    return integer(step.get("offset"), f"{where}.offset", _MOST)


def _length(segments: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(segment_bytes(each)) for each in segments)


def _split(segments: list[dict[str, Any]], offset: int) -> int:
    """Make a boundary at `offset` and give the index of the segment that begins there."""
    at = 0
    for index, segment in enumerate(segments):
        if offset == at:
            return index
        held = segment_bytes(segment)
        if offset < at + len(held):
            bare = _bare(segment)
            left, right = held[: offset - at], held[offset - at :]
            segments[index : index + 1] = [
                {**bare, "hex": left.hex()},
                {**bare, "hex": right.hex()},
            ]
            return index + 1
        at += len(held)
    return len(segments)


def _cut(segments: list[dict[str, Any]], start: int, end: int) -> None:
    first = _split(segments, start)
    last = _split(segments, end)
    del segments[first:last]


def _bare(segment: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in segment.items() if key not in ("hex", "repeat")}
