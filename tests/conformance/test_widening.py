# SPDX-License-Identifier: Apache-2.0
"""`case witness`: a dialect is added to what holds in it, by the word of its engine and the reference."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vmstate.operations import perform
from vmstate_conformance.cases import read_cases
from vmstate_conformance.cases import witness as witnesses
from vmstate_conformance.cases.cli import case
from vmstate_conformance.clauses import load
from vmstate_conformance.corpus import corpus_dir

DIALECT = "qemu-10.0"
BOTH = ["qemu-11.1.3", "qemu-11.1.0"]
ALL = [*BOTH, DIALECT]

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Engine:
    """Stands for QEMU's engine: the reference, whose answers may be changed."""

    dialect = DIALECT

    def __init__(self, change: Answer) -> None:
        self._change = change

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        result = perform(request, dialect=DIALECT)
        return self._change({key: result[key] for key in result if key != "path"})


class Engines:
    missing: tuple[str, ...] = ()

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine

    def of(self, dialect: str) -> Engine | None:
        return self._engine if dialect == DIALECT else None


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], None]:
    """Put an engine of 10.0 in the place of those that are provisioned."""

    def install(change: Answer) -> None:
        @contextmanager
        def given(*, wanted: bool = True) -> Iterator[Engines]:
            yield Engines(Engine(change) if wanted else None)

        monkeypatch.setattr(witnesses, "engines", given)

    install(lambda result: result)
    return install


def document(**field: Any) -> dict[str, Any]:
    """Describe a count and pointers to bytes, behind which a byte follows."""
    pointers = {"array": {"pointer": {"struct": "E"}}, "count": 2}
    byte = {"name": "v", "info": "uint8", "offset": 0, "size": 1, "flags": ["VMS_SINGLE"]}
    array: dict[str, Any] = {"name": "p", "vmsd": "e", "offset": 8, "size": 8, "num": 2}
    array["flags"] = ["VMS_ARRAY", "VMS_STRUCT", "VMS_ARRAY_OF_POINTER"]
    count = {"name": "n", "info": "uint8", "offset": 0, "size": 1, "flags": ["VMS_SINGLE"]}
    return {
        "structs": {
            "E": {"size": 1, "members": [{"name": "v", "offset": 0, "type": "uint8"}]},
            "S": {
                "size": 24,
                "members": [
                    {"name": "n", "offset": 0, "type": "uint8"},
                    {"name": "p", "offset": 8, "type": pointers},
                ],
            },
        },
        "descriptions": {
            "e": {"struct": "E", "version_id": 1, "fields": [byte]},
            "s": {"struct": "S", "version_id": 1, "fields": [count, {**array, **field}]},
        },
        "root": "s",
    }


GOOD: dict[str, Any] = {
    "group": "area/group",
    "group_title": "A group.",
    "document": document(),
    "document_name": "doc",
    "id": "good",
    "title": "Objects that are there have no marker.",
    "clauses": ["LOAD-MARKER-7"],
    "op": "load",
    "version_id": 1,
    "destination": {"n": 0, "p": [{"v": 0}, {"v": 0}]},
    "stream": "0105070000",
    "expect": {"verdict": "accept"},
}
FURTHER = {"group": "area/group", "base": "good", "clauses": ["LOAD-MARKER-7"]}
CUT = {
    **FURTHER,
    "id": "cut",
    "title": "The second object is not all there.",
    "mutate": [{"op": "truncate", "to": 2}],
    "expect": {"verdict": "reject"},
}
#: 11.1 goes on by a pointer's size, 10.0 by the field's.
STRIDE = {
    **FURTHER,
    "id": "stride",
    "title": "The stride is a pointer's.",
    "mutate": [{"op": "document", "path": "descriptions.s.fields[1].size", "value": 0}],
    "expect": {"verdict": "accept"},
}
EACH: dict[str, Any] = {
    "group": "area/group",
    "id": "each",
    "title": "No truncation is taken.",
    "clauses": ["LOAD-STREAM-1"],
    "of": "good",
    "expand": "truncate-each",
    "expect": {"verdict": "reject", "class": ["stream.ended"]},
    "except": {"why": "All data is there."},
}
STRIDES = {**EACH, "id": "strides", "of": "stride"}
AUTO = {
    **GOOD,
    "document": document(
        size=1,
        flags=[
            *document()["descriptions"]["s"]["fields"][1]["flags"],
            "VMS_ARRAY_OF_POINTER_AUTO_ALLOC",
        ],
    ),
    "document_name": "automatic",
    "id": "automatic",
    "title": "Each has a marker.",
    "destination": {"n": 0, "p": [None, None]},
    "stream": "0131053000",
}


