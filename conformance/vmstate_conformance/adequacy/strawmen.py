# SPDX-License-Identifier: Apache-2.0
"""Testees that have no idea: one takes everything, one refuses everything. Every area fails both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from vmstate_conformance.cases import Case
from vmstate_conformance.runner.grade import grade


def accept_all(request: Mapping[str, Any]) -> dict[str, Any]:
    """Take any description, save nothing, load nothing, and say that all went well."""
    match request["op"]:
        case "check":
            return {"verdict": "valid"}
        case "save" | "savevm":
            return {"verdict": "ok", "stream": "", "vmdesc": "{}"}
        case _:
            return {
                "verdict": "accept",
                **_untouched(request),
                "consumed": len(request["stream"]) // 2,
                "stream_error": 0,
                "heap": {"allocated": 0, "leaked": 0},
            }


def reject_all(request: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse everything, for the commonest reason."""
    match request["op"]:
        case "check":
            return {"verdict": "invalid", "rule": "auto-alloc-needs-size"}
        case "save" | "savevm":
            return {"verdict": "error", "error": "hook-failed"}
        case _:
            return {
                "verdict": "reject",
                "error": "stream-error",
                **_untouched(request),
                "consumed": 0,
                "stream_error": -5,
                "heap": {"allocated": 0, "leaked": 0},
            }


def _untouched(request: Mapping[str, Any]) -> dict[str, Any]:
    """Give memory as it was."""
    if "devices" in request:
        devices = request["devices"]
        return {"devices": [{"state": each.get("destination"), "loads": 0} for each in devices]}
    return {"state": request.get("destination")}


STRAWMEN: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "accept-all": accept_all,
    "reject-all": reject_all,
}


def failed(cases: Iterable[Case]) -> dict[str, dict[str, tuple[int, int]]]:
    """Count, by strawman and area, the cases that fail it, of how many."""
    found: dict[str, dict[str, tuple[int, int]]] = {name: {} for name in STRAWMEN}
    by_area: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if case.scored:
            by_area[case.area].append(case)
    for name, answer in STRAWMEN.items():
        for area, members in sorted(by_area.items()):
            bad = sum(
                grade(case, answer(case.request), "compat").grade == "fail" for case in members
            )
            found[name][area] = bad, len(members)
    return found
