# SPDX-License-Identifier: Apache-2.0
"""Any document, state or stream gives a result or one `CaseError`, never anything else."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vmstate.cli import main
from vmstate.errors import CaseError
from vmstate.operations import perform
from vmstate_conformance.cases import read_cases
from vmstate_conformance.corpus import corpus_dir

VERDICTS = {"valid", "invalid", "ok", "error", "accept", "reject", "abort"}
#: What stands where something else is wanted.
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    2**64,
    10**30,
    1.5,
    "",
    "x",
    "\x00",
    "\udc80",
    "9" * 5000,
    [],
    [[]],
    {},
    {"wild": 1},
    {"x": 1},
)


def observed() -> list[dict[str, Any]]:
    cases = read_cases([corpus_dir() / "observed"])
    return [case.request for case in cases if case.dialect == "qemu-11.1.3"]


REQUESTS = observed()


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def spoil(request: dict[str, Any], choose: random.Random) -> dict[str, Any]:
    """A request in which one value is another, missing, or there twice."""
    spoilt = copy.deepcopy(request)
    container, key = choose.choice(list(places(spoilt)))
    how = choose.randrange(4)
    if how == 0:
        del container[key]
    elif how == 1 and isinstance(container, list):
        container.insert(key, copy.deepcopy(container[key]))
    elif how == 2:
        other, from_there = choose.choice(list(places(spoilt)))
        container[key] = copy.deepcopy(other[from_there])
    else:
        container[key] = choose.choice(ODD)
    return spoilt


def judged(request: Any, profile: str) -> str:
    try:
        result = perform(request, profile=profile)
    except CaseError as error:
        assert error.path
        assert "\n" not in str(error)
        assert len(str(error)) < 1000
        return "bad"
    assert result["verdict"] in VERDICTS
    json.dumps(result)
    if profile == "hardened":
        assert result["verdict"] != "abort"
    return str(result["verdict"])


@pytest.mark.parametrize("seed", range(8))
def test_a_spoilt_request_is_judged_or_refused_in_one_line(seed: int) -> None:
    choose = random.Random(seed)

    seen = {
        judged(spoil(choose.choice(REQUESTS), choose), choose.choice(["compat", "hardened"]))
        for _ in range(400)
    }

    assert {"bad", "accept", "ok"} <= seen


@pytest.mark.parametrize("seed", range(4))
def test_every_truncation_and_flip_of_a_stream_has_a_verdict(seed: int) -> None:
    choose = random.Random(seed)
    loads = [request for request in REQUESTS if request["op"] == "load"]
    for request in choose.sample(loads, 25):
        wire = bytes.fromhex(request["stream"])
        for cut in range(len(wire)):
            judged({**request, "stream": wire[:cut].hex()}, "hardened")
        for _ in range(20 if wire else 0):
            flipped = bytearray(wire)
            flipped[choose.randrange(len(wire))] ^= 1 << choose.randrange(8)
            judged({**request, "stream": flipped.hex()}, "compat")


def test_what_is_no_request_at_all_is_refused() -> None:
    for odd in ODD:
        with pytest.raises(CaseError):
            perform(odd)
        with pytest.raises(CaseError):
            perform({"op": odd})


@pytest.mark.parametrize("command", ["check", "save", "load"])
def test_a_cut_or_flipped_file_gives_one_line_and_exit_2_or_a_verdict(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    choose = random.Random(1)
    request = next(each for each in REQUESTS if each["op"] == command)
    good = json.dumps(request).encode()
    file = tmp_path / "request.json"
    for at in range(0, len(good), 23):
        flipped = bytearray(good)
        flipped[at] ^= 1 << choose.randrange(8)
        for data in (good[:at], bytes(flipped)):
            file.write_bytes(data)
            status = main([command, str(file)])
            printed = capsys.readouterr()
            assert status in {0, 1, 2}
            if status == 2:
                assert printed.err.count("\n") == 1
                assert str(file) in printed.err
                assert not printed.out
            else:
                assert json.loads(printed.out)["verdict"] in VERDICTS


def test_a_missing_file_or_flag_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["load", "--no-such-flag"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_deep_json_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "deep.json"
    file.write_text('{"structs":' * 100_000)

    assert main(["check", str(file)]) == 2
    assert "deep.json" in capsys.readouterr().err
