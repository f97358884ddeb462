# SPDX-License-Identifier: Apache-2.0
"""One HTML file of one or several runs: no network, all data inside, readable without scripts in part."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from vmstate_conformance import __version__
from vmstate_conformance.cases import InputError
from vmstate_conformance.reports.clauses import clauses
from vmstate_conformance.reports.model import Results
from vmstate_conformance.reports.summary import SHOWN

#: What of a row the page shows beside its grade.
_DETAILS: Final = (
    "verdict",
    "outcome",
    "differences",
    "needs",
    "branch",
    "note",
    "error",
    "rule",
    "abort",
    "message",
    "detail",
    "path",
    "rate",
    "log",
    "alone",
    "replay",
    "us",
)
_GOOD: Final = ("pass", "pass-coarse", "free")
_ASKED: Final = (*_GOOD, "fail", "xfail", "xpass", "broken")
_PAGE: Final = Path(__file__).with_name("page")


def write_html(runs: Sequence[Results], file: Path) -> None:
    """Write the page. Raises `InputError`."""
    text = html(runs)
    try:
        file.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error} [unwritable]") from None


def html(runs: Sequence[Results]) -> str:
    """Give the page of the runs."""
    from jinja2 import Environment, FileSystemLoader  # noqa: PLC0415 - only this report needs it

    environment = Environment(
        loader=FileSystemLoader(_PAGE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    data = page_data(runs)
    # No text of a testee may end the script element that it stands in.
    embedded = json.dumps(data, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")
    return environment.get_template("report.html").render(
        data=data,
        embedded=embedded,
        matrix=_matrix(runs),
        grades=SHOWN,
        css=(_PAGE / "report.css").read_text(encoding="utf-8"),
        script=(_PAGE / "report.js").read_text(encoding="utf-8"),
    )


def page_data(runs: Sequence[Results]) -> dict[str, Any]:
    """Give what the page shows: runs, cases with the rows of each run, and the clauses they cite."""
    cases: dict[tuple[str, str], dict[str, Any]] = {}
    for at, run in enumerate(runs):
        for key, rows in run.by_case().items():
            entry = cases.setdefault(key, _case(rows[0]))
            entry["runs"][at] = {row["facet"]: _facet(row) for row in rows}
            for row in rows:
                if row.get("dump") and "dump" not in entry:
                    entry["dump"] = row["dump"]
                if row.get("source"):
                    entry["source"] = row["source"]
    known = clauses()
    cited = sorted({each for case in cases.values() for each in case["clauses"]})
    return {
        "suite": __version__,
        "runs": [_run(run) for run in runs],
        "cases": [cases[key] for key in sorted(cases)],
        "clauses": {each: _clause(known.get(each, {})) for each in cited},
    }


def _run(run: Results) -> dict[str, Any]:
    said = run.header["hello"].get("testee")
    testee = said if isinstance(said, dict) else {}
    footer, total = run.footer or {}, run.summary().total
    return {
        "name": run.name,
        "language": testee.get("language", ""),
        "source": testee.get("source", ""),
        "command": run.header["testee"],
        "profile": run.header["profile"],
        "suite": run.header["suite"],
        "manifest": run.header["manifest"],
        "host": run.header.get("host", ""),
        "file": run.file.name,
        "verdict": footer.get("verdict", "incomplete"),
        "broken": footer.get("broken", ""),
        "seconds": footer.get("seconds", 0),
        "restarts": footer.get("restarts", 0),
        "cases": footer.get("cases", 0),
        "counts": {each: total[each] for each in SHOWN if total[each]},
        "levels": {
            level: counts
            for level, given in footer.get("levels", {}).items()
            if (counts := _level(given))["asked"]
        },
    }


def _level(counts: dict[str, int]) -> dict[str, int]:
    return {
        "good": sum(counts.get(each, 0) for each in _GOOD),
        "asked": sum(counts.get(each, 0) for each in _ASKED),
    }


def _case(row: dict[str, Any]) -> dict[str, Any]:
    case = {key: row[key] for key in ("id", "dialect", "area", "op", "level")}
    case["title"] = row.get("title", "")
    case["clauses"] = row.get("clauses", [])
    case["flags"] = row.get("flags", [])
    case["runs"] = {}
    if row.get("scored") is False:
        case["staged"] = True
    return case


def _facet(row: dict[str, Any]) -> dict[str, Any]:
    if row["grade"] == "pass":
        return {"g": "pass"}
    return {"g": row["grade"], **{key: row[key] for key in _DETAILS if key in row}}


def _clause(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("title", "level", "source") if key in entry}


def _matrix(runs: Sequence[Results]) -> list[dict[str, Any]]:
    """Give a row for each area, with counts for each run; the sum of all areas last."""
    areas: dict[str, list[Counter[str]]] = defaultdict(lambda: [Counter() for _ in runs])
    for at, run in enumerate(runs):
        for area, counts in run.summary().areas.items():
            areas[area][at] += counts
    found = [
        {"area": area, "cells": [_cell(each) for each in areas[area]]} for area in sorted(areas)
    ]
    totals = [sum((cells[at] for cells in areas.values()), Counter()) for at in range(len(runs))]
    return [*found, {"area": "", "cells": [_cell(each) for each in totals]}]


def _cell(counts: Counter[str]) -> dict[str, Any]:
    total = sum(counts.values())
    return {
        "total": total,
        "good": sum(counts[each] for each in _GOOD),
        "asked": sum(counts[each] for each in _ASKED),
        "parts": [
            {"grade": each, "count": counts[each], "width": round(100 * counts[each] / total, 3)}
            for each in SHOWN
            if counts[each]
        ],
    }
