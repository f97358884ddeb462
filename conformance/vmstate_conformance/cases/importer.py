# SPDX-License-Identifier: Apache-2.0
"""From observation records to files of the corpus: one per area, each document written once."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vmstate_conformance.cases.layout import replace_file
from vmstate_conformance.cases.model import INPUTS, Case, InputError, area


def write_corpus(cases: Iterable[Case], into: Path) -> list[Path]:
    """Write cases in canonical form, dialects with equal results together.

    Existing files of the same areas are replaced whole, each in one step. Raises `InputError`
    where two dialects disagree about what a case's request is.
    """
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.id].append(case)
    areas: dict[str, list[list[Case]]] = defaultdict(list)
    for identity in sorted(groups):
        group = groups[identity]
        if any(case.request != group[0].request for case in group):
            raise InputError(f"{group[1].source}: '{identity}' asks two things [duplicate]")
        areas[area(_tags(group))].append(group)
    into.mkdir(parents=True, exist_ok=True)
    written = []
    for name, members in sorted(areas.items()):
        file = into / f"{name}.jsonl"
        replace_file(file, _text(members))
        written.append(file)
    return written


def _text(groups: list[list[Case]]) -> str:
    lines, defined = [], set()
    for group in groups:
        document = group[0].request["document"]
        name = hashlib.sha256(_json(document).encode()).hexdigest()[:12]
        if name not in defined:
            defined.add(name)
            lines.append(_json({"define": name, "document": document}))
        lines.append(_json(_record(group, name)))
    return "\n".join(lines) + "\n"


def _record(group: list[Case], document: str) -> dict[str, Any]:
    request = group[0].request
    expect: list[dict[str, Any]] = []
    for case in sorted(group, key=lambda case: case.dialect):
        same = next(
            (each for each in expect if {**each, "dialects": 0} == {**case.expect, "dialects": 0}),
            None,
        )
        if same is None:
            expect.append({"dialects": [case.dialect], **case.expect})
        else:
            same["dialects"].append(case.dialect)
    inputs = {name: request[name] for name in INPUTS[request["op"]] if name in request}
    head = {"id": group[0].id, "op": request["op"], "tags": sorted(_tags(group))}
    return {**head, "document": document, **inputs, "expect": expect}


def _tags(group: list[Case]) -> tuple[str, ...]:
    """The tags that all dialects agree on: what was asked, not what came of it."""
    return tuple(set[str].intersection(*(set(case.tags) for case in group)))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
