# SPDX-License-Identifier: Apache-2.0
"""The corpus for others: flat lists of cases, and the documents as sources of other languages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from vmstate_conformance.cases import export_c, export_rust
from vmstate_conformance.cases.groups import read_document
from vmstate_conformance.cases.layout import replace_file
from vmstate_conformance.cases.model import Case, InputError
from vmstate_conformance.cases.reader import read_cases
from vmstate_conformance.runner.wanted import wanted

PROFILES: Final = ("compat", "hardened")


def export(
    root: Path, kind: str, into: Path, dialect: str | None, profile: str | None
) -> Iterator[Path]:
    """Write one kind of export into a folder; give the files. Raises `InputError` and `OSError`."""
    if kind == "cases":
        yield from _cases(root, into, dialect, profile)
        return
    documents = {
        file.stem: read_document(file) for file in sorted((root / "descriptions").glob("*.json"))
    }
    if not documents:
        raise InputError(f"{root / 'descriptions'}: holds no documents [empty]")
    for name, content in _WRITERS[kind](documents):
        file = into / name
        replace_file(file, content)
        yield file


def _cases(root: Path, into: Path, dialect: str | None, profile: str | None) -> Iterator[Path]:
    """One file for each dialect and profile; each line is a case that needs nothing else."""
    lines: dict[tuple[str, str], list[str]] = {}
    for case in read_cases([root]):
        if dialect not in (None, case.dialect):
            continue
        for each in PROFILES:
            if profile in (None, each):
                lines.setdefault((case.dialect, each), []).append(_line(case, each))
    if not lines:
        raise InputError(f"{root}: no case is of dialect '{dialect}' [dialect]")
    for (name, each), found in lines.items():
        file = into / f"{name}-{each}.jsonl"
        replace_file(file, "\n".join(found) + "\n")
        yield file


def _line(case: Case, profile: str) -> str:
    expect = {
        key: sorted(value) if isinstance(value, set) else value
        for key, value in wanted(case, profile).items()
    }
    flat: dict[str, Any] = {"id": case.id, "title": case.title, "level": case.level}
    flat |= {"clauses": list(case.clauses), "flags": list(case.flags), "scored": case.scored}
    return json.dumps({**flat, **case.request, "expect": expect}, separators=(",", ":"))


def _python(documents: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """All documents as one module of literals."""
    lines = ['"""The documents of the corpus by name; generated."""', "", "DOCUMENTS = {"]
    for name, document in documents.items():
        lines.append(f"    {name!r}: {document!r},")
    yield "vmstate_documents.py", "\n".join([*lines, "}"]) + "\n"


_WRITERS: Final[
    Mapping[str, Callable[[Mapping[str, Mapping[str, Any]]], Iterator[tuple[str, str]]]]
] = {"c": export_c.write, "rust": export_rust.write, "python": _python}
