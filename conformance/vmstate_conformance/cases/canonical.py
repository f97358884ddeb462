# SPDX-License-Identifier: Apache-2.0
"""The canonical form of values: scalars of states and of predicates are decimal strings."""

from __future__ import annotations

from typing import Any


def canonical_state(state: Any) -> Any:
    """Write the scalars of a state as decimal strings; `{"wild": 1}` stays."""
    if isinstance(state, dict):
        if state.keys() == {"wild"}:
            return state
        return {key: canonical_state(value) for key, value in state.items()}
    if isinstance(state, list):
        return [canonical_state(value) for value in state]
    return str(state) if isinstance(state, int) and not isinstance(state, bool) else state


def canonical_result(result: dict[str, Any]) -> dict[str, Any]:
    """Write the state of a result in canonical form."""
    if "state" not in result:
        return result
    return {**result, "state": canonical_state(result["state"])}


def canonical_document(document: Any) -> Any:
    """Write the values of a document's predicates as decimal strings; ill-formed parts stay."""
    if isinstance(document, dict):
        return {
            key: str(value)
            if key in ("eq", "ge") and isinstance(value, int) and not isinstance(value, bool)
            else canonical_document(value)
            for key, value in document.items()
        }
    if isinstance(document, list):
        return [canonical_document(value) for value in document]
    return document
