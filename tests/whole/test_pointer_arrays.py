# SPDX-License-Identifier: Apache-2.0
"""Arrays of pointers, saved by the reference with the vmdesc that QEMU would write, and decoded.

QEMU describes some of them wrongly; what is decoded must be what was saved, or the section must say
that its bytes can be read in several ways.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from vmstate.operations import perform
from vmstate.whole import Section, read_file
from vmstate.whole.fromjson import encode
from vmstate.whole.source import open_file
from vmstate.whole.tojson import write

WIDTHS = {"uint8": 1, "uint32": 4}


def document(count: int, kind: str, *, auto: bool) -> dict[str, Any]:
    """A struct of pointers to structs of one number, and a number behind them."""
    size = WIDTHS[kind]
    flags = ["VMS_ARRAY", "VMS_STRUCT", "VMS_ARRAY_OF_POINTER"]
    flags += ["VMS_ARRAY_OF_POINTER_AUTO_ALLOC"] if auto else []
    pointers = {"array": {"pointer": {"struct": "E"}}, "count": count}
    element = {"name": "v", "info": kind, "offset": 0, "size": size, "flags": ["VMS_SINGLE"]}
    array = {"name": "a", "vmsd": "e", "offset": 0, "num": count, "flags": flags}
    return {
        "structs": {
            "E": {"size": size, "members": [{"name": "v", "offset": 0, "type": kind}]},
            "S": {
                "size": 8 * count + 4,
                "members": [
                    {"name": "a", "offset": 0, "type": pointers},
                    {"name": "n", "offset": 8 * count, "type": "uint32"},
                ],
            },
        },
        "descriptions": {
            "e": {"struct": "E", "version_id": 1, "fields": [element]},
            "dev": {
                "struct": "S",
                "version_id": 1,
                "fields": [
                    {**array, "size": size} if auto else array,
                    {
                        "name": "n",
                        "info": "uint32",
                        "offset": 8 * count,
                        "size": 4,
                        "flags": ["VMS_SINGLE"],
                    },
                ],
            },
        },
        "root": "dev",
    }


def saved(state: dict[str, Any], count: int, kind: str, *, auto: bool) -> bytes:
    devices = [{"idstr": "dev", "state": state}, {"idstr": "dev", "instance_id": 1, "state": state}]
    request = {"op": "savevm", "document": document(count, kind, auto=auto), "devices": devices}
    return bytes.fromhex(perform(request)["stream"])


def states(count: int) -> list[dict[str, Any]]:
    """All patterns of NULL; the numbers are no markers."""
    patterns = itertools.product((False, True), repeat=count)
    return [
        {"a": [{"v": 0x41 + i} if one else None for i, one in enumerate(each)], "n": 0x61626364}
        for each in patterns
    ]


@pytest.mark.parametrize("kind", WIDTHS)
@pytest.mark.parametrize("auto", [False, True], ids=["plain", "auto"])
@pytest.mark.parametrize("count", range(1, 7))
def test_every_pattern_of_null_is_decoded_as_it_was(count: int, auto: bool, kind: str) -> None:  # noqa: FBT001
    for state in states(count):
        data = saved(state, count, kind, auto=auto)
        read = read_file(data)
        assert read.faults == []
        for section in read.sections():
            assert section.state == _seen(state, kind, section, auto=auto), state
        assert _again(data) == data


def _seen(state: dict[str, Any], kind: str, section: Section, *, auto: bool) -> dict[str, Any]:
    """What can be known of a state: three things are in no vmdesc."""
    a = list(state["a"])
    if auto:
        return state
    if len(a) == 1 and a[0] is not None:
        # That it is an array at all.
        return {**state, "a": a[0]}
    if len(a) > 1 and None not in a[:-1] and a[-1] is None and kind == "uint8":
        # Whether a byte 0x30 is a number or a NULL; this is said.
        assert "ambiguous" in section.notes[0]
        return {**state, "a": [*a[:-1], {"v": 0x30}]}
    if not any(a[:-1]) and a[-1] is not None and len(a) > 2:
        # How an object is laid out that stands behind two NULLs or more.
        why = "a last object that the vmdesc leaves out"
        last = a[-1]["v"].to_bytes(WIDTHS[kind], "big").hex()
        return {**state, "a": [*a[:-1], {"$bytes": last, "$why": why}]}
    return state


def _again(data: bytes) -> bytes:
    text: list[str] = []
    write(open_file(data), text.append)
    out: list[bytes] = []
    encode(json.loads("".join(text)), out.append)
    return b"".join(out)
