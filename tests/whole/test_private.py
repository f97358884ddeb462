# SPDX-License-Identifier: Apache-2.0
"""Infos whose layout no vmdesc has: decoded where they fit, bytes with a reason where not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vmstate.whole import read_file
from vmstate.whole.fromjson import encode
from vmstate.whole.private_infos import msix_vectors
from vmstate.whole.source import open_file
from vmstate.whole.tojson import write

from .streams import device, field, full, stream, subsection


def decode(kind: str, payload: bytes, name: str = "dev") -> Any:
    """The value of one private info, which must also be written back as it was."""
    entry = field("p", kind, len(payload))
    data = stream(full(5, name, payload), devices=(device(name, entry),))
    text: list[str] = []
    write(open_file(data), text.append)
    out: list[bytes] = []
    encode(json.loads("".join(text)), out.append)
    assert b"".join(out) == data
    spans = read_file(data, spans=True).spans
    assert spans is not None
    assert sum(span.size for span in spans) == len(data)
    read = read_file(data)
    assert read.faults == []
    (section,) = read.sections()
    return section.state["p"]


def test_registers_of_pci_are_little_endian() -> None:
    config = bytes.fromhex("f41a 0010 0701 1000".replace(" ", "")) + bytes(248)
    decoded = decode("pci config", config)
    assert (decoded["vendor_id"], decoded["device_id"], decoded["command"]) == (
        0x1AF4,
        0x1000,
        0x107,
    )
    assert len(decoded["rest"]) == 2 * (256 - 40)


def test_lines_of_pci() -> None:
    assert decode("pci irq state", bytes.fromhex("00000001" + "00" * 12)) == [1, 0, 0, 0]


@pytest.mark.parametrize("vectors", [0, 1, 7, 8, 9, 33, 65, 2048])
def test_vectors_are_counted_from_the_size(vectors: int) -> None:
    size = 16 * vectors + (vectors + 7) // 8
    assert msix_vectors(size) == vectors
    decoded = decode("msix state", bytes(size))
    assert len(decoded["table"]) == vectors


def test_a_table_of_no_such_size_stays_bytes() -> None:
    assert decode("msix state", bytes(16))["$why"] == "no table of this size"


def test_no_requests() -> None:
    assert decode("scsi-requests", b"\0") == []
    assert "$bytes" in decode("scsi-requests", b"\1" + bytes(24) + b"\0")


def gpu(words: int, resources: bytes = b"") -> bytes:
    """The state of virtio-gpu with one output."""
    return resources + bytes(4) + bytes.fromhex("0000000100000001") + bytes(4 * words)


@pytest.mark.parametrize("words", [10, 16])
def test_outputs_of_a_gpu(words: int) -> None:
    decoded = decode("virtio-gpu", gpu(words))
    assert decoded["resources"] == []
    assert len(decoded["scanout"][0]) == words


def test_resources_of_a_gpu_have_their_pixels() -> None:
    head = b"".join(n.to_bytes(4, "big") for n in (7, 2, 3, 1, 1))
    iov = (0x1000).to_bytes(8, "big") + (24).to_bytes(4, "big")
    decoded = decode("virtio-gpu", gpu(16, head + iov + b"\xaa" * 24))
    assert decoded["resources"][0]["iov"] == [{"address": 0x1000, "length": 24}]
    assert decoded["resources"][0]["pixels"] == "aa" * 24
    assert "$bytes" in decode("virtio-gpu", gpu(16, head + iov + b"\xaa" * 23))


COMMON = bytes.fromhex("0f01000200ff802400000002aabb00000001")


def virtio(transport: bytes, queue: bytes, own: bytes, *behind: bytes) -> bytes:
    """The state of a virtio device with one queue."""
    return transport + COMMON + queue + own + b"".join(behind)


FEATURES = subsection("virtio/64bit_features", bytes(7) + b"\x05")
STARTED = subsection("virtio/started", b"\1")


def test_virtio_on_pci_with_vectors() -> None:
    config = bytearray(256)
    config[0:4] = bytes.fromhex("f41a0010")
    config[6] = 0x10
    config[0x34] = 0x40
    config[0x40:0x44] = bytes.fromhex("11000200")
    transport = b"\0\0\0\2" + bytes(config) + bytes(16) + bytes(3 * 16 + 1) + b"\xff\xff"
    queue = (64).to_bytes(4, "big") + (0x200000).to_bytes(8, "big") + b"\0\1\0\2"
    decoded = decode("virtio", virtio(transport, queue, b"own", FEATURES, STARTED))
    assert len(decoded["msix"]["table"]) == 3
    assert decoded["device_config"] == "aabb"
    assert decoded["queues"] == [
        {"vring.num": 64, "vring.desc": 0x200000, "last_avail_idx": 1, "vector": 2}
    ]
    assert decoded["device"]["$bytes"] == b"own".hex()
    assert [one["name"] for one in decoded["$subsections"]] == [
        "virtio/64bit_features",
        "virtio/started",
    ]


def test_virtio_on_mmio() -> None:
    queue = (256).to_bytes(4, "big") + (4096).to_bytes(4, "big") + bytes(10)
    decoded = decode("virtio", virtio(bytes(12), queue, b"", FEATURES))
    assert decoded["guest_page_shift"] == 0
    assert decoded["queues"][0]["vring.align"] == 4096
    assert decoded["device"] == ""


def test_virtio_net_has_fields_of_its_own() -> None:
    queue = (256).to_bytes(4, "big") + (4096).to_bytes(4, "big") + bytes(10)
    own = bytes.fromhex("525400123456" + "00000000" + "00000001" + "0001" + "0100" + "00000001")
    own += bytes.fromhex("333300000001") + bytes(512) + bytes(11) + bytes(8)
    decoded = decode("virtio", virtio(bytes(12), queue, own, FEATURES), name="virtio-net")
    assert decoded["device"]["mac"] == "525400123456"
    assert decoded["device"]["macs"] == ["333300000001"]
    assert decoded["device"]["curr_guest_offloads"] == 0


def test_virtio_of_no_known_transport_stays_bytes() -> None:
    assert decode("virtio", b"\xee" * 100)["$why"] == "not laid out as any known transport"
