# SPDX-License-Identifier: Apache-2.0
"""The scripts under libFuzzer itself: they start, fork, merge, minimise, find and stage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from vmstate_conformance.fuzzing.targets import MODULES

Run: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]

FUZZ = Path(__file__).parents[3] / "fuzz"
TOY = """
import sys, atheris
from vmstate_conformance.fuzzing.engine import fuzz
from vmstate_conformance.fuzzing.target import Target

def run(data):
    if data == b"hang":
        while True: pass
    if data == b"grow":
        bytes(1 << 34)
    if data[:1] == b"X":
        raise IndexError(data)

TARGET = Target("toy", run, lambda: [], lambda: [], lambda data: None, timeout=1)
fuzz(TARGET, sys.argv, "A toy.")
"""


@pytest.fixture
def start(tmp_path: Path) -> Run:
    """Run a script with its own cache and staging directory."""

    def run(script: Path | str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "VMSTATE_CONFORMANCE_CACHE": str(tmp_path / "cache"),
            "VMSTATE_STAGING": str(tmp_path / "staging"),
        }
        command = [sys.executable, str(script), *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, cwd=tmp_path, check=False
        )

    return run


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"differential"}))
def test_every_fuzzer_runs_from_its_seeds(name: str, start: Run) -> None:
    done = start(FUZZ / f"{name}_fuzzer.py", "-runs=30")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "INITED" in done.stderr or "DONE" in done.stderr


def test_two_implementations_are_compared(start: Run) -> None:
    script = FUZZ / "differential_fuzzer.py"
    same = start(script, "--testee", "reference", "--seeds", "none", "-runs=40")
    assert same.returncode == 0, same.stderr[-2000:]
    wrong = f"{sys.executable} -m vmstate_conformance.mutants.serve current-version-refused"
    other = start(script, "--testee", wrong, "--seeds", "none", "-runs=400")
    assert other.returncode == 77
    assert "== Finding: disagreement" in other.stderr


def test_without_a_testee_there_is_nothing_to_compare(start: Run) -> None:
    done = start(FUZZ / "differential_fuzzer.py", "-runs=10")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("differential_fuzzer.py: --testee")


def test_a_fork_keeps_what_its_children_find(tmp_path: Path, start: Run) -> None:
    options = ("-fork=1", "-max_total_time=4", "--seeds", "none", str(tmp_path / "corpus"))
    done = start(FUZZ / "load_fuzzer.py", *options)
    assert done.returncode == 0, done.stderr[-2000:]
    assert list((tmp_path / "corpus").iterdir())


def test_a_merge_keeps_the_inputs_that_reach_something(tmp_path: Path, start: Run) -> None:
    start(FUZZ / "load_fuzzer.py", "-runs=0")
    seeds = tmp_path / "cache" / "fuzz" / "load" / "seeds"
    for file in sorted(seeds.iterdir())[40:]:
        file.unlink()
    done = start(FUZZ / "load_fuzzer.py", "-merge=1", str(tmp_path / "out"), str(seeds))
    assert done.returncode == 0, done.stderr[-2000:]
    assert 0 < len(list((tmp_path / "out").iterdir())) <= 40


def test_every_job_is_a_process_with_a_log_of_its_own(tmp_path: Path, start: Run) -> None:
    options = ("-jobs=2", "-workers=1", "-runs=30", "--seeds", "none", str(tmp_path / "corpus"))
    done = start(FUZZ / "load_fuzzer.py", *options)
    assert done.returncode == 0, done.stderr[-2000:]
    for log in (tmp_path / "fuzz-0.log", tmp_path / "fuzz-1.log"):
        assert "stat::number_of_executed_units: 30" in log.read_text()
    assert list((tmp_path / "corpus").iterdir())


def test_an_input_that_breaks_a_promise_is_minimized(tmp_path: Path, start: Run) -> None:
    script, given, least = tmp_path / "toy.py", tmp_path / "input", tmp_path / "least"
    script.write_text(TOY)
    given.write_bytes(b"Xabcdefgh")
    options = ("-minimize_crash=1", "-runs=500", f"-exact_artifact_path={least}", str(given))
    done = start(script, *options)
    assert done.returncode == 0, done.stderr[-2000:]
    assert least.read_bytes() == b"X"


def test_planted_bugs_are_found_and_said(start: Run) -> None:
    options = ("--mutant", "current-version-refused", "--seeds", "none", "-runs=500")
    done = start(FUZZ / "structure_fuzzer.py", *options)
    assert done.returncode == 77
    assert "== planted current-version-refused found after" in done.stderr


@pytest.mark.parametrize(
    ("data", "rule"),
    [(b"hang", "escaped"), (b"grow", "allocation"), (b"aXb", ""), (b"Xab", "escaped")],
)
def test_what_hangs_grows_or_fails_is_staged(
    data: bytes,
    rule: str,
    tmp_path: Path,
    start: Run,
) -> None:
    script, given = tmp_path / "toy.py", tmp_path / "input"
    script.write_text(TOY)
    given.write_bytes(data)
    done = start(script, str(given))
    staged = [json.loads(file.read_bytes())["finding"] for file in tmp_path.glob("staging/*")]
    assert [each["rule"] for each in staged] == ([rule] if rule else [])
    assert done.returncode == (77 if rule else 0)
    if data == b"Xab":
        assert bytes.fromhex(staged[0]["input"]) == b"X"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nonsense"], "--nonsense"),
        (["--mutant", "none-such"], "none-such"),
        (["/dev/null/corpus"], "unwritable"),
    ],
)
def test_bad_arguments_are_one_line(arguments: list[str], said: str, start: Run) -> None:
    done = start(FUZZ / "load_fuzzer.py", *arguments)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_help_says_what_there_is(start: Run) -> None:
    done = start(FUZZ / "load_fuzzer.py", "--help")
    assert done.returncode == 0
    assert "--staging DIR" in done.stdout
