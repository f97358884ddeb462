# SPDX-License-Identifier: Apache-2.0
"""Requests that a virtio device holds when it is migrated."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from vmstate.whole.errors import StreamFault
from vmstate.whole.nodes import Node, Reader, Span
from vmstate.whole.virtio_requests import ELEMENT, BlkRequests, ScsiRequests, requests


def element(mark: str = "<", index: int = 3) -> bytes:
    """Two buffers out, one in."""
    out = bytearray(ELEMENT)
    struct.pack_into(mark + "3I", out, 0, index, 2, 1)
    struct.pack_into(mark + "Q", out, 16, 0x3000)
    struct.pack_into(mark + "2Q", out, 16 + 8192, 0x1000, 0x2000)
    struct.pack_into(mark + "2Q", out, 16 + 16384, 0, 1)
    struct.pack_into(mark + "4Q", out, 16 + 32768, 0, 16, 0, 512)
    return bytes(out)


def value(data: bytes, node: Node | None) -> Any:
    assert node is not None
    reader = Reader(memoryview(data), 0, len(data))
    spans: list[Span] = []
    reader.spans = spans
    found = node.decode(reader)
    again = bytearray()
    node.encode(found, again)
    assert again == data
    assert sum(span.size for span in spans) == len(data)
    return found


IN = [{"address": 0x3000, "length": 1}]
OUT = [{"address": 0x1000, "length": 16}, {"address": 0x2000, "length": 512}]


@pytest.mark.parametrize(("mark", "order"), [("<", "little"), (">", "big")])
def test_an_element_is_its_buffers_in_the_order_of_its_host(mark: str, order: str) -> None:
    data = b"\1" + element(mark) + b"\0"

    assert value(data, requests("blk", data)) == [
        {"order": order, "index": 3, "in": IN, "out": OUT}
    ]


def test_virtio_blk_says_which_queue_where_it_has_several() -> None:
    data = b"".join(b"\1" + bytes([0, 0, 0, at]) + element(index=at) for at in range(3)) + b"\0"

    found = value(data, requests("blk", data))

    assert [(one["queue"], one["index"]) for one in found] == [(0, 0), (1, 1), (2, 2)]
    assert value(b"\0", requests("blk", b"\0")) == []


def test_virtio_scsi_has_the_command_and_what_the_disk_makes_of_it() -> None:
    lead = b"\2" + bytes([0x2A] + [0] * 15) + struct.pack(">3I", 7, 1, 0)
    data = lead + element() + struct.pack(">QII", 8, 1, 0) + b"\0"

    (found,) = value(data, requests("scsi", data))

    assert (found["retry"], found["cdb"][:2], found["tag"], found["lun"]) == (True, "2a", 7, 1)
    assert (found["sector"], found["sector_count"]) == (8, 1)
    assert found["element"]["in"] == IN


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\1",
        b"\1" + bytes(ELEMENT),
        b"\1" + element()[:-1] + b"\0",
        b"\1" + element() + b"\0\0",
        b"\2" + element() + b"\0",
        b"\1" + element()[:-8] + b"\1" + bytes(7) + b"\0",
        b"\1" + struct.pack("<3I", 0, 1025, 0) + bytes(ELEMENT - 12) + b"\0",
    ],
)
def test_what_is_laid_out_otherwise_is_left_alone(data: bytes) -> None:
    assert requests("blk", data) is None
    assert requests("scsi", data) is None


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [None],
        [{}],
        [{"order": "odd", "index": 0, "in": [], "out": []}],
        [{"order": "little", "index": -1, "in": [], "out": []}],
        [{"order": "little", "index": 0, "in": [5], "out": []}],
        [{"order": "little", "index": 0, "in": [{"address": 0, "length": 0}] * 1025, "out": []}],
        [{"order": "little", "index": 0, "in": 5, "out": []}],
    ],
)
def test_what_is_no_request_is_refused(wrong: Any) -> None:
    for node in (BlkRequests(0), ScsiRequests(0)):
        with pytest.raises(StreamFault, match="bad-value"):
            node.encode(wrong, bytearray())
