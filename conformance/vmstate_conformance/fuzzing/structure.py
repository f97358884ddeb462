# SPDX-License-Identifier: Apache-2.0
"""Documents, states and streams built from bytes: what is legal saves, loads and comes back the same.

An input is a header of three bytes (genes of the document, genes of the state, dialect), then the
bytes that the document is built of, those of the state, and those that mutate the saved stream. What
each of the first two builds is kept, so that most runs are one load.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from vmstate.check import check
from vmstate.dialects import DIALECTS, Dialect
from vmstate.document import Document
from vmstate.errors import CaseError, Outcome
from vmstate.heap import Heap
from vmstate.infos import INFOS
from vmstate.infos_plain import Number
from vmstate.jsonwriter import JSONWriter
from vmstate.layout import StructRef
from vmstate.load import Loader
from vmstate.save import Saver
from vmstate.state import Reader, Writer
from vmstate.stream import InputStream, OutputStream
from vmstate.trace import Trace
from vmstate_conformance.fuzzing import dictionary
from vmstate_conformance.fuzzing.audit import Leaks, heap_holds, leak_sources, outcome_holds
from vmstate_conformance.fuzzing.catalogue import LIMITS, Destination, destination
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.kept import Kept
from vmstate_conformance.fuzzing.load import compare
from vmstate_conformance.fuzzing.target import Native, Target
from vmstate_conformance.strategies.builder import MEDIUM, document
from vmstate_conformance.strategies.choices import GENE, Choices, from_bytes
from vmstate_conformance.strategies.landing import cleared
from vmstate_conformance.strategies.mutate import mutate
from vmstate_conformance.strategies.plan import Plan
from vmstate_conformance.strategies.values import state
from vmstate_conformance.strategies.wire import Wire, wire

HEADER: Final = 3
#: The most genes of a document, and of a state.
GENES: Final = 32
#: What may look like the beginning of a subsection's name must not reach the end of the stream.
_AFTER: Final = bytes(260)
#: The dialects that load what they save; `rfc` takes its own markers for elements.
_DIALECTS: Final = tuple(each for each in DIALECTS.values() if not each.markers_unguarded)
#: What entries that stand for many may be of: one size each.
_EVEN: Final = frozenset(info.name for info in INFOS.values() if isinstance(info, Number))


@dataclass(frozen=True, slots=True)
class Parts:
    """An input taken apart."""

    document: bytes
    state: bytes
    dialect: int
    mutation: bytes

    def join(self) -> bytes:
        """Give the input again; what is too long for its header is cut."""
        genes, values = _genes(self.document), _genes(self.state)
        return b"".join(
            (
                bytes((genes, values, self.dialect)),
                self.document[: genes * GENE].ljust(genes * GENE, b"\0"),
                self.state[: values * GENE].ljust(values * GENE, b"\0"),
                self.mutation,
            )
        )


def _genes(data: bytes) -> int:
    return min(-(-len(data) // GENE), GENES)


def split(data: bytes) -> Parts:
    """Take an input apart; any bytes are one."""
    if len(data) < HEADER:
        data = data.ljust(HEADER, b"\0")
    first = HEADER + data[0] % (GENES + 1) * GENE
    second = first + data[1] % (GENES + 1) * GENE
    return Parts(data[HEADER:first], data[first:second], data[2], data[second:])


@dataclass(slots=True, eq=False)
class Built:
    """A document, compiled."""

    source: dict[str, Any]
    plan: Plan
    document: Document
    sources: Leaks


@dataclass(slots=True, eq=False)
class Sent:
    """A state, saved, and the destination that takes it."""

    built: Built
    source: Any
    wire: Wire
    there: Destination


_BUILT: Final[Kept[bytes, Built]] = Kept(256)
_SENT: Final[Kept[tuple[bytes, bytes, int], Sent]] = Kept(512)
_QUIET: Final = Trace(recording=False)


def run(data: bytes) -> None:
    """Build, save and load one input. Raises `Finding`."""
    parts = split(data)
    sent, dialect = prepared(parts), _DIALECTS[parts.dialect % len(_DIALECTS)]
    if not parts.mutation:
        return
    stream = InputStream(mutated(parts.mutation, sent.wire))
    outcome = load(sent, stream, dialect)
    outcome_holds(outcome, stream)
    if outcome is None or sent.there.heap.made(sent.there.mark):
        heap_holds(sent.there.heap, sent.there.root, sent.built.sources)


def mutated(genes: bytes, sent: Wire) -> bytes:
    """Mutate a stream; what the last gene leaves over follows it."""
    choices = Choices(from_bytes(genes))
    choices.gene()
    _, stream = mutate(choices, sent)
    return stream + bytes(choices.below(4))


def load(sent: Sent, stream: InputStream, dialect: Dialect) -> Outcome | None:
    """Load into the destination as it was; give what went wrong, if anything did."""
    there = sent.there
    there.heap.reset(there.mark)
    _QUIET.clear()
    root = sent.built.document.root
    try:
        Loader(stream, there.heap, dialect, _QUIET).load_vmsd(root, there.root, root.version_id)
    except Outcome as outcome:
        return outcome
    return None


def prepared(parts: Parts) -> Sent:
    """Give the saved state of an input, built and checked when first seen. Raises `Finding`."""
    chosen = parts.dialect % len(_DIALECTS)
    key = parts.document, parts.state, chosen
    sent = _SENT.get(key)
    if sent is None:
        built = _BUILT.get(parts.document)
        if built is None:
            built = _BUILT.put(parts.document, build(parts.document, _DIALECTS[chosen]))
        sent = _SENT.put(key, send(built, parts.state, _DIALECTS[chosen]))
    return sent


def build(genes: bytes, dialect: Dialect) -> Built:
    """Build a document, which must be well-formed and legal. Raises `Finding`."""
    source = document(Choices(from_bytes(genes)), MEDIUM)
    try:
        compiled = Document.from_json(source)
        check(compiled.root, dialect)
    except CaseError as error:
        raise Finding("ill-formed", error.rule, str(error)) from None
    except Outcome as outcome:
        raise Finding("illegal", outcome.error, outcome.message) from None
    return Built(source, Plan(source), compiled, leak_sources(compiled.root, dialect))


def send(built: Built, genes: bytes, dialect: Dialect) -> Sent:
    """Save a state, load it where it can land, and save it again. Raises `Finding`."""
    source = state(Choices(from_bytes(genes)), built.plan)
    heap = Heap(LIMITS)
    try:
        root = Writer(built.document.layout, heap).struct(built.document.root.struct, source)
        there = destination(built.document, cleared(built.plan, source))
    except CaseError as error:
        raise Finding("ill-formed", error.rule, str(error)) from None
    trace = Trace(recording=True)
    stream, described = save(built, heap, root, dialect, trace)
    sent = Sent(built, source, wire(stream, trace.segments, built.plan), there)
    _comes_back(sent, stream, dialect)
    _described(built, stream, described)
    return sent


def save(
    built: Built, heap: Heap, root: int, dialect: Dialect, trace: Trace
) -> tuple[bytes, JSONWriter]:
    """Save a state; what the builder makes, saves. Raises `Finding`."""
    out, vmdesc = OutputStream(LIMITS.output), JSONWriter(LIMITS.output)
    vmsd = built.document.root
    try:
        vmdesc.start_object()
        Saver(out, heap, dialect, vmdesc, trace).save_vmsd(vmsd, root, vmsd.version_id)
        vmdesc.end_object()
    except Outcome as outcome:
        raise Finding("not-saved", outcome.error, outcome.message) from None
    return bytes(out.data), vmdesc


def _comes_back(sent: Sent, stream: bytes, dialect: Dialect) -> None:
    """Load what was saved: the state is the same, all bytes are consumed, saving gives them again."""
    built, there = sent.built, sent.there
    loaded = InputStream(stream + _AFTER)
    outcome = load(sent, loaded, dialect)
    if outcome is not None:
        raise Finding("not-loaded", outcome.error, outcome.message)
    kind = StructRef(built.document.root.struct)
    value = Reader(built.document.layout, there.heap).value(kind, there.root)
    got = {"consumed": loaded.position, "state": value}
    compare({"consumed": len(stream), "state": sent.source}, got, "round-trip")
    heap_holds(there.heap, there.root, built.sources)
    again, _ = save(built, there.heap, there.root, dialect, _QUIET)
    compare({"stream": stream}, {"stream": again}, "canonical")


def _described(built: Built, stream: bytes, vmdesc: JSONWriter) -> None:
    """Hold the vmdesc against the stream: each byte is an entry's, or a subsection's header's.

    Not where QEMU itself describes wrongly: runs of pointers that are NULL and not. [VMDESC-ARRAY-3]
    """
    fields = (field for vmsd in built.document.descriptions.values() for field in vmsd.fields)
    if any(field.is_pointer_array and not field.auto_alloc for field in fields):
        return
    accounted = _accounted(json.loads(vmdesc.text()))
    if accounted is not None and accounted != len(stream):
        raise Finding("vmdesc", "size", f"{accounted} bytes described, {len(stream)} sent")


def _accounted(vmsd: dict[str, Any]) -> int | None:
    """Sum up a description's sizes; None where one entry stands for things of unlike sizes."""
    total = 0
    for entry in vmsd["fields"]:
        count = entry.get("array_len", 1)
        if count > 1 and entry["type"] not in _EVEN:
            return None
        total += entry["size"] * count
    for sub in vmsd.get("subsections", ()):
        inner = _accounted(sub)
        if inner is None:
            return None
        total += 6 + (len(sub["vmsd_name"].encode()) & 0xFF) + inner
    return total


