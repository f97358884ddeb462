# SPDX-License-Identifier: Apache-2.0
"""Every target: its seeds and all that fuzzers once found are replayed, and what must not be, is found."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from vmstate.whole import fields, lists, nodes
from vmstate_conformance.fuzzing import container, documents, profile, vmdesc
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.targets import MODULES, target
from vmstate_conformance.fuzzing.triage import main

FUZZ = Path(__file__).parents[2] / "fuzz"
REGRESSIONS = sorted((FUZZ / "regressions").glob("*/*"))
IN_PROCESS = sorted(set(MODULES) - {"differential"})


@pytest.mark.parametrize("file", REGRESSIONS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_was_once_found_is_found_no_more(file: Path) -> None:
    target(file.parent.name).run(file.read_bytes())


@pytest.mark.parametrize("name", [name for name in IN_PROCESS if name not in ("load", "structure")])
def test_seeds_find_nothing_and_fit(name: str) -> None:
    tested = target(name)
    seeds = list(tested.seeds())
    assert len(seeds) > 20
    for seed in seeds[:400]:
        tested.run(seed)
    assert sum(len(seed) <= tested.max_len for seed in seeds) > len(seeds) * 0.9


@pytest.mark.parametrize("name", IN_PROCESS)
def test_any_bytes_are_an_input_with_words_to_say_it(name: str) -> None:
    tested, source = target(name), random.Random(5)
    for size in (0, 1, 2, 5, 7, 8, 40, 300):
        data = source.randbytes(size)
        tested.run(data)
        json.dumps(tested.case(data))
    assert all(isinstance(token, bytes) for token in tested.tokens())


@pytest.mark.parametrize("name", MODULES)
def test_every_target_has_a_script_that_can_be_started(name: str) -> None:
    script = FUZZ / f"{name}_fuzzer.py"
    assert script.stat().st_mode & 0o111
    assert script.read_text().startswith("#!/usr/bin/env python3\n")


@pytest.mark.parametrize("name", ["document", "vmdesc"])
def test_mutations_of_json_keep_to_the_size_and_mostly_to_json(name: str) -> None:
    tested, good = target(name), 0
    assert tested.mutate is not None
    seeds = list(tested.seeds())[:60]
    for at, data in enumerate(seeds):
        made = tested.mutate(data, tested.max_len, 3 + 8 * at, lambda data, most: data[:most])
        assert len(made) <= tested.max_len
        start = 1 if name == "document" else 2 + int.from_bytes(made[:2], "big")
        try:
            json.loads(made[start:])
        except ValueError:
            continue
        good += made != data
    assert good > len(seeds) / 2


def rules_of(run: Any, inputs: list[bytes]) -> set[str]:
    found = set()
    for data in inputs:
        try:
            run(data)
        except Finding as finding:
            found.add(finding.rule)
    return found


def test_bytes_that_a_stream_loses_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = list(container.seeds())
    assert rules_of(container.run, inputs) == set()
    encode = lists.CountedBytes.encode

    def forgetful(self: Any, value: Any, out: bytearray) -> None:
        encode(self, value, out)
        del out[-1:]

    monkeypatch.setattr(lists.CountedBytes, "encode", forgetful)
    assert rules_of(container.run, inputs) == {"not-the-same"}


def test_a_span_that_is_missing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    data = (FUZZ / "regressions" / "container" / "gtree-count-without-span").read_bytes()
    leaf = nodes.Reader.leaf

    def forgetful(self: Any, at: int, size: int, kind: str, name: str = "") -> None:
        if kind != "count":
            leaf(self, at, size, kind, name)

    monkeypatch.setattr(nodes.Reader, "leaf", forgetful)
    assert rules_of(container.run, [data]) == {"spans"}


def test_an_error_of_the_decoder_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise IndexError

    monkeypatch.setattr(fields.Fields, "decode", broken)
    with pytest.raises(IndexError):
        rules_of(vmdesc.run, list(vmdesc.seeds()))


@pytest.mark.parametrize(
    ("compat", "hardened", "rule"),
    [
        (
            {"verdict": "accept"},
            {"verdict": "abort", "error": "x", "message": ""},
            "hardened-aborts",
        ),
        (
            {"verdict": "abort", "error": "bad-count", "message": ""},
            {"verdict": "accept"},
            "hardened-accepts",
        ),
        (
            {"verdict": "abort", "error": "null-array", "message": ""},
            {"verdict": "reject", "error": "stream-error"},
            "class",
        ),
        ({"verdict": "accept", "state": 1}, {"verdict": "accept", "state": 2}, "profiles"),
    ],
)
def test_profiles_that_differ_where_they_must_not_are_found(
    compat: dict[str, Any], hardened: dict[str, Any], rule: str
) -> None:
    with pytest.raises(Finding) as caught:
        profile.agree(compat, hardened)
    assert caught.value.rule == rule


def test_an_error_of_two_lines_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def two_lines(*_: Any, **__: Any) -> None:
        raise documents.CaseError("a", "b", "c")

    monkeypatch.setattr(documents.CaseError, "__str__", lambda _self: "one\ntwo")
    monkeypatch.setattr(documents, "perform", two_lines)
    with pytest.raises(Finding, match="not one line"):
        documents.request(b"{}")


def test_triage_lists_replays_and_prunes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finding = {"target": "container", "rule": "r", "signature": "r:x", "detail": "d", "input": "00"}
    file = tmp_path / "container-0.finding"
    file.write_text(json.dumps({"finding": finding}))
    assert main([str(tmp_path)], "") == 0
    assert "gone     container    r:x" in capsys.readouterr().out
    assert main(["--replay", str(file)], "") == 0
    assert "nothing shows" in capsys.readouterr().out
    assert main(["--prune", str(tmp_path)], "") == 0
    assert not file.exists()


def test_triage_shows_what_still_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_data: bytes) -> None:
        raise Finding("r", "x", "d")

    toy = container.TARGET.__class__("container", broken, list, list, lambda _data: None)
    monkeypatch.setattr("vmstate_conformance.fuzzing.triage.target", lambda _name: toy)
    finding = {"target": "container", "rule": "r", "signature": "r:x", "detail": "d", "input": "00"}
    file = tmp_path / "container-0.finding"
    file.write_text(json.dumps({"finding": finding}))
    assert main([str(tmp_path)], "") == 1
    assert f"--replay {file}" in capsys.readouterr().out
    assert main(["--replay", str(file)], "") == 1
    assert "shows: r:x" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nonsense"], "--nonsense"),
        (["--replay"], "needs a FILE"),
        (["/no/such/place"], "missing"),
    ],
)
def test_triage_refuses_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, "") == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
