# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from vmstate_conformance.cases import InputError
from vmstate_conformance.cases.lint import lint
from vmstate_conformance.corpus import corpus_dir

_spec = importlib.util.spec_from_file_location(
    "command", Path(__file__).with_name("test_case_command.py")
)
assert _spec is not None
assert _spec.loader is not None
command = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(command)

CLAUSES = ("LOAD-MARKER-1", "LOAD-STREAM-1", "SAVE-MARKER-1")
LACKS = {
    "LOAD-STREAM-1": "Never accepted: it is about an end.",
    "SAVE-MARKER-1": "Never refused: it is written.",
}


def specification(*clauses: str) -> str:
    lines = ["# Specification", ""]
    for area in dict.fromkeys(clause.partition("-")[0] for clause in clauses):
        lines += [f"## {area} — about it", ""]
        for clause in clauses:
            if clause.startswith(f"{area}-"):
                lines += [
                    f"### {clause} It is so.",
                    "",
                    "*required* · *all dialects* · `vmstate.c` `f()`",
                    "",
                    "Because it is.",
                    *([LACKS[clause]] if clause in LACKS else []),
                    "",
                ]
    return "\n".join(lines)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    root = tmp_path / "corpus"
    root.mkdir()
    for name in ("schemas", "classes.json"):
        source = corpus_dir() / name
        if source.is_dir():
            shutil.copytree(source, root / name)
        else:
            shutil.copy(source, root / name)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/specification.md").write_text(specification(*CLAUSES))
    drafts = [command.GOOD, command.BAD, command.SAVE, command.CUT]
    drafts = [{**draft, "derived": "By counting bytes."} for draft in drafts[:3]] + drafts[3:]
    assert command.add(root, *drafts).exit_code == 0
    file = root / "area/group.json"
    group = json.loads(file.read_text())
    group["families"][0]["witnesses"].append("hand")
    file.write_text(json.dumps(group))
    assert command.run(root, "fmt").exit_code == 0
    return root


def findings(root: Path) -> list[str]:
    return list(lint(root, engine=False))


def change(root: Path, where: list[Any], value: Any, *, fmt: bool = True) -> None:
    file = root / "area/group.json"
    group = json.loads(file.read_text())
    inside = group
    for step in where[:-1]:
        inside = inside[step]
    if value is ...:
        del inside[where[-1]]
    else:
        inside[where[-1]] = value
    file.write_text(json.dumps(group))
    if fmt:
        command.run(root, "fmt")


def test_a_corpus_that_the_tool_wrote_is_clean(corpus: Path) -> None:
    assert findings(corpus) == []


@pytest.mark.parametrize(
    ("where", "value", "rule"),
    [
        (["surprise"], 1, "schema"),
        (["cases", 0, "title"], "no sentence", "schema"),
        (["cases", 0, "witnesses"], ["reference"], "witnesses"),
        (["cases", 1, "stream", 0, "hex"], "00000003", "materialised"),
        (["cases", 0, "stream", 3, "at"], "a[9]", "segments"),
        (["cases", 0, "expect", "consumed"], 7, "result"),
        (["cases", 0, "expect", "heap", "leaked"], 1, "result"),
        (["cases", 0, "clauses"], ["LOAD-MARKER-9"], "clause"),
        (["cases", 0, "flags"], ["Odd"], "flag"),
        (["cases", 0, "expect"], {"verdict": "survive"}, "flag"),
        (["families", 0, "expect", "class"], ["stream.ended"], "result"),
        (["cases", 2, "clauses"], ["LOAD-MARKER-1"], "no-case"),
        (["cases", 1, "clauses"], ["LOAD-STREAM-1"], "one-sided"),
        (["group"], "area/other", "place"),
    ],
)
def test_what_is_wrong_is_found_with_file_line_and_rule(
    corpus: Path, where: list[Any], value: Any, rule: str
) -> None:
    change(corpus, where, value)

    found = findings(corpus)

    assert any(each.endswith(f"[{rule}]") for each in found), found
    for each in found:
        place, line, _ = each.split(":", 2)
        assert Path(place).is_file()
        assert int(line) > 0


