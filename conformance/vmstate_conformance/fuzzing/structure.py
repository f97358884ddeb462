# SPDX-License-Identifier: Apache-2.0
"""Documents, states and streams built from bytes: what is legal saves, loads and comes back the same.

An input is a header of four bytes (genes of the document, genes of the state, how, area), then the
bytes that the document is built of, those of the state, and those that mutate the saved stream. What
each of the first two builds is kept, so that most runs are one load. `how` chooses the dialect, and
whether rules are broken, flags are odd or values are bent: then nothing is promised but an orderly end.
The area is that of the engine that the document keeps to.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from vmstate.check import check
from vmstate.dialects import Dialect
from vmstate.document import Document
from vmstate.errors import Abort, CaseError, Outcome
from vmstate.infos import INFOS
from vmstate.infos_plain import Number
from vmstate.jsonwriter import JSONWriter
from vmstate.layout import StructRef
from vmstate.load import Loader
from vmstate.save import Saver
from vmstate.state import Reader
from vmstate.stream import InputStream, OutputStream
from vmstate.trace import Trace
from vmstate_conformance.fuzzing import catalogue, dictionary
from vmstate_conformance.fuzzing.audit import Leaks, heap_holds, leak_sources, outcome_holds
from vmstate_conformance.fuzzing.catalogue import Destination
from vmstate_conformance.fuzzing.dialects import ALL, suited
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.kept import Kept
from vmstate_conformance.fuzzing.load import compare, result
from vmstate_conformance.fuzzing.names import renamed
from vmstate_conformance.fuzzing.target import Native, Target
from vmstate_conformance.strategies.areas import AREAS, older
from vmstate_conformance.strategies.builder import document
from vmstate_conformance.strategies.choices import GENE, Choices, from_bytes
from vmstate_conformance.strategies.landing import scrambled
from vmstate_conformance.strategies.mutate import mutate
from vmstate_conformance.strategies.odd import RULES, bent, illegal, loose, odd
from vmstate_conformance.strategies.plan import Plan
from vmstate_conformance.strategies.values import state
from vmstate_conformance.strategies.wire import Wire, wire

HEADER: Final = 4
#: The most genes of a document, and of a state.
GENES: Final = 32
#: What one run may use: what a document does a thousand times it does no otherwise than ten times.
LIMITS: Final = replace(catalogue.LIMITS, depth=24, output=1 << 13)
#: What may look like the beginning of a subsection's name must not reach the end of the stream.
_AFTER: Final = bytes(260)
#: Of the byte `how`, above two bits of dialect: hooks that fail, values that are bent before the save,
#: a broken rule, odd flags, odd names; all of that only where ANY is set.
LOOSE, BENT, BROKEN, ODD, NAMED, ANY = 0x04, 0x08, 0x10, 0x20, 0x40, 0x80
_AREAS: Final = tuple(AREAS.values())
_OLDER: Final = tuple(map(older, _AREAS))
#: What entries that stand for many may be of: one size each.
_EVEN: Final = frozenset(info.name for info in INFOS.values() if isinstance(info, Number))


@dataclass(frozen=True, slots=True)
class Parts:
    """An input taken apart."""

    document: bytes
    state: bytes
    how: int
    mutation: bytes
    area: int = 0

    def join(self) -> bytes:
        """Give the input again; what is too long for its header is cut."""
        genes, values = _genes(self.document), _genes(self.state)
        return b"".join(
            (
                bytes((genes, values, self.how, self.area)),
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
    how = data[2] if data[2] & ANY else data[2] & 3
    area = data[3] % len(_AREAS)
    return Parts(data[HEADER:first], data[first:second], how, data[second:], area)


@dataclass(slots=True, eq=False)
class Built:
    """A document, compiled; `plan` is that of the legal one that it was before it was made odd."""

    source: dict[str, Any]
    plan: Plan
    document: Document
    dialect: Dialect
    sources: Leaks
    promised: bool
    """Whether it must save, load, and come back the same."""
    broken: str = ""
    """The rule that it breaks, if one was to be broken."""


@dataclass(slots=True, eq=False)
class Sent:
    """A state in a heap, the stream that saving it gives, and a destination that takes that."""

    built: Built
    source: Any
    here: Destination
    wire: Wire
    there: Destination

    @property
    def size(self) -> int:
        """Give the bytes that keeping it takes, about: its heaps and what they go back to."""
        stored = self.here.mark.stored + self.there.mark.stored
        return 2 * stored + len(self.wire.stream) + _PART * len(self.wire.parts)


@dataclass(slots=True, eq=False)
class Arrival:
    """One load: the stream, the destination, and the version_id that it comes with."""

    stream: InputStream
    there: Destination
    version_id: int


#: What is kept of one byte of genes, in bytes, about: large documents leave room for fewer.
_GROWN: Final = 64
#: And a part of a stream.
_PART: Final = 192
_BUILT: Final[Kept[tuple[bytes, int, int], Built]] = Kept(512, 4 << 20)
_SENT: Final[Kept[tuple[bytes, bytes, int, int], Sent]] = Kept(1024, 16 << 20)
_QUIET: Final = Trace(recording=False)


def forget() -> None:
    """Forget all that has been built."""
    _BUILT.clear()
    _SENT.clear()


def run(data: bytes) -> None:
    """Build, save and load one input. Raises `Finding`."""
    parts = split(data)
    sent = prepared(parts)
    if not parts.mutation:
        return
    arrival = arriving(parts.mutation, sent)
    outcome = load(sent.built, arrival)
    outcome_holds(outcome, arrival.stream, by_number=sent.built.dialect.by_number)
    there = arrival.there
    if outcome is None or there.heap.made(there.mark):
        heap_holds(there.heap, there.root, sent.built.sources)
        # What is kept keeps nothing that a load has made.
        there.heap.reset(there.mark)


def observe(data: bytes) -> dict[str, Any]:
    """Give all that comes of an input: of the check, the save and the load."""
    parts = split(data)
    sent = prepared(parts)
    here = sent.here
    # Compiled once more: the compiler may be what is wrong.
    built = replace(sent.built, document=Document.from_json(sent.built.source))
    here.heap.reset(here.mark)
    saved = save(built, here, Trace(recording=False))
    arrival = arriving(parts.mutation, replace(sent, built=built))
    outcome = load(built, arrival)
    return {
        "check": checked(built),
        "save": saved if isinstance(saved, tuple) else _outcome(saved),
        **result(arrival.there, arrival.stream, outcome),
    }


def checked(built: Built) -> str:
    """Give what the check says: empty where it accepts."""
    try:
        check(built.document.root, built.dialect)
    except Outcome as outcome:
        return _outcome(outcome)
    return ""


def _outcome(outcome: Outcome) -> str:
    return f"{type(outcome).__name__} {outcome.error}"


def arriving(genes: bytes, sent: Sent) -> Arrival:
    """Choose how the stream is mutated, what follows it, where it arrives and as what version."""
    choices, built = Choices(from_bytes(genes)), sent.built
    version_id, there = built.document.root.version_id, sent.there
    choices.gene()
    stream = sent.wire.stream
    if genes and stream:
        _, stream = mutate(choices, sent.wire)
    elif genes:
        # Nothing was saved: whatever there is may come instead.
        stream = choices.take(3 * GENE)
    stream += bytes(choices.below(4))
    if choices.chance(40):
        version_id = choices.pick((version_id - 1, version_id + 1, 0, -1, 0x7FFF_FFFF))
        version_id = min(version_id, 0x7FFF_FFFF)
    if choices.chance(64):
        state_ = there.state if choices.chance(128) else sent.source
        there = placed(built, bent(choices, built.plan, state_))
    return Arrival(InputStream(stream), there, version_id)


def placed(built: Built, values: Any) -> Destination:
    """Put a state into a heap of its own."""
    return catalogue.destination(built.document, values, LIMITS)


def load(built: Built, arrival: Arrival) -> Outcome | None:
    """Load into the destination as it was; give what went wrong, if anything did."""
    there = arrival.there
    there.heap.reset(there.mark)
    _QUIET.clear()
    loader = Loader(arrival.stream, there.heap, built.dialect, _QUIET)
    try:
        loader.load_vmsd(built.document.root, there.root, arrival.version_id)
    except Outcome as outcome:
        return outcome
    return None


def prepared(parts: Parts) -> Sent:
    """Give the saved state of an input, built and checked when first seen. Raises `Finding`."""
    key = parts.document, parts.state, parts.how, parts.area
    sent = _SENT.get(key)
    if sent is None:
        first = parts.document, parts.how & ~BENT, parts.area
        built = _BUILT.get(first)
        if built is None:
            built = build(parts.document, parts.how, parts.area)
            _BUILT.put(first, built, _GROWN * len(parts.document))
        sent = send(built, parts.state, bending=bool(parts.how & BENT))
        genes = len(parts.document) + len(parts.state)
        _SENT.put(key, sent, _GROWN * genes + sent.size)
    return sent


def construct(genes: bytes, how: int, area: int = 0) -> Built:
    """Build a document, which must be well-formed. Raises `Finding`."""
    scope = (_OLDER if ALL[how & 3].absent else _AREAS)[area]
    # What is done to the document is chosen before it, from genes of its own, which never run out first.
    odds = Choices(from_bytes(genes[:_ODD_GENES]))
    choices = Choices(from_bytes(genes[_ODD_GENES if how & ANY else 0 :]))
    legal = document(choices, loose(scope) if how & LOOSE else scope)
    odds.gene(_ODD_GENES)
    if how & NAMED:
        legal = renamed(odds, legal, odd=how & (ODD | BROKEN) == ODD)
    source, broken = legal, ""
    if how & BROKEN:
        broken = odds.pick(tuple(RULES))
        source = illegal(odds, legal, broken) or legal
        broken = broken if source is not legal else ""
    elif how & ODD:
        source = odd(odds, legal)
    try:
        compiled = Document.from_json(source)
    except CaseError as error:
        raise Finding("ill-formed", error.rule, str(error)) from None
    dialect = suited(how & 3, compiled)
    if broken and not (
        dialect is ALL[how & 3] and (dialect.check_pointer_arrays or broken in _OLD)
    ):
        broken = ""
    # `rfc` takes its own markers for elements, and every array of pointers for an AUTO_ALLOC one.
    usual = not dialect.markers_unguarded
    sources = leak_sources(compiled, dialect)
    # Where hooks return numbers, one above 0 is a failure.
    hooks = dialect.by_number and any(vmsd.get("hooks") for vmsd in source["descriptions"].values())
    promised = usual and source is legal and not hooks and not how & (LOOSE | ODD)
    return Built(source, Plan(legal), compiled, dialect, sources, promised, broken)


def build(genes: bytes, how: int = 0, area: int = 0) -> Built:
    """Build a document; what is legal must be accepted, and what is not, refused. Raises `Finding`."""
    built = construct(genes, how, area)
    if built.dialect.markers_unguarded:
        return built
    said, broken = checked(built), built.broken
    if said and not how & (BROKEN | ODD):
        raise Finding("illegal", said, "a legal description is refused")
    if broken and not said.endswith(_SAID.get(broken, broken)):
        raise Finding("legal", broken, f"a description that breaks {broken}: {said or 'accepted'}")
    return built


#: The rules that the check has had from the beginning.
_OLD: Final = frozenset({"subsection-name", "missing-child", "circle"})
#: What the check says of the rules that kill it.
_SAID: Final = {"missing-child": "out-of-bounds", "circle": "out-of-bounds"}
_ODD_GENES: Final = 3 * GENE


def _other(kind: str) -> str:
    """Give what a destination has instead of a number, so that it shows whether one was loaded."""
    return "1" if kind == "bool" else "85"


def send(built: Built, genes: bytes, *, bending: bool = False) -> Sent:
    """Save a state, load it where it can land, and save it again. Raises `Finding`."""
    choices = Choices(from_bytes(genes))
    source = state(choices, built.plan)
    there = placed(built, scrambled(built.plan, source, _other))
    if bending:
        choices.gene(2 * GENE)
        source = bent(choices, built.plan, source)
    here = placed(built, source)
    trace = Trace(recording=True)
    saved = save(built, here, trace)
    promised = built.promised and not bending
    if isinstance(saved, Outcome):
        # What is beyond the model's bounds is nobody's fault.
        if promised and not (isinstance(saved, Abort) and saved.kind == "oom"):
            raise Finding("not-saved", saved.error, saved.message)
        return Sent(built, source, here, Wire(b"", (), ()), there)
    stream, described = saved
    sent = Sent(built, source, here, wire(stream, trace.segments, built.plan), there)
    if promised:
        _comes_back(sent)
        _described(built, stream, described)
    return sent


def save(
    built: Built, here: Destination, trace: Trace, *, described: bool = True
) -> tuple[bytes, str] | Outcome:
    """Save a state: the stream and its vmdesc (unless that is off), or what went wrong."""
    out = OutputStream(LIMITS.output)
    vmdesc = JSONWriter(LIMITS.output) if described else None
    vmsd = built.document.root
    saver = Saver(out, here.heap, built.dialect, vmdesc, trace)
    try:
        if vmdesc is not None:
            vmdesc.start_object()
        saver.save_vmsd(vmsd, here.root, vmsd.version_id)
        if vmdesc is not None:
            vmdesc.end_object()
    except Outcome as outcome:
        return outcome
    return bytes(out.data), "" if vmdesc is None else vmdesc.text()


def _comes_back(sent: Sent) -> None:
    """Load what was saved: the state is the same, all bytes are consumed, saving gives them again."""
    built, there, stream = sent.built, sent.there, sent.wire.stream
    loaded = InputStream(stream + _AFTER)
    outcome = load(built, Arrival(loaded, there, built.document.root.version_id))
    if outcome is not None:
        raise Finding("not-loaded", outcome.error, outcome.message)
    kind = StructRef(built.document.root.struct)
    value = Reader(built.document.layout, there.heap).value(kind, there.root)
    got = {"consumed": loaded.position, "state": value}
    compare({"consumed": len(stream), "state": sent.source}, got, "round-trip")
    heap_holds(there.heap, there.root, built.sources)
    again = save(built, there, _QUIET, described=False)
    if isinstance(again, Outcome):
        raise Finding("canonical", again.error, again.message)
    compare({"stream": stream}, {"stream": again[0]}, "canonical")


def _described(built: Built, stream: bytes, vmdesc: str) -> None:
    """Hold the vmdesc against the stream: each byte is an entry's, or a subsection's header's.

    Not where QEMU itself describes wrongly: runs of pointers that are NULL and not. [VMDESC-ARRAY-3]
    """
    fields = (field for vmsd in built.document.descriptions.values() for field in vmsd.fields)
    if any(field.is_pointer_array and not field.auto_alloc for field in fields):
        return
    accounted = _accounted(json.loads(vmdesc))
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
    """Give some hundred inputs: documents of every size, plain and mutated, and odd ones."""
    for at in range(96):
        document_, state_ = bytes(_spread(at, at % 9)), bytes(_spread(at + 7, at % 5))
        how = (at & 1) | (ANY | at * 4 & 0x7C if at % 3 == 0 else 0)
        mutation = bytes(_spread(at + 3, at % 3))
        yield Parts(document_, state_, how, mutation, at % len(_AREAS)).join()
    for at in range(800):
        made = fresh(random.Random(at), Parts(b"", b"", 0, b""), 15)  # noqa: S311 - reproducible
        yield made.join()


def _spread(start: int, genes: int) -> Iterator[int]:
    value = start * 2654435761 & 0xFFFFFFFF
    for _ in range(genes * GENE):
        value = (value * 1664525 + 1013904223) & 0xFFFFFFFF
        yield value >> 24


def case(data: bytes) -> dict[str, Any] | None:
    """Give the load that an input ends in, or the save or check where it does not come so far."""
    parts = split(data)
    built = construct(parts.document, parts.how, parts.area)
    head = {"dialect": built.dialect.name, "document": built.source}
    try:
        sent = prepared(parts)
    except Finding as finding:
        if finding.rule in ("illegal", "legal"):
            return {"op": "check", **head}
        values = state(Choices(from_bytes(parts.state)), built.plan)
        return {"op": "save", **head, "state": values}
    arrival = arriving(parts.mutation, sent)
    stream = arrival.stream.data if parts.mutation else sent.wire.stream + _AFTER
    return {
        "op": "load",
        **head,
        "destination": arrival.there.state,
        "version_id": arrival.version_id,
        "stream": stream.hex(),
    }


def asked(data: bytes, op: str) -> dict[str, Any]:
    """Give the check or the save of an input's document, legal or not."""
    parts = split(data)
    built = construct(parts.document, parts.how, parts.area)
    head = {"op": op, "dialect": built.dialect.name, "document": built.source}
    if op == "check":
        return head
    choices = Choices(from_bytes(parts.state))
    values = state(choices, built.plan)
    if parts.how & BENT:
        choices.gene(2 * GENE)
        values = bent(choices, built.plan, values)
    return {**head, "state": values}


