# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from vmstate_conformance.cases import Case, InputError, read_cases
from vmstate_conformance.runner.grade import grade
from vmstate_conformance.testees.registry import InProcess

DOCUMENT: dict[str, Any] = {
    "structs": {
        "E": {"size": 4, "members": [{"name": "v", "offset": 0, "type": "uint16"}]},
        "S": {
            "size": 16,
            "members": [
                {"name": "n", "offset": 0, "type": "uint32"},
                {
                    "name": "a",
                    "offset": 8,
                    "type": {"pointer": {"array": {"pointer": {"struct": "E"}}}},
                },
            ],
        },
    },
    "descriptions": {
        "e": {
            "struct": "E",
            "version_id": 1,
            "fields": [{"name": "v", "info": "uint16", "size": 2, "flags": ["VMS_SINGLE"]}],
        },
        "d": {
            "struct": "S",
            "version_id": 2,
            "minimum_version_id": 1,
            "fields": [
                {"name": "n", "info": "uint32", "size": 4, "flags": ["VMS_SINGLE"]},
                {
                    "name": "a",
                    "vmsd": "e",
                    "offset": 8,
                    "size": 4,
                    "flags": [
                        "VMS_POINTER",
                        "VMS_STRUCT",
                        "VMS_ARRAY_OF_POINTER",
                        "VMS_VARRAY_UINT32",
                        "VMS_ARRAY_OF_POINTER_AUTO_ALLOC",
                    ],
                },
            ],
        },
    },
    "root": "d",
}
GOOD: dict[str, Any] = {
    "id": "good",
    "title": "A valid marker is followed by its element.",
    "level": "required",
    "clauses": ["LOAD-MARKER-1"],
    "op": "load",
    "version_id": 2,
    "destination": {"n": "0", "a": [None, None]},
    "stream": [
        {"hex": "00000002", "at": "n"},
        {"hex": "31", "at": "a[0]", "framing": True},
        {"hex": "0007", "at": "a[0].v"},
        {"hex": "30", "at": "a[1]", "framing": True},
        {"hex": "00"},
    ],
    "expect": {"verdict": "accept", "consumed": 8, "state": {"n": "2", "a": [{"v": "7"}, None]}},
}
BAD: dict[str, Any] = {
    "id": "bad",
    "title": "No other marker is taken.",
    "clauses": ["LOAD-MARKER-1"],
    "base": "good",
    "mutate": [{"op": "set", "at": "a[0]", "hex": "32"}],
    "expect": {
        "verdict": "reject",
        "class": ["marker.unexpected"],
        "state": {"n": "2", "a": "=pre"},
    },
}


def family(expand: str, **more: Any) -> dict[str, Any]:
    return {"id": "f", "title": "All of them.", "of": "good", "expand": expand, **more}


def corpus(tmp_path: Path, *cases: Any, families: Any = (), **more: Any) -> Path:
    (tmp_path / "descriptions").mkdir(exist_ok=True)
    (tmp_path / "descriptions/doc.json").write_text(json.dumps(DOCUMENT))
    (tmp_path / "area").mkdir(exist_ok=True)
    group = {
        "schema": 1,
        "group": "area/group",
        "title": "A group.",
        "document": "doc",
        "cases": list(cases),
        "families": list(families),
        **more,
    }
    (tmp_path / "area/group.json").write_text(json.dumps(group, indent=1))
    return tmp_path


def read(place: Path, dialect: str = "qemu-11.1.3") -> dict[str, Case]:
    found = [case for case in read_cases([place]) if case.dialect == dialect]
    return {case.id.partition("#")[2]: case for case in found}


def failures(place: Path, profile: str) -> list[str]:
    bad = []
    for dialect in ("qemu-11.1.3", "qemu-11.1.0"):
        cases = read(place, dialect).values()
        for case, result in InProcess(dialect, profile).run(cases):
            bad += [f"{case.id}: {each}" for each in grade(case, result, profile).differences]
    return bad


