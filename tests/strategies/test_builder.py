# SPDX-License-Identifier: Apache-2.0
"""Documents and states from bytes: legal, and saved and loaded again as the strategies promise."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from vmstate.operations import perform
from vmstate_conformance.strategies.builder import LARGE, MEDIUM, SMALL, Scope, document
from vmstate_conformance.strategies.choices import Choices, from_bytes
from vmstate_conformance.strategies.landing import cleared
from vmstate_conformance.strategies.plan import Plan
from vmstate_conformance.strategies.tables import KINDS
from vmstate_conformance.strategies.values import state

# What may look like the beginning of a subsection's name must not reach the end of the stream.
AFTER = "00" * 260


def choices(seed: int) -> Choices:
    return Choices(random.Random(seed).randbytes)


@pytest.mark.parametrize(
    ("scope", "seeds"), [(SMALL, 90), (MEDIUM, 60), (LARGE, 20)], ids=["small", "medium", "large"]
)
def test_what_is_built_is_legal_saves_and_loads_again(scope: Scope, seeds: int) -> None:
    for seed in range(seeds):
        drawn = choices(seed)
        made = document(drawn, scope)
        plan = Plan(made)
        source = state(drawn, plan)
        assert perform({"op": "check", "document": made})["verdict"] == "valid", seed
        saved = perform({"op": "save", "document": made, "state": source})
        assert saved["verdict"] == "ok", seed
        loaded = perform(
            {
                "op": "load",
                "document": made,
                "destination": cleared(plan, source),
                "version_id": plan.root.version_id,
                "stream": saved["stream"] + AFTER,
            }
        )
        assert loaded["verdict"] == "accept", seed
        assert loaded["state"] == source, seed


def test_no_bytes_give_the_least_document_and_the_least_state() -> None:
    drawn = Choices(from_bytes(b""))
    made = document(drawn)
    (only,) = made["descriptions"].values()
    assert [(field["info"], field["size"]) for field in only["fields"]] == [("uint8", 1)]
    assert state(drawn, Plan(made)) == {"m0": "0"}


def test_every_kind_of_field_comes_up() -> None:
    infos, flags = Counter[str](), Counter[str]()
    for seed in range(300):
        for description in document(choices(seed))["descriptions"].values():
            for field in description["fields"]:
                infos[field.get("info", "none")] += 1
                flags.update(field.get("flags", ()))
    assert len(KINDS) <= 256
    assert {"tmp", "qtailq", "qlist", "gtree", "bitmap", "g_byte_array", "timer"} <= infos.keys()
    assert {"VMS_ARRAY_OF_POINTER_AUTO_ALLOC", "VMS_ALLOC", "VMS_VSTRUCT"} <= flags.keys()
    assert {"VMS_VBUFFER", "VMS_MULTIPLY", "VMS_MUST_EXIST", "VMS_VARRAY_UINT16"} <= flags.keys()


def test_the_same_bytes_build_the_same() -> None:
    assert document(choices(7)) == document(choices(7))
