# SPDX-License-Identifier: Apache-2.0
"""The hypothesis strategies. Import them from `vmstate_conformance.strategies`.

Each draws genes of some bytes and leaves the rest to the builder that the fuzzers use too: that is
what makes them fast. A gene decides about one field, or the values of one struct; hypothesis takes
genes out and makes bytes zero, which is the simplest choice everywhere: that is how they shrink.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from hypothesis import note, reject
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from vmstate_conformance.strategies import builder, containing, mutate, odd, skew, values, wire
from vmstate_conformance.strategies.builder import Scope
from vmstate_conformance.strategies.casefile import Shown
from vmstate_conformance.strategies.choices import Choices
from vmstate_conformance.strategies.landing import cleared, scrambled
from vmstate_conformance.strategies.plan import Plan, State
from vmstate_conformance.strategies.tables import KINDS, SHAPE_BY_NAME, SPECIALS
from vmstate_conformance.strategies.wire import Wire

Document = dict[str, Any]

#: Names of the kinds of field that `documents` can be limited to.
FIELD_KINDS: Final = (*SHAPE_BY_NAME, *SPECIALS)

_MOST_FIELDS: Final = 255
_DEEPEST: Final = 16
_MOST_DEVICES: Final = 64
#: The bytes of a gene that are drawn.
_DRAWN: Final = 8
_GENE: Final = st.binary(min_size=_DRAWN, max_size=_DRAWN)
#: What follows from them: the same bytes times 3, 5, 7, ....
_FOLLOWING: Final = tuple(bytes(byte * by & 0xFF for byte in range(256)) for by in range(3, 17, 2))
#: The genes of a document, beside three for two fields.
_ENOUGH: Final = 2
#: The genes of a state, those of a whole stream, of a change, and of a history.
_STATE, _CONTAINER, _CHANGE, _HISTORY = 3, 6, 1, 2


class Mutated(NamedTuple):
    """A stream that a mutation has changed. `name` is a key of `MUTATIONS`."""

    name: str
    stream: bytes


class Broken(NamedTuple):
    """A document that vmstate_check() refuses, and the rule that it breaks."""

    rule: str
    document: Document


class Successor(NamedTuple):
    """The next release's document, and the steps that led to it."""

    steps: tuple[str, ...]
    document: Document


def _choices(draw: st.DrawFn, count: int, *, more: bool = False) -> Choices:
    """Make choices from so many genes; what comes after them is simple, or with `more` like them.

    All are drawn before the first is used: hypothesis, which copies one over another to make further
    examples, can do that without one missing at the end. Only a gene's first bytes are drawn; the
    others follow from them, zero from zero: what is not there need not be shrunk.
    """
    genes = [draw(_GENE) for _ in range(count)] or [bytes(_DRAWN)]
    taken = 0

    def take(size: int) -> bytes:
        nonlocal taken
        again, at = divmod(taken, len(genes))
        taken += 1
        if again and not more:
            return bytes(size)
        drawn = genes[at].translate(_FOLLOWING[-again % len(_FOLLOWING)]) if again else genes[at]
        if size <= _DRAWN:
            return drawn[:size]
        return (drawn + b"".join(map(drawn.translate, _FOLLOWING)))[:size]

    return Choices(take)


@st.composite
def documents(
    draw: st.DrawFn,
    *,
    min_fields: int = 1,
    max_fields: int = 12,
    max_depth: int = 3,
    kinds: Iterable[str] | None = None,
    subsections: bool = True,
    versions: bool = True,
    predicates: bool = True,
    failing_hooks: bool = False,
    lookalikes: bool = False,
) -> Document:
    """Generate documents of the case format: a layout and legal descriptions upon it.

    vmstate_check() accepts them, and whatever `states` makes for one can be saved and loaded again.
    There is room for `min_fields` to `max_fields` fields in all descriptions together, about, and for
    `max_depth` descriptions inside each other. `kinds` are the kinds of field to choose from (see
    `FIELD_KINDS`), all by default. `subsections`, `versions` and `predicates` say whether there are
    any. `failing_hooks` allows hooks that fail, and `lookalikes` names that make one subsection look
    like another's: both legal, and both able to keep what was saved from loading.
    """
    if not 1 <= min_fields <= max_fields <= _MOST_FIELDS:
        given = f"min_fields={min_fields!r} and max_fields={max_fields!r}"
        raise InvalidArgument(f"{given} are not from 1 to {_MOST_FIELDS} in this order")
    if not 1 <= max_depth <= _DEEPEST:
        raise InvalidArgument(f"max_depth={max_depth!r} is not from 1 to {_DEEPEST}")
    fields = draw(st.integers(min_fields, max_fields))
    count = _genes(draw, fields, max_fields)
    scope = Scope(
        fields=fields,
        depth=max_depth,
        kinds=_kinds(kinds),
        subsections=subsections,
        versions=versions,
        predicates=predicates,
        failing_hooks=failing_hooks,
        lookalikes=lookalikes,
    )
    return builder.document(_choices(draw, count), scope)


