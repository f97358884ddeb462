# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from runs import ACCEPT, DOCUMENT, REJECT, case, corpus, rows, run

from vmstate_conformance.cases import Case, read_cases
from vmstate_conformance.runner.grade import grade
from vmstate_conformance.runner.run import Run
from vmstate_conformance.testees.hello import Hello, HelloError, digest
from vmstate_conformance.testees.reference import HELLO
from vmstate_conformance.testees.registry import Testee
from vmstate_conformance.testees.session import Timing

GOOD: dict[str, Any] = {
    "verdict": "accept",
    "consumed": 2,
    "stream_error": 0,
    "state": {"a": "7"},
    "heap": {"allocated": 0, "leaked": 0},
    "resave": {"verdict": "ok", "stream": "0007"},
}


def read(tmp_path: Path, *cases: dict[str, Any]) -> list[Case]:
    return list(read_cases([corpus(tmp_path, *cases)]))


def graded(each: Case, result: dict[str, Any], hello: Hello | None = None) -> dict[str, str]:
    return {facet.facet: facet.grade for facet in grade(each, result, "compat", hello).facets}


def untimed(found: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps({**row, "us": 0}) for row in found)


def hello(**caps: Any) -> Hello:
    return Hello.read({**HELLO, "caps": {**HELLO["caps"], **caps}})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        ({}, []),
        ({"heap": {"allocated": 0, "leaked": 1}}, ["heap"]),
        ({"resave": {"verdict": "ok", "stream": "0008"}}, ["resave"]),
        ({"resave": {"verdict": "crash"}}, ["resave"]),
        ({"state": {"a": "8"}}, ["load"]),
        ({"consumed": True}, ["load"]),
        ({"stream_error": False}, ["load"]),
    ],
)
def test_each_facet_of_an_accepted_load_stands_by_itself(
    tmp_path: Path, change: dict[str, Any], failing: list[str]
) -> None:
    (each,) = read(tmp_path, case("c", ACCEPT))
    found = graded(each, {**GOOD, **change})

    assert list(found) == ["load", "resave", "heap"]
    assert [facet for facet, grade_ in found.items() if grade_ == "fail"] == failing


def test_what_a_refusal_leaves_behind_is_a_facet_of_its_own(tmp_path: Path) -> None:
    expect = {**REJECT, "state": {"a": "=pre"}, "consumed": 1}
    (each,) = read(tmp_path, case("c", expect, stream=[{"hex": "00"}]))
    result = {**GOOD, "verdict": "reject", "error": "stream-error", "state": {"a": "1"}}

    assert graded(each, {**result, "consumed": 1, "state": {"a": "0"}})["partial"] == "pass"
    assert graded(each, {**result, "consumed": 1}) == {
        "load": "pass",
        "heap": "pass",
        "partial": "fail",
    }


def test_a_failing_operation_says_nothing_of_the_other_facets(tmp_path: Path) -> None:
    (each,) = read(tmp_path, case("c", ACCEPT))

    for verdict in ("reject", "crash", "timeout", "failure"):
        found = graded(each, {"verdict": verdict})
        assert found == {"load": "fail", "resave": "notrun", "heap": "notrun"}


def test_an_ancestor_of_the_wanted_class_is_coarsely_right(tmp_path: Path) -> None:
    (each,) = read(tmp_path, case("c", REJECT, stream=[{"hex": "00"}]))
    result = {**GOOD, "verdict": "reject"}

    assert graded(each, {**result, "error": "stream.ended"})["load"] == "pass"
    assert graded(each, {**result, "error": "stream-error"})["load"] == "pass"
    assert graded(each, {**result, "error": "stream"})["load"] == "pass-coarse"
    assert graded(each, {**result, "error": "marker"})["load"] == "fail"
    assert graded(each, result)["load"] == "fail"
    assert graded(each, result, hello(errors="none"))["load"] == "pass-coarse"


def test_what_a_testee_does_not_show_is_unsupported_and_not_wrong(tmp_path: Path) -> None:
    (each,) = read(tmp_path, case("c", ACCEPT))
    bare = {"verdict": "accept", "consumed": 2, "stream_error": 0}

    assert graded(each, {**bare, "state": {"a": "7"}}, hello(heap=False)) == {
        "load": "pass",
        "resave": "unsupported",
        "heap": "unsupported",
    }
    assert (
        graded(each, {**bare, **GOOD, "state": None}, hello(state="none"))["load"] == "pass-coarse"
    )


def test_the_testee_saves_again_what_it_accepted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    done = run("--in-process", "--results", log, places=corpus(tmp_path / "c"))
    pipe = run("--results", tmp_path / "pipe", places=tmp_path / "c")

    assert (done.exit_code, pipe.exit_code) == (0, 0)
    resaved = [row for row in rows(log) if row["facet"] == "resave"]
    assert [(row["id"], row["grade"]) for row in resaved] == [("area/group#loads", "pass")]
    assert untimed(rows(log)) == untimed(rows(tmp_path / "pipe"))


