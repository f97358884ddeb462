# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from vmstate_conformance.cases import read_cases
from vmstate_conformance.corpus import corpus_dir


def zoo(kind: str) -> str:
    return shlex.join([sys.executable, "-m", "vmstate_conformance.testees.zoo", kind])


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vmstate_conformance", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_reference_conforms_through_the_pipe_and_in_process_alike(tmp_path: Path) -> None:
    logs = [tmp_path / "pipe.jsonl", tmp_path / "in.jsonl"]
    for log, extra in zip(logs, ([], ["--in-process"]), strict=True):
        done = command("run", "-k", "k-*", "--json", str(log), *extra)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "conforms" in done.stdout.splitlines()[-1]

    def kept(log: Path) -> list[dict[str, object]]:
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        assert rows[-1]["complete"] is True
        return sorted(
            ({k: v for k, v in row.items() if k != "us"} for row in rows if row["m"] == "row"),
            key=lambda row: (str(row["id"]), str(row["dialect"])),
        )

    assert kept(logs[0]) == kept(logs[1])


def test_a_wrong_testee_fails_with_everything_one_needs_to_look_at_it() -> None:
    testee = zoo("accept-all")
    done = command("run", "--testee", testee, "-k", "k-aa-marker-32", "--dialect", "qemu-11.1.3")

    assert done.returncode == 1
    assert "FAIL k-aa-marker-32" in done.stdout
    assert "verdict: wanted reject" in done.stdout
    assert "0x32 no marker" in done.stdout
    assert "-k =k-aa-marker-32" in done.stdout
    assert "does not conform: 0 pass, 1 fail" in done.stdout
    replay = next(line for line in done.stdout.splitlines() if "replay: " in line)
    said = subprocess.run(
        replay.split("replay: ")[1], shell=True, capture_output=True, text=True, check=True
    )
    assert [json.loads(line)["m"] for line in said.stdout.splitlines()] == [
        "hello",
        "config",
        "result",
    ]


def test_accept_all_and_reject_all_fail_in_every_area() -> None:
    areas = {case.area for case in read_cases([corpus_dir()]) if case.dialect == "qemu-11.1.3"}
    for kind in ("accept-all", "reject-all"):
        testee = zoo(kind)
        done = command("run", "--testee", testee, "--dialect", "qemu-11.1.3", "--failures", "0")
        table = {
            line.split()[0]: line.split()[2]
            for line in done.stdout.partition("\nfacet ")[0].splitlines()
            if line.split()[:1] and line.split()[0] in areas
        }
        assert table.keys() == areas
        assert "-" not in table.values()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["run", "--cases", "/nonexistent"], 2, "/nonexistent"),
        (["run", "-k", "=no-such-case"], 2, "no case is left"),
        (["run", "--profile", "odd"], 2, "odd"),
        (["run", "--testee", "/nonexistent/testee"], 3, "cannot be started"),
        (["run", "--testee", "true"], 3, "at its start"),
        (["run", "--json", "/nonexistent/x", "-k", "k-aa-marker-32"], 2, "unwritable"),
        (["show", "no-such-case"], 2, "no case is called"),
        (["import", "/nonexistent", "--into", "/tmp"], 2, "/nonexistent"),
        (["frobnicate"], 2, "No such command"),
    ],
)
def test_bad_usage_gives_a_message_and_a_status(
    arguments: list[str], status: int, said: str
) -> None:
    done = command(*arguments)

    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_case_is_shown_with_its_bytes() -> None:
    done = command("show", "k-aa-uint8-mixed-load")

    assert done.returncode == 0
    assert "ptr-marker" in done.stdout
    assert "sq[2].dma" in done.stdout


def test_the_version_is_told() -> None:
    assert command("--version").stdout.startswith("vmstate-conformance, version ")


def test_the_shell_completes_commands_and_their_options() -> None:
    def completed(words: str, number: int) -> list[str]:
        environment = {
            **os.environ,
            "_VMSTATE_CONFORMANCE_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(number),
        }
        done = subprocess.run(
            [sys.executable, "-m", "vmstate_conformance"],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert completed("vmstate-conformance r", 1) == ["report", "run"]
    assert "--timeout-factor" in completed("vmstate-conformance run --t", 2)


@pytest.mark.parametrize("variable", ["NO_COLOR", ""])
def test_output_is_plain_where_nobody_looks_or_wants_it(variable: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "vmstate_conformance",
            "run",
            "-k",
            "k-aa-marker-32",
            "--in-process",
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**environment, variable: "1"} if variable else environment,
    )

    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    assert done.stderr == ""


def test_quiet_leaves_the_verdict_and_nothing_else() -> None:
    done = command("run", "-q", "-k", "k-aa-marker-32", "--in-process")

    assert [line for line in done.stdout.splitlines() if line][-1].startswith("reference (compat)")
    assert "area" not in done.stdout