def test_a_case_of_a_group_says_all_about_itself(tmp_path: Path) -> None:
    case = read(corpus(tmp_path, GOOD))["good"]

    assert case.id == "area/group#good"
    assert (case.area, case.level, case.clauses) == ("area", "required", ("LOAD-MARKER-1",))
    assert case.request["document"] == DOCUMENT
    assert case.request["stream"] == "000000023100073000"
    assert case.source.endswith("area/group.json:7")


def test_a_mutated_case_is_its_base_but_for_the_mutation(tmp_path: Path) -> None:
    cases = read(corpus(tmp_path, GOOD, BAD))

    assert cases["bad"].request == {**cases["good"].request, "stream": "000000023200073000"}
    assert cases["bad"].expect["error"] == "unexpected-ptr-marker"
    assert cases["bad"].expect["state"] == {"n": "2", "a": [None, None]}
    assert not failures(tmp_path, "compat")
    assert not failures(tmp_path, "hardened")


@pytest.mark.parametrize(
    ("steps", "stream"),
    [
        ([{"op": "set", "offset": 3, "hex": "0130"}], "000000013000073000"),
        ([{"op": "truncate", "to": 5}], "0000000231"),
        ([{"op": "insert", "offset": 4, "hex": "ff"}], "00000002ff3100073000"),
        ([{"op": "insert", "offset": 9, "hex": "ff"}], "000000023100073000ff"),
        ([{"op": "drop", "at": "a[0].v"}], "00000002313000"),
        ([{"op": "drop", "offset": 2, "size": 4}], "0000073000"),
        ([{"op": "append", "hex": "0102"}], "0000000231000730000102"),
        ([{"op": "truncate", "to": 4}, {"op": "append", "hex": "30"}], "0000000230"),
    ],
)
def test_mutations_of_a_stream_change_what_they_say(
    tmp_path: Path, steps: list[Any], stream: str
) -> None:
    made = read(corpus(tmp_path, GOOD, {**BAD, "mutate": steps}))["bad"]

    assert made.request["stream"] == stream


def test_mutations_reach_version_state_and_document(tmp_path: Path) -> None:
    steps = [
        {"op": "version_id", "value": 1},
        {"op": "destination", "path": "a[1]", "value": {"v": "3"}},
        {"op": "document", "path": "descriptions.d.fields[1].size", "value": 0},
        {"op": "document", "path": ["descriptions", "d", "minimum_version_id"]},
    ]
    case = read(corpus(tmp_path, GOOD, {**BAD, "mutate": steps}))["bad"]

    described = case.request["document"]["descriptions"]["d"]
    assert case.request["version_id"] == 1
    assert case.request["destination"]["a"] == [None, {"v": "3"}]
    assert described["fields"][1]["size"] == 0
    assert "minimum_version_id" not in described
    assert DOCUMENT["descriptions"]["d"]["minimum_version_id"] == 1


def test_each_truncation_is_a_case_and_an_exception_has_its_own_say(tmp_path: Path) -> None:
    cut = family(
        "truncate-each",
        expect={"verdict": "reject", "class": ["stream.ended", "marker.unexpected"]},
    )
    cut["except"] = [
        {
            "to": 8,
            "why": "the end comes after all",
            "expect": {"verdict": "accept", "stream_error": -5},
        },
        {"to": 0, "why": "left out"},
    ]
    cases = read(corpus(tmp_path, GOOD, families=[cut]))

    assert list(cases) == ["good", *(f"f-{to:03}" for to in range(1, 9))]
    assert cases["f-005"].request["stream"] == "0000000231"
    assert cases["f-008"].expect["verdict"] == "accept"
    assert not failures(tmp_path, "compat")


