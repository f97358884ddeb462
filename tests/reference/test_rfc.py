# SPDX-License-Identifier: Apache-2.0
"""Where the AUTO_ALLOC patch as first posted differs from what was merged."""

from __future__ import annotations

from documents import AUTO, POINTER_ARRAY, load, pointers

from vmstate.operations import perform

RFC, MERGED = "rfc", "qemu-11.1.3"


def test_its_check_takes_every_array_of_pointers_for_an_auto_alloc_one() -> None:
    ordinary = {"op": "check", "document": pointers(POINTER_ARRAY, 0)}

    assert perform(ordinary, dialect=MERGED)["verdict"] == "valid"
    assert perform(ordinary, dialect=RFC)["verdict"] == "invalid"


def test_an_occupied_slot_is_overwritten_and_its_object_lost() -> None:
    request = load(pointers(AUTO, 4), {"ar": [{"v": "7"}, None]}, "31000000093000")

    result = perform(request, dialect=RFC)

    assert result["state"] == {"ar": [{"v": "9"}, None]}
    assert result["heap"]["leaked"] == 1
    assert "pptr == NULL" in perform(request, dialect=MERGED)["message"]


def test_a_null_marker_keeps_what_the_slot_held() -> None:
    request = load(pointers(AUTO, 4), {"ar": [{"v": "7"}, None]}, "303000")

    assert perform(request, dialect=RFC)["state"] == {"ar": [{"v": "7"}, None]}


def test_a_valid_marker_in_an_ordinary_array_allocates_nothing_and_writes_there() -> None:
    request = load(pointers(POINTER_ARRAY, 0), {"ar": [None, None]}, "310000000930")

    assert perform(request, dialect=RFC)["abort"] == "memory"
    assert perform(request, dialect=MERGED)["abort"] == "assert"


def test_the_streams_error_is_looked_at_after_a_null_element_too() -> None:
    request = load(pointers(AUTO, 4, count=1), {"ar": [None]}, "30")

    assert perform(request, dialect=RFC)["verdict"] == "accept"
    assert perform(load(pointers(AUTO, 4), {"ar": [None, None]}, "30"), dialect=RFC)["error"] in {
        "stream-error",
        "unexpected-ptr-marker",
    }
