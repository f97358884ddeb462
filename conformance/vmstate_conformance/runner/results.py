# SPDX-License-Identifier: Apache-2.0
"""The log of a run: header, one row for each facet of each case, footer; all reports come from it.

A log without its footer is of no whole run.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from vmstate_conformance import __version__
from vmstate_conformance.cases import InputError
from vmstate_conformance.runner.grade import FacetGrade, Grade
from vmstate_conformance.runner.run import Row
from vmstate_conformance.testees.session import TROUBLES

SCHEMA: Final = 1
#: The levels of cases, the weightiest first.
LEVELS: Final = ("required", "recommended", "quirk")
#: Grades that decide a run.
DECIDING: Final = frozenset({"fail", "xpass"})
#: The part of all cases in which a testee may be in trouble before its report is unstable.
_STABLE: Final = 0.2
#: Cases of which so little can be said.
_FEW: Final = 10
_STRICT: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode
_TEXT: Final = json.encoder.encode_basestring_ascii
_LOG: Final = 4000
_VALUE: Final = 4000
#: Lines that are written together.
_PENDING: Final = 256

#: Given a row of a case that failed: what helps to look at it, like the dump and a way to replay it.
Help = Callable[[Row], Mapping[str, Any]]


class Tally:
    """What the rows of a run come to."""

    def __init__(self) -> None:
        self.cases = 0
        self.troubled = 0
        # Grades in which all facets pass are shared, and counted as such.
        self._same: dict[tuple[str, str, bool, int], int] = {}
        self._grades: dict[int, Grade] = {}

    def add(self, row: Row, area: str) -> None:
        """Count a case of an area, and its facets."""
        self.cases += 1
        case, grade = row.case, row.grade
        key = id(grade)
        if key not in self._grades:
            self._grades[key] = grade  # held: its id() stays its own
        same = area, case.level, case.scored, key
        self._same[same] = self._same.get(same, 0) + 1
        if row.result["verdict"] in TROUBLES:
            self.troubled += 1

    def facets(self) -> Iterator[tuple[str, str, bool, str, str, int]]:
        """Give (area, level, scored, facet, grade, count) of all facets."""
        for (area, level, scored, key), count in self._same.items():
            for facet in self._grades[key].facets:
                yield area, level, scored, facet.facet, facet.grade, count

    def footer(self, **more: Any) -> dict[str, Any]:
        """Give the footer of the log: cases that are not scored decide nothing and are not counted."""
        counts: Counter[str] = Counter()
        levels: dict[str, Counter[str]] = defaultdict(Counter)
        for _, level, scored, _, grade, count in self.facets():
            if scored:
                counts[grade] += count
                levels[level][grade] += count
        return {
            "m": "footer",
            "complete": True,
            "cases": self.cases,
            "counts": dict(counts),
            "levels": {
                level: dict(counted) for level, counted in sorted(levels.items(), key=_rank)
            },
            "unstable": self.cases >= _FEW and self.troubled > self.cases * _STABLE,
            **more,
        }


class ResultLog:
    """Appends rows to a JSON Lines file as they come, or only makes them."""

    def __init__(
        self, file: Path | None, header: Mapping[str, Any], help_: Help = lambda row: {}
    ) -> None:
        """Open the file and write the header. Raises `InputError`."""
        try:
            self._out: IO[str] | None = (
                file.open("w", encoding="utf-8", newline="\n") if file else None
            )
        except OSError as error:
            raise InputError(f"{file}: {error.strerror or error} [unwritable]") from None
        self._help = help_
        self._file = file
        self.tally = Tally()
        self.header = {"m": "header", "schema": SCHEMA, "suite": __version__, **header}
        self.footer: dict[str, Any] | None = None
        self._pending = [_ENCODE(self.header) + "\n"]
        self._areas: dict[str | tuple[str, ...], str] = {}
        self._flush()

    def __enter__(self) -> Self:
        """Write rows until the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """Close; the footer is there where all went well."""
        if self._out is None:
            return
        try:
            try:
                self._flush()
            finally:
                self._out.close()
        except OSError as error:
            if kind is None:
                raise self._unwritable(error) from None
        except InputError:
            if kind is None:
                raise

    def add(self, row: Row) -> list[str]:
        """Write the lines of one row, and give them."""
        kind = row.case.group or row.case.tags
        area = self._areas.get(kind)
        if area is None:
            area = self._areas[kind] = row.case.area
        self.tally.add(row, area)
        lines = lines_of(row, area, self._help)
        self._pending += lines
        if len(self._pending) > _PENDING:
            self._flush()
        return lines

    def end(self, **more: Any) -> dict[str, Any]:
        """Write the footer, and give it."""
        self.footer = self.tally.footer(**more)
        self._pending.append(_ENCODE(self.footer) + "\n")
        self._flush()
        return self.footer

    def _flush(self) -> None:
        text, self._pending = "".join(self._pending), []
        if self._out is None:
            return
        try:
            self._out.write(text)
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(f"{self._file}: {error.strerror or error} [unwritable]")


