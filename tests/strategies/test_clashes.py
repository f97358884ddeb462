# SPDX-License-Identifier: Apache-2.0
"""Documents in which two things clash are well-formed, and all that can clash comes to."""

from __future__ import annotations

import random
from typing import Any

import pytest

from vmstate.document import Document
from vmstate_conformance.strategies import clashes
from vmstate_conformance.strategies.areas import AREAS, older
from vmstate_conformance.strategies.builder import document
from vmstate_conformance.strategies.choices import Choices
from vmstate_conformance.strategies.landing import copied


def choices(seed: str) -> Choices:
    return Choices(random.Random(seed).randbytes)


def documents(count: int) -> list[dict[str, Any]]:
    scopes = list(AREAS.values())
    return [document(choices(f"{at}"), scopes[at % len(scopes)]) for at in range(count)]


def test_clashes_upon_clashes_leave_a_document_well_formed() -> None:
    for at, made in enumerate(documents(300)):
        chosen = choices(f"clash {at}")
        for _ in range(5):
            chosen.gene()
            assert clashes.clash(chosen, made)
            Document.from_json(made)


@pytest.mark.parametrize("number", range(len(clashes.CLASHES)))
def test_each_clash_has_a_place_in_some_document_and_changes_it(number: int) -> None:
    changed = 0
    for at, made in enumerate(documents(120)):
        before = copied(made)
        done = clashes.CLASHES[number](choices(f"{number} {at}"), made)
        assert done or made == before
        changed += made != before
    assert changed >= 3


def test_a_field_whose_child_is_gone_is_passed_over() -> None:
    made = document(choices("lists"), AREAS["lists"])
    for description in made["descriptions"].values():
        for field in description["fields"]:
            field.pop("vmsd", None)
    for each in clashes.CLASHES:
        each(choices("gone"), made)


def test_an_area_keeps_to_its_kinds_and_an_older_one_has_nothing_that_the_load_makes() -> None:
    for scope in AREAS.values():
        for at in range(40):
            made = document(choices(f"older {at}"), older(scope))
            for description in made["descriptions"].values():
                for field in description["fields"]:
                    assert "VMS_ARRAY_OF_POINTER_AUTO_ALLOC" not in field.get("flags", ())
                    assert field.get("info") != "g_byte_array"
