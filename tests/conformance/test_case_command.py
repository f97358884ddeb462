# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vmstate_conformance.cases import read_cases
from vmstate_conformance.cases.cli import case
from vmstate_conformance.corpus import corpus_dir

_spec = importlib.util.spec_from_file_location("groups", Path(__file__).with_name("test_groups.py"))
assert _spec is not None
assert _spec.loader is not None
groups = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(groups)

HEAD: dict[str, Any] = {"group": "area/group"}
GOOD = {
    **HEAD,
    "group_title": "A group.",
    "document": groups.DOCUMENT,
    "document_name": "doc",
    **groups.GOOD,
    "stream": "000000023100073000",
    "expect": {"verdict": "accept"},
}
BAD = {**HEAD, **groups.BAD, "expect": {"verdict": "reject", "class": ["marker.unexpected"]}}
SAVE = {
    **HEAD,
    "id": "save",
    "title": "A marker goes out before each element.",
    "clauses": ["SAVE-MARKER-1"],
    "op": "save",
    "state": {"n": 2, "a": [{"v": 7}, None]},
    "expect": {"verdict": "ok"},
}
CUT: dict[str, Any] = {
    **HEAD,
    "id": "cut",
    "title": "No truncation is taken.",
    "clauses": ["LOAD-STREAM-1"],
    "of": "good",
    "expand": "truncate-each",
    "expect": {"verdict": "reject", "class": ["stream.ended", "marker.unexpected"]},
    "except": {"why": "All data is there."},
}


def run(corpus: Path, *arguments: str, drafts: tuple[Any, ...] = ()) -> Result:
    text = "".join(json.dumps(draft) + "\n" for draft in drafts)
    return CliRunner().invoke(case, ["--corpus", str(corpus), *arguments], input=text)


def add(corpus: Path, *drafts: Any, verb: str = "add") -> Result:
    corpus.mkdir(exist_ok=True)
    return run(corpus, verb, "--no-engine", "-", drafts=drafts)


def entry(corpus: Path, identity: str, key: str = "cases") -> dict[str, Any]:
    held = json.loads((corpus / "area/group.json").read_text())
    found: dict[str, Any] = next(each for each in held[key] if each["id"] == identity)
    return found


def test_a_draft_is_completed_from_what_the_witnesses_say(tmp_path: Path) -> None:
    done = add(tmp_path / "corpus", GOOD, BAD, SAVE)

    assert (done.exit_code, done.output.split(";")[0]) == (0, "3 added, 0 refused")
    good, bad = entry(tmp_path / "corpus", "good"), entry(tmp_path / "corpus", "bad")
    assert good["expect"] == {
        "verdict": "accept",
        "consumed": 8,
        "stream_error": 0,
        "state": {"n": "2", "a": [{"v": "7"}, None]},
        "heap": {"allocated": 1, "leaked": 0},
        "canonical": True,
    }
    assert [(each["hex"], each.get("at")) for each in good["stream"]] == [
        ("00000002", "n"),
        ("31", "a[0]"),
        ("0007", "a[0].v"),
        ("30", "a[1]"),
        ("00", None),
    ]
    assert bad["expect"]["state"] == {"n": "2", "a": "=pre"}
    assert "destination" not in bad
    saved = entry(tmp_path / "corpus", "save")["expect"]["stream"]
    assert "".join(each["hex"] for each in saved) == "0000000231000730"


def test_what_was_added_passes_when_run(tmp_path: Path) -> None:
    add(tmp_path / "corpus", GOOD, BAD, SAVE, CUT)

    assert len(groups.read(tmp_path / "corpus")) == 3 + 9
    for profile in ("compat", "hardened"):
        assert not groups.failures(tmp_path / "corpus", profile)


