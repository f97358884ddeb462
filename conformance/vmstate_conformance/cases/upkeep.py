# SPDX-License-Identifier: Apache-2.0
"""What is kept beside the cases: canonical files, the manifest, tombstones, the clauses' links."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from vmstate_conformance import __version__
from vmstate_conformance.cases.groups import is_group
from vmstate_conformance.cases.jsonfile import read_json
from vmstate_conformance.cases.layout import (
    canonical_description,
    canonical_group,
    replace_file,
    text,
)
from vmstate_conformance.cases.model import Case, InputError
from vmstate_conformance.cases.reader import read_cases
from vmstate_conformance.cases.store import Corpus

MANIFEST: Final = "manifest.json"
TOMBSTONES: Final = "tombstones.json"
#: What the manifest does not list: itself, and what is about the corpus, not of it.
_UNLISTED: Final = frozenset({MANIFEST, "README.md", "LICENSE"})


def canonical_text(file: Path, value: Any) -> str:
    """Give the text that a file of the corpus should have."""
    if is_group(value):
        return text(canonical_group(value))
    if file.parent.name == "descriptions":
        return text(canonical_description(value))
    return text(value)


def json_files(root: Path) -> Iterator[Path]:
    """Give the files that have a canonical form."""
    for file in sorted(root.rglob("*.json")):
        if not {"streams", "observed"}.intersection(file.relative_to(root).parts[:-1]):
            yield file


def format_corpus(root: Path, *, write: bool) -> Iterator[Path]:
    """Bring all files into their form; give those that change. Raises `InputError`."""
    for file in json_files(root):
        source = read_json(file)
        if not isinstance(source.value, dict):
            raise source.error([], "is an object", "object")
        wanted = canonical_text(file, source.value)
        if wanted != source.text:
            if write:
                _write(file, wanted)
            yield file
    yield from refresh(root, write=write)


def refresh(root: Path, *, write: bool = True) -> Iterator[Path]:
    """Write what is derived from the cases anew: clauses, links, manifest. Raises `InputError`."""
    from vmstate_conformance.clauses import update as update_clauses  # noqa: PLC0415 - a cycle

    cases = list(read_cases([root]))
    yield from update_clauses(root, cases, write=write)
    file = root / MANIFEST
    wanted = text(manifest(root, cases))
    try:
        held = file.read_text(encoding="utf-8")
    except OSError:
        held = ""
    if held != wanted:
        if write:
            _write(file, wanted)
        yield file


def manifest(root: Path, cases: list[Case]) -> dict[str, Any]:
    """Count and sum up: cases by area and verdict, and a checksum of each file."""
    areas: dict[str, Counter[str]] = defaultdict(Counter)
    for case in cases:
        areas[case.area][case.expect["verdict"]] += 1
    files = {
        str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file()
        and file.name not in _UNLISTED
        and not file.name.startswith(".")
        and file.suffix != ".rej"
    }
    return {
        "schema": 1,
        "version": __version__,
        "digest": hashlib.sha256(json.dumps(files).encode()).hexdigest(),
        "ids": len({case.id for case in cases}),
        "cases": len(cases),
        "areas": {name: dict(sorted(counts.items())) for name, counts in sorted(areas.items())},
        "files": files,
    }


def retire(root: Path, identity: str, why: str, by: str | None) -> list[Path]:
    """Move a case or family from its group to the tombstones. Raises `InputError`."""
    corpus = Corpus(root)
    name, _, short = identity.partition("#")
    group = corpus.group(name)
    if group is None:
        raise InputError(f"{corpus.file(name)}: there is no such group [group]")
    for key in ("cases", "families"):
        held = group.get(key, [])
        group[key] = [each for each in held if each.get("id") != short]
        if len(group[key]) < len(held):
            break
    else:
        raise InputError(f"{corpus.file(name)}: there is no '{short}' to retire [id]")
    stones = root / TOMBSTONES
    buried = corpus.tombstones()
    buried[identity] = {"why": why, **({"by": by} if by else {}), "retired": __version__}
    corpus.read(name)  # what remains must still stand by itself
    if any(each.get("base") == short for each in group["cases"]) or any(
        each.get("of") == short for each in group.get("families", [])
    ):
        raise InputError(f"{corpus.file(name)}: '{short}' is the base of another case [base]")
    corpus.changed(name)
    files = corpus.write()
    _write(stones, text(dict(sorted(buried.items()))))
    return [*files, stones, *refresh(root)]


def _write(file: Path, content: str) -> None:
    try:
        replace_file(file, content)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error} [unwritable]") from None
