# SPDX-License-Identifier: Apache-2.0
"""Findings on disk: small, one of a kind, readable by people and by the reader of cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vmstate_conformance.cases import InputError
from vmstate_conformance.fuzzing.finding import Finding, signature
from vmstate_conformance.fuzzing.staging import minimise, sign_of, stage, staged
from vmstate_conformance.fuzzing.target import Target


def run(data: bytes) -> None:
    if b"X" in data and b"Y" in data:
        raise Finding("leak", "x and y", f"{len(data)} bytes")
    if b"Z" in data:
        raise IndexError


def target(case: Any = lambda _data: None) -> Target:
    return Target("toy", run, list, list, case)


def caught(data: bytes) -> Exception:
    try:
        run(data)
    except (Finding, IndexError) as error:
        return error
    raise AssertionError


def test_a_finding_is_made_as_small_as_it_can_be() -> None:
    data = b"abc" * 50 + b"X" + b"def" * 50 + b"Y" + b"tail"
    assert minimise(target(), data, sign_of(target(), data)) == b"XY"


def test_minimising_keeps_to_the_finding_that_it_began_with() -> None:
    data = b"Y" + b"Z" * 5 + b"X"
    assert minimise(target(), data, sign_of(target(), data)) == b"YX"


def test_an_input_that_finds_nothing_has_no_signature() -> None:
    assert sign_of(target(), b"nothing") == ""


def test_errors_are_told_apart_by_their_type_and_promises_by_their_key() -> None:
    assert signature(caught(b"XY")) == signature(caught(b"aXbYc")) == "leak:x and y"
    assert signature(caught(b"Z")).startswith("escaped:IndexError:")
    assert signature(MemoryError()).startswith("allocation:")


def test_what_is_staged_is_listed_and_finds_the_same_again(tmp_path: Path) -> None:
    file = stage(target(), b"..X..Y..", caught(b"XY"), tmp_path)
    (found,) = staged(tmp_path)
    assert (found.file, found.target, found.rule, found.input) == (file, "toy", "leak", b"XY")
    assert sign_of(target(), found.input) == found.signature


def test_of_one_signature_the_smallest_input_is_kept(tmp_path: Path) -> None:
    for data in (b"..X..Y..", b"XY", b"X.Y."):
        stage(target(), data, caught(data), tmp_path, shrink=False)
    (found,) = staged(tmp_path)
    assert found.input == b"XY"


def test_a_finding_that_is_a_case_is_a_file_of_cases_with_its_request(tmp_path: Path) -> None:
    request = {"op": "load", "stream": "00"}
    file = stage(target(lambda _data: request), b"XY", caught(b"XY"), tmp_path)
    assert file.suffix == ".json"
    record = json.loads(file.read_bytes())
    assert request.items() <= record.items()
    assert file.name in record["finding"]["replay"]


def test_a_finding_that_no_case_can_say_is_no_file_of_cases(tmp_path: Path) -> None:
    assert stage(target(), b"XY", caught(b"XY"), tmp_path).suffix == ".finding"


def test_a_rendering_that_fails_does_not_lose_the_finding(tmp_path: Path) -> None:
    def broken(_data: bytes) -> Any:
        raise IndexError

    assert stage(target(broken), b"XY", caught(b"XY"), tmp_path).exists()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "json"),
        ("[]", "object"),
        ('{"finding": 1}', "finding"),
        (
            '{"finding": {"target": "a", "rule": "b", "signature": "c", "detail": "d", "input": 1}}',
            "finding",
        ),
        ("[" * 100_000, "json"),
    ],
)
def test_files_that_are_no_findings_are_named_with_the_rule(
    tmp_path: Path, text: str, rule: str
) -> None:
    file = tmp_path / "bad.finding"
    file.write_text(text)
    with pytest.raises(InputError, match=rf"bad\.finding: .*\[{rule}\]"):
        list(staged(tmp_path))


def test_a_directory_that_is_missing_or_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing"):
        list(staged(tmp_path / "none"))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="unwritable"):
        stage(target(), b"XY", caught(b"XY"), tmp_path / "file" / "in")