def test_a_choice_is_told_and_decides_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run("--in-process", "--results", log, places=corpus(tmp_path / "c"))

    (row,) = [row for row in rows(log) if row["id"] == "area/group#chooses"]
    assert (row["grade"], row["verdict"], row["branch"]) == ("free", "accept", 0)
    assert row["flags"] == ["Latitude"]


@pytest.mark.parametrize(
    ("caps", "needs"),
    [
        ({"ops": ["save"]}, "ops:load"),
        ({"infos": ["uint8"]}, "infos:uint16"),
        ({"flags": []}, "flags:VMS_SINGLE"),
        ({"infos": None, "flags": None, "ops": None}, None),
    ],
)
def test_what_the_hello_does_not_offer_is_not_asked(
    tmp_path: Path, caps: dict[str, Any], needs: str | None
) -> None:
    (each,) = read(tmp_path, case("c", ACCEPT))

    assert hello(**caps).missing(each.request) == needs


def test_hooks_are_not_asked_where_they_are_not_offered(tmp_path: Path) -> None:
    (each,) = read(tmp_path, case("c", ACCEPT))
    document = json.loads(json.dumps(DOCUMENT))
    document["descriptions"]["d"]["hooks"] = {"post_load": 0}

    request = {**each.request, "document": document}
    assert hello().missing(request) is None
    assert hello(hooks=False).missing(request) == "hooks"


@pytest.mark.parametrize(
    "change",
    [
        {"protocol": 2},
        {"protocol": None},
        {"window": 0},
        {"window": True},
        {"dialects": "qemu"},
        {"caps": []},
        {"caps": {"heap": 1}},
        {"caps": {"errors": "some"}},
        {"caps": {"infos": [1]}},
        {"descriptions": {"static": []}},
        {"descriptions": "other"},
    ],
)
def test_a_hello_that_says_nothing_to_rely_on_is_an_error(change: dict[str, Any]) -> None:
    with pytest.raises(HelloError):
        Hello.read({**HELLO, **change})


STATIC = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked["m"] == "hello":
        said = {"m": "hello", "protocol": 1, "dialects": ["qemu-11.1.3"], "profiles": ["compat"],
                "descriptions": {"static": {"d@DIGEST": "my_d"}}, "caps": {"state": "none",
                "ops": ["load", "resave"]}}
    elif asked["m"] == "config":
        said = {"m": "config", "ok": True}
    elif asked["m"] == "run":
        assert asked["desc_ref"] == "my_d" and "document" not in asked
        load = {"verdict": "accept", "consumed": 2, "stream_error": 0}
        resave = {"verdict": "ok", "stream": asked["stream"][:4]}
        said = {"m": "result", "id": asked["id"], **(load if asked["op"] == "load" else resave)}
    else:
        break
    print(json.dumps(said), flush=True)
"""


def test_a_static_testee_is_asked_by_name_and_for_what_it_has_only(tmp_path: Path) -> None:
    (each,) = read(tmp_path, case("c", ACCEPT))
    script = tmp_path / "static.py"
    script.write_text(STATIC.replace("DIGEST", digest(each.request["document"])))
    other = json.loads(json.dumps(each.request))
    other["document"]["descriptions"]["d"]["version_id"] = 2
    strange = Case("other", each.dialect, other, each.expect, (), "")

    found = {
        row.case.id: {facet.facet: facet.grade for facet in row.grade.facets}
        for row in Run(Testee(f"python3 {script}", Timing(10, 5))).rows([each, strange])
    }

    assert found == {
        "area/group#c": {"load": "pass-coarse", "resave": "pass", "heap": "unsupported"},
        "other": {"load": "unsupported", "resave": "unsupported", "heap": "unsupported"},
    }


def test_a_document_is_named_by_what_it_says_and_not_by_how() -> None:
    turned = dict(reversed(DOCUMENT.items()))

    assert digest(turned) == digest(DOCUMENT)
    assert digest({**DOCUMENT, "root": "e"}) != digest(DOCUMENT)


def test_whole_streams_are_graded_by_their_devices() -> None:
    devices = [{"idstr": "d", "instance_id": 0, "state": {"a": "7"}, "loads": 1}]
    expect = {"verdict": "accept", "devices": devices, "heap": {"allocated": 0, "leaked": 0}}
    request = {"op": "stream", "document": DOCUMENT, "devices": [], "stream": ""}
    each = Case("c", "qemu-11.1.3", request, expect, (), "")
    other = [{**devices[0], "state": {"a": "8"}, "loads": 2}]

    assert graded(each, expect) == {"stream": "pass", "heap": "pass"}
    found = grade(each, {**expect, "devices": other}, "compat").differences
    assert [difference.path for difference in found] == ["devices[0].state.a", "devices[0].loads"]
    assert graded(each, {**expect, "devices": []})["stream"] == "fail"
    refused = {**expect, "verdict": "reject", "error": "truncated"}
    again = Case("c", "qemu-11.1.3", request, refused, (), "")
    assert graded(again, {**refused, "devices": other}) == {
        "stream": "pass",
        "heap": "pass",
        "partial": "fail",
    }
