# SPDX-License-Identifier: Apache-2.0
"""A log of results, read again: what every report but the live one is made from."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vmstate_conformance.cases import InputError
from vmstate_conformance.reports.summary import SHOWN, Summary
from vmstate_conformance.runner.results import SCHEMA

#: The longest line of a log.
_LINE: Final = 8 << 20
_TEXTS: Final = ("id", "dialect", "area", "op", "level", "facet", "grade")


@dataclass(slots=True)
class Results:
    """A log: its header, its rows in the order of ids, and its footer, which a broken-off run lacks."""

    file: Path
    header: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)
    footer: dict[str, Any] | None = None

    @property
    def complete(self) -> bool:
        """Whether the run came to its end, with a testee that could be asked."""
        return self.footer is not None and self.footer["verdict"] in ("conforms", "fails")

    @property
    def name(self) -> str:
        """Name the testee: what it calls itself, with its version and the profile."""
        testee = self.header["hello"].get("testee")
        said = testee if isinstance(testee, dict) else {}
        name = f"{said.get('name', self.header['testee'])} {said.get('version', '')}".strip()
        return f"{name} ({self.header['profile']})"

    def by_case(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """Give the rows of each case and dialect."""
        found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for row in self.rows:
            found[row["id"], row["dialect"]].append(row)
        return found

    def summary(self) -> Summary:
        """Count the rows."""
        summary = Summary()
        for row in self.rows:
            scored = row.get("scored", True)
            summary.count(row["area"], row["facet"], row["grade"], scored=scored)
            summary.note(row)
        return summary


def read_results(file: Path, *, whole: bool = True) -> Results:
    """Read a log. Raises `InputError`, also for one without its footer where a `whole` one is wanted."""
    found: Results | None = None
    for number, line in _lines(file):
        where = f"{file}:{number}"
        record = _record(line, where)
        match record.get("m"):
            case "header" if found is None:
                found = Results(file, _header(record, where))
            case "row" if found is not None and found.footer is None:
                found.rows.append(_row(record, where))
            case "footer" if found is not None and found.footer is None:
                found.footer = _footer(record, where)
            case other:
                raise InputError(f"{where}: {other!r} does not belong here [order]")
    if found is None:
        raise InputError(f"{file}: holds no results [empty]")
    if whole and found.footer is None:
        raise InputError(f"{file}: the run was broken off: no footer [incomplete]")
    found.rows.sort(key=lambda row: (row["id"], row["dialect"]))
    return found


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with file.open("rb") as opened:
            number = 0
            while line := opened.readline(_LINE):
                number += 1
                if len(line) >= _LINE:
                    raise InputError(f"{file}:{number}: a line of {_LINE >> 20} MiB [line-length]")
                yield number, line
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error} [unreadable]") from None


def _record(line: bytes, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: {error} [json]") from None
    if not isinstance(record, dict):
        raise InputError(f"{where}: is no object [object]")
    return record


def _header(record: dict[str, Any], where: str) -> dict[str, Any]:
    if record.get("schema") != SCHEMA:
        raise InputError(f"{where}: this reads schema {SCHEMA} [schema]")
    if not isinstance(record.get("hello"), dict):
        raise InputError(f"{where}: a header holds the testee's hello [header]")
    for key in ("suite", "testee", "profile", "manifest"):
        if not isinstance(record.get(key), str):
            raise InputError(f"{where}: a header holds '{key}' [header]")
    return record


def _row(record: dict[str, Any], where: str) -> dict[str, Any]:
    for key in _TEXTS:
        if not isinstance(record.get(key), str):
            raise InputError(f"{where}: a row holds '{key}' [row]")
    if record["grade"] not in SHOWN:
        raise InputError(f"{where}: '{record['grade']}' is no grade [row]")
    for key in ("differences", "dump", "clauses", "flags"):
        if not isinstance(record.get(key, []), list):
            raise InputError(f"{where}: '{key}' of a row is a list [row]")
    for each in record.get("differences", ()):
        if not isinstance(each, dict) or not {"path", "wanted", "got"} <= each.keys():
            raise InputError(f"{where}: a difference holds path, wanted, got [row]")
    return record


def _footer(record: dict[str, Any], where: str) -> dict[str, Any]:
    if record.get("complete") is not True:
        raise InputError(f"{where}: the footer says the run was broken off [incomplete]")
    if not isinstance(record.get("levels"), dict) or not isinstance(record.get("verdict"), str):
        raise InputError(f"{where}: a footer holds levels and verdict [footer]")
    return record
