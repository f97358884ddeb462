# SPDX-License-Identifier: Apache-2.0
"""Layouts, descriptions, states, streams and their mutations: for hypothesis, fuzzers and generators.

The strategies need hypothesis (`pip install vmstate-conformance[strategies]`):

    from hypothesis import given, strategies as st
    from vmstate_conformance.strategies import documents, note_case, states

    @given(st.data())
    def test_my_loader(data):
        document = data.draw(documents())
        state = data.draw(states(document))
        ...

`cases` yields requests by the thousand and needs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vmstate_conformance.strategies.casefile import case_text
from vmstate_conformance.strategies.generate import cases
from vmstate_conformance.strategies.mutate import MUTATIONS
from vmstate_conformance.strategies.odd import RULES
from vmstate_conformance.strategies.skew import STEPS

if TYPE_CHECKING:
    from vmstate_conformance.strategies.drawn import (
        FIELD_KINDS,
        Broken,
        Mutated,
        Successor,
        containers,
        damages,
        descriptions,
        destinations,
        documents,
        illegal_descriptions,
        layouts,
        migrations,
        mutations,
        note_case,
        states,
        streams,
        successors,
    )

__all__ = [
    "FIELD_KINDS",
    "MUTATIONS",
    "RULES",
    "STEPS",
    "Broken",
    "Mutated",
    "Successor",
    "case_text",
    "cases",
    "containers",
    "damages",
    "descriptions",
    "destinations",
    "documents",
    "illegal_descriptions",
    "layouts",
    "migrations",
    "mutations",
    "note_case",
    "states",
    "streams",
    "successors",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.drawn"), name)
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ModuleNotFoundError(
            f"{name} needs hypothesis: pip install 'vmstate-conformance[strategies]'",
            name="hypothesis",
        ) from None
