# SPDX-License-Identifier: Apache-2.0
"""Reading an expectations file, and grading by it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from vmstate_conformance.cases import Case, InputError
from vmstate_conformance.cases.classes import match as match_class
from vmstate_conformance.runner.grade import FacetGrade, Grade
from vmstate_conformance.runner.wanted import FACETS

KINDS: Final = ("bug", "wontfix", "flaky", "crash")
OUTCOMES: Final = (
    "fail",
    "crash",
    "exit",
    "timeout",
    "protocol",
    "resource",
    "failure",
    "order-dependent",
    "lying",
)
#: Cases that one entry may match unless it says `max`.
MATCHES: Final = 20
_WILD: Final = {"*": "[^/#]*", "?": "[^/#]"}
_KEYS: Final = frozenset(
    {"match", "facet", "kind", "outcome", "class", "reason", "issue", "when", "max"}
)


@dataclass(slots=True)
class Entry:
    """One known fault: which cases and facet, of what kind, and why."""

    match: str
    kind: str
    reason: str
    facet: str = ""
    outcome: str = ""
    error: str = ""
    issue: str = ""
    dialects: tuple[str, ...] = ()
    profile: str = ""
    most: int = MATCHES

    def names(self, identity: str) -> bool:
        """Whether the entry's pattern names this id: `*` stays within a segment."""
        return _pattern(self.match).fullmatch(identity) is not None

    def holds(self, identity: str, dialect: str, profile: str) -> bool:
        """Whether the entry is about this case in this run."""
        return (
            (not self.dialects or dialect in self.dialects)
            and (not self.profile or profile == self.profile)
            and self.names(identity)
        )

    def note(self) -> str:
        """Say why, for reports."""
        return f"{self.kind}: {self.reason}{f' ({self.issue})' if self.issue else ''}"


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern: `*` and `?` stay within a segment of area/group#case."""
    parts = (_WILD.get(part) or re.escape(part) for part in re.split(r"([*?])", text))
    return re.compile("".join(parts))


class Expectations:
    """The entries of one file."""

    def __init__(self, file: Path, entries: list[Entry], suite: str = "") -> None:
        self.file = file
        self.entries = entries
        self.suite = suite

    @classmethod
    def read(cls, file: Path) -> Expectations:
        """Read a file. Raises `InputError`."""
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{file}: {error.strerror or error} [unreadable]") from None
        except UnicodeDecodeError as error:
            raise InputError(f"{file}: byte {error.start}: no UTF-8 [toml]") from None
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise InputError(f"{file}: {error} [toml]") from None
        odd = table.keys() - {"suite", "expect"}
        if odd:
            raise InputError(f"{file}: '{min(odd)}' is none of suite, expect [key]")
        entries = table.get("expect", [])
        if not isinstance(entries, list):
            raise InputError(f"{file}: expect is a list of tables, [[expect]] [expect]")
        read = [_entry(each, f"{file}: expect[{at}]") for at, each in enumerate(entries)]
        return cls(file, read, str(table.get("suite", "")))

    def check(self, cases: Iterable[Case]) -> None:
        """Check that each entry matches cases, and not too many. Raises `InputError`.

        `cases` is the whole corpus, whatever part of it is run.
        """
        identities = {case.id for case in cases}
        for at, entry in enumerate(self.entries):
            count = sum(map(entry.names, identities))
            if count > entry.most:
                raise InputError(
                    f"{self.file}: expect[{at}]: '{entry.match}' matches {count} cases, and may"
                    f" match {entry.most}: say so with max [max]"
                )

    def unmatched(self, cases: Iterable[Case]) -> list[str]:
        """Give the patterns that no case of the whole corpus has."""
        identities = {case.id for case in cases}
        return [entry.match for entry in self.entries if not any(map(entry.names, identities))]

    def of(self, case: Case, profile: str) -> list[Entry]:
        """Give the entries about a case, in the order of the file."""
        return [each for each in self.entries if each.holds(case.id, case.dialect, profile)]


def apply(entries: list[Entry], result: Mapping[str, Any], found: Grade) -> Grade:
    """Turn failures that are expected into xfail, and passes that are not into xpass."""
    facets = list(found.facets)
    for entry in entries:
        for at in _about(entry, facets):
            facets[at] = _expected(entry, facets[at], result)
    return found if facets == list(found.facets) else Grade.of(facets)


def _about(entry: Entry, facets: list[FacetGrade]) -> list[int]:
    if entry.facet:
        return [at for at, each in enumerate(facets) if each.facet == entry.facet]
    failing = [at for at, each in enumerate(facets) if each.grade == "fail"]
    # Without a facet the entry says: something of this case fails.
    return failing or [0]


def _expected(entry: Entry, facet: FacetGrade, result: Mapping[str, Any]) -> FacetGrade:
    if facet.grade in ("pass", "pass-coarse", "free"):
        if entry.kind == "flaky":
            return facet
        return replace(
            facet, grade="xpass", note=f"passes, but was expected to fail: {entry.note()}"
        )
    if facet.grade != "fail":
        return facet
    outcome = facet.outcome or "fail"
    wanted = entry.outcome or ("crash" if entry.kind == "crash" else "fail")
    if entry.kind != "flaky" or entry.outcome:
        if outcome != wanted:
            return replace(facet, note=f"fails with {outcome}, expected {wanted}: {entry.note()}")
        got = result.get("error", result.get("rule"))
        if entry.error and not match_class(entry.error, got):
            return replace(facet, note=f"fails with class {got}, expected {entry.error}")
    return replace(facet, grade="xfail", note=entry.note())


def _entry(value: Any, where: str) -> Entry:
    if not isinstance(value, dict):
        raise InputError(f"{where}: is no table [entry]")
    odd = value.keys() - _KEYS
    if odd:
        raise InputError(f"{where}: '{min(odd)}' is none of {', '.join(sorted(_KEYS))} [key]")
    when = value.get("when", {})
    if not isinstance(when, dict) or when.keys() - {"dialect", "profile"}:
        raise InputError(f"{where}.when: holds dialect and profile [when]")
    dialect = when.get("dialect", [])
    dialects = [dialect] if isinstance(dialect, str) else dialect
    if not isinstance(dialects, list) or not all(isinstance(each, str) for each in dialects):
        raise InputError(f"{where}.when.dialect: is a string or a list of them [when]")
    most = value.get("max", MATCHES)
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise InputError(f"{where}.max: is no number above 0 [max]")
    entry = Entry(
        match=_text(value, "match", where, needed=True),
        kind=_text(value, "kind", where, KINDS, needed=True),
        reason=_text(value, "reason", where, needed=True),
        facet=_text(value, "facet", where, FACETS),
        outcome=_text(value, "outcome", where, OUTCOMES),
        error=_text(value, "class", where),
        issue=_text(value, "issue", where),
        dialects=tuple(dialects),
        profile=_text(when, "profile", f"{where}.when", ("compat", "hardened")),
        most=most,
    )
    if not entry.issue and entry.kind != "wontfix":
        raise InputError(f"{where}.issue: a {entry.kind} needs a link to its issue [issue]")
    return entry


def _text(
    value: Mapping[str, Any],
    key: str,
    where: str,
    known: tuple[str, ...] = (),
    *,
    needed: bool = False,
) -> str:
    text = value.get(key, "")
    if not isinstance(text, str) or (needed and not text.strip()):
        raise InputError(f"{where}.{key}: is no text [{key}]")
    if text and known and text not in known:
        raise InputError(f"{where}.{key}: '{text}' is none of {', '.join(known)} [{key}]")
    return text
