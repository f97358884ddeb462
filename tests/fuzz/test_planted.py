# SPDX-License-Identifier: Apache-2.0
"""Planted bugs: each can be planted, shows where it should, and leaves no trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from vmstate_conformance.cases import InputError
from vmstate_conformance.fuzzing import container, structure, vmdesc
from vmstate_conformance.fuzzing.engine import Hang, planted
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.planted import REACH, pitted
from vmstate_conformance.fuzzing.targets import MODULES, target
from vmstate_conformance.fuzzing.unfound import GROUPS, UNFOUND
from vmstate_conformance.mutants import MUTANTS, Mutant
from vmstate_conformance.mutants.patching import edit

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


@pytest.mark.parametrize("name", ["load", "loadvm"])
def test_what_is_rare_from_nothing_is_shown_by_seeds(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    explained = {mutant for _, names in GROUPS[name] for mutant in names.split()}
    mutants = {mutant: REACH[name][mutant] for mutant in sorted(explained)}
    assert found(name, mutants, capsys) == explained


def test_only_bugs_whose_function_an_input_runs_are_asked_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    called: list[str] = []

    def observe(data: bytes) -> str:
        called.append(twice(data))
        return called[-1]

    pitted(replace(container.TARGET, observe=observe), [TWICE, THRICE]).run(b"a")
    assert called == ["6161", "61"]
    assert "planted twice found after 1 executions" in capsys.readouterr().err


def twice(data: bytes) -> str:
    return (data * 2).hex()


def thrice(data: bytes) -> str:
    return (data * 3).hex()


TWICE = Mutant("twice", "Once only.", "none", edit(twice, "data * 2", "data"))
THRICE = Mutant("thrice", "Once only.", "none", edit(thrice, "data * 3", "data"))


def test_a_key_that_comes_twice_shows_what_is_rare_in_a_vmdesc() -> None:
    data = vmdesc.join(b"", b'{"devices": [], "devices": [{"name": "dev", "fields": []}]}')
    plain = vmdesc.observe(data)
    with REACH["vmdesc"]["repeated-keys-lost"].applied():
        assert vmdesc.observe(data) != plain


def test_no_bug_is_explained_twice() -> None:
    every = [
        (name, mutant)
        for name, groups in GROUPS.items()
        for _, names in groups
        for mutant in names.split()
    ]
    assert sorted(every) == sorted(UNFOUND)


def test_what_shows_nothing_wrong_is_not_found(capsys: pytest.CaptureFixture[str]) -> None:
    harmless = Mutant("harmless", "Nothing.", "none", REACH["container"]["footer-unchecked"].change)
    (seed, *_) = container.seeds()
    pitted(container.TARGET, [harmless]).run(seed)
    assert "planted" not in capsys.readouterr().err


def test_an_input_that_is_slow_with_many_bugs_shows_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls: list[bytes] = []

    def observe(data: bytes) -> str:
        calls.append(data)
        if len(calls) > 1:
            raise Hang("no end after 10 s of CPU")
        return twice(data) + thrice(data)

    mutants = [TWICE, THRICE]
    pitted(replace(container.TARGET, observe=observe), mutants).run(b"")
    assert len(calls) == 3
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
