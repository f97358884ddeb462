# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vmstate.load import Loader
from vmstate_conformance.cases import read_cases
from vmstate_conformance.corpus import corpus_dir
from vmstate_conformance.mutants import MUTANTS, StaleError
from vmstate_conformance.mutants.patching import edit
from vmstate_conformance.testees.reference import Reference


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_fits_the_reference_and_is_gone_afterwards(name: str) -> None:
    mutant = MUTANTS[name]
    assert mutant.name == name
    assert mutant.sentence.endswith(".")

    before = Loader.load_vmsd.__code__, Loader.next_pointer.__code__
    with mutant.applied():
        pass
    assert (Loader.load_vmsd.__code__, Loader.next_pointer.__code__) == before


def test_a_snippet_that_is_gone_is_told() -> None:
    with (
        pytest.raises(StaleError, match=r"Loader.field has 0 times: 'no such thing'"),
        edit(Loader.field, "no such thing", "x")(),
    ):
        pass


def test_a_mutant_is_undone_when_its_block_fails() -> None:
    code = Loader.next_pointer.__code__

    def fail_inside() -> None:
        with MUTANTS["marker-other-is-null"].applied():
            assert Loader.next_pointer.__code__ is not code
            raise KeyError

    with pytest.raises(KeyError):
        fail_inside()

    assert Loader.next_pointer.__code__ is code


def test_there_are_enough_of_them() -> None:
    assert len(MUTANTS) >= 120


def test_a_mutant_is_a_testee() -> None:
    case = next(
        case for case in read_cases([corpus_dir()]) if case.id == "k-vstruct-old-version-load"
    )
    right = Reference().run({"id": 0, **case.request})
    lines = [{"m": "hello"}, {"m": "run", "id": 0, **case.request}, {"m": "bye"}]

    done = subprocess.run(
        [sys.executable, "-m", "vmstate_conformance.mutants.serve", "vstruct-at-own-version"],
        input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    wrong = json.loads(done.stdout.splitlines()[1])
    assert wrong["verdict"] != right["verdict"]


def test_a_mutant_that_is_none_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vmstate_conformance.mutants.serve", "no-such"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parent,
    )

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
