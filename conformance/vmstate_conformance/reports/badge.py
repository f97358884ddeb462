# SPDX-License-Identifier: Apache-2.0
"""The JSON of a badge, as shields' endpoint reads it: so many of so many, never a percentage."""

from __future__ import annotations

from typing import Any

from vmstate_conformance.cases import InputError
from vmstate_conformance.reports.model import Results


def badge(results: Results, level: str) -> dict[str, Any]:
    """Give the badge of a run for one level.

    Raises `InputError` where a badge would say more than the run does: one that was broken off, is
    unstable, or asked for some of the cases only.
    """
    if not results.complete or results.footer is None:
        raise InputError(f"{results.file}: the run is incomplete or unstable: no badge [badge]")
    if results.header.get("selection"):
        raise InputError(f"{results.file}: the run is of a selection of cases: no badge [badge]")
    counts = results.footer["levels"].get(level, {})
    good = sum(counts.get(each, 0) for each in ("pass", "pass-coarse", "free"))
    bad = sum(counts.get(each, 0) for each in ("fail", "xfail", "xpass", "broken"))
    if not good + bad:
        raise InputError(f"{results.file}: no case of level '{level}' was asked: no badge [badge]")
    return {
        "schemaVersion": 1,
        "label": f"VMState {level}",
        "message": f"{good}/{good + bad}",
        "color": "brightgreen" if not bad else "yellow" if good > 9 * bad else "red",
    }
