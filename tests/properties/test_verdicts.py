# SPDX-License-Identifier: Apache-2.0
"""Any description and any bytes get a verdict, within bounds, and the profiles differ where they may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loads import AFTER, Sent, inside, load, save, sent, version

from vmstate import bulk
from vmstate.dialects import DIALECTS, PROFILES, STEPS_PER_BYTE, Limits
from vmstate.operations import perform
from vmstate_conformance.strategies import (
    destinations,
    documents,
    mutations,
    note_case,
    states,
    streams,
)
from vmstate_conformance.strategies.choices import Choices, from_bytes
from vmstate_conformance.strategies.odd import bent, odd
from vmstate_conformance.strategies.plan import Plan

VARRAY = {"VMS_VARRAY_INT32", "VMS_VARRAY_UINT8", "VMS_VARRAY_UINT16", "VMS_VARRAY_UINT32"}
ABORTS = {
    "allocation-failed",
    "bad-count",
    "destination-not-null",
    "hook-failed",
    "null-array",
    "out-of-bounds",
    "unexpected-valid-marker",
    "validation-failed",
}


@st.composite
def odd_documents(draw: st.DrawFn) -> Any:
    """Documents with one to three things changed, legal or not."""
    return odd(Choices(from_bytes(draw(st.binary(max_size=40)))), draw(documents()))


@st.composite
def requests(draw: st.DrawFn) -> Any:
    """Any request: well-formed, and otherwise anything."""
    document = draw(documents(failing_hooks=True, lookalikes=True))
    state = draw(states(document))
    plan = Plan(document)
    wild = Choices(from_bytes(draw(st.binary(max_size=32))))
    asked = odd(wild, document) if draw(st.booleans()) else document
    op = draw(st.sampled_from(["load", "load", "load", "save", "check"]))
    if op == "check":
        return {"op": "check", "document": asked}
    if op == "save":
        return save(asked, bent(wild, plan, state))
    stream = perform(save(document, state)).get("stream", "")
    data = bytes.fromhex(stream)
    if draw(st.booleans()):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=6)) + data[at + draw(st.integers(0, 4)) :]
    there = draw(destinations(document, state, odd_ones=draw(st.booleans())))
    return load(asked, there, data, draw(st.sampled_from([version(document), 0, 1, 2])))


def fields(document: Any, name: str, seen: set[str]) -> Iterator[tuple[set[str], Any]]:
    """The fields that the check reaches, and the subsections' names that it must look at as (set(), name)."""
    if name in seen:
        return
    seen.add(name)
    description = document["descriptions"][name]
    for field in description["fields"]:
        flags = set(field.get("flags", ()))
        yield flags, field
        if flags & {"VMS_STRUCT", "VMS_VSTRUCT"} and "vmsd" in field:
            vmsd = field["vmsd"]
            yield from fields(document, vmsd if isinstance(vmsd, str) else vmsd[0], seen)
    for sub in description.get("subsections") or ():
        yield from fields(document, sub, seen)


def circle(document: Any, name: str, above: tuple[str, ...] = ()) -> bool:
    """Whether the check comes from a description to the same one again."""
    if name in above:
        return True
    description = document["descriptions"][name]
    below = [*(description.get("subsections") or ())]
    for field in description["fields"]:
        if "vmsd" in field and {"VMS_STRUCT", "VMS_VSTRUCT"} & set(field.get("flags", ())):
            vmsd = field["vmsd"]
            below.append(vmsd if isinstance(vmsd, str) else vmsd[0])
    return any(circle(document, each, (*above, name)) for each in below)


def legal(document: Any) -> bool:
    """The rules of vmstate_check() in other words; it never comes to the end of a circle."""
    if circle(document, document["root"]):
        return False
    for flags, field in fields(document, document["root"], set()):
        auto = "VMS_ARRAY_OF_POINTER_AUTO_ALLOC" in flags
        array = "VMS_ARRAY_OF_POINTER" in flags
        sized = field.get("size") or field.get("size_offset") or "VMS_VBUFFER" in flags
        if array and (bool(sized) != auto or not flags & {"VMS_ARRAY", *VARRAY}):
            return False
        if auto and not array:
            return False
        if flags & {"VMS_STRUCT", "VMS_VSTRUCT"} and "vmsd" not in field:
            return False
    return True


@given(documents(failing_hooks=True, lookalikes=True))
def test_check_accepts_what_is_legal(document: Any) -> None:
    assert perform({"op": "check", "document": document}) == {"verdict": "valid"}


