# SPDX-License-Identifier: Apache-2.0
"""Nothing that a stream or a description says makes the reference spin, dive, or take memory."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from documents import ELEM, ELEM_VMSD, document, load, member, save, single

from vmstate.operations import perform

COUNT = single("n", "uint32", 0, 4)
HUGE = "ffffffff00"


def counted(field: dict[str, Any], kind: Any = None) -> dict[str, Any]:
    """Dev { uint32_t n; T *p; } with an array of n behind p."""
    target = {"array": {"struct": "Elem"}} if kind is None else kind
    return document(
        [COUNT, {"name": "p", "offset": 8, "num_offset": 0, **field}],
        [member("n", 0, "uint32"), member("p", 8, {"pointer": target})],
        16,
        structs={"Elem": ELEM},
        descriptions={"elem": ELEM_VMSD, "none": {"struct": "Elem", "version_id": 1}},
    )


EMPTY = {"vmsd": "none", "size": 0, "flags": ["VMS_STRUCT", "VMS_VARRAY_UINT32"]}
ALLOC = {"info": "uint32", "size": 4, "flags": ["VMS_POINTER", "VMS_ALLOC", "VMS_VARRAY_UINT32"]}
VBUFFER = {
    "info": "buffer",
    "size_offset": 0,
    "flags": ["VMS_VBUFFER", "VMS_POINTER", "VMS_ALLOC"],
}


@pytest.mark.parametrize("profile", ["compat", "hardened"])
@pytest.mark.parametrize("field", [EMPTY, ALLOC, VBUFFER])
def test_a_count_of_four_thousand_million_is_answered_at_once(
    field: dict[str, Any], profile: str
) -> None:
    request = load(counted(field), {"n": "0", "p": None}, HUGE)
    tracemalloc.start()

    result = perform(request, profile=profile)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result["verdict"] in {"accept", "reject", "abort"}
    assert peak < 8 << 20


def test_hardened_refuses_what_is_too_large_with_a_class() -> None:
    result = perform(load(counted(ALLOC), {"n": "0", "p": None}, HUGE), profile="hardened")

    assert (result["verdict"], result["error"]) == ("reject", "allocation-failed")
    assert result["heap"] == {"allocated": 0, "leaked": 0}


def test_elements_that_touch_no_byte_but_change_memory_are_bounded() -> None:
    field = {
        "vmsd": "bits",
        "size": 0,
        "offset": 0,
        "flags": ["VMS_STRUCT", "VMS_VARRAY_UINT32"],
    }
    bits = {
        "struct": "Dev",
        "version_id": 1,
        "fields": [{"name": "n", "info": "bitmap", "size": 0, "flags": []}] * 3,
    }
    source = counted(field)
    source["descriptions"]["bits"] = bits

    result = perform(load(source, {"n": "0", "p": None}, HUGE), profile="hardened")

    assert result["verdict"] in {"accept", "reject"}


def chain(length: int, fields: int) -> dict[str, Any]:
    """Descriptions each of which holds the next `fields` times, at the same place."""
    descriptions = {
        f"d{at}": {
            "struct": "Dev",
            "version_id": 1,
            "fields": [
                {"name": "x", "vmsd": f"d{at + 1}", "flags": ["VMS_STRUCT", "VMS_ARRAY"], "num": 2}
            ]
            * fields,
        }
        for at in range(length)
    }
    descriptions[f"d{length}"] = {"struct": "Dev", "version_id": 1}
    source = document([], [member("a", 0, "uint8")], 1, descriptions=descriptions)
    source["root"] = "d0"
    return source


@pytest.mark.parametrize("op", ["check", "save", "load"])
@pytest.mark.parametrize("profile", ["compat", "hardened"])
def test_descriptions_that_multiply_end(op: str, profile: str) -> None:
    source = chain(40, 4)
    request: dict[str, Any] = {"op": "check", "document": source}
    if op == "save":
        request = save(source, {"a": "0"})
    if op == "load":
        request = load(source, {"a": "0"}, "00")

    result = perform(request, profile=profile)

    assert result["verdict"] in ({"valid"} if op == "check" else {"abort", "error", "reject"})


def test_a_description_inside_itself_ends_in_an_abort_or_a_refusal() -> None:
    source = document(
        [{"name": "x", "vmsd": "dev", "flags": ["VMS_STRUCT"]}], [member("a", 0, "uint8")], 1
    )

    assert perform({"op": "check", "document": source})["verdict"] == "abort"
    assert perform(load(source, {"a": "0"}, "00"))["abort"] == "memory"
    assert perform(load(source, {"a": "0"}, "00"), profile="hardened")["error"] == "out-of-bounds"


@pytest.mark.parametrize("size", [2**24 + 1, 2**40])
def test_a_struct_larger_than_anyones_is_refused(size: int) -> None:
    from vmstate.errors import CaseError  # noqa: PLC0415

    with pytest.raises(CaseError, match=r"structs\.Dev\.size"):
        perform({"op": "check", "document": document([], [], size)})


def test_a_large_array_that_nothing_was_written_to_is_shown_element_by_element() -> None:
    field = {"vmsd": "elem", "size": 4, "flags": ["VMS_POINTER", "VMS_ALLOC", "VMS_STRUCT"]}
    field["flags"] = [*field["flags"], "VMS_VARRAY_UINT32"]
    request = load(counted(field), {"n": "0", "p": None}, "000080000000000700")

    state = perform(request)["state"]

    assert len(state["p"]) == 0x8000
    assert state["p"][0] == {"v": "7"}
    assert state["p"][1] == state["p"][0x7FFF] == {"v": "0"}


def test_what_is_more_than_a_line_of_the_protocol_holds_is_not_shown() -> None:
    field = {"vmsd": "elem", "size": 4, "flags": ["VMS_POINTER", "VMS_ALLOC", "VMS_STRUCT"]}
    field["flags"] = [*field["flags"], "VMS_VARRAY_UINT32"]

    result = perform(load(counted(field), {"n": "0", "p": None}, "001000000000000700"))

    assert result["state"]["p"] == {"wild": 1}
    assert len(json.dumps(result)) < 4 << 20
