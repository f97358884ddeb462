# SPDX-License-Identifier: Apache-2.0
"""The table that says which clauses an observed case is about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vmstate_conformance import clauses
from vmstate_conformance.cases import InputError
from vmstate_conformance.cases.observed import clauses_of, rules
from vmstate_conformance.cases.reader import read_cases
from vmstate_conformance.corpus import corpus_dir


def table(folder: Path, *held: Any) -> Path:
    """Write a table of these rules into an `observed` folder."""
    observed = folder / "observed"
    observed.mkdir()
    (observed / "clauses.json").write_text(json.dumps({"rules": list(held)}, indent=1))
    return observed


REJECT = {"verdict": "reject", "error": "stream-error", "message": "Failed to load x state"}


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        ({"op": "load"}, True),
        ({"op": "save"}, False),
        ({"tags": ["a"]}, True),
        ({"tags": ["a", "c"]}, False),
        ({"verdict": "reject", "class": "stream-error"}, True),
        ({"class": "field-load-failed"}, False),
        ({"message": "load x"}, True),
        ({"message": "load y"}, False),
        ({"dialect": "qemu-11.1.0"}, False),
        ({"abort": "memory"}, False),
    ],
)
def test_a_rule_fits_in_all_that_it_names(tmp_path: Path, rule: Any, fits: Any) -> None:
    held = rules(table(tmp_path, {**rule, "clauses": ["LOAD-STREAM-1"]}))

    found = clauses_of(held, "load", frozenset("ab"), "qemu-11.1.3", REJECT)

    assert found == (("LOAD-STREAM-1",) if fits else ())


def test_a_clause_of_two_rules_is_given_once_in_the_order_of_the_rules(tmp_path: Path) -> None:
    first = {"op": "load", "clauses": ["B-B-1", "A-A-1"]}
    second = {"verdict": "reject", "clauses": ["A-A-1", "C-C-1"]}

    found = clauses_of(
        rules(table(tmp_path, first, second)), "load", frozenset(), "qemu-11.1.3", REJECT
    )

    assert found == ("B-B-1", "A-A-1", "C-C-1")


@pytest.mark.parametrize(
    "rule",
    [
        {"op": "load"},
        {"op": "load", "clauses": []},
        {"op": ["load"], "clauses": ["A-A-1"]},
        {"tags": "a", "clauses": ["A-A-1"]},
        {"when": "load", "clauses": ["A-A-1"]},
        ["A-A-1"],
    ],
)
def test_a_broken_rule_is_named_with_file_and_line(tmp_path: Path, rule: Any) -> None:
    folder = table(tmp_path, {"op": "load", "clauses": ["A-A-1"]}, rule)

    with pytest.raises(InputError, match=r"clauses\.json:\d+: .*\[rule\]"):
        rules(folder)


def test_a_table_elsewhere_is_none(tmp_path: Path) -> None:
    (tmp_path / "clauses.json").write_text("[]")

    assert rules(tmp_path) == ()


def test_every_observed_case_is_about_clauses_that_exist() -> None:
    known = clauses.load(corpus_dir())

    cases = list(read_cases([corpus_dir() / "observed"]))

    assert [case.id for case in cases if not case.clauses] == []
    assert {clause for case in cases for clause in case.clauses} <= set(known)


def test_observed_cases_alone_prove_no_clause() -> None:
    observed = read_cases([corpus_dir() / "observed"])

    assert clauses.cases_of(observed) == {}
