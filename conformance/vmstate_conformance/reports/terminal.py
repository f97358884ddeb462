# SPDX-License-Identifier: Apache-2.0
"""The report on a terminal: failures first, then a table by area, then the verdict."""

from __future__ import annotations

import json
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vmstate_conformance.cases import Case
from vmstate_conformance.runner.run import Row

_SHOWN: Final = 20
_WIDTH: Final = 200
_GRADES: Final = (("pass", "green"), ("fail", "red"), ("unsupported", "yellow"))


def failures(console: Console, rows: Iterable[Row], command: list[str]) -> None:
    """Show each failure: what was wanted, what came, where, and how to run it alone."""
    failed = [row for row in rows if row.grade.grade == "fail"]
    for row in failed[:_SHOWN]:
        case = row.case
        console.print()
        console.print(Text(f"FAIL {case.id}  [{case.dialect}, {case.op}, {case.area}]", "bold red"))
        console.print(Text(f"  from {case.source}"))
        first, *further = row.grade.differences
        console.print(Text(f"  {first.path}: wanted {_brief(first.wanted)}"))
        console.print(Text(f"  {' ' * len(first.path)}     got {_brief(first.got)}"))
        if further:
            paths = ", ".join(each.path for each in further[:5])
            console.print(Text(f"  and {len(further)} further differences: {paths}"))
        for key in ("message", "detail", "log"):
            if row.result.get(key):
                console.print(Text(f"  {key}: {_brief(row.result[key])}"))
        for line in dump_lines(case):
            console.print(Text(f"  {line}"), soft_wrap=True)
        alone = [*command, "--dialect", case.dialect, "-k", f"={case.id}"]
        console.print(Text(f"  alone: {shlex.join(alone)}", "dim"), soft_wrap=True)
    if len(failed) > _SHOWN:
        console.print(f"\n... and {len(failed) - _SHOWN} more failures (--json FILE has them all)")


def dump_lines(case: Case) -> Iterator[str]:
    """Give the annotated dump of the case's stream, as the reference reads or writes it."""
    if case.op == "check":
        return
    from vmstate.annotate import annotate, dump  # noqa: PLC0415 - only failures need it
    from vmstate.dialects import DEFAULT_DIALECT, DIALECTS  # noqa: PLC0415
    from vmstate.errors import CaseError  # noqa: PLC0415

    dialect = case.dialect if case.dialect in DIALECTS else DEFAULT_DIALECT
    try:
        result, segments, stream = annotate(case.request, dialect=dialect)
    except CaseError as error:
        yield f"(the reference cannot read this case: {error})"
        return
    good = result["verdict"] in ("accept", "ok")
    yield from dump(segments, stream, None if good else result)


def table(console: Console, rows: Iterable[Row]) -> Counter[str]:
    """Show the table by area; give the counts by grade."""
    areas: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        areas[row.case.area][row.grade.grade] += 1
    total: Counter[str] = Counter()
    shown = Table("area", box=None)
    for name, _ in _GRADES:
        shown.add_column(name, justify="right")
    for area, counts in sorted(areas.items()):
        total += counts
        cells = [
            Text(str(counts[name]) if counts[name] else "-", color if counts[name] else "dim")
            for name, color in _GRADES
        ]
        shown.add_row(area, *cells)
    console.print()
    console.print(shown)
    return total


def verdict(console: Console, total: Counter[str], what: str, seconds: float) -> None:
    """Show the last line."""
    good = not total["fail"]
    counts = ", ".join(f"{total[name]} {name}" for name, _ in _GRADES)
    word = "conforms" if good else "does not conform"
    style = "bold green" if good else "bold red"
    console.print()
    console.print(Text(f"{what} {word}: {counts} in {seconds:.1f} s", style), soft_wrap=True)


def _brief(value: Any) -> str:
    shown = value if isinstance(value, str) else json.dumps(value)
    shown = shown.strip()
    return shown if len(shown) <= _WIDTH else f"{shown[: _WIDTH - 3]}..."