@pytest.mark.parametrize(
    ("draft", "rule"),
    [
        ({**BAD, "expect": {"verdict": "accept"}}, "stated"),
        ({**BAD, "expect": {"verdict": "reject", "class": ["stream.ended"]}}, "stated"),
        ({**BAD, "expect": {"verdict": "reject", "consumed": 4}}, "stated"),
        ({**BAD, "expect": {}}, "expect"),
        ({**BAD, "base": "none"}, "base"),
        ({**BAD, "mutate": [{"op": "set", "at": "b", "hex": "00"}]}, "mutation"),
        ({**BAD, "id": "good"}, "duplicate"),
        ({**GOOD, "id": "x", "destination": {}}, "missing"),
        ({**CUT, "except": []}, "stated"),
        ({**GOOD, "id": "x", "document": {}, "document_name": "doc"}, "document"),
        ({"id": "no-group"}, "draft"),
    ],
)
def test_a_draft_that_is_not_so_is_refused_and_changes_nothing(
    tmp_path: Path, draft: dict[str, Any], rule: str
) -> None:
    corpus = tmp_path / "corpus"
    add(corpus, GOOD)
    before = (corpus / "area/group.json").read_text()

    done = add(corpus, draft)

    assert done.exit_code == 1
    assert f"[{rule}]" in done.output
    assert (corpus / "area/group.json").read_text() == before


def test_those_that_are_good_are_added_beside_those_that_are_not(tmp_path: Path) -> None:
    done = add(tmp_path / "corpus", GOOD, {**BAD, "expect": {"verdict": "accept"}}, SAVE)

    assert done.exit_code == 1
    assert "2 added, 1 refused" in done.output
    assert set(groups.read(tmp_path / "corpus")) == {"good", "save"}


def test_an_abort_says_what_a_hardened_implementation_refuses_with(tmp_path: Path) -> None:
    occupied = {
        **BAD,
        "mutate": [{"op": "destination", "path": "a[0]", "value": {"v": "1"}}],
        "expect": {"verdict": "abort"},
    }
    add(tmp_path / "corpus", GOOD, occupied)

    expect = entry(tmp_path / "corpus", "bad")["expect"]
    assert expect == {"verdict": "abort", "class": ["pointer.not-null"], "abort": "assert"}


def test_dialects_and_profiles_that_differ_get_branches(tmp_path: Path) -> None:
    old = {"when": {"dialect": ["qemu-11.1.0"]}, "verdict": "accept"}
    huge = {
        **BAD,
        "mutate": [{"op": "set", "at": "n", "hex": "ffffffff"}],
        "expect": [old, {"verdict": "abort"}],
    }
    done = add(tmp_path / "corpus", GOOD, huge)

    assert done.exit_code == 0, done.output
    new, old = entry(tmp_path / "corpus", "bad")["expect"]
    branches = {json.dumps(each.get("when")): each["verdict"] for each in (new, old)}
    assert sorted(branches.values()) == ["abort", "accept"]
    assert not groups.failures(tmp_path / "corpus", "compat")


