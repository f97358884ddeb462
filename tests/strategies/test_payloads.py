# SPDX-License-Identifier: Apache-2.0
"""What is built for handlers: requests, of which a third to a half are sound, and all kinds of refusal are among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from vmstate.operations import perform
from vmstate_conformance.strategies.choices import Choices, from_bytes
from vmstate_conformance.strategies.payloads import PAYLOADS
from vmstate_conformance.strategies.ram import ram

BUILDERS = {"ram": ram, **PAYLOADS}
CLASSES = {
    "ram": {"block", "content", "ended", "flags", "length", "offset", "version"},
    "dirty-bitmap": {"content", "ended", "flags", "length", "offset", "version"},
    "s390-skeys": {"flags", "offset", "reported"},
    "s390-storage_attributes": {"flags", "length", "reported"},
    "spapr/htab": {"content", "length", "offset", "version"},
}

Build = Callable[[Choices], dict[str, Any]]


@pytest.mark.parametrize("name", BUILDERS)
def test_requests_are_well_formed_and_of_every_kind(name: str) -> None:
    build, seen = BUILDERS[name], Counter[str]()
    for at in range(600):
        result = perform(build(Choices(Random(at).randbytes)))
        seen[result.get("error", "accept")] += 1
    assert 150 < seen["accept"] < 500
    assert {f"payload-{each}" for each in CLASSES[name]} <= seen.keys()


@pytest.mark.parametrize("name", BUILDERS)
def test_the_simplest_choices_are_accepted(name: str) -> None:
    assert perform(BUILDERS[name](Choices(from_bytes(b""))))["verdict"] == "accept"


@pytest.mark.parametrize("name", BUILDERS)
def test_the_same_choices_give_the_same_request(name: str) -> None:
    one, other = (BUILDERS[name](Choices(Random(7).randbytes)) for _ in range(2))
    assert one == other