def mutate_input(data: bytes, size: int, seed: int, native: Native) -> bytes:
    """Change one part of an input: mostly how the stream is mutated, sometimes what is sent."""
    parts = split(data)
    which = seed % 16
    if which < 6:
        new = replace(parts, mutation=native(parts.mutation, 4 * GENE))
    elif which < 8:
        new = replace(parts, state=native(parts.state, 8 * GENE))
    elif which < 10:
        new = replace(parts, document=native(parts.document, 16 * GENE))
    elif which == 10:
        new = replace(parts, how=seed >> 8 & 0xFF)
    elif which == 11:
        new = replace(parts, area=(seed >> 8) % len(_AREAS))
    else:
        new = fresh(random.Random(seed), parts, which)  # noqa: S311 - reproducible
    return new.join()[:size]


def fresh(source: random.Random, parts: Parts, which: int) -> Parts:
    """Exchange one part, or all, for chance: what is new of a kind need not grow byte by byte."""
    genes = source.randbytes(GENE * source.choice((1, 3, 6, 10, 16, 24)))
    if which == 12:
        return replace(parts, mutation=genes[: 3 * GENE])
    if which == 13:
        return replace(parts, state=genes[: 12 * GENE])
    strange = source.choice((LOOSE, BENT, BROKEN, ODD, ODD, ODD, NAMED, NAMED | ODD, ODD | BENT))
    strange |= ANY | source.randrange(4)
    how = source.choice((0, 1, 3, strange, strange, strange, ANY | source.randrange(0x80)))
    state_ = source.randbytes(GENE * source.choice((2, 4, 8, 12)))
    mutation = source.randbytes(2 * GENE)
    if how & ANY:
        genes += source.randbytes(_ODD_GENES)
    return Parts(genes, state_, how, mutation, source.randrange(len(_AREAS)))


def cross(one: bytes, other: bytes, size: int, seed: int) -> bytes:
    """Take each part from one input or the other; genes of documents change places one by one."""
    a, b = split(one), split(other)
    at = GENE * (seed >> 8 & 0xF)
    made = Parts(
        (b.document if seed & 1 else a.document[:at] + b.document[at:]),
        (a.state if seed & 2 else b.state),
        (a.how if seed & 4 else b.how),
        (a.mutation if seed & 8 else b.mutation),
        (a.area if seed & 4 else b.area),
    )
    return made.join()[:size]


TARGET: Final = Target(
    "structure",
    run,
    seeds,
    dictionary.markers,
    case,
    observe,
    max_len=1536,
    mutate=mutate_input,
    cross=cross,
)