def command(corpus: Path, *arguments: str, drafts: tuple[Any, ...] = ()) -> Result:
    text = "".join(json.dumps(draft) + "\n" for draft in drafts)
    return CliRunner().invoke(case, ["--corpus", str(corpus), *arguments], input=text)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return tmp_path / "corpus"


def add(corpus: Path, *drafts: Any) -> None:
    corpus.mkdir()
    done = command(corpus, "add", "--no-engine", "-", drafts=drafts)
    assert done.exit_code == 0, done.output


def widen(corpus: Path, *more: str) -> Result:
    return command(corpus, "witness", "--dialect", DIALECT, *more)


def held(corpus: Path) -> dict[str, Any]:
    group: dict[str, Any] = json.loads((corpus / "area/group.json").read_text())
    return group


def dialects(corpus: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in read_cases([corpus]):
        found.setdefault(each.id.partition("#")[2], set()).add(each.dialect)
    return found


@pytest.mark.usefixtures("engines")
def test_where_all_of_a_group_holds_the_group_names_the_dialect(corpus: Path) -> None:
    add(corpus, GOOD, CUT, EACH)

    done = widen(corpus)

    assert done.exit_code == 0
    assert "3 cases and families added" in done.output
    group = held(corpus)
    entries = [*group["cases"], *group["families"]]
    assert group["dialects"] == ALL
    assert not any("dialects" in entry for entry in entries)
    assert all(DIALECT in entry["witnesses"] for entry in entries)
    assert all(found == set(ALL) for found in dialects(corpus).values())


@pytest.mark.usefixtures("engines")
def test_what_comes_out_otherwise_keeps_its_dialects_and_is_shown(corpus: Path) -> None:
    add(corpus, GOOD, CUT, STRIDE, EACH, STRIDES)

    done = widen(corpus, "-v")

    assert done.exit_code == 0
    assert "3 cases and families added" in done.output
    assert "area/group#stride: in qemu-10.0, compat, " in done.output
    found = dialects(corpus)
    assert found["good"] == found["cut"] == found["each-001"] == set(ALL)
    assert found["stride"] == found["strides-001"] == set(BOTH)
    told = [each for each in held(corpus)["cases"] if "dialects" in each]
    assert [each["id"] for each in told] == ["stride"]


@pytest.mark.usefixtures("engines")
def test_a_family_holds_where_all_of_its_members_do(corpus: Path) -> None:
    add(corpus, GOOD, STRIDE, STRIDES)

    widen(corpus)

    assert held(corpus)["families"][0]["witnesses"] == ["reference"]


@pytest.mark.usefixtures("engines")
def test_a_branch_that_names_another_dialect_takes_in_the_new_one(corpus: Path) -> None:
    # A negative count is none where counts are narrow.
    negative = document(num=-1)
    draft = {**GOOD, "document": negative, "stream": "01050700"}
    narrow = {"when": {"dialect": ["qemu-11.1.0"]}, "verdict": "accept"}
    add(corpus, {**draft, "expect": [narrow, {"verdict": "abort"}]})

    widen(corpus)

    branches = held(corpus)["cases"][0]["expect"]
    assert branches[0]["when"]["dialect"] == ["qemu-11.1.0", DIALECT]
    assert dialects(corpus)["good"] == set(ALL)


def test_what_the_witnesses_do_not_agree_on_is_not_added(
    corpus: Path, engines: Callable[[Answer], None]
) -> None:
    add(corpus, GOOD, CUT)
    engines(lambda result: {**result, "consumed": result["consumed"] + 1})

    done = widen(corpus)

    assert done.exit_code == 1
    assert "the witnesses disagree on consumed" in done.output
    assert DIALECT not in {each.dialect for each in read_cases([corpus])}


@pytest.mark.usefixtures("engines")
def test_what_the_dialect_does_not_have_is_left_alone(corpus: Path) -> None:
    add(corpus, AUTO)

    done = widen(corpus)

    assert "1 cannot be asked" in done.output
    assert dialects(corpus)["automatic"] == set(BOTH)


@pytest.mark.usefixtures("engines")
def test_a_second_time_nothing_changes(corpus: Path) -> None:
    add(corpus, GOOD, STRIDE, EACH)
    widen(corpus)
    before = (corpus / "area/group.json").read_bytes()

    done = widen(corpus)

    assert "0 cases and families added, 2 had it" in done.output
    assert (corpus / "area/group.json").read_bytes() == before


@pytest.mark.usefixtures("engines")
def test_a_case_that_has_the_dialect_gets_its_engine_as_a_witness(corpus: Path) -> None:
    corpus.mkdir()
    draft = {**GOOD, "dialects": ALL, "derived": "by hand"}
    assert command(corpus, "add", "--no-engine", "-", drafts=(draft,)).exit_code == 0
    assert held(corpus)["cases"][0]["witnesses"] == ["reference", "hand"]

    done = widen(corpus)

    assert "0 cases and families added, 1 had it, 1 of them confirmed" in done.output
    assert held(corpus)["cases"][0]["witnesses"] == ["reference", "hand", DIALECT]
    assert "1 had it, 0 of them confirmed" in widen(corpus).output


@pytest.mark.usefixtures("engines")
def test_a_check_writes_nothing(corpus: Path) -> None:
    add(corpus, GOOD)
    before = (corpus / "area/group.json").read_bytes()

    assert "1 cases and families hold" in widen(corpus, "--check").output
    assert (corpus / "area/group.json").read_bytes() == before


@pytest.mark.usefixtures("engines")
def test_a_draft_is_confirmed_by_the_engines_of_its_dialects(corpus: Path) -> None:
    corpus.mkdir()
    drafts = ({**GOOD, "dialects": ALL}, {**AUTO, "dialects": ALL})

    done = command(corpus, "add", "-", drafts=drafts)

    assert held(corpus)["cases"][0]["witnesses"] == ["reference", DIALECT]
    assert "1 added, 1 refused" in done.output
    lacking = "flags:VMS_ARRAY_OF_POINTER_AUTO_ALLOC"
    assert f"automatic: qemu-10.0 has no {lacking} [unsupported]" in done.output


@pytest.mark.parametrize("dialect", ["rfc", "qemu-9.9", "nonsense"])
def test_a_dialect_without_an_engine_is_one_line(corpus: Path, dialect: str) -> None:
    add(corpus, GOOD)

    done = command(corpus, "witness", "--dialect", dialect)

    assert done.exit_code == 2
    assert done.output == (
        f"vmstate-conformance: --dialect {dialect}: no engine of it is provisioned [dialect]\n"
    )


@pytest.mark.usefixtures("engines")
def test_a_broken_group_is_one_line(corpus: Path) -> None:
    add(corpus, GOOD)
    file = corpus / "area/group.json"
    file.write_text(file.read_text().replace('"op": "load"', '"op": "peek"'))

    done = widen(corpus)

    assert done.exit_code == 2
    assert str(file) in done.output


def test_each_clause_that_names_a_dialect_and_has_cases_has_one_in_it() -> None:
    cited: dict[str, set[str]] = {}
    for each in read_cases([corpus_dir()]):
        for clause in each.clauses if each.group else ():
            cited.setdefault(clause, set()).add(each.dialect)

    for clause in load(corpus_dir()).values():
        named = {dialect for dialect in ALL if dialect in clause.dialects}
        assert named <= cited.get(clause.id, named), clause.id