def seeds() -> Iterator[bytes]:
    """Give a few dozen inputs: documents of every size, plain and mutated."""
    for at in range(96):
        document_, state_ = bytes(_spread(at, at % 9)), bytes(_spread(at + 7, at % 5))
        yield Parts(document_, state_, at & 1, bytes(_spread(at + 3, at % 3))).join()


def _spread(start: int, genes: int) -> Iterator[int]:
    value = start * 2654435761 & 0xFFFFFFFF
    for _ in range(genes * GENE):
        value = (value * 1664525 + 1013904223) & 0xFFFFFFFF
        yield value >> 24


def case(data: bytes) -> dict[str, Any] | None:
    """Give the load that an input ends in, or the save where it does not come so far."""
    parts = split(data)
    dialect = _DIALECTS[parts.dialect % len(_DIALECTS)]
    source = document(Choices(from_bytes(parts.document)), MEDIUM)
    plan = Plan(source)
    values = state(Choices(from_bytes(parts.state)), plan)
    head = {"dialect": dialect.name, "document": source}
    try:
        sent = prepared(parts)
    except Finding:
        return {"op": "save", **head, "state": values}
    stream = mutated(parts.mutation, sent.wire) if parts.mutation else sent.wire.stream + _AFTER
    return {
        "op": "load",
        **head,
        "destination": cleared(plan, values),
        "version_id": plan.root.version_id,
        "stream": stream.hex(),
    }


