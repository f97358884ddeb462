# SPDX-License-Identifier: Apache-2.0
"""A request as a case file: what a failure prints can be saved, run and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from vmstate.dialects import DEFAULT_DIALECT
from vmstate.operations import perform
from vmstate_conformance.cases.canonical import canonical_document, canonical_state

#: What a result says that no case expects: it is for people.
_TOLD = ("message", "path")


def case(
    request: Mapping[str, Any],
    expect: Mapping[str, Any] | None = None,
    *,
    dialect: str = DEFAULT_DIALECT,
    tags: tuple[str, ...] = ("found",),
) -> dict[str, Any]:
    """Give a request as a case. `expect` is the result that is wanted, by default the reference's.

    The id comes from the request: one request, one id. Raises `CaseError` where the reference is
    asked and the request is ill-formed.
    """
    wanted = perform(request, dialect=dialect) if expect is None else expect
    kept = {key: value for key, value in wanted.items() if key not in _TOLD}
    if "heap" in kept:
        kept["heap"] = {key: kept["heap"][key] for key in ("allocated", "leaked")}
    asked = {key: value for key, value in request.items() if key != "op"}
    asked["document"] = canonical_document(asked["document"])
    for name in ("state", "destination"):
        if name in asked:
            asked[name] = canonical_state(asked[name])
    digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    head = {"id": f"found-{digest[:12]}", "op": request["op"], "tags": list(tags)}
    return {**head, **asked, "expect": [{"dialects": [dialect], **kept}]}


def case_text(request: Mapping[str, Any], expect: Mapping[str, Any] | None = None) -> str:
    """Give a request as the text of a case file of one line."""
    return json.dumps(case(request, expect), separators=(",", ":"), ensure_ascii=True)


class Shown:
    """A request that becomes a case file when somebody looks at it, and costs nothing before."""

    def __init__(self, request: Mapping[str, Any], expect: Mapping[str, Any] | None = None) -> None:
        self._request = request
        self._expect = expect

    def __repr__(self) -> str:
        text = case_text(self._request, self._expect)
        return f"# save as found.jsonl, then: vmstate-conformance run --cases found.jsonl\n{text}"
