# SPDX-License-Identifier: Apache-2.0
"""Requests by the thousand, from a seed: what two implementations are compared with.

    for request in cases(seed=1, count=200_000): ...

Nothing is promised of a request but that it is well-formed: descriptions may be illegal, streams cut,
destinations wild. No hypothesis is needed, and the same arguments give the same requests.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

from vmstate.errors import CaseError
from vmstate_conformance.strategies import odd, skew
from vmstate_conformance.strategies.builder import MEDIUM, Scope, document
from vmstate_conformance.strategies.choices import Choices
from vmstate_conformance.strategies.landing import cleared
from vmstate_conformance.strategies.mutate import mutate
from vmstate_conformance.strategies.plan import Plan, State
from vmstate_conformance.strategies.values import state
from vmstate_conformance.strategies.wire import Wire, save

Request = dict[str, Any]

_MUTATIONS: Final = 8
#: What may follow in a real stream, so that its end does not decide all.
_AFTER: Final = b"\0" * 4


def cases(seed: int, count: int, scope: Scope = MEDIUM) -> Iterator[Request]:
    """Yield `count` requests: check, save and load, as the case format has them.

    `scope` bounds the documents; its promises are loosened for half of them.
    """
    made, family = 0, 0
    while made < count:
        source = random.Random(f"{seed}:{family}")  # noqa: S311 - nobody must not guess it
        for request in _family(source, scope):
            yield request
            made += 1
            if made == count:
                return
        family += 1


def _family(source: random.Random, scope: Scope) -> Iterator[Request]:
    """Yield what is asked about one document."""
    choices = Choices(source.randbytes)
    built = document(choices, scope if choices.chance(128) else odd.loose(scope))
    try:
        yield from _legal(choices, built)
        choices.gene()
        yield from _illegal(choices, built)
    except CaseError as error:
        raise AssertionError(f"a request is ill-formed: {error}") from None


def _legal(choices: Choices, built: dict[str, Any]) -> Iterator[Request]:
    plan = Plan(built)
    sent = state(choices, plan)
    yield {"op": "check", "document": built}
    yield _save(built, sent)
    wire = save(built, plan, sent)
    if wire is None:
        return
    destination = cleared(plan, sent)
    version = plan.root.version_id
    yield load(built, destination, version, wire.stream + _AFTER[: choices.below(4)])
    for _ in range(_MUTATIONS):
        choices.gene()
        mutated = mutated_once_or_twice(choices, wire)
        there = destination
        if choices.chance(48):
            there = odd.bent(choices, plan, destination)
        yield load(built, there, version, mutated + _AFTER[: choices.below(4)])
    yield from _elsewhere(choices, built, plan, sent, wire)
    yield from _skewed(choices, built, sent, wire)


def mutated_once_or_twice(choices: Choices, wire: Wire) -> bytes:
    """Mutate a stream, and sometimes the end of it once more."""
    _, mutated = mutate(choices, wire)
    if mutated and choices.chance(48):
        at = choices.place(len(mutated))
        mutated = mutated[:at] + bytes([choices.byte()]) + mutated[at + 1 :]
    return mutated


def _elsewhere(
    choices: Choices, built: dict[str, Any], plan: Plan, sent: State, wire: Wire
) -> Iterator[Request]:
    """Yield loads into other destinations, and with other versions."""
    version = plan.root.version_id
    minimum = built["descriptions"][built["root"]]["minimum_version_id"]
    stream = wire.stream + _AFTER
    choices.gene(64)
    there = (
        sent,
        plan.zero({"struct": plan.root.struct}),
        odd.bent(choices, plan, cleared(plan, sent)),
        odd.bent(choices, plan, cleared(plan, sent)),
        cleared(plan, state(choices, plan)),
    )
    for destination in there:
        yield load(built, destination, version, stream)
    choices.gene()
    other = choices.pick((version - 1, minimum, minimum - 1, version + 1, 0, -1, 0x7FFF_FFFF))
    yield load(built, cleared(plan, sent), other, stream)
    yield _save(built, odd.bent(choices, plan, sent))


def _skewed(choices: Choices, older: dict[str, Any], sent: State, wire: Wire) -> Iterator[Request]:
    """Yield migrations to the next release and back."""
    choices.gene(64)
    _, newer = skew.evolved(choices, older)
    plan, kept = Plan(newer), cleared(Plan(older), sent)
    there = skew.carried(newer, kept)
    version = older["descriptions"][older["root"]]["version_id"]
    yield load(newer, there, version, wire.stream + _AFTER)
    lately = skew.carried(newer, sent)
    for name in lately:
        if name not in sent:
            lately[name] = str(choices.byte() & 1)
    yield _save(newer, lately)
    back = save(newer, plan, lately)
    if back is not None:
        yield load(older, kept, plan.root.version_id, back.stream + _AFTER)
        yield load(older, kept, version, back.stream + _AFTER)


def _illegal(choices: Choices, built: dict[str, Any]) -> Iterator[Request]:
    """Yield checks of documents that break a rule, and all operations upon odd ones."""
    plan = Plan(built)
    for rule in (choices.pick(tuple(odd.RULES)), choices.pick(tuple(odd.RULES))):
        broken = odd.illegal(choices, built, rule)
        if broken is not None:
            yield {"op": "check", "document": broken}
    for _ in range(2):
        choices.gene(64)
        changed = odd.odd(choices, built)
        sent = state(choices, plan)
        yield {"op": "check", "document": changed}
        yield _save(changed, sent)
        yield load(changed, cleared(plan, sent), plan.root.version_id, choices.take(24) + _AFTER)
        wire = save(built, plan, sent)
        if wire is not None:
            version = changed["descriptions"][changed["root"]]["version_id"]
            yield load(changed, cleared(plan, sent), version, wire.stream + _AFTER)


def _save(built: dict[str, Any], sent: State) -> Request:
    return {"op": "save", "document": built, "state": sent}


def load(built: dict[str, Any], destination: State, version_id: int, stream: bytes) -> Request:
    """Make a request of a load."""
    head = {"op": "load", "document": built, "destination": destination}
    return {**head, "version_id": version_id, "stream": stream.hex()}
