# SPDX-License-Identifier: Apache-2.0
"""Whole streams: read to the end or to a fault that says where, and written again byte for byte."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, Final

from vmstate.whole import Stream, open_file, read_file, wire
from vmstate.whole.errors import StreamFault
from vmstate.whole.fromjson import encode
from vmstate.whole.tojson import write
from vmstate_conformance.fuzzing import dictionary, streams
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.target import Native, Target
from vmstate_conformance.strategies import framing

_LONGEST: Final = 2000


def run(data: bytes) -> None:
    """Read a stream as JSON and write that again. Raises `Finding`."""
    parts: list[str] = []
    walker = open_file(data, spans=True)
    write(walker, parts.append)
    stream = walker.stream
    faults_hold(stream)
    if not stream.faults:
        spans_hold(stream)
    out = bytearray()
    try:
        encode(json.loads("".join(parts)), out.extend)
    except StreamFault as fault:
        raise Finding("not-written", fault.rule, str(fault)) from None
    if bytes(out) != data:
        kind = "sound" if not stream.faults else stream.faults[-1].rule
        at = next(
            (at for at, (a, b) in enumerate(zip(out, data, strict=False)) if a != b), len(out)
        )
        raise Finding("not-the-same", kind, f"{len(out)} bytes for {len(data)}, unlike at {at}")


def observe(data: bytes) -> tuple[str, list[Any], bytes]:
    """Give the stream as JSON, its spans, and what writing it again gives."""
    parts: list[str] = []
    walker = open_file(data, spans=True)
    write(walker, parts.append)
    out = bytearray()
    encode(json.loads("".join(parts)), out.extend)
    spans = [(span.path, span.offset, span.size) for span in walker.stream.spans or ()]
    return "".join(parts), spans, bytes(out)


def faults_hold(stream: Stream) -> None:
    """Check that each fault names a rule and a place in the file, in one line. Raises `Finding`."""
    for fault in stream.faults:
        if not 0 <= fault.offset <= stream.size:
            raise Finding("offset", fault.rule, f"{fault.offset} of {stream.size}")
        shown = str(fault)
        if len(shown.splitlines()) != 1 or len(shown) > _LONGEST:
            raise Finding("message", fault.rule, f"no single line: {shown[:200]!r}")


def spans_hold(stream: Stream) -> None:
    """Check that the spans of a sound file cover each byte once. Raises `Finding`."""
    at = 0
    for span in sorted(stream.spans or (), key=lambda span: (span.offset, span.size)):
        if span.offset != at and span.size:
            kind = "gap" if span.offset > at else "twice"
            raise Finding("spans", kind, f"{span.path} begins at {span.offset}, not {at}")
        at = max(at, span.offset + span.size)
    if at != stream.size:
        raise Finding("spans", "end", f"they end at {at} of {stream.size}")


def seeds() -> Iterator[bytes]:
    """Give small whole streams."""
    yield from streams.streams()


def tokens() -> Iterator[bytes]:
    """Give what frames a stream."""
    yield framing.HEADER
    yield framing.configuration()
    for kind in (wire.SECTION_START, wire.SECTION_FULL):
        for name, version in (("ram", 4), ("dev", 1), ("dirty-bitmap", 1), ("s390-skeys", 1)):
            yield bytes([kind, 0, 0, 0, 1]) + framing.counted(name) + bytes(7) + bytes([version])
    for kind in (wire.SECTION_PART, wire.SECTION_END, wire.SECTION_FOOTER):
        yield bytes([kind, 0, 0, 0, 1])
    for number in wire.COMMANDS:
        yield streams.command(number)
    for flag in (2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x200):
        yield framing.word(0, flag)
    for name in ("spapr/htab", "s390-storage_attributes", "configuration/capabilities"):
        yield framing.counted(name)
    yield bytes([wire.EOF]) + framing.vmdesc(streams.described())
    yield from dictionary.markers()


def mutate(data: bytes, size: int, seed: int, native: Native) -> bytes:
    """Put in, take out or replace a whole record of the stream, or change its bytes."""
    what = seed % 8
    if what < 4 and data:
        return native(data, size)
    source = random.Random(seed)  # noqa: S311 - reproducible is what it must be
    stream = read_file(data, select=lambda _label: False)
    edges = [item.offset for item in stream.items] or [0]
    if stream.fault is not None and not stream.items:
        parts = b"".join(streams.record(source) for _ in range(source.randrange(3)))
        payload, text = streams.grown(source)
        device = framing.section(wire.SECTION_FULL, 1, payload, "dev")
        vmdesc = framing.vmdesc(text) if what < 7 else b""
        made = framing.HEADER + streams.settings(source) + parts + device + b"\0" + vmdesc
        return made[:size]
    at, end = source.choice(edges), source.choice(edges)
    if what < 7:
        return (data[:at] + streams.record(source) + data[at:])[:size]
    return (data[: min(at, end)] + data[max(at, end) :])[:size]


def case(data: bytes) -> dict[str, Any]:
    """Give the stream."""
    return {"stream": data.hex()}


TARGET: Final = Target("container", run, seeds, tokens, case, observe, max_len=8192, mutate=mutate)
