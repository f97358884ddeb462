# SPDX-License-Identifier: Apache-2.0
"""The hypothesis strategies: what they promise, how often they give up, how small they shrink."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from loads import migrated, sent

from vmstate.operations import perform
from vmstate_conformance import strategies
from vmstate_conformance.cases import read_cases
from vmstate_conformance.strategies import (
    FIELD_KINDS,
    MUTATIONS,
    RULES,
    STEPS,
    case_text,
    containers,
    damages,
    destinations,
    documents,
    illegal_descriptions,
    layouts,
    migrations,
    mutations,
    note_case,
    states,
    streams,
    successors,
)
from vmstate_conformance.strategies.containing import DAMAGES

AFTER = "00" * 260


def load(document: Any, destination: Any, stream: bytes) -> dict[str, Any]:
    version = document["descriptions"][document["root"]]["version_id"]
    head = {"op": "load", "document": document, "destination": destination}
    return {**head, "version_id": version, "stream": stream.hex() + AFTER}


@given(st.data())
def test_a_state_loads_again_from_any_of_its_streams_into_any_destination(
    data: st.DataObject,
) -> None:
    document = data.draw(documents())
    state = data.draw(states(document))
    stream = data.draw(streams(document, state, canonical=False))
    request = load(document, data.draw(destinations(document, state)), stream.stream)
    note_case(request)
    result = perform(request)
    assert result["verdict"] == "accept"
    assert result["state"] == state


PLAIN = {"subsections": False, "versions": False, "predicates": False}


@given(documents(kinds=["info-auto-fixed-embedded", "buffer"], **PLAIN))
def test_documents_keep_to_what_was_asked_for(document: Any) -> None:
    fields = [field for each in document["descriptions"].values() for field in each["fields"]]
    assert all(not each.get("subsections") for each in document["descriptions"].values())
    assert all("version_id" not in field for field in fields)
    for field in fields:
        assert (
            field["flags"] == ["VMS_BUFFER"] or "VMS_ARRAY_OF_POINTER_AUTO_ALLOC" in field["flags"]
        )


@given(layouts(max_members=5))
def test_members_of_a_layout_lie_apart_and_aligned(structs: Any) -> None:
    for struct in structs.values():
        offsets = [member["offset"] for member in struct["members"]]
        assert offsets == sorted(set(offsets))
        assert all(offset < struct["size"] for offset in offsets)


@given(illegal_descriptions())
def test_an_illegal_description_is_refused_for_its_rule(broken: strategies.Broken) -> None:
    result = perform({"op": "check", "document": broken.document})
    assert result["verdict"] in ("invalid", "abort")
    assert result.get("rule", broken.rule) == broken.rule


@given(st.data())
def test_a_compatible_successor_loads_what_was_sent(data: st.DataObject) -> None:
    old = data.draw(documents())
    new = data.draw(successors(old, steps=["field", "subsection", "reordered"]))
    request = data.draw(migrations(old, new.document))
    request["stream"] += AFTER
    note_case(request)
    assert perform(request)["verdict"] == "accept"


@given(st.data())
def test_a_mutation_has_the_name_that_was_asked_for(data: st.DataObject) -> None:
    document = data.draw(documents())
    stream = data.draw(streams(document, data.draw(states(document))))
    mutated = data.draw(mutations(stream, names=["cut"]))
    assert mutated.name in ("cut", "truncate")
    assert stream.stream.startswith(mutated.stream)


@given(st.data())
def test_a_damaged_container_is_another_one_or_as_long_as_it_was(data: st.DataObject) -> None:
    whole = data.draw(containers(max_devices=2))
    damage = data.draw(damages(whole))
    assert damage.name in DAMAGES
    assert whole.request(damage.stream)["stream"] == damage.stream.hex()
    if damage.name == "cut":
        assert whole.stream.startswith(damage.stream)
    elif damage.name in ("header", "footer", "flip", "swap"):
        assert len(damage.stream) == len(whole.stream)
    elif damage.name == "drop":
        assert len(damage.stream) < len(whole.stream)
    else:
        assert len(damage.stream) > len(whole.stream)


@pytest.mark.parametrize(
    "wrong",
    [
        documents(max_fields=0),
        documents(min_fields=5, max_fields=4),
        documents(max_depth=99),
        documents(kinds=["nonsense"]),
        documents(kinds=[]),
        layouts(max_members=0),
        illegal_descriptions(rules=["nonsense"]),
        illegal_descriptions(rules=[]),
        containers(max_devices=0),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_when_drawn(wrong: st.SearchStrategy[Any]) -> None:
    with pytest.raises(InvalidArgument):
        find(wrong, lambda _: True)


def test_tables_name_what_can_be_asked_for() -> None:
    assert {"struct-auto-member-pointer", "vbuffer", "gtree"} <= set(FIELD_KINDS)
    assert {"marker", "count", "subsection-name", "subsection-length"} <= MUTATIONS.keys()
    assert {"auto-alloc-needs-size", "subsection-name"} <= RULES.keys()
    assert {"field", "subsection", "closed"} <= STEPS.keys()


@pytest.mark.parametrize(
    "strategy",
    [
        layouts(),
        sent().flatmap(lambda each: streams(each.document, each.state, canonical=False)),
        sent().flatmap(lambda each: mutations(each.wire)),
        illegal_descriptions(),
        migrated(),
        containers().flatmap(damages),
    ],
    ids=["layouts", "streams", "mutations", "illegal_descriptions", "migrations", "damages"],
)
def test_no_more_than_one_draw_of_twenty_is_rejected_or_cut_off(
    strategy: st.SearchStrategy[Any],
) -> None:
    begun = ended = 0

    @settings(max_examples=300, database=None, phases=[Phase.generate], derandomize=True)
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        nonlocal begun, ended
        begun += 1
        data.draw(strategy)
        ended += 1

    draw()
    assert begun - ended <= begun / 20


def _has(word: str) -> Callable[[Any], bool]:
    return lambda drawn: word in json.dumps(drawn[0])


@st.composite
def pairs(draw: st.DrawFn, kinds: list[str] | None = None) -> tuple[Any, Any]:
    document = draw(documents(kinds=kinds))
    return document, draw(states(document))


PLAINEST = "info-inline-one-embedded"


def _has_subsections(drawn: Any) -> bool:
    return any(each.get("subsections") for each in drawn[0]["descriptions"].values())


@pytest.mark.parametrize(
    ("wanted", "kinds", "descriptions", "fields"),
    [
        (_has("AUTO_ALLOC"), None, 1, 2),
        (_has("VMS_VBUFFER"), None, 1, 2),
        (_has("VMS_VSTRUCT"), None, 2, 3),
        (_has("qtailq"), [PLAINEST, "qtailq"], 2, 3),
        (_has_subsections, None, 2, 3),
        (
            lambda drawn: '[null, "' in json.dumps(drawn[1]),
            [PLAINEST, "info-auto-fixed-embedded"],
            2,
            4,
        ),
        (
            lambda drawn: '[["' in json.dumps(drawn[1]),
            [PLAINEST, "gtree-direct"],
            3,
            4,
        ),
    ],
    ids=["auto", "vbuffer", "vstruct", "qtailq", "subsection", "a-null-and-one", "a-node"],
)
def test_what_is_found_is_found_soon_and_is_small(
    wanted: Callable[[Any], bool], kinds: list[str] | None, descriptions: int, fields: int
) -> None:
    few = settings(max_examples=500, database=None, derandomize=True)
    found = find(pairs(kinds), wanted, settings=few)
    made = found[0]["descriptions"].values()
    assert len(made) <= descriptions
    assert sum(len(each["fields"]) for each in made) <= fields


def test_a_failure_prints_a_case_that_can_be_read_and_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @settings(database=None, derandomize=True)
    @given(st.data())
    def fail(data: st.DataObject) -> None:
        document = data.draw(documents())
        note_case({"op": "save", "document": document, "state": data.draw(states(document))})
        raise AssertionError("always")

    with pytest.raises(AssertionError, match="always") as caught:
        fail()
    (line,) = [
        line
        for note in caught.value.__notes__
        for line in note.splitlines()
        if line.startswith('{"id":')
    ]
    file = tmp_path / "found.jsonl"
    file.write_text(line)
    (case,) = read_cases([file])
    assert perform(case.request)["stream"] == case.expect["stream"] == "00"
    capsys.readouterr()


def test_a_case_file_says_what_the_caller_wants() -> None:
    document = {
        "structs": {"S": {"size": 1, "members": []}},
        "descriptions": {"dev": {"struct": "S", "fields": []}},
        "root": "dev",
    }
    text = case_text({"op": "check", "document": document}, {"verdict": "abort"})
    assert json.loads(text)["expect"] == [{"dialects": ["qemu-11.1.3"], "verdict": "abort"}]


def test_without_hypothesis_the_generator_works_and_the_strategies_say_what_they_need() -> None:
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from vmstate_conformance import strategies\n"
        "assert len(list(strategies.cases(1, 3))) == 3\n"
        "try: strategies.documents\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "vmstate-conformance[strategies]" in run.stdout
