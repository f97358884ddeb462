# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from vmstate_conformance.cases import InputError, read_cases
from vmstate_conformance.cases.importer import write_corpus
from vmstate_conformance.corpus import corpus_dir

DOCUMENT = {
    "structs": {"S": {"size": 8, "members": [{"name": "a", "offset": 0, "type": "uint64"}]}},
    "descriptions": {"d": {"struct": "S", "fields": [], "needed": {"member": "a", "ge": 2**63}}},
    "root": "d",
}
RECORD: dict[str, Any] = {
    "id": "x",
    "op": "load",
    "tags": ["primary-aa_var", "load"],
    "dialect": "qemu-11.1.3",
    "document": DOCUMENT,
    "destination": {"a": 2**64 - 1},
    "version_id": 0,
    "stream": "00",
    "observed": {"verdict": "accept", "state": {"a": 2**64 - 1}, "consumed": 0},
}


def write(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_an_observation_is_a_case_with_canonical_scalars(tmp_path: Path) -> None:
    (case,) = read_cases([write(tmp_path / "o.jsonl", RECORD)])

    assert case.id == "x"
    assert case.area == "aa-var"
    assert case.request["destination"] == {"a": "18446744073709551615"}
    assert case.expect["state"] == {"a": "18446744073709551615"}
    needed = case.request["document"]["descriptions"]["d"]["needed"]
    assert needed == {"member": "a", "ge": "9223372036854775808"}


def test_what_is_imported_reads_back_as_the_same_cases(tmp_path: Path) -> None:
    other = {**RECORD, "dialect": "qemu-11.1.0"}
    differs = {**RECORD, "id": "y", "tags": ["classic"]}
    unlike = {**differs, "dialect": "qemu-11.1.0", "observed": {"verdict": "abort", "abort": "oom"}}
    source = write(tmp_path / "o.jsonl", RECORD, other, differs, unlike)

    files = write_corpus(read_cases([source]), tmp_path / "corpus")

    def known(place: Path) -> dict[Any, Any]:
        return {(c.id, c.dialect): (c.request, c.expect) for c in read_cases([place])}

    assert [file.name for file in files] == ["aa-var.jsonl", "classics.jsonl"]
    assert known(tmp_path / "corpus") == known(source)
    assert files[0].read_text().count("qemu-11.1.0") == 1


def test_gzip_and_single_json_files_are_read(tmp_path: Path) -> None:
    packed = tmp_path / "o.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(RECORD).encode()))
    pretty = tmp_path / "o.json"
    pretty.write_text(json.dumps({**RECORD, "id": "z"}, indent=2))

    assert [case.id for case in read_cases([packed, pretty])] == ["x", "z"]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"id": ""}, "id"),
        ({"id": 3}, "id"),
        ({"op": "run"}, "op"),
        ({"tags": "x"}, "tags"),
        ({"document": None}, "document"),
        ({"document": "unknown"}, "document"),
        ({"stream": ...}, "input"),
        ({"observed": None}, "expect"),
        ({"observed": {"verdict": "ok"}}, "verdict"),
        ({"dialect": None}, "dialect"),
        ({"expect": {}}, "expect"),
    ],
)
def test_a_bad_record_names_file_line_and_rule(
    tmp_path: Path, change: dict[str, Any], rule: str
) -> None:
    bad = {key: value for key, value in {**RECORD, **change}.items() if value is not ...}
    file = write(tmp_path / "bad.jsonl", {**RECORD, "id": "first"}, bad)

    with pytest.raises(InputError) as caught:
        list(read_cases([file]))

    assert f"{file}:2: " in str(caught.value)
    assert f"[{rule}]" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_same_case_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"duplicate"):
        list(read_cases([write(tmp_path / "o.jsonl", RECORD, RECORD)]))


def test_any_damage_gives_cases_or_one_clear_error(tmp_path: Path) -> None:
    good = (json.dumps(RECORD) + "\n").encode()
    rng = random.Random(1)
    for name, data in (("d.jsonl", good), ("d.jsonl.gz", gzip.compress(good))):
        for _ in range(400):
            damaged = bytearray(data[: rng.choice([len(data), rng.randrange(len(data))])])
            for _ in range(rng.randrange(4)):
                if damaged:
                    damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            file = tmp_path / name
            file.write_bytes(damaged)
            try:
                list(read_cases([file]))
            except InputError as error:
                assert str(file) in str(error)
                assert "\n" not in str(error)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "NaN", '{"id": 1e999}', "\x00", "null", '"x"', "1" * 5000, '{"id":"\\ud800"}'],
)
def test_odd_json_is_an_error_of_its_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "odd.jsonl"
    file.write_text(f"{text}\n")

    with pytest.raises(InputError, match=r"odd\.jsonl:1"):
        list(read_cases([file]))


def test_a_missing_or_empty_place_is_an_error(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none.jsonl"):
        with pytest.raises(InputError, match=str(place)):
            list(read_cases([place]))


def test_the_corpus_is_there_and_its_ids_are_its_own() -> None:
    found = list(read_cases([corpus_dir()]))

    assert len(found) == len({(case.id, case.dialect) for case in found})
    assert {case.dialect for case in found} >= {"qemu-11.1.3", "qemu-11.1.0"}


def test_the_clauses_of_the_corpus_are_those_of_the_specification() -> None:
    listed = json.loads((corpus_dir() / "clauses.json").read_text())["clauses"]
    known = {each["id"] for each in listed}

    used = {clause for case in read_cases([corpus_dir()]) for clause in case.clauses}

    assert used <= known
    assert len(used) > 250
