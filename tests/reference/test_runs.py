# SPDX-License-Identifier: Apache-2.0
"""Runs of plain numbers: the short cut and the long way give the same, wherever the stream ends."""

from __future__ import annotations

from typing import Any

import pytest

from vmstate.operations import perform
from vmstate.trace import Trace

SIZES = (4, 2, 1, 8, 2, 4, 1, 1, 8)


def request(
    stream: bytes, *, extra: dict[str, Any], at: int, version_id: int = 1
) -> dict[str, Any]:
    """A load of numbers of many sizes, packed, of which the one `at` is something `extra`."""
    fields, members, offset = [], [], 0
    for number, size in enumerate(SIZES):
        info = f"uint{8 * size}"
        common = {"name": f"m{number}", "offset": offset}
        field = {**common, "info": info, "size": size, "flags": ["VMS_SINGLE"]}
        fields.append({**field, **extra} if number == at else field)
        members.append({**common, "type": info})
        offset += size
    vmsd = {"struct": "S", "version_id": 1, "minimum_version_id": -1, "fields": fields}
    return {
        "op": "load",
        "document": {
            "structs": {"S": {"size": offset, "members": members}},
            "descriptions": {"dev": vmsd},
            "root": "dev",
        },
        "destination": {f"m{number}": "1" for number in range(len(SIZES))},
        "version_id": version_id,
        "stream": stream.hex(),
    }


ODD: list[dict[str, Any]] = [
    {},
    {"version_id": 1},
    {"version_id": 2},
    {"exists": {"const": False}},
    {"exists": {"member": "m0", "ge": "7"}},
    {"info": "bool", "size": 1},
    {"info": "uint8_equal", "size": 1},
    {"size": 3},
    {"offset": 30},
    {"flags": ["VMS_MUST_EXIST"]},
    {"flags": ["VMS_POINTER"]},
]


@pytest.mark.parametrize("extra", ODD, ids=str)
@pytest.mark.parametrize("at", [0, 4, 8])
def test_both_ways_give_the_same(extra: dict[str, Any], at: int) -> None:
    wire = bytes(range(1, 40))
    for end in range(len(wire)):
        for version_id in (1, 0, -1):
            asked = request(wire[:end], extra=extra, at=at, version_id=version_id)
            short = perform(asked)
            long = perform(asked, trace=Trace(recording=True))
            assert short == long


def test_a_run_is_stored_number_by_number_in_the_order_of_memory() -> None:
    loaded = perform(request(bytes(range(1, 40)), extra={}, at=0))
    assert loaded["verdict"] == "accept"
    assert loaded["state"]["m0"] == str(0x01020304)
    assert loaded["state"]["m8"] == str(int.from_bytes(bytes(range(24, 32)), "big"))
    assert loaded["consumed"] == sum(SIZES)
