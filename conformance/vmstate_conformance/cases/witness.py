# SPDX-License-Identifier: Apache-2.0
"""Witnesses: who says what comes of a request, and where they disagree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol

from vmstate.operations import perform

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


def reference(request: Mapping[str, Any], dialect: str, profile: str) -> dict[str, Any]:
    """Ask the reference. Raises `CaseError`."""
    return perform(request, dialect=dialect, profile=profile)


@contextmanager
def engine(path: str | None = None, *, wanted: bool = True) -> Iterator[Witness | None]:
    """Start QEMU's own engine, where there is one; else give None."""
    if not wanted:
        yield None
        return
    from vmstate_conformance.qemu.engine import Engine  # noqa: PLC0415 - brings a process
    from vmstate_conformance.qemu.provision import QemuError, find  # noqa: PLC0415

    try:
        running = Engine(find(path))
    except QemuError:
        if path is not None:
            raise
        yield None
        return
    try:
        yield running
    finally:
        running.close()


def disagreement(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Name the facets on which two results differ."""
    out = []
    for facet in FACETS:
        mine, yours = one.get(facet), other.get(facet)
        if facet == "heap" and isinstance(mine, dict) and isinstance(yours, dict):
            mine = {key: mine[key] for key in ("allocated", "leaked")}
            yours = {key: yours[key] for key in ("allocated", "leaked")}
        # The engine knows no class for what it dies of.
        if facet in ("error", "rule") and "abort" in (one.get("verdict"), other.get("verdict")):
            continue
        if mine != yours:
            out.append(facet)
    return out