@given(odd_documents())
def test_check_accepts_nothing_else(document: Any) -> None:
    request = {"op": "check", "document": document}
    note_case(request)
    assert (perform(request)["verdict"] == "valid") == legal(document)


@given(requests())
def test_hardened_never_aborts_and_has_compat_s_results_otherwise(request_: Any) -> None:
    note_case(request_)
    compat, hardened = perform(request_), perform(request_, profile="hardened")
    assert hardened["verdict"] != "abort"
    if compat["verdict"] != "abort":
        # A hardened loader allocates less before it calls a count bad.
        assert hardened == compat or hardened.get("error") in ("allocation-failed", "bad-count")
    else:
        assert hardened["verdict"] in ("invalid", "error", "reject")
        assert compat["error"] in ABORTS
        cause = hardened.get("rule", hardened.get("error"))
        assert cause == compat["error"] or cause in ("allocation-failed", "bad-count")


@given(requests(), st.sampled_from(list(DIALECTS)))
def test_the_short_cut_for_arrays_of_numbers_changes_nothing(request_: Any, dialect: str) -> None:
    note_case(request_)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "LEAST", 1 << 62)
        slow = perform(request_, dialect=dialect)
    assert perform(request_, dialect=dialect) == slow


@given(requests(), st.sampled_from(list(DIALECTS)))
def test_a_request_gets_the_same_verdict_twice(request_: Any, dialect: str) -> None:
    assert perform(request_, dialect=dialect) == perform(request_, dialect=dialect)


TIGHT = Limits(
    block=1 << 16, stored=1 << 18, blocks=1 << 10, depth=24, work=1 << 10, output=1 << 16
)


@given(st.data())
def test_any_bytes_are_loaded_within_bounds(data: st.DataObject) -> None:
    document = data.draw(documents(lookalikes=True))
    there = data.draw(destinations(document, data.draw(states(document))))
    request = load(document, there, data.draw(st.binary(max_size=400)))
    note_case(request)
    for profile in ("compat", "hardened"):
        limits = TIGHT if profile == "hardened" else PROFILES[profile].limits
        seen = inside(request, limits)
        length = len(request["stream"]) // 2
        assert seen.steps <= limits.work + STEPS_PER_BYTE * (length + 1) + 1
        assert seen.stored <= limits.stored
        assert len(seen.blocks) <= limits.blocks


@pytest.mark.parametrize("profile", list(PROFILES))
@pytest.mark.parametrize("way", ["VMS_STRUCT", "VMS_VSTRUCT"])
def test_descriptions_inside_each_other_without_an_end_are_refused(way: str, profile: str) -> None:
    flags = [way, "VMS_POINTER", "VMS_ALLOC"]
    link = {"name": "next", "vmsd": "dev", "offset": 0, "size": 8, "flags": flags}
    member = {"name": "next", "offset": 0, "type": {"pointer": {"struct": "S"}}}
    document = {
        "structs": {"S": {"size": 8, "members": [member]}},
        "descriptions": {"dev": {"struct": "S", "version_id": 0, "fields": [link]}},
        "root": "dev",
    }
    result = perform(load(document, {"next": None}, b"\0" * 64), profile=profile)
    assert result["verdict"] in ("abort", "reject")
    assert result["error"] == "out-of-bounds"


@given(st.data())
def test_one_wrong_thing_in_a_stream_is_no_more_than_refused_in_hardened(
    data: st.DataObject,
) -> None:
    drawn: Sent = data.draw(sent())
    mutated = data.draw(mutations(drawn.wire))
    request = drawn.request(mutated.stream + AFTER)
    note_case(request)
    result = perform(request, profile="hardened")
    assert result["verdict"] in ("accept", "reject")
    assert result["consumed"] <= len(mutated.stream) + len(AFTER)
    assert set(result["state"]) == set(drawn.state)


@given(st.data())
def test_every_stream_of_a_state_is_accepted_by_all_dialects_of_the_engine(
    data: st.DataObject,
) -> None:
    drawn: Sent = data.draw(sent())
    stream = data.draw(streams(drawn.document, drawn.state, canonical=False))
    request = drawn.request(stream.stream + AFTER)
    note_case(request)
    early, late = (perform(request, dialect=name) for name in ("qemu-11.1.0", "qemu-11.1.3"))
    assert early == late
