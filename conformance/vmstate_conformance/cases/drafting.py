# SPDX-License-Identifier: Apache-2.0
"""A draft to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vmstate_conformance.cases.groups import read_document

_SUCCESS = {"check": "valid", "save": "ok", "load": "accept"}


def template(root: Path, group: str, document: str, op: str) -> dict[str, Any]:
    """Make a draft for a group, with the members of the document's struct where it is known."""
    file = root / "descriptions" / f"{document}.json"
    state: Any = {}
    version_id: Any = 0
    if file.is_file():
        held = read_document(file)
        described = held["descriptions"][held["root"]]
        version_id = described.get("version_id", 0)
        state = {each["name"]: "?" for each in held["structs"][described["struct"]]["members"]}
    draft: dict[str, Any] = {
        "group": group,
        "document": document,
        "id": "words-and-hyphens",
        "title": "One sentence that says the behaviour.",
        "level": "required",
        "clauses": ["AREA-RULE-1"],
        "op": op,
    }
    if op == "load":
        draft |= {"version_id": version_id, "destination": state, "stream": "00"}
    if op == "save":
        draft |= {"state": state}
    return {**draft, "expect": {"verdict": _SUCCESS[op]}}