def test_revising_replaces_and_needs_something_to_replace(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    add(corpus, GOOD)

    assert add(corpus, BAD, verb="revise").exit_code == 1
    done = add(corpus, {**GOOD, "title": "Another sentence."}, verb="revise")

    assert done.exit_code == 0
    assert entry(corpus, "good")["title"] == "Another sentence."


def test_a_retired_case_leaves_a_tombstone(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    add(corpus, GOOD, BAD)

    assert run(corpus, "retire", "area/group#good", "--why", "x").exit_code == 2
    done = run(corpus, "retire", "area/group#bad", "--why", "It was wrong.")

    assert done.exit_code == 0, done.output
    stones = json.loads((corpus / "tombstones.json").read_text())
    assert stones["area/group#bad"]["why"] == "It was wrong."
    assert set(groups.read(corpus)) == {"good"}


def test_an_id_that_was_retired_is_not_used_again(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    add(corpus, GOOD, BAD)
    run(corpus, "retire", "area/group#bad", "--why", "It was wrong.")

    done = add(corpus, BAD)

    assert done.exit_code == 1
    assert "[tombstone]" in done.output


def test_mutate_adds_a_case_from_options(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    add(corpus, GOOD)
    step = '{"op": "truncate", "to": 5}'
    options = ["--title", "It ends.", "--clause", "LOAD-1", "--verdict", "reject", "--no-engine"]

    done = run(corpus, "mutate", "area/group#good", "cut", "--step", step, *options)

    assert done.exit_code == 0, done.output
    assert entry(corpus, "cut")["expect"]["class"] == ["stream.ended"]


def test_formatting_is_done_once_and_a_change_is_noticed(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    add(corpus, GOOD, BAD)
    assert run(corpus, "fmt", "--check").exit_code == 0
    file = corpus / "area/group.json"
    wanted = file.read_text()

    file.write_text(json.dumps(json.loads(wanted)))

    assert run(corpus, "fmt", "--check").exit_code == 1
    assert run(corpus, "fmt").exit_code == 0
    assert file.read_text() == wanted
    assert run(corpus, "fmt", "--check").exit_code == 0


def test_a_template_is_a_draft_once_it_is_filled_in(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    add(corpus, GOOD)

    draft = json.loads(run(corpus, "new", "area/group", "--document", "doc").output)

    assert draft["destination"] == {"n": "?", "a": "?"}
    filled = {**draft, "id": "new", "destination": {"n": 0, "a": None}, "stream": "0000000000"}
    assert add(corpus, filled).exit_code == 0


def test_the_original_stays_where_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = tmp_path / "corpus"
    add(corpus, GOOD)
    before = (corpus / "area/group.json").read_text()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vmstate_conformance.cases.layout.os.replace", full)
    done = add(corpus, BAD)

    assert done.exit_code == 2
    assert "No space left on device [unwritable]" in done.output
    assert (corpus / "area/group.json").read_text() == before
    assert "marker.unexpected" in (corpus / "area/group.json.rej").read_text()
    assert list(read_cases([corpus]))


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "nonsense\n{}", '{"group": 3}', "\ud800", "[" * 9999]
)
def test_bad_drafts_give_one_line_and_never_a_trace(tmp_path: Path, text: str) -> None:
    file = tmp_path / "drafts"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    (tmp_path / "corpus").mkdir()

    done = run(tmp_path / "corpus", "add", "--no-engine", str(file))

    assert done.exit_code in (0, 1, 2)
    assert not done.exception or isinstance(done.exception, SystemExit)
    assert len(done.output.splitlines()) <= 2


STREAM: dict[str, Any] = {
    "group": "container/minimal",
    "group_title": "Whole streams.",
    "document_name": "byte",
    "document": {
        "structs": {"S": {"size": 1, "members": [{"name": "a", "offset": 0, "type": "uint8"}]}},
        "descriptions": {
            "dev": {
                "struct": "S",
                "version_id": 3,
                "fields": [{"name": "a", "info": "uint8", "size": 1, "flags": ["VMS_SINGLE"]}],
            }
        },
        "root": "dev",
    },
    "id": "one-device",
    "title": "A stream of one section loads its device.",
    "clauses": ["CONT-LOAD-1"],
    "derived": "By the layout of a stream.",
    "op": "stream",
    "devices": [{"idstr": "dev", "section_id": 7, "destination": {"a": "0"}}],
    "machine": "none",
    "stream": "5145564d00000003"
    "07000000046e6f6e65"
    "0400000007036465760000000000000003"
    "11"
    "7e00000007"
    "00"
    "06000000027b7d",
    "expect": {"verdict": "accept", "devices": [{"state": {"a": "17"}, "loads": 1}]},
}


def test_whole_streams_are_cases_of_devices(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    bad = {
        "group": "container/minimal",
        "id": "footer-differs",
        "title": "A footer of another section is refused.",
        "clauses": ["CONT-FOOTER-1"],
        "derived": "By the layout of a stream.",
        "base": "one-device",
        "mutate": [{"op": "set", "offset": 39, "hex": "08"}],
        "expect": {"verdict": "reject", "class": ["container.footer-mismatch"]},
    }
    saved = {
        **{key: STREAM[key] for key in ("group", "clauses", "derived", "machine")},
        "id": "saved",
        "title": "A device is saved in a section.",
        "op": "savevm",
        "devices": [{"idstr": "dev", "section_id": 7, "state": {"a": 17}}],
        "expect": {"verdict": "ok"},
    }
    done = add(corpus, STREAM, bad, saved)

    assert done.exit_code == 0, done.output
    cases = groups.read(corpus)
    assert cases["footer-differs"].expect["devices"] == [{"state": {"a": "17"}, "loads": 1}]
    assert cases["saved"].expect["stream"].startswith("5145564d00000003")
    for profile in ("compat", "hardened"):
        assert not groups.failures(corpus, profile)


def test_the_example_of_the_guide_is_a_draft_that_is_taken(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs/adding-cases.md").read_text()
    example = json.loads(guide.partition("```json\n")[2].partition("```")[0])
    shutil.copytree(corpus_dir(), tmp_path / "corpus")

    done = add(tmp_path / "corpus", example)

    assert done.exit_code == 0, done.output
