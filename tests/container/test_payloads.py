# SPDX-License-Identifier: Apache-2.0
"""Payloads of their own: destinations that mean nothing, streams that are large, what others do not share."""

from __future__ import annotations

from typing import Any

import pytest

from vmstate.errors import CaseError
from vmstate.operations import perform

DOCUMENT: dict[str, Any] = {
    "structs": {"S": {"size": 0, "members": []}},
    "descriptions": {"s": {"struct": "S", "version_id": 1}},
    "root": "s",
}
HEAD = bytes.fromhex("5145564d0000000307000000046e6f6e65")


def load(handler: str, destination: object, payload: bytes, version: int = 1) -> dict[str, Any]:
    name = handler.encode()
    section = b"\1\0\0\0\5" + bytes([len(name)]) + name + bytes(4) + version.to_bytes(4, "big")
    device = {"idstr": handler, "handler": handler, "destination": destination}
    stream = HEAD + section + payload + b"\x7e\0\0\0\5\0"
    request = {"op": "stream", "document": DOCUMENT, "devices": [device], "stream": stream.hex()}
    return perform(request)


@pytest.mark.parametrize(
    ("handler", "destination", "path"),
    [
        ("s390-skeys", {"keys": "4*0"}, "keys"),
        ("s390-skeys", {"keys": "0*00"}, "keys"),
        ("s390-skeys", {"keys": "999999999*00"}, "keys"),
        ("s390-skeys", {"key": ""}, ""),
        ("s390-storage_attributes", {"keys": ""}, ""),
        ("spapr/htab", {"shift": 0}, "shift"),
        ("spapr/htab", {"shift": 99}, "shift"),
        ("spapr/htab", {"entries": {"0": "00" * 16}}, "entries.0"),
        ("spapr/htab", {"shift": 4, "entries": {"1": "00" * 16}}, "entries.1"),
        ("spapr/htab", {"shift": 4, "entries": {"0": "00" * 15}}, "entries.0"),
        ("spapr/htab", {"shift": 4, "entries": {"x": "00" * 16}}, "entries.x"),
        ("dirty-bitmap", {"nodes": []}, "nodes"),
        ("dirty-bitmap", {"nodes": {"": {}}}, "nodes."),
        ("dirty-bitmap", {"nodes": {"n": {"size": -1}}}, "nodes.n.size"),
        ("dirty-bitmap", {"nodes": {"n": {"read_only": 1}}}, "nodes.n.read_only"),
        ("dirty-bitmap", {"nodes": {"n": {"bitmaps": {"b": {}}}}}, "nodes.n.bitmaps.b.granularity"),
        (
            "dirty-bitmap",
            {"nodes": {"n": {"bitmaps": {"b": {"granularity": 768}}}}},
            "nodes.n.bitmaps.b.granularity",
        ),
        (
            "dirty-bitmap",
            {"nodes": {"n": {"bitmaps": {"b": {"granularity": 512, "words": {"0": "00" * 8}}}}}},
            "nodes.n.bitmaps.b.words.0",
        ),
        ("dirty-bitmap", {"mapping": {"A": {}}}, "mapping.A.node"),
        (
            "dirty-bitmap",
            {"mapping": {"A": {"node": "n", "bitmaps": {"x": {}}}}},
            "mapping.A.bitmaps.x.name",
        ),
    ],
)
def test_a_destination_that_means_nothing_is_named(
    handler: str, destination: dict[str, Any], path: str
) -> None:
    with pytest.raises(CaseError) as caught:
        load(handler, destination, b"")
    assert caught.value.path == f"devices[0].destination{f'.{path}' if path else ''}"


@pytest.mark.parametrize("granularity", [0, 1, 256, 513, (1 << 32) - 1])
def test_a_granularity_that_is_none_is_refused(granularity: int) -> None:
    chunk = b"\x1c\1n\1b" + granularity.to_bytes(4, "big") + b"\1\1"
    result = load("dirty-bitmap", {"nodes": {"n": {"size": 1 << 20}}}, chunk)
    assert result["error"] == "payload-content"
    assert result["devices"][0]["state"] == {"nodes": {"n": {"size": "1048576", "bitmaps": {}}}}


@pytest.mark.parametrize(("first", "sectors"), [(1, 64), (64, 63), (2048, 64), ((1 << 55) - 1, 9)])
def test_a_range_that_does_not_fit_its_bitmap_is_refused(first: int, sectors: int) -> None:
    start = b"\x1c\1n\1b" + (512).to_bytes(4, "big") + b"\1"
    where = first.to_bytes(8, "big") + sectors.to_bytes(4, "big")
    for chunk in (b"\x42" + where, b"\x40" + where + (8).to_bytes(8, "big") + bytes(8)):
        result = load("dirty-bitmap", {"nodes": {"n": {"size": 1 << 20}}}, start + chunk + b"\1")
        assert result["error"] == "payload-offset"


@pytest.mark.parametrize("shift", [47, 0x7FFFFFFF, 0xFFFFFFFE])
def test_a_table_that_nothing_holds_is_refused(shift: int) -> None:
    assert load("spapr/htab", {}, shift.to_bytes(4, "big"))["error"] == "payload-length"


def test_a_table_that_is_not_there_is_not_filled() -> None:
    assert load("spapr/htab", {}, bytes(12))["error"] == "payload-content"


def test_an_index_does_not_come_round() -> None:
    chunk = bytes(4) + b"\xff\xff\xff\xff\0\0\0\1"
    assert load("spapr/htab", {"shift": 18}, chunk + bytes(8))["error"] == "payload-offset"


def test_many_chunks_of_a_large_table_are_loaded() -> None:
    entry = b"\0\1\0\0" + bytes(16)
    chunks = b"".join((at * 65536).to_bytes(4, "big") + entry for at in range(1, 5000))
    clears = b"".join((at * 8).to_bytes(4, "big") + b"\0\0\xff\xff" for at in range(1, 20000))
    result = load("spapr/htab", {"shift": 46}, bytes(4) + chunks + clears + bytes(8))
    assert result["verdict"] == "accept"


def test_many_bitmaps_of_a_large_node_are_loaded() -> None:
    names = (f"{at:08x}" for at in range(5000))
    starts = b"".join(
        b"\x1c\1n\x08" + name.encode() + (512).to_bytes(4, "big") + b"\1" for name in names
    )
    result = load("dirty-bitmap", {"nodes": {"n": {"size": 1 << 62}}}, starts + b"\1")
    assert len(result["devices"][0]["state"]["nodes"]["n"]["bitmaps"]) == 5000