def mutate_input(data: bytes, size: int, seed: int, native: Native) -> bytes:
    """Change one part of an input: mostly how the stream is mutated, sometimes what is sent."""
    parts = split(data)
    which = seed % 16
    if which < 9:
        new = Parts(parts.document, parts.state, parts.dialect, native(parts.mutation, GENE))
    elif which < 13:
        new = Parts(parts.document, native(parts.state, 8 * GENE), parts.dialect, parts.mutation)
    elif which < 15:
        new = Parts(native(parts.document, 16 * GENE), parts.state, parts.dialect, parts.mutation)
    else:
        new = Parts(parts.document, parts.state, seed >> 8 & 0xFF, parts.mutation)
    return new.join()[:size]


def cross(one: bytes, other: bytes, size: int, seed: int) -> bytes:
    """Take each part from one input or the other; genes of documents change places one by one."""
    a, b = split(one), split(other)
    at = GENE * (seed >> 8 & 0xF)
    made = Parts(
        (b.document if seed & 1 else a.document[:at] + b.document[at:]),
        (a.state if seed & 2 else b.state),
        (a.dialect if seed & 4 else b.dialect),
        (a.mutation if seed & 8 else b.mutation),
    )
    return made.join()[:size]


TARGET: Final = Target(
    "structure",
    run,
    seeds,
    dictionary.markers,
    case,
    max_len=1024,
    mutate=mutate_input,
    cross=cross,
)
