# SPDX-License-Identifier: Apache-2.0
"""The profile `hardened` against `compat`: they differ where QEMU would die, and nowhere else.

Inputs are those of `vmstate_conformance.fuzzing.load`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeAlias

from vmstate.dialects import Dialect
from vmstate.errors import CaseError
from vmstate.operations import perform
from vmstate_conformance.fuzzing import load
from vmstate_conformance.fuzzing.catalogue import LIMITS
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.load import compare
from vmstate_conformance.fuzzing.target import Target

#: A hardened implementation allocates less than QEMU would.
HARDENED: Final = replace(LIMITS, block=1 << 16)
#: The results of `compat` and `hardened`.
Both: TypeAlias = tuple[dict[str, Any], dict[str, Any]]
#: What a tighter limit looks like.
_LIMITED: Final = frozenset({"allocation-failed", "bad-count"})


def run(data: bytes) -> None:
    """Load one input in both profiles. Raises `Finding`."""
    both = observe(data)
    if both is not None:
        agree(*both)


def observe(data: bytes) -> Both | None:
    """Give the results of both profiles."""
    if len(data) < load.HEADER:
        return None
    entry, number, version_id, dialect, _ = load.parse(data)
    request = {
        "op": "load",
        "document": entry.document,
        "destination": entry.states[number % len(entry.states)],
        "version_id": version_id,
        "stream": data[load.HEADER :].hex(),
    }
    return performed(request, dialect)


def performed(request: dict[str, Any], dialect: Dialect) -> Both | None:
    """Perform a request in both profiles; None where it is none."""
    given: dict[str, Any] = {"dialect": dialect.name}
    try:
        compat = perform(request, profile="compat", limits=LIMITS, **given)
        hardened = perform(request, profile="hardened", limits=HARDENED, **given)
    except CaseError:
        return None
    return compat, hardened


def agree(compat: dict[str, Any], hardened: dict[str, Any]) -> None:
    """Hold the two results of one load against each other. Raises `Finding`."""
    if hardened["verdict"] == "abort":
        raise Finding("hardened-aborts", hardened["error"], hardened["message"])
    limited = hardened.get("error") in _LIMITED
    if compat["verdict"] == "abort":
        if hardened["verdict"] != "reject":
            raise Finding("hardened-accepts", compat["error"], compat["message"])
        if hardened["error"] != compat["error"] and not limited:
            raise Finding("class", compat["error"], f"hardened calls it {hardened['error']}")
        if hardened["path"] != compat["path"] and not limited:
            raise Finding("path", compat["error"], f"{compat['path']} against {hardened['path']}")
    elif not limited:
        compare(compat, hardened, "profiles")


TARGET: Final = Target(
    "profile",
    run,
    load.seeds,
    load.tokens,
    load.case,
    observe,
    max_len=load.TARGET.max_len,
    mutate=load.mutate,
)
