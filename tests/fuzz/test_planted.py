# SPDX-License-Identifier: Apache-2.0
"""Planted bugs: each can be planted, shows where it should, and leaves no trace."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from vmstate_conformance.cases import InputError
from vmstate_conformance.fuzzing import container, structure, vmdesc
from vmstate_conformance.fuzzing.engine import Hang, planted
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.planted import REACH, pitted
from vmstate_conformance.fuzzing.targets import MODULES, target
from vmstate_conformance.fuzzing.unfound import NEVER, RARE, UNFOUND
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


@pytest.mark.parametrize("name", ["load", "loadvm"])
def test_what_is_rare_from_nothing_is_shown_by_seeds(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    explained = {mutant for _, names in RARE[name] for mutant in names.split()}
    mutants = {mutant: REACH[name][mutant] for mutant in sorted(explained)}
    assert found(name, mutants, capsys) == explained


def test_a_key_that_comes_twice_shows_what_is_rare_in_a_vmdesc() -> None:
    data = vmdesc.join(b"", b'{"devices": [], "devices": [{"name": "dev", "fields": []}]}')
    plain = vmdesc.observe(data)
    with REACH["vmdesc"]["repeated-keys-lost"].applied():
        assert vmdesc.observe(data) != plain


def test_nothing_that_is_built_is_what_a_bug_out_of_reach_needs() -> None:
    for at in range(300):
        parts = structure.fresh(random.Random(at), structure.Parts(b"", b"", 0, b""), 15)
        document = structure.construct(parts.document, parts.how).source
        for name, each in document["descriptions"].items():
            assert all(field.get("info") != "ptr_marker" for field in each["fields"])
            assert all("." not in member for member in members(each))
            for sub in each.get("subsections") or ():
                assert sub != name
                assert sub.startswith(name) or name not in sub


def members(value: object) -> Iterator[str]:
    """Give the members that predicates name."""
    if isinstance(value, dict):
        if isinstance(value.get("member"), str):
            yield value["member"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from members(each)


def test_no_bug_is_explained_twice() -> None:
    every = [
        (name, mutant)
        for kind in (NEVER, RARE)
        for name, groups in kind.items()
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
        return "the same"

    mutants = [REACH["container"]["footer-unchecked"], REACH["container"]["empty-name-taken"]]
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
