# SPDX-License-Identifier: Apache-2.0
"""Planted bugs: each can be planted, shows where it should, and leaves no trace."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from vmstate_conformance.cases import InputError
from vmstate_conformance.fuzzing import container, structure
from vmstate_conformance.fuzzing.engine import planted
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.planted import REACH, UNFOUND, pitted
from vmstate_conformance.fuzzing.targets import MODULES, target
from vmstate_conformance.mutants import MUTANTS, Mutant

OWN = {
    f"{name}/{mutant.name}": mutant
    for name in ("container", "vmdesc", "document", "profile")
    for mutant in REACH[name].values()
    if mutant.name not in MUTANTS
}


@pytest.mark.parametrize("mutant", OWN.values(), ids=OWN)
def test_every_bug_can_still_be_planted_and_leaves_no_trace(mutant: Mutant) -> None:
    (seed, *_) = container.seeds()
    before = container.observe(seed)
    with mutant.applied():
        pass
    assert container.observe(seed) == before


def test_every_target_has_bugs_in_its_reach_and_excuses_are_of_those() -> None:
    assert REACH.keys() == MODULES.keys()
    for name, mutant in UNFOUND:
        assert mutant in REACH[name]


def found(name: str, mutants: Mapping[str, Mutant], capsys: pytest.CaptureFixture[str]) -> set[str]:
    tested = target(name)
    run = pitted(tested, mutants.values()).run
    for data in tested.seeds():
        try:
            run(data)
        except Finding:
            break
    lines = capsys.readouterr().err.splitlines()
    return {line.split()[2] for line in lines if line.startswith("== planted ")}


def test_seeds_alone_show_many_wrong_engines(capsys: pytest.CaptureFixture[str]) -> None:
    some = {name: REACH["structure"][name] for name in list(REACH["structure"])[::5]}
    assert len(found("structure", some, capsys)) > len(some) / 3


def test_what_shows_nothing_wrong_is_not_found(capsys: pytest.CaptureFixture[str]) -> None:
    harmless = Mutant("harmless", "Nothing.", "none", REACH["container"]["footer-unchecked"].change)
    (seed, *_) = container.seeds()
    pitted(container.TARGET, [harmless]).run(seed)
    assert "planted" not in capsys.readouterr().err


def test_the_last_bug_that_is_found_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMSTATE_MUTANT", "current-version-refused")
    with pytest.raises(Finding, match="every planted bug"):
        planted(structure.TARGET).run(b"\0\0\0\1")


def test_a_bug_that_is_not_in_reach_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMSTATE_MUTANT", "no-such-bug")
    with pytest.raises(InputError, match="no-such-bug"):
        planted(structure.TARGET)
    monkeypatch.delenv("VMSTATE_MUTANT")
    assert planted(structure.TARGET) is structure.TARGET
