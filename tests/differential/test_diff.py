# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vmstate.errors import CaseError
from vmstate.operations import perform
from vmstate_conformance.cases import read_cases
from vmstate_conformance.cli import cli
from vmstate_conformance.differential.pair import Pair, hangs_on_addresses
from vmstate_conformance.differential.reduce import reduce
from vmstate_conformance.strategies.generate import cases

MUTANT = f"{sys.executable} -m vmstate_conformance.mutants.serve"
DIALECT = "qemu-11.1.3"


def diff(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["diff", "--testee", "reference:in-process", *arguments])


def test_the_reference_agrees_with_itself(tmp_path: Path) -> None:
    done = diff("--testee", "reference", "--seed", "1", "--count", "600", "--into", str(tmp_path))

    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1].startswith("600 requests")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mutant", ["marker-skipped-on-null", "too-new-taken"])
def test_a_wrong_implementation_is_found_and_its_case_is_small_and_replays(
    mutant: str, tmp_path: Path
) -> None:
    done = diff("--testee", f"{MUTANT} {mutant}", "--seed", "3", "--into", str(tmp_path))

    assert done.exit_code == 1, done.output
    (file,) = tmp_path.iterdir()
    (case,) = read_cases([file])
    assert perform(case.request, dialect=DIALECT)["verdict"] == case.expect["verdict"]
    fields = [f for d in case.request["document"]["descriptions"].values() for f in d["fields"]]
    assert len(fields) <= 3
    replayed = ["run", "--cases", str(file), "--testee"]
    assert CliRunner().invoke(cli, [*replayed, "reference"]).exit_code == 0
    assert CliRunner().invoke(cli, [*replayed, f"{MUTANT} {mutant}"]).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        ([], 2, "twice"),
        (["--testee", "no-such-program-anywhere"], 3, "cannot be started"),
        (["--testee", "reference", "--dialect", "qemu-0.1"], 3, "does not speak"),
    ],
)
def test_bad_usage_is_one_line_and_a_status(arguments: list[str], status: int, text: str) -> None:
    done = diff(*arguments, "--count", "10")

    assert done.exit_code == status
    assert text in done.output


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = diff(
        "--testee", f"{MUTANT} too-new-taken", "--seed", "3", "--into", f"{tmp_path}/file/x"
    )

    assert done.exit_code == 2
    assert "unwritable" in done.output


def test_what_a_pointer_is_taken_for_depends_on_addresses() -> None:
    source = {
        "structs": {
            "S": {"size": 8, "members": [{"name": "p", "offset": 0, "type": {"pointer": "uint8"}}]}
        },
        "descriptions": {"d": {"struct": "S", "fields": [{"name": "p", "info": "uint64"}]}},
        "root": "d",
    }
    request = {"op": "save", "document": source, "state": {"p": "1"}}

    assert hangs_on_addresses(request, DIALECT)
    assert not hangs_on_addresses({**request, "state": {"p": None}}, DIALECT)


def test_reducing_keeps_what_must_stay_and_little_else() -> None:
    request = next(
        each
        for each in cases(5, 400)
        if each["op"] == "load" and len(json.dumps(each)) > 1500 and "31" in each["stream"]
    )

    def keeps(smaller: dict[str, Any]) -> bool:
        try:
            perform(smaller, dialect=DIALECT)
        except CaseError:
            return False
        return b"\x31" in bytes.fromhex(smaller["stream"])

    if not keeps(request):
        request = {**request, "stream": request["stream"] + "31"}
    small = reduce(request, keeps, 20)

    assert small["stream"] == "31"
    assert len(json.dumps(small)) < 600


def test_both_testees_are_asked_the_same_in_the_same_order() -> None:
    requests = list(cases(2, 50))
    with Pair(("reference:in-process", f"{MUTANT} too-new-taken"), DIALECT, "compat") as pair:
        found = list(pair.compare(requests))

    assert len(found) == len(requests)
    for request, differing in zip(requests, found, strict=True):
        assert differing is None or differing.request == request
