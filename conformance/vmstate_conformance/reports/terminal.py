# SPDX-License-Identifier: Apache-2.0
"""The report on a terminal: failures first, then a table by area and facet, then the verdict."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vmstate_conformance.reports.clauses import sentence
from vmstate_conformance.reports.dump import around
from vmstate_conformance.reports.summary import Summary
from vmstate_conformance.runner.wanted import FACETS

_WIDTH: Final = 160
_STYLES: Final = {
    "pass": "green",
    "pass-coarse": "green",
    "free": "cyan",
    "fail": "red",
    "xfail": "yellow",
    "xpass": "red",
    "unsupported": "yellow",
    "notrun": "magenta",
    "broken": "red",
}


def failures(console: Console, summary: Summary, most: int) -> None:
    """Show each failure: what was wanted, what came, where, why, and how to see it again."""
    rows = sorted(summary.failed, key=lambda row: (row["id"], row["dialect"]))
    for row in rows[:most]:
        _failure(console, row)
    if len(rows) > most:
        more = f"\n... and {len(rows) - most} more failures (--failures N; --results FILE has all)"
        console.print(more, soft_wrap=True)


def _failure(console: Console, row: Mapping[str, Any]) -> None:
    def line(text: str, style: str = "") -> None:
        console.print(Text(printable(text), style), soft_wrap=True)

    word = row["grade"].upper()
    console.print()
    line(f"{word} {row['id']}  [{row['facet']}, {row['dialect']}, {row['level']}]", "bold red")
    if row.get("title"):
        line(f"  {row['title']}", "bold")
    for clause in row.get("clauses", ()):
        line(f"  {clause}: {sentence(clause)}".rstrip(": "), "cyan")
    if row.get("note"):
        line(f"  {row['note']}", "yellow")
    if row.get("outcome"):
        line(f"  outcome: {row['outcome']}", "red")
    for each in row.get("differences", ()):
        line(f"  {each['path']}: wanted {brief(each['wanted'])}")
        line(f"  {' ' * len(each['path'])}     got {brief(each['got'])}", "red")
    for key in ("error", "rule", "detail", "message", "rate", "log"):
        if row.get(key):
            line(f"  {key}: {brief(row[key])}", "dim")
    first = row["differences"][0]["path"] if row.get("differences") else ""
    for text in around(row.get("dump", ()), first):
        line(f"  {text}", "red" if "^^" in text else "")
    for key in ("alone", "replay"):
        if row.get(key):
            line(f"  {key}: {row[key]}", "dim")


def table(console: Console, summary: Summary) -> None:
    """Show the counts by area, then by facet."""
    grades = summary.grades()
    for title, counted, names in (
        ("area", summary.areas, sorted(summary.areas)),
        ("facet", summary.facets, [name for name in FACETS if name in summary.facets]),
    ):
        shown = Table(title, box=None, pad_edge=False)
        for grade in grades:
            shown.add_column(grade, justify="right")
        for name in names:
            shown.add_row(name, *(_cell(counted[name], grade) for grade in grades))
        console.print()
        console.print(shown)
    if summary.needs:
        console.print()
        console.print("unsupported for want of:")
        for need, count in summary.needs.most_common(10):
            console.print(f"  {count:>6} {printable(need)}", soft_wrap=True)


def _cell(counts: Counter[str], grade: str) -> Text:
    return Text(str(counts[grade]), _STYLES[grade]) if counts[grade] else Text("-", "dim")


def verdict(console: Console, summary: Summary, footer: Mapping[str, Any], what: str) -> None:
    """Show the last line."""
    word = {
        "conforms": "conforms",
        "fails": "does not conform",
        "unstable": "is unstable: too often in trouble to be judged",
        "broken": f"is broken: {footer.get('broken', '')}",
    }[footer["verdict"]]
    total = summary.total
    counts = ", ".join(f"{total[grade]} {grade}" for grade in summary.grades())
    style = "bold green" if footer["verdict"] == "conforms" else "bold red"
    console.print()
    if summary.unscored:
        console.print(f"{summary.unscored} facets of cases in staging ran and decide nothing")
    for pattern in footer.get("unmatched", ()):
        console.print(Text(f"expectation '{pattern}' matches no case", "red"), soft_wrap=True)
    for level, counted in footer["levels"].items():
        good = sum(counted.get(grade, 0) for grade in ("pass", "pass-coarse", "free"))
        asked = good + sum(counted.get(grade, 0) for grade in ("fail", "xfail", "xpass", "broken"))
        if asked:
            console.print(f"{level}: {good}/{asked}")
    seconds = footer.get("seconds", 0)
    console.print(
        Text(printable(f"{what} {word}: {counts}") + f" in {seconds:.1f} s", style), soft_wrap=True
    )


def printable(text: str) -> str:
    """Give a text without what would move the cursor, colour the screen, or be no character."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def brief(value: Any) -> str:
    """Give a value on one line, and not too long a one."""
    shown = value if isinstance(value, str) else json.dumps(value)
    shown = shown.strip().replace("\n", "\\n")
    return shown if len(shown) <= _WIDTH else f"{shown[: _WIDTH - 3]}..."
