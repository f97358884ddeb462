# SPDX-License-Identifier: Apache-2.0
"""The sentences of the specification's clauses, by id."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from vmstate_conformance.corpus import corpus_dir


@cache
def clauses() -> dict[str, dict[str, Any]]:
    """Give the clauses that were shipped with the corpus, by id; none where it holds no list."""
    try:
        table = json.loads((corpus_dir() / "clauses.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    entries = table.get("clauses", []) if isinstance(table, dict) else table
    return {
        each["id"]: each
        for each in (entries if isinstance(entries, list) else [])
        if isinstance(each, dict) and isinstance(each.get("id"), str)
    }


def sentence(identity: str) -> str:
    """Give a clause's sentence, or nothing."""
    return str(clauses().get(identity, {}).get("title", ""))
