# SPDX-License-Identifier: Apache-2.0
"""An annotated dump of a stream: offset, bytes, type, value and field path of each part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from vmstate.dialects import DEFAULT_DIALECT
from vmstate.operations import perform
from vmstate.trace import Segment, Trace
from vmstate.values import hexadecimal

_PER_LINE: Final = 8
_LINES: Final = 4


def annotate(
    request: Mapping[str, Any], *, dialect: str = DEFAULT_DIALECT, profile: str = "compat"
) -> tuple[dict[str, Any], list[Segment], bytes]:
    """Perform a save or load; give its result, the segments it passed, and the stream.

    Bytes that no segment covers were never consumed. Raises `CaseError`.
    """
    trace = Trace(recording=True)
    result = perform(request, dialect=dialect, profile=profile, trace=trace)
    if request["op"] in ("load", "stream"):
        return result, trace.segments, hexadecimal(request["stream"], "stream")
    return result, trace.segments, bytes.fromhex(result.get("stream", ""))


def dump(
    segments: Iterable[Segment], stream: bytes, fault: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """Give the lines of a dump in five columns, what was not consumed last.

    `fault` is a result that is no success; a line marks where it happened.
    """
    yield f"{'offset':>8}  {'bytes':<{3 * _PER_LINE - 1}}  {'type':<14}  {'value':<20}  path"
    end = 0
    for segment in sorted(segments, key=lambda segment: segment.start):
        if segment.start > end:
            yield from _lines(end, stream[end : segment.start], "", "", "")
        value = str(segment.value)
        data = stream[segment.start : segment.end]
        yield from _lines(segment.start, data, segment.type, value, segment.path)
        end = segment.end
    if fault is not None:
        where = fault.get("path") or "the root"
        kind = fault.get("error") or fault.get("abort")
        yield f"{'':>8}  ^^ {kind} at {where}: {fault.get('message', '')}"
    if end < len(stream):
        yield from _lines(end, stream[end:], "not consumed", "", "")


def _lines(offset: int, data: bytes, kind: str, value: str, path: str) -> Iterator[str]:
    shown = min(len(data), _PER_LINE * _LINES)
    for at in range(0, max(shown, 1), _PER_LINE):
        row = data[at : min(at + _PER_LINE, shown)].hex(" ")
        columns = (kind[:14], value[:20], path) if not at else ("", "", "")
        line = f"{offset + at:>8x}  {row:<{3 * _PER_LINE - 1}}  {columns[0]:<14}  {columns[1]:<20}"
        yield f"{line}  {columns[2]}".rstrip()
    if shown < len(data):
        yield f"{'':>8}  ... {len(data) - shown} more bytes"