def _genes(draw: st.DrawFn, fields: int, most: int) -> int:
    """Choose how many genes a document of so many fields has: mostly as many as it needs.

    A number of its own is what lets hypothesis take out any of them.
    """
    enough = _ENOUGH + most * 3 // 2
    counts = (*range(enough), *(enough,) * enough)
    count: int = draw(st.sampled_from(counts))
    return min(count, _ENOUGH + fields * 3 // 2)


def _kinds(kinds: Iterable[str] | None) -> tuple[str, ...]:
    if kinds is None:
        return KINDS
    chosen = tuple(kinds)
    unknown = [kind for kind in chosen if kind not in FIELD_KINDS]
    if unknown or not chosen:
        raise InvalidArgument(f"kinds={chosen!r}: {unknown or 'none'} is not in FIELD_KINDS")
    return chosen


#: Documents by another name: the descriptions never stand without their layout.
descriptions = documents


@st.composite
def layouts(draw: st.DrawFn, *, max_members: int = 12) -> dict[str, Any]:
    """Generate layouts: the `structs` of a document, members in place and aligned as C has them."""
    if not 1 <= max_members <= _MOST_FIELDS:
        raise InvalidArgument(f"max_members={max_members!r} is not from 1 to {_MOST_FIELDS}")
    structs: dict[str, Any] = draw(documents(max_fields=max_members))["structs"]
    return structs


@st.composite
def states(draw: st.DrawFn, document: Mapping[str, Any]) -> State:
    """Generate states of a document's root struct that can be saved and loaded again.

    Counts agree with arrays and sizes with buffers, validations hold, and nothing that must be
    there is NULL; what a load makes itself is zero where no field sends it.
    """
    return values.state(_choices(draw, _STATE, more=True), planned(document))


@st.composite
def destinations(
    draw: st.DrawFn, document: Mapping[str, Any], state: State, *, odd_ones: bool = False
) -> State:
    """Generate states that a saved `state` can be loaded into: sent scalars are anything there.

    Lists and slots of AUTO_ALLOC arrays are empty. `odd_ones` changes other values too: pointers that
    are NULL or wild, blocks that are short, counts that disagree.
    """
    plan = planned(document)
    if odd_ones:
        return odd.bent(_choices(draw, _HISTORY), plan, cleared(plan, state))
    seed = draw(st.integers(0, 255))
    choices = Choices(lambda size: bytes((seed * at) & 0xFF for at in range(1, size + 1)))
    return scrambled(plan, state, lambda kind: str(values.scalar(choices, kind)))


@st.composite
def streams(
    draw: st.DrawFn,
    document: Mapping[str, Any],
    state: State,
    *,
    canonical: bool = True,
) -> Wire:
    """Generate streams of a state, taken apart: `Wire.stream` is the bytes, `Wire.parts` what they are.

    There is one `canonical` stream. Others load alike although no save sends them: booleans other
    than 1, garbage in unused bytes, high bits of a subsection's version.
    Draws are rejected where the state cannot be saved.
    """
    made = wire.save(document, planned(document), state)
    if made is None:
        reject()
    if canonical:
        return made
    respelled = mutate.respell(_choices(draw, _CHANGE), made)
    return Wire(respelled, made.parts, made.subsections)


@st.composite
def mutations(draw: st.DrawFn, stream: Wire, *, names: Iterable[str] | None = None) -> Mutated:
    """Generate streams with one thing changed: a marker, count, version, name, length, order or end.

    `names` limits them to some of `MUTATIONS`. Where a stream has no room for one, another comes.
    """
    chosen = _known(names, mutate.MUTATIONS, "names")
    choices = _choices(draw, _CHANGE)
    start = choices.below(len(chosen))
    for name in (*chosen[start:], *chosen[:start]):
        mutated = mutate.MUTATIONS[name](choices, stream)
        if mutated is not None:
            return Mutated(name, mutated)
    return Mutated("truncate", stream.stream[: choices.place(len(stream.stream) + 1)])


@st.composite
def illegal_descriptions(
    draw: st.DrawFn, *, rules: Iterable[str] | None = None, max_fields: int = 12
) -> Broken:
    """Generate documents that break one rule of vmstate_check(), and say which.

    `rules` limits them to some of `RULES`.
    """
    chosen = _known(rules, odd.RULES, "rules")
    rule = draw(st.sampled_from(chosen))
    least = min(2, max_fields)  # a field, and one of its child's
    document = draw(documents(min_fields=least, max_fields=max_fields, kinds=_BREAKABLE.get(rule)))
    broken = odd.illegal(_choices(draw, _CHANGE), document, rule)
    if broken is None:
        reject()
    return Broken(rule, broken)


#: Kinds that give a rule something to be broken at.
_BREAKABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "auto-alloc-needs-size": tuple(n for n in SHAPE_BY_NAME if "-auto-" in n),
    "pointer-array-has-size": tuple(n for n in SHAPE_BY_NAME if "-pointers-" in n),
    "pointer-array-needs-array": tuple(
        n for n in SHAPE_BY_NAME if "-pointers-" in n or "-auto-" in n
    ),
    "auto-alloc-needs-pointer-array": tuple(n for n in SHAPE_BY_NAME if "-inline-" in n),
    "missing-child": tuple(n for n in SHAPE_BY_NAME if "struct-" in n),
    "circle": tuple(n for n in SHAPE_BY_NAME if "struct-" in n),
}


