# SPDX-License-Identifier: Apache-2.0
"""Which cases: from where, and which of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from vmstate_conformance.cases import Case, InputError, read_cases
from vmstate_conformance.corpus import corpus_dir


@dataclass(frozen=True, slots=True)
class Pattern:
    """What stands after -k: text that an id holds, a pattern (`*`, `?`) of it, or `=` and an id."""

    text: str

    def matches(self, identity: str) -> bool:
        """Whether an id is meant."""
        return matches(identity, self.text)

    def may_begin(self, start: str) -> bool:
        """Whether an id that begins so may be meant."""
        return not self.text.startswith("=") or self.text[1:].startswith(start)


def read(places: Sequence[Path], pattern: str | None = None) -> list[Case]:
    """Read the cases of files and folders; of the corpus where none is given. Raises `InputError`.

    With a `pattern`, only those that it matches.
    """
    wanted = Pattern(pattern) if pattern is not None else None
    if places:
        return list(read_cases(places, wanted))
    try:
        return list(read_cases([corpus_dir()], wanted))
    except FileNotFoundError as error:
        raise InputError(f"{error} [corpus]") from None


def select(
    cases: Iterable[Case],
    *,
    dialect: str | None = None,
    pattern: str | None = None,
    areas: Sequence[str] = (),
    as_of: str | None = None,
) -> list[Case]:
    """Keep the cases that all the conditions hold for. Raises `InputError`."""
    until = _version(as_of, "--as-of") if as_of is not None else None
    found = [
        case
        for case in cases
        if (dialect is None or case.dialect == dialect)
        and (not areas or case.area in areas)
        and matches(case.id, pattern)
    ]
    if until is None:
        return found
    return [case for case in found if not case.added or _version(case.added, case.source) <= until]


def matches(identity: str, pattern: str | None) -> bool:
    """Whether an id holds the pattern, matches it (`*`, `?`), or is what stands behind its `=`."""
    if pattern is None:
        return True
    if pattern.startswith("="):
        return identity == pattern[1:]
    if any(char in pattern for char in "*?["):
        return fnmatchcase(identity, pattern)
    return pattern in identity


def _version(text: str, where: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9}){0,3}", text):
        raise InputError(f"{where}: {text!r} is no version like 0.1.0 [version]")
    numbers = [int(part) for part in text.split(".")]
    return tuple(numbers + [0] * (4 - len(numbers)))
