# SPDX-License-Identifier: Apache-2.0
"""What is saved loads again, and what a vmdesc says of a stream is true of it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from loads import AFTER, EVEN, Sent, load, save, sent, version

from vmstate.operations import perform
from vmstate_conformance.strategies import note_case, streams
from vmstate_conformance.strategies.landing import cleared, landed
from vmstate_conformance.strategies.plan import Plan


@given(sent())
def test_loading_what_was_saved_gives_the_state_back(sent: Sent) -> None:
    request = sent.request(sent.wire.stream + AFTER)
    note_case(request)
    result = perform(request)
    assert result["verdict"] == "accept"
    assert result["state"] == sent.state
    assert result["consumed"] == len(sent.wire.stream)
    assert result["stream_error"] == 0


@given(sent())
def test_the_state_lands_where_the_values_alone_say(sent: Sent) -> None:
    plan = Plan(sent.document)
    assert landed(plan, sent.state, sent.destination) == sent.state


@given(st.data())
def test_saving_what_was_loaded_gives_the_canonical_bytes(data: st.DataObject) -> None:
    drawn = data.draw(sent())
    other = data.draw(streams(drawn.document, drawn.state, canonical=False))
    loaded = perform(drawn.request(other.stream + AFTER))
    assert loaded["verdict"] == "accept"
    request = save(drawn.document, loaded["state"])
    note_case(request)
    assert perform(request)["stream"] == drawn.wire.stream.hex()


@given(sent())
def test_a_vmdesc_changes_no_byte_of_the_stream(sent: Sent) -> None:
    request = save(sent.document, sent.state)
    bare = perform({**request, "vmdesc": False})
    assert bare == {"verdict": "ok", "stream": perform(request)["stream"]}


class Pairs(list[tuple[str, Any]]):
    """An object of JSON with all of its keys, of which some come twice."""

    def all(self, key: str) -> list[Any]:
        return [value for name, value in self if name == key]


def described(vmdesc: Pairs) -> int | None:
    """Bytes that a description accounts for; None where an entry stands for unlike elements.

    QEMU does not ask the child of a VSTRUCT whether all are alike. [VMDESC-ARRAY-1]
    """
    total = 0
    for entry in (entry for fields in vmdesc.all("fields") for entry in fields):
        (size,), length = entry.all("size"), entry.all("array_len") or [1]
        if length[0] > 1 and "vstruct" in types(entry):
            return None
        total += size * length[0]
    for sub in (sub for subs in vmdesc.all("subsections") for sub in subs):
        inner = described(sub)
        if inner is None:
            return None
        total += 6 + len(sub.all("vmsd_name")[0].encode()) + inner
    return total


def types(entry: Pairs) -> set[str]:
    """The types of an entry and of all entries inside it."""
    found = set(entry.all("type"))
    for inner in (entry, *entry.all("struct")):
        for each in (each for fields in inner.all("fields") for each in fields):
            found |= types(each)
    return found


@given(sent(kinds=EVEN))
def test_a_vmdesc_accounts_for_each_byte(sent: Sent) -> None:
    request = save(sent.document, sent.state)
    note_case(request)
    result = perform(request)
    vmdesc = json.loads(result["vmdesc"], object_pairs_hook=Pairs)
    assert described(vmdesc) in (None, len(sent.wire.stream))


@given(sent())
def test_the_first_element_of_each_entry_is_as_large_as_it_says(sent: Sent) -> None:
    vmdesc = json.loads(perform(save(sent.document, sent.state))["vmdesc"], object_pairs_hook=Pairs)
    for entry in (entry for fields in vmdesc.all("fields") for entry in fields):
        if entry.all("type") == ["struct"]:
            (inner,), (size,) = entry.all("struct"), entry.all("size")
            whole = [each for fields in inner.all("fields") for each in fields]
            if not any(each.all("array_len") for each in whole) and not inner.all("subsections"):
                assert size == sum(each.all("size")[0] for each in whole)


@given(sent())
def test_a_load_at_an_older_version_takes_what_that_version_sent(sent: Sent) -> None:
    root = sent.document["descriptions"][sent.document["root"]]
    for older in {
        root["minimum_version_id"],
        max(root["minimum_version_id"], version(sent.document) - 1),
    }:
        then = {
            **sent.document,
            "descriptions": {
                **sent.document["descriptions"],
                sent.document["root"]: {**root, "version_id": older},
            },
        }
        stream = bytes.fromhex(perform(save(then, sent.state))["stream"])
        # What only an older version sends finds no pointers either.
        destination = cleared(Plan(then), sent.destination)
        request = load(sent.document, destination, stream + AFTER, older)
        note_case(request)
        result = perform(request)
        assert result["verdict"] == "accept"
        assert result["consumed"] == len(stream)
        assert result["state"] == landed(Plan(then), sent.state, destination)
