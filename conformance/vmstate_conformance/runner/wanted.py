# SPDX-License-Identifier: Apache-2.0
"""What a case wants of an implementation of a profile, and which facets that has."""

from __future__ import annotations

from typing import Any, Final

from vmstate_conformance.cases import Case
from vmstate_conformance.cases.expectation import hardened_of_abort

#: The facets, in the order of reports. The first is the operation's own.
FACETS: Final = (
    "check",
    "save",
    "load",
    "savevm",
    "stream",
    "resave",
    "vmdesc",
    "heap",
    "partial",
)

#: What a hardened implementation says where QEMU aborts, by what QEMU's assertion was about.
_HARDENED_CLASSES: Final = (
    ("*pptr == NULL", {"destination-not-null"}),
    ("`auto_alloc'", {"unexpected-valid-marker"}),
    ("first_elem ||", {"null-array"}),
    ("VMS_MUST_EXIST", {"validation-failed"}),
    ("container_is_array", {"hook-failed"}),
)
_BY_KIND: Final = {
    "memory": {"out-of-bounds", "bad-count", "null-array"},
    "oom": {"allocation-failed", "bad-count"},
    "assert": {"bad-count", "out-of-bounds"},
}
#: The facets by what decides them: a corpus has few kinds of expectations.
_NAMED: Final[dict[tuple[Any, ...], tuple[str, ...]]] = {}
_REFUSAL: Final = {
    "check": "invalid",
    "save": "error",
    "load": "reject",
    "savevm": "error",
    "stream": "reject",
}


def wanted(case: Case, profile: str) -> dict[str, Any]:
    """Give what the case expects of an implementation of this profile.

    Classes of which each will do are sets or lists. In `hardened`, an abort becomes a refusal with
    a class.
    """
    expect = case.expect
    if profile != "hardened":
        return expect
    if case.hardened is not None:
        expect = case.hardened
    if expect["verdict"] != "abort":
        return expect
    if "error" in expect or "rule" in expect:
        return hardened_of_abort(expect, case.op)
    message = str(expect.get("message", ""))
    classes = next((classes for text, classes in _HARDENED_CLASSES if text in message), None)
    if classes is None:
        classes = _BY_KIND.get(str(expect.get("abort")), set())
    key = "rule" if case.op == "check" else "error"
    return {"verdict": _REFUSAL[case.op], key: classes}


def facets(op: str, want: dict[str, Any]) -> tuple[str, ...]:
    """Name the facets of what is wanted. What stays after a refusal is `partial`, not `load`."""
    key = op, want["verdict"], want.get("canonical") is True, *want
    return _NAMED.get(key) or _NAMED.setdefault(key, _facets(op, want))


def _facets(op: str, want: dict[str, Any]) -> tuple[str, ...]:
    named = [op]
    if op in ("load", "stream"):
        if want.get("canonical") is True and want["verdict"] == "accept":
            named.append("resave")
        if "heap" in want:
            named.append("heap")
        if want["verdict"] == "reject" and not want.keys().isdisjoint(
            ("state", "devices", "consumed", "stream_error")
        ):
            named.append("partial")
    elif "vmdesc" in want:
        named.append("vmdesc")
    return tuple(named)