def test_a_mutation_that_is_not_needed_is_found(corpus: Path) -> None:
    more = [{"op": "set", "at": "a[0]", "hex": "32"}, {"op": "truncate", "to": 7}]
    draft = {**command.BAD, "mutate": more, "derived": "By hand."}
    assert command.add(corpus, draft, verb="revise").exit_code == 0

    assert [each[-9:] for each in findings(corpus)] == ["[minimal]"] * 2

    change(corpus, ["cases", 1, "faults"], "the marker is read first")
    assert findings(corpus) == []


def test_a_second_fault_that_is_none_is_found(corpus: Path) -> None:
    more = [{"op": "set", "at": "a[0]", "hex": "32"}, {"op": "append", "hex": "00"}]
    draft = {**command.BAD, "mutate": more, "derived": "By hand.", "faults": "two of them"}
    assert command.add(corpus, draft, verb="revise").exit_code == 0

    assert [each[-9:] for each in findings(corpus)] == ["[minimal]"]


def test_a_refusal_without_a_base_says_why(corpus: Path) -> None:
    draft = {**command.GOOD, "id": "alone", "version_id": 9, "derived": "By hand."}
    draft |= {"expect": {"verdict": "reject", "class": ["version.too-new"]}}
    assert command.add(corpus, draft).exit_code == 0
    (found,) = findings(corpus)
    assert found.endswith("[minimal]")

    change(corpus, ["cases", 3, "alone"], "no base comes near it")

    assert findings(corpus) == []


def test_two_cases_that_ask_the_same_are_found(corpus: Path) -> None:
    assert command.add(corpus, {**command.SAVE, "id": "again", "derived": "x"}).exit_code == 0
    (found,) = findings(corpus)

    assert found.endswith("asks what area/group#save asks [duplicate]")


def test_a_file_changed_by_hand_is_not_canonical(corpus: Path) -> None:
    change(corpus, ["title"], "Another group.", fmt=False)

    found = findings(corpus)

    assert [Path(each.split(":")[0]).name for each in found] == ["group.json", "manifest.json"]
    assert all(each.endswith("[canonical]") for each in found)


def test_a_document_that_nothing_uses_is_found(corpus: Path) -> None:
    file = corpus / "descriptions/doc.json"
    document = json.loads(file.read_text())
    document["descriptions"]["d"]["version_id"] = 1
    (corpus / "descriptions/other.json").write_text(json.dumps(document))
    command.run(corpus, "fmt")

    (found,) = findings(corpus)

    assert found.endswith("[unused]")


def test_links_between_clauses_cases_and_code_are_proved(corpus: Path) -> None:
    docs = corpus.parent / "docs/specification.md"
    docs.write_text(docs.read_text() + "\n" + specification("INFO-1").split("\n", 2)[2])
    code = corpus.parent / "reference"
    code.mkdir()
    (code / "load.py").write_text("x = 1  # [LOAD-MARKER-1] [LOAD-GONE-1]\n")
    command.run(corpus, "fmt")

    found = findings(corpus)

    assert len(found) == 2
    assert found[0].endswith("INFO-1 has no case [no-case]")
    assert found[1].endswith("load.py:1: there is no clause LOAD-GONE-1 [citation]")

    docs.write_text(docs.read_text().rstrip() + "\n\nNo case: it is about words.\n")
    assert [each for each in findings(corpus) if "[no-case]" in each] == []


@pytest.mark.parametrize(
    ("case", "other", "lack", "word"),
    [
        (0, "SAVE-MARKER-1", "Never accepted", "accepted"),
        (1, "LOAD-STREAM-1", "Never refused", "refused"),
    ],
)
def test_a_clause_has_cases_on_both_sides_or_says_why_not(
    corpus: Path, case: int, other: str, lack: str, word: str
) -> None:
    change(corpus, ["cases", case, "clauses"], [other])
    docs = corpus.parent / "docs/specification.md"

    (found,) = findings(corpus)

    wanted = f"LOAD-MARKER-1 has no case that is {word}, nor says '{lack}: why.' [one-sided]"
    assert found == f"{docs}:5: {wanted}"

    docs.write_text(docs.read_text().replace("Because it is.", f"{lack}: so it is.", 1))
    assert findings(corpus) == []