@st.composite
def successors(
    draw: st.DrawFn, document: Mapping[str, Any], *, steps: Iterable[str] | None = None
) -> Successor:
    """Generate what the next release makes of a document: a field more, a subsection, one less, ….

    `steps` limits the history to some of `STEPS`.
    """
    chosen = _known(steps, skew.STEPS, "steps")
    names, newer = skew.evolved(_choices(draw, _HISTORY), dict(document), chosen)
    return Successor(names, newer)


@st.composite
def migrations(draw: st.DrawFn, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Generate requests of a load into `new` of what `old` has saved, at the old version.

    The documents are of one device in two releases (see `successors`), in either order.
    Draws are rejected where the state cannot be saved.
    """
    sent = draw(states(old))
    stream = draw(streams(old, sent))
    older, root = planned(old), dict(new)
    return {
        "op": "load",
        "document": root,
        "destination": skew.carried(root, cleared(older, sent)),
        "version_id": older.root.version_id,
        "stream": stream.stream.hex(),
    }


@st.composite
def containers(
    draw: st.DrawFn,
    *,
    max_devices: int = 3,
    max_fields: int = 5,
    kinds: Iterable[str] | None = None,
) -> containing.Container:
    """Generate whole savevm streams of one to `max_devices` devices that share a document.

    `max_fields` and `kinds` are those of `documents`. `Container.request()` is a load of it.
    Draws are rejected where the devices cannot be saved.
    """
    if not 1 <= max_devices <= _MOST_DEVICES:
        raise InvalidArgument(f"max_devices={max_devices!r} is not from 1 to {_MOST_DEVICES}")
    document = draw(documents(max_fields=max_fields, kinds=kinds))
    made = containing.container(_choices(draw, _CONTAINER, more=True), document, max_devices)
    if made is None:
        reject()
    return made


@st.composite
def damages(draw: st.DrawFn, container: containing.Container) -> Mutated:
    """Generate what becomes of a whole stream when one thing goes wrong with its framing."""
    return Mutated(*containing.damaged(_choices(draw, _CHANGE), container))


def _known(names: Iterable[str] | None, table: Mapping[str, Any], word: str) -> Sequence[str]:
    if names is None:
        return tuple(table)
    chosen = tuple(names)
    if not chosen or not table.keys() >= set(chosen):
        raise InvalidArgument(f"{word}={chosen!r} are not some of {', '.join(table)}")
    return chosen


def note_case(request: Mapping[str, Any], expect: Mapping[str, Any] | None = None) -> None:
    """Let a failing test print the request as a case file, ready to be saved and run.

    `expect` is the result that is wanted; by default it is what the reference says.
    """
    note(Shown(request, expect))


_PLANS: Final[list[tuple[Mapping[str, Any], Plan]]] = []


def planned(document: Mapping[str, Any]) -> Plan:
    """Give the plan of a document, made once for the documents that were asked about last."""
    for known, plan in _PLANS:
        if known is document:
            return plan
    plan = Plan(document)
    _PLANS.insert(0, (document, plan))
    del _PLANS[4:]
    return plan
