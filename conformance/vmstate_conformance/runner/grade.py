# SPDX-License-Identifier: Apache-2.0
"""What a result is worth, facet by facet. Texts never decide."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from vmstate_conformance.cases import Case, classes
from vmstate_conformance.cases.canonical import canonical_state
from vmstate_conformance.cases.expectation import hardened_of_abort

#: What a hardened implementation says where QEMU aborts, by what QEMU's assertion was about.
HARDENED_CLASSES: Final = (
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
_REFUSAL: Final = {"check": "invalid", "save": "error", "load": "reject"}
_FACETS: Final = (
    "verdict",
    "rule",
    "abort",
    "error",
    "state",
    "consumed",
    "stream_error",
    "heap",
    "stream",
    "vmdesc",
)
_DIFFERENCES: Final = 10
_ANSWERS: Final = frozenset({"valid", "invalid", "ok", "error", "accept", "reject"})


@dataclass(slots=True)
class Grade:
    """`grade` is pass, fail, unsupported or broken; `differences` are the failing facets first."""

    grade: str
    differences: list[Difference] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as wanted. `path` is the facet, or a path into it."""

    path: str
    wanted: Any
    got: Any


def wanted(case: Case, profile: str) -> dict[str, Any]:
    """Give what the case expects of an implementation of this profile.

    Classes that may differ are sets. In `hardened`, an abort becomes a refusal with a class.
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
    classes = next((classes for text, classes in HARDENED_CLASSES if text in message), None)
    if classes is None:
        classes = _BY_KIND.get(str(expect.get("abort")), set())
    key = "rule" if case.op == "check" else "error"
    return {"verdict": _REFUSAL[case.op], key: classes}


def grade(case: Case, result: dict[str, Any], profile: str) -> Grade:
    """Compare a result with what was wanted."""
    verdict = result.get("verdict")
    if verdict == "unsupported":
        return Grade("unsupported")
    if "order-dependent" in result:
        trouble = Difference("order-dependent", "the same result alone", result["order-dependent"])
        return Grade("fail", [trouble])
    want = wanted(case, profile)
    if want["verdict"] == "survive":
        survived = verdict in _ANSWERS
        return Grade("pass") if survived else Grade("fail", [Difference("verdict", "any", verdict)])
    branches = want["branches"] if want["verdict"] == "either" else [want]
    found = [_differences(branch, result) for branch in branches]
    best = min(found, key=len)
    return Grade("fail" if best else "pass", best)


def _differences(want: dict[str, Any], result: dict[str, Any]) -> list[Difference]:
    differences: list[Difference] = []
    for facet in _FACETS:
        # An abort's class is for the hardened profile alone.
        if facet in want and not (facet in ("error", "rule") and want["verdict"] == "abort"):
            _compare(facet, want[facet], result.get(facet), differences)
    return differences


def _compare(path: str, want: Any, got: Any, differences: list[Difference]) -> None:
    if isinstance(want, set | list) or path in ("error", "rule"):
        names = [want] if isinstance(want, str) else sorted(want)
        if not any(classes.match(name, got) for name in names):
            differences.append(Difference(path, " or ".join(names), got))
    elif path == "state":
        _walk(path, want, canonical_state(got), differences)
    elif path == "heap" and isinstance(got, dict):
        for key, value in want.items():
            _compare(f"heap.{key}", value, got.get(key), differences)
    elif want != got or isinstance(want, bool) != isinstance(got, bool):
        differences.append(Difference(path, want, got))


def _walk(path: str, want: Any, got: Any, differences: list[Difference]) -> None:
    if want in (got, "*") or len(differences) >= _DIFFERENCES:
        return
    if isinstance(want, str) and "?" in want and isinstance(got, str) and len(want) == len(got):
        if any(one not in (other, "?") for one, other in zip(want, got, strict=True)):
            differences.append(Difference(path, want, got))
    elif isinstance(want, dict) and isinstance(got, dict):
        for key in want.keys() | got.keys():
            _walk(f"{path}.{key}", want.get(key), got.get(key), differences)
    elif isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        for at, (one, other) in enumerate(zip(want, got, strict=True)):
            _walk(f"{path}[{at}]", one, other, differences)
    else:
        differences.append(Difference(path, want, got))
