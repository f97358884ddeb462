# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from vmstate_conformance.adequacy import covering, killing, strawmen
from vmstate_conformance.adequacy.cli import adequacy
from vmstate_conformance.adequacy.covering import Gap, stale, unexplained
from vmstate_conformance.cases import Case, read_cases
from vmstate_conformance.corpus import corpus_dir
from vmstate_conformance.mutants import MUTANTS

GAP = Gap("load", 3, "return", "the end")


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(read_cases([corpus_dir()]))


def test_every_area_fails_who_takes_all_and_who_refuses_all(cases: list[Case]) -> None:
    for name, areas in strawmen.failed(cases).items():
        for area, (bad, count) in areas.items():
            assert 0 < bad <= count, f"{name} passes {area}"


def test_the_reference_itself_is_failed_by_nothing(cases: list[Case]) -> None:
    for case in cases[::17]:
        for profile in killing.PROFILES:
            assert not killing.fails(case, profile)


def test_a_mutant_dies_by_the_case_that_killed_it_last(cases: list[Case]) -> None:
    known = killing.remembered()
    assert known
    for name in ("version-direction", "size-instead-of-stride", "marker-skipped-on-null"):
        killer = killing.kill(MUTANTS[name], cases, known[name])
        assert killer is not None
        assert killer.id == known[name]


def test_a_case_that_a_mutant_never_ends_kills_it(
    cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    def spin(*_: object) -> None:
        while True:
            pass

    monkeypatch.setattr(killing, "_LONGEST", 0.05)
    monkeypatch.setattr("vmstate.load.Loader.load_vmsd", spin)

    load = next(case for case in cases if case.op == "load")
    assert killing.fails(load, "compat") == "_TooLongError"


def test_a_gap_is_explained_by_module_and_text_whatever_its_line() -> None:
    why = {"module": "load", "text": "return", "to": "the end", "why": "x"}

    assert unexplained([GAP], [why]) == []
    assert unexplained([GAP], []) == [GAP]
    assert unexplained([GAP], [{**why, "module": "save"}]) == [GAP]
    assert stale([GAP], [why]) == []
    assert stale([], [why]) == [why]


def test_what_is_explained_says_why() -> None:
    for each in covering.explained():
        assert each["module"] in covering.MODULES
        assert each["why"].endswith(".")


def test_an_area_is_measured_by_itself() -> None:
    done = CliRunner().invoke(adequacy, ["--area", "extent"])

    assert done.exit_code in (0, 1), done.output
    assert "mutants: " in done.output.splitlines()[-1]


def test_a_corpus_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(adequacy, ["--corpus", str(tmp_path / "none")])

    assert done.exit_code == 2
    assert len(done.output.splitlines()) == 1