def _rank(entry: tuple[str, Any]) -> tuple[int, str]:
    level = entry[0]
    return (LEVELS.index(level) if level in LEVELS else len(LEVELS)), level


@cache
def _clauses(cited: tuple[str, ...]) -> str:
    return f'"clauses":{_ENCODE(cited)},'


def lines_of(row: Row, area: str, help_: Help) -> list[str]:
    """Write a row as lines, one a facet. Those that pass are short, and quickly written."""
    case, result = row.case, row.result
    op = case.request["op"]
    head = (
        f'{{"m":"row","id":{_TEXT(case.id)},"dialect":"{case.dialect}",'
        f'"area":"{area}","op":"{op}","level":"{case.level}",'
    )
    if case.title:
        head += f'"title":{_TEXT(case.title)},'
    if case.clauses:
        head += _clauses(case.clauses)
    if not case.scored:
        head += '"scored":false,'
    us = result.get("us")
    tail = f',"verdict":{_TEXT(str(result["verdict"]))}'
    if type(us) is int:
        tail += f',"us":{us}'
    if row.grade.grade == "pass":
        return [
            f'{head}"facet":"{facet.facet}","grade":"pass"{tail}}}\n' for facet in row.grade.facets
        ]
    found = []
    helped: Mapping[str, Any] | None = None
    for facet in row.grade.facets:
        details = _details(facet, row)
        if facet.grade in ("fail", "xfail", "xpass") and helped is None:
            helped = help_(row)
            details.update(helped)
        text = f'{head}"facet":"{facet.facet}","grade":"{facet.grade}"{tail}'
        found.append(f"{text},{_ENCODE(details)[1:-1]}}}\n" if details else text + "}\n")
    return found


def _details(facet: FacetGrade, row: Row) -> dict[str, Any]:
    result = row.result
    details: dict[str, Any] = {}
    if facet.outcome:
        details["outcome"] = facet.outcome
    if facet.differences:
        details["differences"] = [
            {"path": each.path, "wanted": _short(each.wanted), "got": _short(each.got)}
            for each in facet.differences
        ]
    if facet.needs:
        details["needs"] = facet.needs
    if facet.branch is not None:
        details["branch"] = facet.branch
    if facet.note:
        details["note"] = facet.note
    for key in ("error", "rule", "abort", "message", "detail", "path", "rate"):
        if key in result and facet.grade not in ("unsupported", "notrun", "pass-coarse"):
            details[key] = _short(result[key])
    if facet.outcome and result.get("log"):
        details["log"] = str(result["log"])[-_LOG:]
    if facet.grade in ("fail", "xpass", "xfail", "free") and row.case.flags:
        details["flags"] = row.case.flags
    return details


def _short(value: Any) -> Any:
    """Give a value that fits into a log: itself, or the beginning of its text."""
    if isinstance(value, set):
        value = sorted(value)
    if value is None or isinstance(value, bool | int):
        return value
    try:
        text = value if isinstance(value, str) else _STRICT(value)
    except ValueError:
        text = value = str(value)  # it holds what is no number in JSON
    except RecursionError:
        return "values nested too deeply"
    if len(text) <= _VALUE:
        return value
    return f"{text[:_VALUE]}... ({len(text)} characters)"