def test_framing_bytes_versions_and_counts_are_swept(tmp_path: Path) -> None:
    refused = {"verdict": "reject"}
    families = [
        {**family("flip-each-framing-byte", expect=refused), "id": "flip"},
        {**family("version-sweep", values=[-1, 0, 3], expect=refused), "id": "ver"},
        {**family("count-sweep", at="n", values=[3, -1], expect={"verdict": "survive"}), "id": "n"},
    ]
    cases = read(corpus(tmp_path, GOOD, families=families))

    assert list(cases)[1:] == [
        "flip-004",
        "flip-007",
        "ver-m1",
        "ver-000",
        "ver-003",
        "n-003",
        "n-m1",
    ]
    assert cases["flip-004"].request["stream"][8:10] == "ce"
    assert cases["ver-m1"].request["version_id"] == -1
    assert cases["n-m1"].request["stream"].startswith("ffffffff")


def test_subsections_come_in_every_order(tmp_path: Path) -> None:
    good = copy.deepcopy(GOOD)
    good["stream"] += [
        {"hex": "0501", "at": "<d1>"},
        {"hex": "11", "at": "<d1>.x"},
        {"hex": "0502", "at": "<d2>"},
        {"hex": "0503", "at": "<d3>"},
        {"hex": "ff"},
    ]
    cases = read(
        corpus(tmp_path, good, families=[family("subsection-order", expect={"verdict": "survive"})])
    )

    head = "000000023100073000"
    assert len(cases) == 6
    assert cases["f-321"].request["stream"] == head + "050305020501" + "11" + "ff"


def test_what_is_expected_may_depend_on_dialect_and_profile(tmp_path: Path) -> None:
    expect = [
        {"when": {"profile": "compat", "dialect": ["qemu-11.1.0"]}, "verdict": "accept"},
        {"when": {"profile": "compat"}, "verdict": "abort", "abort": "oom"},
        {"verdict": "reject", "class": ["memory.allocation-failed", "count.bad"]},
    ]
    place = corpus(tmp_path, {**GOOD, "expect": expect})
    new, old = read(place)["good"], read(place, "qemu-11.1.0")["good"]

    refused = {"verdict": "reject", "error": ["allocation-failed", "bad-count"]}
    assert (new.expect["verdict"], new.hardened) == ("abort", refused)
    assert (old.expect["verdict"], old.hardened) == ("accept", refused)
    assert grade(new, {"verdict": "abort", "abort": "oom"}, "compat").grade == "pass"
    assert grade(new, {"verdict": "reject", "error": "bad-count"}, "hardened").grade == "pass"
    assert grade(new, {"verdict": "reject", "error": "stream-error"}, "hardened").grade == "fail"


def test_an_abort_is_a_refusal_with_its_class_where_that_is_hardened(tmp_path: Path) -> None:
    expect = {"verdict": "abort", "abort": "assert", "class": ["pointer.not-null"]}
    occupied = {**GOOD, "destination": {"n": "0", "a": [{"v": "1"}, None]}, "expect": expect}
    place = corpus(tmp_path, occupied)

    assert not failures(place, "compat")
    assert not failures(place, "hardened")


def test_a_free_choice_passes_with_either_branch_and_no_other(tmp_path: Path) -> None:
    branches = [{"verdict": "accept", "consumed": 8}, {"verdict": "reject"}]
    case = read(corpus(tmp_path, {**GOOD, "expect": {"verdict": "either", "branches": branches}}))

    def graded(result: dict[str, Any]) -> str:
        return grade(case["good"], result, "compat").grade

    assert graded({"verdict": "accept", "consumed": 8}) != "fail"
    assert graded({"verdict": "reject"}) != "fail"
    assert graded({"verdict": "accept", "consumed": 7}) == "fail"
    assert graded({"verdict": "abort"}) == "fail"


def test_what_survives_may_do_anything_but_die(tmp_path: Path) -> None:
    case = read(corpus(tmp_path, {**GOOD, "expect": {"verdict": "survive"}}))["good"]

    assert grade(case, {"verdict": "reject"}, "compat").grade == "free"
    for verdict in ("crash", "timeout", "exit", "protocol"):
        assert grade(case, {"verdict": verdict}, "compat").grade == "fail"


