# SPDX-License-Identifier: Apache-2.0
"""What comparing with the real engine has found once, by hand-made cases."""

from __future__ import annotations

from typing import Any

import pytest

from vmstate.operations import perform


def load(kind: Any, field: dict[str, Any], destination: Any, stream: str) -> dict[str, Any]:
    """Load one field and a byte behind it into a struct of a pointer, a number and that byte."""
    members = [
        {"name": "p", "offset": 0, "type": kind},
        {"name": "n", "offset": 8, "type": "uint32"},
        {"name": "k", "offset": 12, "type": "uint8"},
    ]
    last = {"name": "k", "info": "uint8", "offset": 12, "size": 1, "flags": ["VMS_SINGLE"]}
    fields = [{"name": "p", "offset": 0, **field}, last]
    document = {
        "structs": {"S": {"size": 16, "members": members}},
        "descriptions": {"dev": {"struct": "S", "version_id": 1, "fields": fields}},
        "root": "dev",
    }
    there = {"p": destination, "n": "0", "k": "0"}
    request = {"op": "load", "document": document, "destination": there}
    return perform({**request, "version_id": 1, "stream": stream})


@pytest.mark.parametrize("info", ["uint8", "buffer", "timer"])
def test_elements_of_no_size_at_null_are_passed_over(info: str) -> None:
    result = load({"pointer": "uint8"}, {"info": info, "flags": ["VMS_POINTER"]}, None, "0708")
    assert result["verdict"] == "accept"
    assert result["state"] == {"p": None, "n": "0", "k": "7"}
    assert result["consumed"] == 1


@pytest.mark.parametrize(("before", "sent"), [("", "aabb"), ("0102", "aabb"), ("010203", "aa")])
def test_what_glib_allocates_for_a_byte_array_is_not_counted(before: str, sent: str) -> None:
    stream = (len(sent) // 2).to_bytes(4, "big").hex() + sent + "0700"
    result = load("gbytearray", {"info": "g_byte_array", "size": 16}, before, stream)
    assert result["state"] == {"p": sent, "n": "0", "k": "7"}
    assert result["heap"] == {"allocated": 0, "leaked": 0}


@pytest.mark.parametrize("before", ["", "0102"])
def test_a_byte_array_that_is_lost_is_one_block(before: str) -> None:
    result = load("gbytearray", {"info": "uint64", "size": 8}, before, "0000000000000000" + "0700")
    assert result["state"]["p"] is None
    assert result["heap"]["leaked"] == 1