def test_a_clause_that_says_it_lacks_what_it_has_is_an_error_of_that_line(corpus: Path) -> None:
    docs = corpus.parent / "docs/specification.md"
    told = docs.read_text().replace("Because it is.", "Never refused: so it is.", 1)
    docs.write_text(told)

    (found,) = findings(corpus)

    line = told.splitlines().index("Never refused: so it is.") + 1
    assert found.startswith(f"{docs}:{line}: LOAD-MARKER-1 says that it is never refused, and ")
    assert found.endswith(" is [one-sided]")


def test_a_choice_counts_by_its_branches_and_what_must_be_survived_for_no_side(
    corpus: Path,
) -> None:
    docs = corpus.parent / "docs/specification.md"
    docs.write_text(docs.read_text().replace(LACKS["SAVE-MARKER-1"], "It is written."))
    change(corpus, ["flags"], {"Open": {"kind": "quirk", "note": "it is open"}}, fmt=False)
    change(corpus, ["cases", 2, "flags"], ["Open"])
    branches = [{"verdict": "ok"}, {"verdict": "error"}]
    change(corpus, ["cases", 2, "expect"], {"verdict": "either", "branches": branches})
    assert findings(corpus) == []

    change(corpus, ["cases", 2, "expect"], {"verdict": "survive"})

    assert [each.partition(", ")[0].rpartition(" ")[2] for each in findings(corpus)] == [
        "accepted",
        "refused",
    ]


def test_a_member_that_a_family_makes_an_exception_of_proves_nothing(corpus: Path) -> None:
    group = json.loads((corpus / "area/group.json").read_text())
    assert group["families"][0]["except"][0]["expect"]["verdict"] == "accept"
    docs = corpus.parent / "docs/specification.md"
    docs.write_text(docs.read_text().replace(LACKS["LOAD-STREAM-1"], "It is about an end."))

    (found,) = findings(corpus)

    assert ": LOAD-STREAM-1 has no case that is accepted" in found


def test_a_case_of_a_dialect_that_a_clause_does_not_hold_in_proves_nothing(corpus: Path) -> None:
    docs = corpus.parent / "docs/specification.md"
    docs.write_text(docs.read_text().replace("*all dialects*", "*rfc*", 1))
    command.run(corpus, "fmt")

    found = findings(corpus)

    assert [each.rpartition(" ")[2] for each in found] == ["[one-sided]"] * 2


def test_links_to_cases_are_written_under_each_clause(corpus: Path) -> None:
    lines = (corpus.parent / "docs/specification.md").read_text().splitlines()

    linked = [line for line in lines if line.startswith("Cases: ")]

    assert len(linked) == len(CLAUSES)
    assert linked[0].startswith("Cases: [area/group#good](../corpus/area/group.json)")
    listed = json.loads((corpus / "clauses.json").read_text())["clauses"]
    assert [each["id"] for each in listed] == list(CLAUSES)


def test_a_specification_that_breaks_the_form_is_an_error_of_its_line(corpus: Path) -> None:
    docs = corpus.parent / "docs/specification.md"
    good = docs.read_text()
    for bad, rule in (
        (good.replace("*required*", "*maybe*", 1), "clause"),
        (good.replace("### LOAD-MARKER-1", "### LOAD-STREAM-1", 1), "duplicate"),
        (good.replace("### LOAD-MARKER-1", "### SAVE-MARKER-9", 1), "area"),
        (good.replace("### LOAD-MARKER-1 It", "### loading It", 1), "clause"),
        (good.replace("Because it is.", "No case: because", 1), "clause"),
        (good.replace("Because it is.", "Never refused:.", 1), "clause"),
        (good.replace("Because it is.", "No case: so.\nNo case: so.", 1), "clause"),
    ):
        docs.write_text(bad)
        with pytest.raises(InputError, match=rf"specification\.md:\d+: .*\[{rule}\]"):
            findings(corpus)


def test_the_schemas_are_closed() -> None:
    def closed(schema: Any, path: str) -> None:
        if isinstance(schema, dict):
            if schema.get("type") == "object" and path:
                assert "additionalProperties" in schema, path
            for key, value in schema.items():
                closed(value, f"{path}.{key}")
        elif isinstance(schema, list):
            for value in schema:
                closed(value, path)

    for file in (corpus_dir() / "schemas").glob("*.json"):
        closed(json.loads(file.read_text()), file.stem)
