# SPDX-License-Identifier: Apache-2.0
"""Four requests that nobody gets wrong: where none comes out, the adapter is broken, not the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from vmstate_conformance.cases import Case
from vmstate_conformance.runner.run import Run
from vmstate_conformance.testees.process import TesteeError

_DOCUMENT: Final[dict[str, Any]] = {
    "structs": {"Smoke": {"size": 1, "members": [{"name": "a", "offset": 0, "type": "uint8"}]}},
    "descriptions": {
        "smoke": {
            "struct": "Smoke",
            "version_id": 1,
            "minimum_version_id": 1,
            "fields": [
                {"name": "a", "info": "uint8", "offset": 0, "size": 1, "flags": ["VMS_SINGLE"]}
            ],
        }
    },
    "root": "smoke",
}


def _case(name: str, request: dict[str, Any], verdict: str) -> Case:
    op = name.partition("-")[0]
    return Case(
        id=f"smoke/{name}",
        dialect="",
        request={"op": op, "document": _DOCUMENT, **request},
        expect={"verdict": verdict},
        tags=(),
        source="built in",
    )


_LOAD: Final[dict[str, Any]] = {"destination": {"a": "0"}, "version_id": 1}
CASES: Final = (
    _case("check", {}, "valid"),
    _case("save", {"state": {"a": "7"}}, "ok"),
    _case("load", {**_LOAD, "stream": "0700"}, "accept"),
    _case("load-nothing", {**_LOAD, "stream": ""}, "reject"),
)


def smoke(run: Run, dialect: str) -> list[str]:
    """Ask the four in a process of their own; give a line for each that goes wrong.

    Raises `TesteeError` where all of those that the testee was asked go wrong.
    """
    wrong, asked = [], 0
    trial = Run(run.testee, run.profile, hello=run.hello)
    for row in trial.rows([replace(case, dialect=dialect) for case in CASES]):
        if row.grade.grade == "unsupported":
            continue
        asked += 1
        if row.grade.grade not in ("pass", "pass-coarse"):
            got = row.result.get("detail") or row.result["verdict"]
            wrong.append(f"{row.case.op}: wanted {row.case.expect['verdict']}, got {got}")
    if asked and len(wrong) == asked:
        raise TesteeError(
            "the adapter is broken: of the simplest requests none gets the right verdict: "
            + "; ".join(wrong)
        )
    return wrong
