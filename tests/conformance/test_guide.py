# SPDX-License-Identifier: Apache-2.0
"""What the guides say is so."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from runs import command, rows, run

import vmstate_conformance
from vmstate.flags import FLAGS
from vmstate.infos import INFOS
from vmstate_conformance.corpus import corpus_dir
from vmstate_conformance.expectations.model import KINDS, OUTCOMES
from vmstate_conformance.reports.summary import SHOWN
from vmstate_conformance.runner.wanted import FACETS

DOCS = Path(vmstate_conformance.__file__).parents[2] / "docs"
if not DOCS.is_dir():  # the package is installed, and the tests are of a checkout
    DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "implementers-guide.md").read_text(encoding="utf-8")


def test_the_guides_own_adapter_passes_what_it_offers(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    adapter, log = tmp_path / "adapter.py", tmp_path / "log"
    adapter.write_text(blocks[0])

    done = run("--testee", f"python3 {adapter}", "--results", log)

    assert done.exit_code == 0, done.output
    grades = {row["grade"] for row in rows(log)}
    assert {"pass", "unsupported"} <= grades
    assert "fail" not in grades


def test_the_guide_names_all_classes_flags_infos_grades_and_kinds() -> None:
    table = json.loads((corpus_dir() / "classes.json").read_text(encoding="utf-8"))
    told = re.findall(r"^\| `([a-z.-]+\.[a-z-]+)` \| `([a-z-]+)` \|", GUIDE, re.MULTILINE)
    assert len(told) > 30
    for name, flat in told:
        assert table[name]["flat"] == flat
    for word in (*FLAGS, *INFOS, *SHOWN, *FACETS, *KINDS, *OUTCOMES):
        assert re.search(rf"\b{re.escape(word)}\b", GUIDE), word


def test_the_guides_example_of_an_expectations_file_is_one(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    file = tmp_path / "mine.toml"
    file.write_text(example)

    done = run("--in-process", "--expect", file, "-k", "k-aa-marker-32")

    assert "[[" not in done.output
    assert done.exit_code in (0, 1)


@pytest.mark.parametrize("name", ["implementers-guide", "reading-reports", "faq", "adding-cases"])
def test_links_and_clauses_of_the_guides_exist(name: str) -> None:
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    spec = (DOCS / "specification.md").read_text(encoding="utf-8")
    for file, anchor in re.findall(r"\]\(([a-z-]+\.(?:md|png)|)#?([a-z,-]*)\)", text):
        target = DOCS / (file or f"{name}.md")
        assert target.is_file(), target
        if target.suffix != ".md":
            continue
        headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^a-z0-9 -]", "", each.lower()).replace(" ", "-") for each in headings}
        assert not anchor or anchor in anchors, anchor
    for clause in re.findall(r"\b[A-Z]+-[A-Z]+-\d+\b", text):
        assert f"### {clause} " in spec, clause


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["run", "--help"],
        ["report", "--help"],
        ["expect", "--help"],
        ["expect", "update", "--help"],
        ["compare", "--help"],
        ["documents", "--help"],
    ],
)
def test_help_has_examples_on_lines_of_their_own(words: list[str]) -> None:
    done = command(*words)

    assert done.exit_code == 0
    assert "\\b" not in done.output
    assert "\n    " in done.output or "\n  vmstate-conformance" in done.output


def test_the_draft_of_a_case_is_taken_in(tmp_path: Path) -> None:
    text = (DOCS / "adding-cases.md").read_text(encoding="utf-8")
    (draft,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    file, copy = tmp_path / "draft.json", tmp_path / "corpus"
    file.write_text(draft)
    shutil.copytree(corpus_dir(), copy)

    done = command("case", "--corpus", copy, "add", "--no-engine", file)

    assert "1 added, 0 refused" in done.output