def test_a_state_may_be_known_in_part(tmp_path: Path) -> None:
    state = {"n": "*", "a": [{"v": "7"}, None]}
    case = read(corpus(tmp_path, {**GOOD, "expect": {"verdict": "accept", "state": state}}))["good"]

    def differs(state: Any) -> list[str]:
        got = {"verdict": "accept", "state": state}
        return [each.path for each in grade(case, got, "compat").differences]

    assert not differs({"n": "9", "a": [{"v": "7"}, None]})
    assert differs({"n": "9", "a": [{"v": "8"}, None]}) == ["state.a[0].v"]


def test_staged_cases_run_unscored(tmp_path: Path) -> None:
    place = corpus(tmp_path, GOOD)
    (place / "staging").mkdir()
    (place / "area/group.json").rename(place / "staging/group.json")

    assert not read(place)["good"].scored


@pytest.mark.parametrize(
    ("change", "rule", "line"),
    [
        ({"id": "Good"}, "id", "id"),
        ({"op": "run"}, "op", "op"),
        ({"document": "none"}, "document", "document"),
        ({"stream": [{"hex": "0"}]}, "hex", "hex"),
        ({"stream": [{"hex": "00", "who": 1}]}, "unknown-key", "hex"),
        ({"level": "must"}, "level", "level"),
        ({"expect": {"verdict": "ok"}}, "verdict", "verdict"),
        ({"expect": {"verdict": "accept", "class": ["no.such"]}}, "class", "class"),
        ({"expect": []}, "when", "expect"),
        ({"expect": {"verdict": "accept", "surprise": 1}}, "unknown-key", "expect"),
        ({"clauses": "LOAD-1"}, "strings", "clauses"),
        ({"base": "good"}, "base", "base"),
        ({"base": "none"}, "base", "base"),
        ({"base": "other", "mutate": [{"op": "burn"}]}, "mutation", "op"),
        ({"base": "other", "mutate": [{"op": "set", "at": "z", "hex": ""}]}, "mutation", "at"),
        ({"base": "other", "mutate": [{"op": "truncate", "to": 99}]}, "mutation", "mutate"),
        ({"base": "other", "mutate": [{"op": "state", "path": "a..", "value": 1}]}, "path", "path"),
    ],
)
def test_a_bad_case_names_file_line_and_rule(
    tmp_path: Path, change: dict[str, Any], rule: str, line: str
) -> None:
    place = corpus(tmp_path, {**GOOD, "id": "other"}, {**GOOD, **change})
    file = place / "area/group.json"

    with pytest.raises(InputError) as caught:
        list(read_cases([place]))

    text = str(caught.value)
    assert text.startswith(f"{file}:")
    assert text.endswith(f"[{rule}]")
    number = int(text.split(":")[1])
    assert f'"{line}"' in "".join(file.read_text().splitlines()[number - 2 : number + 1])


def test_damaged_groups_give_cases_or_one_clear_error(tmp_path: Path) -> None:
    cut = family("truncate-each", expect={"verdict": "reject"})
    place = corpus(tmp_path, GOOD, BAD, families=[cut])
    file = place / "area/group.json"
    good, rng = file.read_bytes(), random.Random(2)
    for _ in range(400):
        damaged = bytearray(good)
        for _ in range(rng.randrange(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        file.write_bytes(damaged)
        try:
            list(read_cases([place]))
        except InputError as error:
            assert str(error).startswith(f"{file}:")
            assert "\n" not in str(error)


def test_a_key_twice_is_an_error_of_its_line(tmp_path: Path) -> None:
    place = corpus(tmp_path, GOOD)
    file = place / "area/group.json"
    file.write_text(file.read_text().replace('"title"', '"group"', 1))

    with pytest.raises(InputError, match=r"group\.json:4: 'group' twice \[json\]"):
        list(read_cases([place]))
