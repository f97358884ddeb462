# SPDX-License-Identifier: Apache-2.0
"""Bringing an expectations file up to date with a run: comments and reasons stay, none is made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import AoT, Table

from vmstate_conformance.cases import InputError
from vmstate_conformance.expectations.model import Expectations
from vmstate_conformance.reports.model import Results

#: What a new entry says until its owner says why.
TODO = "TODO: say why"


@dataclass(slots=True)
class Update:
    """The new text of a file, and what was done to it."""

    text: str
    dropped: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)


def update(expectations: Expectations, results: Results) -> Update:
    """Drop entries of which everything passes now or that match nothing, and add what fails anew.

    What is added has no reason yet: the file cannot be used until its owner has written one. Entries
    that are not about this run's dialects or profile stay. Raises `InputError`.
    """
    rows = results.rows
    document = tomlkit.parse(expectations.file.read_text(encoding="utf-8"))
    tables = document.get("expect")
    kept = AoT([])
    found = Update("")
    for entry, table in zip(expectations.entries, tables or [], strict=True):
        about = [row for row in rows if entry.holds(row["id"], row["dialect"], _profile(results))]
        about = [row for row in about if not entry.facet or row["facet"] == entry.facet]
        elsewhere = (entry.profile and entry.profile != _profile(results)) or (
            entry.dialects and not {row["dialect"] for row in rows} & set(entry.dialects)
        )
        failing = any(row["grade"] in ("xfail", "fail") for row in about)
        if (
            elsewhere
            or entry.kind == "flaky"
            or failing
            or (results.header.get("selection") and not about)
        ):
            kept.append(table)
        else:
            found.dropped.append(entry.match)
    for row in rows:
        if row["grade"] == "fail" and row.get("scored", True):
            kept.append(_table(row, results))
            found.added.append(row["id"])
    if tables is not None:
        document.remove("expect")
    if len(kept):
        document.append("expect", kept)
    found.text = tomlkit.dumps(document)
    return found


def _profile(results: Results) -> str:
    return str(results.header["profile"])


def _table(row: dict[str, Any], results: Results) -> Table:
    table = tomlkit.table()
    table["match"] = row["id"]
    table["facet"] = row["facet"]
    table["kind"] = "crash" if row.get("outcome") == "crash" else "bug"
    if row.get("outcome"):
        table["outcome"] = row["outcome"]
    elif row.get("error") or row.get("rule"):
        table["class"] = row.get("error") or row.get("rule")
    when = tomlkit.inline_table()
    when["dialect"] = row["dialect"]
    when["profile"] = _profile(results)
    table["when"] = when
    table.add(tomlkit.comment(f"{TODO}, and where the issue is"))
    table["reason"] = ""
    table["issue"] = ""
    table.add(tomlkit.nl())
    return table


def empty(file: Path) -> Expectations:
    """Give expectations of a file that is to be made. Raises `InputError`."""
    try:
        file.write_text(
            "# What this testee is known to get wrong; see docs/implementers-guide.md\n",
            encoding="utf-8",
        )
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error} [unwritable]") from None
    return Expectations(file, [])
