# SPDX-License-Identifier: Apache-2.0
"""Streams as lists of annotated segments: `{"hex" or "repeat", "at", "note", "framing"}`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from vmstate.values import hexadecimal, integer, mapping, sequence

KEYS: Final = frozenset({"hex", "repeat", "at", "note", "framing"})
#: The longest stream of a case, in bytes.
MOST: Final = 4 << 20


def segment_bytes(segment: Mapping[str, Any], path: str = "stream") -> bytes:
    """Give the bytes of one segment. Raises `CaseError`."""
    if "repeat" not in segment:
        return hexadecimal(segment.get("hex"), f"{path}.hex")
    repeat = mapping(segment["repeat"], f"{path}.repeat", frozenset({"hex", "times"}))
    unit = hexadecimal(repeat.get("hex"), f"{path}.repeat.hex")
    times = integer(repeat.get("times"), f"{path}.repeat.times", range(MOST + 1))
    return unit * min(times, MOST // max(len(unit), 1) + 1)


def join(segments: object, path: str = "stream") -> bytes:
    """Join a stream given as segments or as one hex string. Raises `CaseError`."""
    if isinstance(segments, str):
        return hexadecimal(segments, path)
    parts = []
    for at, each in enumerate(sequence(segments, path)):
        segment = mapping(each, f"{path}[{at}]", KEYS)
        parts.append(segment_bytes(segment, f"{path}[{at}]"))
    return b"".join(parts)


def as_segments(stream: object, path: str = "stream") -> list[dict[str, Any]]:
    """Give a stream as a list of segments, which the caller may change. Raises `CaseError`."""
    if isinstance(stream, str):
        return [{"hex": stream}] if hexadecimal(stream, path) else []
    return [dict(mapping(each, path, KEYS)) for each in sequence(stream, path)]


def from_bytes(
    data: bytes, parts: Sequence[tuple[int, int, dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Cut bytes into segments at `(start, end, annotation)`, in order; what lies between has none."""
    out: list[dict[str, Any]] = []
    at = 0
    for start, end, annotation in parts:
        out += ({**_content(part)} for part in _cut_up(data[at:start]))
        if end > start:
            # What the end of the stream cut off has a place all the same.
            held = list(_cut_up(data[start:end])) or [b""]
            out += ({**_content(part), **annotation} for part in held)
        at = max(at, end)
    out += ({**_content(part)} for part in _cut_up(data[at:]))
    return out


def _cut_up(data: bytes) -> Iterator[bytes]:
    """Give the parts of a segment: long runs of one byte stand for themselves."""
    at = 0
    for run in _RUN.finditer(data):
        if run.start() > at:
            yield data[at : run.start()]
        yield run[0]
        at = run.end()
    if data[at:]:
        yield data[at:]


_LONG: Final = 64
#: A run that is worth a segment of its own, in the middle of others.
_RUN: Final = re.compile(rb"(?s)(.)\1{2047,}")


def _content(data: bytes) -> dict[str, Any]:
    if len(data) > _LONG and not data.strip(data[:1]):
        return {"repeat": {"hex": data[:1].hex(), "times": len(data)}}
    return {"hex": data.hex()}
