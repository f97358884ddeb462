# SPDX-License-Identifier: Apache-2.0
"""The starter kits are compiled and run: what they claim to do is right, the rest they say they cannot."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from vmstate_conformance.cli import cli

STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
SANITIZED = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"]


def kit(language: str, into: Path) -> Path:
    done = CliRunner().invoke(cli, ["kit", language, "--into", str(into)])
    assert done.exit_code == 0, done.output
    return into


@pytest.fixture(scope="module")
def c99(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = kit("c99", tmp_path_factory.mktemp("c99") / "mine")
    sources = sorted(map(str, place.glob("*.c")))
    for flags in (STRICT, SANITIZED):
        command = ["cc", "-std=c99", "-O1", *flags, "-o", str(place / "testee"), *sources]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return str(place / "testee")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = kit("python", tmp_path_factory.mktemp("python") / "mine")
    return shlex.join([sys.executable, "-I", str(place / "testee.py")])


def conforms(testee: str, tmp_path: Path) -> dict[str, int]:
    log = tmp_path / "results.jsonl"
    arguments = ["run", "--testee", testee, "--profile", "hardened", "--results", str(log)]
    done = CliRunner().invoke(
        cli, [*arguments, "--dialect", "qemu-11.1.3", "--timeout-factor", "5"]
    )
    assert done.exit_code == 0, done.output[-3000:]
    counts: dict[str, int] = {}
    for line in log.read_text().splitlines():
        row = json.loads(line)
        if row["m"] == "row":
            counts[row["grade"]] = counts.get(row["grade"], 0) + 1
    return counts


@pytest.mark.parametrize("language", ["c99", "python"])
def test_a_kit_fails_nothing_and_can_do_what_it_claims(
    language: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    counts = conforms(request.getfixturevalue(language), tmp_path)

    assert counts.keys() <= {"pass", "pass-coarse", "free", "unsupported"}
    assert counts["pass"] > 1000


def ask(testee: str, *lines: str) -> list[str]:
    done = subprocess.run(
        shlex.split(testee),
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("language", ["c99", "python"])
def test_a_count_of_four_thousand_million_does_not_keep_a_kit_busy(
    language: str, request: pytest.FixtureRequest
) -> None:
    members = [{"name": "n", "offset": 0, "type": "uint32"}]
    vmsds = {
        "d": {
            "struct": "S",
            "fields": [
                {"name": "n", "info": "uint32", "size": 4},
                {
                    "name": "e",
                    "vmsd": "e",
                    "size": 4,
                    "flags": ["VMS_STRUCT", "VMS_VARRAY_UINT32"],
                },
            ],
        },
        "e": {"struct": "S"},
    }
    document = {
        "structs": {"S": {"size": 4, "members": members}},
        "descriptions": vmsds,
        "root": "d",
    }
    run = {
        "m": "run",
        "id": 1,
        "op": "load",
        "document": document,
        "destination": {"n": "0"},
        "version_id": 0,
        "stream": "ffffffff00",
    }

    (answer,) = ask(request.getfixturevalue(language), json.dumps(run))

    assert json.loads(answer)["verdict"] == "reject"


def test_a_kit_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "testee.py").write_text("mine")

    done = CliRunner().invoke(cli, ["kit", "python", "--into", str(tmp_path)])

    assert done.exit_code == 2
    assert "testee.py" in done.output
    assert (tmp_path / "testee.py").read_text() == "mine"
