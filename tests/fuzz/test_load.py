# SPDX-License-Identifier: Apache-2.0
"""The target that loads raw bytes: its seeds hold, and what it promises to notice it notices."""

from __future__ import annotations

from typing import Any

import pytest

from vmstate import bulk
from vmstate import load as engine
from vmstate.dialects import DIALECTS
from vmstate.errors import Abort, Reject
from vmstate.heap import Heap
from vmstate.stream import InputStream
from vmstate_conformance.fuzzing import load
from vmstate_conformance.fuzzing.audit import outcome_holds
from vmstate_conformance.fuzzing.catalogue import Catalogue, catalogue, selector
from vmstate_conformance.fuzzing.finding import Finding


def rule_found(inputs: list[bytes]) -> set[str]:
    found = set()
    for data in inputs:
        try:
            load.run(data)
        except Finding as finding:
            found.add(finding.rule)
    return found


@pytest.fixture(scope="module")
def seeds() -> list[bytes]:
    return list(load.seeds())


def test_every_load_of_the_corpus_is_a_seed_that_finds_nothing(seeds: list[bytes]) -> None:
    assert len(seeds) > 1000
    assert rule_found(seeds) == set()


def test_every_seed_gives_the_same_without_the_short_cuts(seeds: list[bytes]) -> None:
    again = [seed[:6] + bytes([seed[6] | load.AGAIN]) + seed[7:] for seed in seeds]
    assert rule_found(again) == set()


def test_a_seed_means_the_case_that_it_came_from() -> None:
    case = next(case for case in catalogue().cases if case.dialect == "qemu-11.1.3")
    (seed,) = load.seed(case.request, case.dialect)
    assert load.case(seed) == {**case.request, "dialect": case.dialect}


def test_a_header_alone_or_less_is_an_input_like_any_other() -> None:
    assert rule_found([b"", b"\0" * 6, b"\xff" * 7, b"\0" * 7]) == set()
    assert load.case(b"\0" * 6) is None


def test_selectors_keep_their_meaning_when_documents_are_added() -> None:
    cases = catalogue().cases
    few, all_of_them = Catalogue(cases[:200]), Catalogue(cases)
    for case in cases[:200]:
        chosen = selector(case.request["document"])
        assert few.entry(chosen).source == all_of_them.entry(chosen).source


def test_memory_that_a_load_loses_is_a_leak(
    seeds: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Heap.store_pointer

    def forgetful(heap: Heap, address: int, value: int) -> None:
        store(heap, address, 0 if heap.step else value)

    monkeypatch.setattr(Heap, "store_pointer", forgetful)
    assert "leak" in rule_found(seeds)


def test_a_short_cut_that_shows_is_found(
    seeds: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = engine.load_bulk

    def skips_one(loader: Any, field: Any, extent: Any) -> int:
        moved = real(loader, field, extent)
        loader.stream.position -= moved > 0
        return moved

    assert bulk.LEAST > 1
    monkeypatch.setattr(engine, "load_bulk", skips_one)
    again = [seed[:6] + bytes([seed[6] | load.AGAIN]) + seed[7:] for seed in seeds]
    assert "again" in rule_found(again)


def test_an_error_that_is_no_outcome_escapes(
    seeds: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> int:
        raise IndexError

    monkeypatch.setattr(InputStream, "number", broken)
    with pytest.raises(IndexError):
        rule_found(seeds)


@pytest.mark.parametrize(
    ("outcome", "position", "error"),
    [
        (None, 9, 0),
        (None, -1, 0),
        (None, 0, -22),
        (None, 0, 7),
        (Reject("no-such-class", ""), 0, 0),
        (Abort("assert", "no-such-class", ""), 0, 0),
        (Abort("no-such-kind", "bad-count", ""), 0, 0),
    ],
)
def test_outcomes_that_no_load_can_have_are_findings(
    outcome: Any, position: int, error: int
) -> None:
    stream = InputStream(b"12345678")
    stream.position, stream.error = position, error
    with pytest.raises(Finding):
        outcome_holds(outcome, stream)


def test_every_dialect_that_has_what_a_document_needs_is_reached_from_the_options() -> None:
    entry = load.parse(bytes(load.HEADER))[0]
    needed = entry.document.descriptions.values()
    assert {load.parse(bytes(6) + bytes([at]))[3].name for at in range(16)} == {
        name for name, dialect in DIALECTS.items() if not dialect.lacks("load", needed)
    }
    assert any(load.parse(seed)[3].name == "qemu-10.0" for seed in load.seeds())
