# SPDX-License-Identifier: Apache-2.0
"""The generator: the same from the same seed, well-formed, and with all outcomes in it."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest

from vmstate.operations import perform
from vmstate_conformance.strategies import odd, skew
from vmstate_conformance.strategies.areas import AREAS
from vmstate_conformance.strategies.builder import MEDIUM, SMALL, document
from vmstate_conformance.strategies.choices import Choices
from vmstate_conformance.strategies.generate import cases
from vmstate_conformance.strategies.landing import cleared
from vmstate_conformance.strategies.mutate import MUTATIONS
from vmstate_conformance.strategies.plan import Plan
from vmstate_conformance.strategies.values import state
from vmstate_conformance.strategies.wire import Wire, save


def choices(seed: int) -> Choices:
    return Choices(random.Random(seed).randbytes)


def test_a_seed_gives_the_same_requests_and_another_seed_others() -> None:
    first = list(cases(1, 80, SMALL))
    assert first == list(cases(1, 80, SMALL))
    assert first != list(cases(2, 80, SMALL))
    assert len(first) == 80


def test_requests_are_well_formed_and_have_many_outcomes() -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for request in cases(3, 1500, SMALL):
        result = perform(request)
        seen[request["op"], result["verdict"]] += 1
        seen["error", str(result.get("error") or result.get("rule"))] += 1
    assert min(seen["check", "valid"], seen["check", "invalid"], seen["save", "ok"]) > 25
    assert min(seen["load", "accept"], seen["load", "reject"], seen["load", "abort"]) > 25
    assert {error for kind, error in seen if kind == "error"} >= {
        "destination-not-null",
        "null-array",
        "out-of-bounds",
        "stream-error",
        "unexpected-ptr-marker",
        "unknown-subsection",
        "version-too-new",
        "version-too-old",
    }


@pytest.mark.parametrize("rule", list(odd.RULES))
def test_an_illegal_document_breaks_the_rule_that_was_asked_for(rule: str) -> None:
    broken = 0
    for seed in range(120):
        drawn = choices(seed)
        made = odd.illegal(drawn, document(drawn, MEDIUM), rule)
        if made is None:
            continue
        result = perform({"op": "check", "document": made})
        assert result["verdict"] != "valid", seed
        assert result.get("rule", result.get("error")) in (rule, "out-of-bounds"), seed
        broken += 1
    assert broken > 10


@pytest.fixture(scope="module")
def wires() -> list[Wire]:
    made: list[Wire] = []
    scopes = [MEDIUM, *AREAS.values(), *(AREAS["subsections"],) * 4]
    for seed in range(400):
        drawn = choices(seed)
        built = document(drawn, scopes[seed % len(scopes)])
        plan = Plan(built)
        wire = save(built, plan, state(drawn, plan))
        assert wire is not None
        made.append(wire)
    return made


def test_the_parts_of_a_wire_cover_it_in_order(wires: list[Wire]) -> None:
    for wire in wires:
        assert all(one.end == other.start for one, other in pairwise(wire.parts))
        ends = [0, 0] if not wire.parts else [wire.parts[0].start, wire.parts[-1].end]
        assert ends == [0, len(wire.stream)]
        for part in wire.of("subsection"):
            assert wire.stream[part.start] == 5
            assert part.end - part.start == 6 + wire.stream[part.start + 1]
        assert all(wire.stream[part.start] in b"01" for part in wire.of("marker"))


@pytest.mark.parametrize("name", list(MUTATIONS))
def test_each_mutation_changes_some_stream(name: str, wires: list[Wire]) -> None:
    drawn = choices(5)
    changed = [wire for wire in wires if MUTATIONS[name](drawn, wire) not in (None, wire.stream)]
    assert len(changed) >= 5


def test_a_compatible_history_loads_what_the_older_sent() -> None:
    for seed in range(80):
        drawn = choices(seed)
        older = document(drawn, SMALL)
        plan = Plan(older)
        sent = state(drawn, plan)
        wire = save(older, plan, sent)
        newer = older
        for step in ("field", "subsection", "reordered"):
            newer = _stepped(drawn, newer, step)
        assert wire is not None
        result = perform(
            {
                "op": "load",
                "document": newer,
                "destination": skew.carried(newer, cleared(plan, sent)),
                "version_id": plan.root.version_id,
                "stream": wire.stream.hex() + "00" * 260,
            }
        )
        assert result["verdict"] == "accept", seed
        assert result["state"] == skew.carried(newer, sent), seed


def _stepped(drawn: Choices, built: skew.Document, step: str) -> skew.Document:
    newer: skew.Document = odd.copied(built)
    skew.STEPS[step](drawn, newer)
    return newer
