# SPDX-License-Identifier: Apache-2.0
"""Whole streams: decoding by the vmdesc agrees with decoding by description, and damage is refused."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from loads import EVEN

from vmstate.operations import perform
from vmstate.whole import read_file
from vmstate_conformance.strategies import containers, damages
from vmstate_conformance.strategies.containing import Container


def agrees(shown: Any, held: Any) -> bool:
    """Whether what a vmdesc shows is what a state holds: of an array, as many items as were sent."""
    if isinstance(shown, dict) and isinstance(held, dict):
        subs = shown.get("$subsections", [])
        return all(
            agrees(value, held[name])
            for name, value in shown.items()
            if name in held and not name.startswith("$")
        ) and all(agrees(sub["state"], held) for sub in subs)
    if isinstance(held, list) and not isinstance(shown, list):
        # An array of one has neither length nor index.
        return bool(held) and agrees(shown, held[0])
    if isinstance(shown, list) and isinstance(held, list):
        return len(shown) <= len(held) and all(map(agrees, shown, held))
    if isinstance(shown, bool | int):
        return str(int(shown)) == held
    return shown == held or shown is None


@given(containers())
def test_a_container_loads_what_was_saved(whole: Container) -> None:
    result = perform(whole.request())
    assert result["verdict"] == "accept"
    for device in result["devices"]:
        assert device["state"] == whole.states[device["idstr"], device["instance_id"]]


@given(containers(kinds=EVEN))
def test_decoding_by_vmdesc_agrees_with_decoding_by_description(whole: Container) -> None:
    stream = read_file(whole.stream)
    assert stream.fault is None
    states = list(whole.states.items())
    sections = [section for section in stream.sections() if section.state is not None]
    assert len(sections) == len(states)
    for section, ((idstr, instance), held) in zip(sections, states, strict=True):
        assert section.label.startswith(f"{idstr}#{instance}")
        assert agrees(section.state, held), section.state


@given(st.data())
def test_a_damaged_container_gets_a_verdict(data: st.DataObject) -> None:
    whole = data.draw(containers())
    damage = data.draw(damages(whole))
    request = whole.request(damage.stream)
    result = perform(request, profile="hardened")
    assert result["verdict"] in ("accept", "reject")
    assert result["consumed"] <= len(damage.stream)
    read_file(damage.stream)
