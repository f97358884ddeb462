# SPDX-License-Identifier: Apache-2.0
"""Which case kills a mutant: the first on which it is not as it should be."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vmstate_conformance.cases import Case
from vmstate_conformance.cases.jsonfile import read_json
from vmstate_conformance.cases.layout import replace_file, text
from vmstate_conformance.mutants import Mutant
from vmstate_conformance.runner.grade import grade
from vmstate_conformance.testees.reference import Reference

PROFILES: Final = ("compat", "hardened")
#: Where the killers of last time are kept: where to look first.
REMEMBERED: Final = Path(__file__).with_name("killers.json")
#: Seconds that a mutant may take for one case.
_LONGEST: Final = 10.0


@dataclass(frozen=True, slots=True)
class Killer:
    """A case, the dialect and profile, and the facet by which it kills."""

    id: str
    dialect: str
    profile: str
    facet: str


def kill(mutant: Mutant, cases: list[Case], first: str = "") -> Killer | None:
    """Find the first case that the mutant fails; `first` is the id to begin with."""
    with mutant.applied():
        for case in _order(mutant, cases, first):
            for profile in profiles(case):
                facet = fails(case, profile)
                if facet:
                    return Killer(case.id, case.dialect, profile, facet)
    return None


def profiles(case: Case) -> tuple[str, ...]:
    """Give the profiles that can tell: hardened asks for other things only where QEMU dies."""
    return (
        PROFILES if case.hardened is not None or case.expect["verdict"] == "abort" else ("compat",)
    )


def fails(case: Case, profile: str) -> str:
    """Name the facet on which the reference of this moment fails a case; empty where it passes."""
    reference = Reference()
    reference.config = {"dialect": case.dialect, "profile": profile}
    try:
        with _alarm():
            result = reference.run({"id": 0, **case.request})
    except Exception as error:  # noqa: BLE001 - a mutant may fail in any way
        return type(error).__name__
    found = grade(case, result, profile).differences
    return found[0].path.partition(".")[0].partition("[")[0] if found else ""


def _order(mutant: Mutant, cases: list[Case], first: str) -> Iterator[Case]:
    """Give the likely ones first: last time's, then golden ones, then those of the same area."""

    def key(case: Case) -> tuple[bool, bool, bool]:
        return case.id != first, not case.group, mutant.area not in case.area

    yield from sorted(cases, key=key)


class _TooLongError(Exception):
    pass


@contextmanager
def _alarm() -> Iterator[None]:
    """Interrupt what takes too long. Only in the main thread, as all of this is."""

    def ring(*_: object) -> None:
        raise _TooLongError

    held = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, _LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, held)


def remembered() -> dict[str, str]:
    """Give last time's killers by mutant."""
    if not REMEMBERED.is_file():
        return {}
    held: dict[str, str] = read_json(REMEMBERED).value
    return held


def remember(killers: Mapping[str, Killer | None]) -> None:
    """Keep the killers for next time. Raises `OSError`."""
    found: dict[str, Any] = {name: each.id for name, each in killers.items() if each is not None}
    replace_file(REMEMBERED, text(dict(sorted(found.items()))))
