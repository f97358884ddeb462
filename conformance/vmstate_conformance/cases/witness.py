# SPDX-License-Identifier: Apache-2.0
"""Witnesses: who says what comes of a request, and where they disagree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from vmstate.operations import perform

if TYPE_CHECKING:
    from vmstate_conformance.qemu.engine import Engine

#: What two witnesses must agree on.
FACETS: Final = (
    "verdict",
    "abort",
    "error",
    "rule",
    "state",
    "consumed",
    "stream_error",
    "heap",
    "stream",
    "vmdesc",
)


class Witness(Protocol):
    """Answers requests of one dialect in the profile compat."""

    @property
    def dialect(self) -> str:
        """The dialect."""

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Give the result."""


class Witnesses(Protocol):
    """Finds the engine of a dialect."""

    def of(self, dialect: str) -> Witness | None:
        """Give QEMU's engine of a dialect; None where there is none."""


def reference(request: Mapping[str, Any], dialect: str, profile: str) -> dict[str, Any]:
    """Ask the reference. Raises `CaseError`."""
    return perform(request, dialect=dialect, profile=profile)


class Engines:
    """QEMU's own engines, each started when a case of its dialect first asks for it."""

    def __init__(self, *, wanted: bool = True) -> None:
        self._wanted: Final = wanted
        self._running: dict[str, Engine | None] = {}

    def of(self, dialect: str) -> Witness | None:
        """Give the provisioned engine of a dialect; None where there is none."""
        release = _release(dialect)
        if release not in self._running:
            self._running[release] = _start(release) if self._wanted else None
        found = self._running[release]
        return found if found is not None and found.dialect == dialect else None

    @property
    def missing(self) -> list[str]:
        """Name the releases that were asked for and are not there."""
        return sorted(name for name, engine in self._running.items() if name and engine is None)

    def close(self) -> None:
        """End all that run."""
        for engine in self._running.values():
            if engine is not None:
                engine.close()


def _release(dialect: str) -> str:
    """Name the release of QEMU that has a dialect, like `11.1`; empty where none has."""
    found = re.match(r"qemu-(\d+\.\d+)", dialect)
    return found[1] if found else ""


def _start(release: str) -> Engine | None:
    from vmstate_conformance.qemu.engine import Engine  # noqa: PLC0415 - brings a process
    from vmstate_conformance.qemu.provision import QemuError, find  # noqa: PLC0415

    try:
        return Engine(find(None, release=release))
    except QemuError:
        return None


@contextmanager
def engines(*, wanted: bool = True) -> Iterator[Engines]:
    """Give QEMU's own engines for as long as the block lasts; none where they are not wanted."""
    found = Engines(wanted=wanted)
    try:
        yield found
    finally:
        found.close()


def disagreement(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Name the facets on which two results differ."""
    out = []
    for facet in FACETS:
        mine, yours = one.get(facet), other.get(facet)
        if facet == "heap" and isinstance(mine, dict) and isinstance(yours, dict):
            mine = {key: mine[key] for key in ("allocated", "leaked")}
            yours = {key: yours[key] for key in ("allocated", "leaked")}
        if facet == "heap" and "devices" in other:
            continue  # of a whole stream, the engine does not count it
        # The engine knows no class for what it dies of.
        if facet in ("error", "rule") and "abort" in (one.get("verdict"), other.get("verdict")):
            continue
        if mine != yours:
            out.append(facet)
    # Nor does it count how often a device was loaded.
    states = [[each["state"] for each in result.get("devices", ())] for result in (one, other)]
    return out if states[0] == states[1] else [*out, "devices"]
