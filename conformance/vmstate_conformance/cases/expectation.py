# SPDX-License-Identifier: Apache-2.0
"""What a case of a group expects, chosen by dialect and profile and put into the grader's form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from vmstate.errors import CaseError
from vmstate.values import brief, mapping, sequence
from vmstate_conformance.cases.canonical import canonical_state
from vmstate_conformance.cases.classes import registry
from vmstate_conformance.cases.model import VERDICTS
from vmstate_conformance.cases.segments import join

PROFILES: Final = ("compat", "hardened")
#: Branches of a `when` list, the default included.
_BRANCHES: Final = 4
KEYS: Final = frozenset(
    {
        "when",
        "verdict",
        "class",
        "abort",
        "state",
        "consumed",
        "stream_error",
        "heap",
        "canonical",
        "stream",
        "vmdesc",
        "branches",
        "devices",
    }
)
#: The verdicts that leave something open.
OPEN: Final = frozenset({"either", "survive"})
#: The verdicts by which an operation succeeds.
GOOD: Final = frozenset({"valid", "ok", "accept"})
_REFUSAL: Final = {
    "check": "invalid",
    "save": "error",
    "load": "reject",
    "stream": "reject",
    "savevm": "error",
}


def choose(expect: object, dialect: str, profile: str, path: str = "expect") -> Mapping[str, Any]:
    """Choose from a `when` list: the first branch that fits; the last has no `when` and always does.

    Raises `CaseError`.
    """
    if isinstance(expect, Mapping):
        return mapping(expect, path, KEYS - {"when"})
    branches = sequence(expect, path)
    if not 1 <= len(branches) <= _BRANCHES or "when" in mapping(branches[-1], path):
        raise CaseError("when", path, f"1 to {_BRANCHES} branches, the last without `when`")
    for at, each in enumerate(branches):
        branch = mapping(each, f"{path}[{at}]", KEYS)
        if "when" not in branch:
            if at + 1 < len(branches):
                raise CaseError("when", f"{path}[{at}]", "only the last branch has no `when`")
            return branch
        when = mapping(branch["when"], f"{path}[{at}].when", frozenset({"dialect", "profile"}))
        if "profile" in when and when["profile"] not in PROFILES:
            raise CaseError("when", f"{path}[{at}].when.profile", "is none of compat, hardened")
        dialects = sequence(when.get("dialect", [dialect]), f"{path}[{at}].when.dialect")
        if dialect in dialects and when.get("profile", profile) == profile:
            return branch
    raise AssertionError


def for_grader(
    expect: Mapping[str, Any], op: str, before: Any, path: str = "expect"
) -> dict[str, Any]:
    """Put one expectation into the form of the case format's `observed`. Raises `CaseError`.

    `class` becomes `error` (for check, `rule`): a flat name or a list of them. `=pre` in a state
    becomes the value of `before` at the same place; `*` and `??` stay for the grader.
    """
    verdict = expect.get("verdict")
    if not isinstance(verdict, str) or verdict not in VERDICTS[op] | OPEN:
        wanted = ", ".join(sorted(VERDICTS[op] | OPEN))
        raise CaseError("verdict", f"{path}.verdict", f"{brief(verdict)} is none of {wanted}")
    out = {key: value for key, value in expect.items() if key not in ("when", "class")}
    if verdict == "either":
        branches = sequence(expect.get("branches"), f"{path}.branches")
        out["branches"] = [
            for_grader(mapping(each, path, KEYS), op, before, f"{path}.branches[{at}]")
            for at, each in enumerate(branches)
        ]
    if "class" in expect:
        flat = [_flat(each, f"{path}.class") for each in sequence(expect["class"], f"{path}.class")]
        key = "rule" if op == "check" else "error"
        out[key] = flat[0] if len(flat) == 1 else flat
    if "state" in expect:
        out["state"] = resolve(canonical_state(expect["state"]), before)
    if "devices" in expect:
        held = before if isinstance(before, list) else []
        out["devices"] = [
            _device(each, held[at] if at < len(held) else None, f"{path}.devices[{at}]")
            for at, each in enumerate(sequence(expect["devices"], f"{path}.devices"))
        ]
    if "stream" in expect:
        out["stream"] = join(expect["stream"], f"{path}.stream").hex()
    return out


def _device(expect: object, before: Any, path: str) -> dict[str, Any]:
    """Resolve what is expected of one device of a whole stream."""
    out = dict(mapping(expect, path, frozenset({"state", "loads"})))
    if "state" in out:
        out["state"] = resolve(canonical_state(out["state"]), before)
    return out


def _flat(name: object, path: str) -> str:
    classes = registry()
    if not isinstance(name, str) or name not in classes:
        raise CaseError("class", path, f"{brief(name)} is no class of classes.json")
    return classes[name]


def resolve(state: Any, before: Any) -> Any:
    """Replace each `=pre` of a state pattern by what stood there before."""
    if state == "=pre":
        return before
    if isinstance(state, dict):
        held = before if isinstance(before, dict) else {}
        return {key: resolve(value, held.get(key)) for key, value in state.items()}
    if isinstance(state, list):
        items: Sequence[Any] = before if isinstance(before, list) else []
        return [
            resolve(value, items[at] if at < len(items) else None) for at, value in enumerate(state)
        ]
    return state


def hardened_of_abort(expect: Mapping[str, Any], op: str) -> dict[str, Any]:
    """What a hardened implementation does where QEMU dies: it refuses, with one of the classes."""
    key = "rule" if op == "check" else "error"
    out: dict[str, Any] = {"verdict": _REFUSAL[op]}
    return {**out, key: expect[key]} if key in expect else out
