# SPDX-License-Identifier: Apache-2.0
"""volatility3's QEMU layer as a testee. `tox -e volatility3` installs it; elsewhere its own tests are skipped."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vmstate_conformance.cli import cli
from vmstate_conformance.expectations import Expectations
from vmstate_conformance.testees import registry, volatility3

HEADER = bytes.fromhex("5145564d 00000003 07 0000000e") + b"pc-i440fx-11.1"
RAM = b"\x03ram" + bytes.fromhex("00000000 00000004")
PAGE = 4096
ADAPTER = [sys.executable, "-m", "vmstate_conformance.testees.volatility3"]


def needs_it(test: Callable[..., None]) -> Callable[..., None]:
    """Marks a test, and skips it where volatility3 is not there."""
    reason = "volatility3 is not installed: tox -e volatility3"
    return pytest.mark.volatility3(
        pytest.mark.skipif(not volatility3.installed(), reason=reason)(test)
    )


def number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def section(kind: int, body: bytes) -> bytes:
    name = RAM if kind == 1 else b""
    return bytes([kind]) + b"\0\0\0\2" + name + body + b"\x7e\0\0\0\2"


def image(*more: bytes) -> bytes:
    """A stream of RAM alone: one block of two pages, a zero page and one with something in it."""
    block = b"\x06pc.ram"
    sizes = number(2 * PAGE | 4) + block + number(2 * PAGE) + number(0x10)
    pages = number(0x02) + block + b"\0" + number(PAGE | 0x28) + b"x" * PAGE + number(0x10)
    description = json.dumps({"page_size": PAGE, "devices": []}).encode()
    behind = b"\x06" + len(description).to_bytes(4, "big") + description
    sections = section(1, sizes) + section(2, pages) + section(3, number(0x10))
    return HEADER + sections + b"".join(more) + b"\0" + behind


def conformance(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["run", *arguments])


def told(*files: Path) -> subprocess.CompletedProcess[str]:
    command = [*ADAPTER, *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def answers(*requests: dict[str, Any]) -> list[dict[str, Any]]:
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run(ADAPTER, input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def stream(data: bytes) -> dict[str, Any]:
    return {"m": "run", "id": 1, "op": "stream", "stream": data.hex()}


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volatility3, "installed", lambda: False)


@pytest.mark.usefixtures("absent")
def test_where_it_is_not_installed_one_line_says_how_to_get_it(tmp_path: Path) -> None:
    found = conformance("--testee", "volatility3", "--area", "container")
    assert found.exit_code == 3
    assert len(found.stderr.splitlines()) == 1
    assert "pip install 'vmstate-conformance[volatility3]'" in found.stderr


def test_its_expectations_are_shipped_and_each_says_why() -> None:
    shipped = Expectations.read(registry.expectations("volatility3"))
    assert shipped.entries
    assert registry.expectations("mine.toml") == Path("mine.toml")


@needs_it
def test_all_that_it_gets_wrong_is_in_its_expectations(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    words = ("--testee", "volatility3", "--expect", "volatility3", "--results", str(log))
    found = conformance(
        *words, "--area", "container", "--area", "configuration", "--area", "commands"
    )
    assert found.exit_code == 0, found.output
    graded = [
        row["grade"]
        for row in map(json.loads, log.read_text().splitlines())
        if row.get("facet") == "stream"
    ]
    assert {"pass-coarse", "xfail"} <= set(graded) <= {"pass-coarse", "xfail", "unsupported"}


@needs_it
def test_a_stream_of_ram_alone_is_read_with_its_pages(tmp_path: Path) -> None:
    file = tmp_path / "ram"
    file.write_bytes(image())
    found = told(file)
    assert (found.returncode, found.stderr) == (0, "")
    assert "ram: read: 2 pages" in found.stdout
    assert found.stdout.splitlines()[-1] == "1 of 1 read"


@needs_it
def test_a_device_behind_the_ram_is_refused(tmp_path: Path) -> None:
    device = b"\x04\0\0\0\7\x03dev\0\0\0\0\0\0\0\1\x11\x22\x7e\0\0\0\7"
    file = tmp_path / "device"
    file.write_bytes(image(device))
    assert "refused: LayerException: QEMU unknown section encountered: 17" in told(file).stdout


@needs_it
def test_a_file_that_is_not_there_is_one_line_and_exit_status_2(tmp_path: Path) -> None:
    found = told(tmp_path / "none")
    assert (found.returncode, found.stdout) == (2, "")
    assert len(found.stderr.splitlines()) == 1


@needs_it
def test_what_it_raises_on_purpose_is_a_refusal_and_nothing_else_is() -> None:
    part = HEADER + b"\2\0\0\0\0\x33\0"
    refused, failed, read, odd = answers(
        stream(b"no stream"), stream(part), stream(HEADER + b"\0"), stream(b"") | {"op": "load"}
    )
    assert (refused["verdict"], failed["verdict"]) == ("reject", "failure")
    assert failed["detail"].startswith("KeyError")
    assert (read["verdict"], read["consumed"]) == ("accept", len(HEADER) + 1)
    assert (odd["verdict"], odd["needs"]) == ("unsupported", "ops:load")


@needs_it
def test_it_takes_no_other_dialect_or_profile_than_it_names() -> None:
    wrong = {"m": "config", "dialect": "qemu-11.1.3", "profile": "compat"}
    hello, refused, taken = answers({"m": "hello"}, wrong, wrong | {"profile": "hardened"})
    assert hello["caps"]["ops"] == ["stream"]
    assert (refused["ok"], taken["ok"]) == (False, True)
