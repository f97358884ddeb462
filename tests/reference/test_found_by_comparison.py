# SPDX-License-Identifier: Apache-2.0
"""What comparing with QEMU's own engine has found; each was wrong here once."""

from __future__ import annotations

from typing import Any

import pytest
from documents import ELEM, ELEM_VMSD, document, load, member, save, single

from vmstate.operations import perform

NULL_OF_NO_SIZE = [
    {"name": "p", "info": "uint32", "flags": ["VMS_POINTER"]},
    {"name": "p", "info": "uint32_equal", "flags": ["VMS_POINTER"]},
    {"name": "p", "info": "timer", "flags": ["VMS_POINTER"]},
    {"name": "p", "vmsd": "elem", "flags": ["VMS_POINTER", "VMS_STRUCT"]},
    {"name": "p", "vmsd": "elem", "flags": ["VMS_POINTER", "VMS_VSTRUCT"]},
]


@pytest.mark.parametrize("field", NULL_OF_NO_SIZE)
@pytest.mark.parametrize("dialect", ["qemu-11.1.3", "qemu-11.1.0"])
def test_a_null_element_is_passed_over_on_load_in_any_array(
    field: dict[str, Any], dialect: str
) -> None:
    source = document(
        [field, single("z", "uint32", 8, 4)],
        [member("p", 0, {"pointer": "uint32"}), member("z", 8, "uint32")],
        16,
        structs={"Elem": ELEM},
        descriptions={"elem": ELEM_VMSD},
    )

    result = perform(load(source, {"p": None, "z": "0"}, "0000000900"), dialect=dialect)

    assert result["verdict"] == "accept"
    assert result["state"] == {"p": None, "z": "9"}


def test_and_then_nobody_looks_at_the_streams_error() -> None:
    source = document([NULL_OF_NO_SIZE[0]], [member("p", 0, {"pointer": "uint32"})], 8)

    result = perform(load(source, {"p": None}, ""))

    assert (result["verdict"], result["stream_error"]) == ("accept", -5)


def test_saving_one_is_an_access_through_null() -> None:
    source = document([NULL_OF_NO_SIZE[0]], [member("p", 0, {"pointer": "uint32"})], 8)

    assert perform(save(source, {"p": None}))["abort"] == "memory"


@pytest.mark.parametrize(
    ("info", "kind"),
    [("qlist", {"qlist": "Dev", "entry": 0}), ("qtailq", {"qtailq": "Dev", "entry": 0})],
)
def test_an_empty_list_is_saved_without_a_description(info: str, kind: Any) -> None:
    source = document([{"name": "q", "info": info}], [member("q", 0, kind)], 16)

    assert perform(save(source, {"q": []}))["stream"] == "00"


def test_a_tree_is_looked_up_before_anything_is_read() -> None:
    tree = {"gtree": {"key": None, "value": "Dev"}}
    field = {"name": "t", "info": "gtree", "vmsd": ["dev"], "offset": 8, "version_id": 1}
    source = document([field], [member("t", 0, tree)], 8)

    assert perform(load(source, {"t": []}, "0000000000"))["abort"] == "memory"


def test_but_its_version_is_compared_first() -> None:
    tree = {"gtree": {"key": None, "value": "Dev"}}
    field = {"name": "t", "info": "gtree", "vmsd": ["dev"], "offset": 8, "version_id": 5}
    source = document([{**field, "exists": {"const": True}}], [member("t", 0, tree)], 8)

    assert perform(load(source, {"t": []}, "0000000000"))["error"] == "version-too-new"


def with_fd(**root: Any) -> dict[str, Any]:
    fields = [single("g", "int32", 4, 4)] if root else [single("f", "fd", 0, 4)]
    members = [member("f", 0, "int32"), member("g", 4, "int32")]
    sub = {"struct": "Dev", "version_id": 1, "fields": [single("f", "fd", 0, 4)]}
    return document(fields, members, 8, descriptions={"dev/f": sub}, **root)


def test_an_fd_is_refused_unread_where_bytes_are_all_there_is() -> None:
    result = perform(load(with_fd(), {"f": "5", "g": "6"}, "2000"))

    assert (result["verdict"], result["consumed"], result["stream_error"]) == ("reject", 0, -5)


def test_without_a_word_which_kills_whoever_puts_words_in_front() -> None:
    wire = "00000001" + "05056465762f6600000001" + "2000"
    below = with_fd(subsections=["dev/f"])

    assert perform(load(below, {"f": "5", "g": "6"}, wire))["abort"] == "memory"
    assert perform(save(with_fd(), {"f": "5", "g": "6"}))["abort"] == "memory"


def test_a_tree_taken_for_a_pointer_to_one_is_no_tree_where_it_is_empty() -> None:
    tree = {"gtree": {"key": None, "value": "Dev"}}
    field = {"name": "t", "info": "gtree", "vmsd": ["dev"], "flags": ["VMS_POINTER"]}
    source = document([field], [member("t", 0, tree)], 8, minimum_version_id=0)

    assert perform(load(source, {"t": []}, "0000000000"))["verdict"] == "accept"
    assert perform(save(source, {"t": []}))["stream"] == "0000000000"
    assert perform(save(source, {"t": [["1", {"t": None}]]}))["abort"] == "memory"
