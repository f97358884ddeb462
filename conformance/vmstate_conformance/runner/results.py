# SPDX-License-Identifier: Apache-2.0
"""The log of a run: header, one row for each facet of each case, footer; all reports come from it.

A log without its footer is of no whole run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from vmstate_conformance import __version__
from vmstate_conformance.cases import Case, InputError
from vmstate_conformance.runner.grade import FacetGrade
from vmstate_conformance.runner.run import Row
from vmstate_conformance.testees.session import TROUBLES

SCHEMA: Final = 1
#: Grades that decide a run.
DECIDING: Final = frozenset({"fail", "xpass"})
#: The part of all cases in which a testee may be in trouble before its report is unstable.
_STABLE: Final = 0.2
_ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode
_TEXT: Final = json.encoder.encode_basestring_ascii
_LOG: Final = 4000
_VALUE: Final = 4000

#: Given a row of a case that failed: what helps to look at it, like the dump and a way to replay it.
Help = Callable[[Row], Mapping[str, Any]]


class Tally:
    """What the rows of a run come to."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.levels: dict[str, Counter[str]] = {}
        self.cases = 0
        self.troubled = 0

    def add(self, row: Row) -> None:
        """Count a case and its facets; one that is not scored counts as a case alone."""
        self.cases += 1
        if row.result["verdict"] in TROUBLES:
            self.troubled += 1
        if not row.case.scored:
            return
        level = self.levels.setdefault(row.case.level, Counter())
        for facet in row.grade.facets:
            self.counts[facet.grade] += 1
            level[facet.grade] += 1

    def footer(self, **more: Any) -> dict[str, Any]:
        """Give the footer of the log."""
        return {
            "m": "footer",
            "complete": True,
            "cases": self.cases,
            "counts": dict(self.counts),
            "levels": {level: dict(counts) for level, counts in sorted(self.levels.items())},
            "unstable": self.troubled > self.cases * _STABLE,
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
        self.tally = Tally()
        self.header = {"m": "header", "schema": SCHEMA, "suite": __version__, **header}
        self.footer: dict[str, Any] | None = None
        self._write(_ENCODE(self.header) + "\n")

    def __enter__(self) -> Self:
        """Write rows until the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """Close; the footer is there where all went well."""
        if self._out is not None:
            self._out.close()

    def add(self, row: Row) -> list[str]:
        """Write the lines of one row, and give them."""
        self.tally.add(row)
        lines = list(lines_of(row, self._help))
        self._write("".join(lines))
        return lines

    def end(self, **more: Any) -> dict[str, Any]:
        """Write the footer, and give it."""
        self.footer = self.tally.footer(**more)
        self._write(_ENCODE(self.footer) + "\n")
        return self.footer

    def _write(self, text: str) -> None:
        if self._out is not None:
            self._out.write(text)


def lines_of(row: Row, help_: Help) -> Iterable[str]:
    """Write a row as lines, one a facet. Those that pass are short, and quickly written."""
    result = row.result
    head = _head(row.case)
    tail = f',"verdict":{_TEXT(str(result["verdict"]))}'
    if "us" in result:
        tail += f',"us":{_ENCODE(result["us"])}'
    helped: Mapping[str, Any] | None = None
    for facet in row.grade.facets:
        text = f'{head}"facet":"{facet.facet}","grade":"{facet.grade}"{tail}'
        if facet.grade == "pass":
            yield text + "}\n"
            continue
        details = _details(facet, row)
        if facet.grade in ("fail", "xfail", "xpass") and helped is None:
            helped = help_(row)
            details.update(helped)
        yield f"{text},{_ENCODE(details)[1:-1]}}}\n" if details else text + "}\n"


def _head(case: Case) -> str:
    head = (
        f'{{"m":"row","id":{_TEXT(case.id)},"dialect":{_TEXT(case.dialect)},'
        f'"area":{_TEXT(case.area)},"op":"{case.op}","level":{_TEXT(case.level)},'
    )
    if case.title:
        head += f'"title":{_TEXT(case.title)},'
    if case.clauses:
        head += f'"clauses":{_ENCODE(case.clauses)},'
    return head if case.scored else head + '"scored":false,'


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
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else _ENCODE(value)
    if len(text) <= _VALUE:
        return value
    return f"{text[:_VALUE]}... ({len(text)} characters)"
