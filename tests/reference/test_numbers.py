# SPDX-License-Identifier: Apache-2.0
"""The dialect `qemu-10.0`, whose failures are numbers; each answer is that of the binary."""

from __future__ import annotations

from typing import Any

import pytest

from vmstate.dialects import DIALECTS
from vmstate.operations import perform

BYTE = {"name": "v", "info": "uint8", "offset": 0, "size": 1, "flags": ["VMS_SINGLE"]}
STRUCTS = {
    "In": {"size": 1, "members": [{"name": "v", "offset": 0, "type": "uint8"}]},
    "Dev": {
        "size": 32,
        "members": [
            {"name": "i", "offset": 0, "type": {"struct": "In"}},
            {"name": "q", "offset": 8, "type": {"qlist": "In", "entry": 8}},
            {"name": "p", "offset": 16, "type": {"array": {"pointer": "uint8"}, "count": 2}},
        ],
    },
}
INNER = {"name": "i", "vmsd": "in", "offset": 0, "size": 1}
POINTERS = {"name": "p", "info": "uint8", "offset": 16, "num": 2}
STATE = {"i": {"v": "3"}, "q": [], "p": [None, None]}


def ask(op: str, field: dict[str, Any], hooks: dict[str, int] | None = None, **more: Any) -> Any:
    """Perform an operation on a device of one field, whose child has the hooks."""
    described = {
        "in": {"struct": "In", "version_id": 1, "fields": [BYTE], "hooks": hooks or {}},
        "dev": {"struct": "Dev", "version_id": 1, "fields": [field]},
    }
    document = {"structs": STRUCTS, "descriptions": described, "root": "dev"}
    given = {"save": {"state": STATE}, "load": {"destination": STATE, "version_id": 1}}
    return perform(
        {"op": op, "document": document, **given.get(op, {}), **more}, dialect="qemu-10.0"
    )


def struct(flag: str) -> dict[str, Any]:
    return {**INNER, "flags": [flag], "struct_version_id": 1}


def pointers(size: int) -> dict[str, Any]:
    return {**POINTERS, "size": size, "flags": ["VMS_ARRAY", "VMS_ARRAY_OF_POINTER"]}


@pytest.mark.parametrize("hook", ["pre_load", "post_load"])
def test_a_childs_number_above_zero_refuses_nothing(hook: str) -> None:
    loaded = ask("load", struct("VMS_STRUCT"), {hook: 4}, stream="0700")

    assert (loaded["verdict"], loaded["stream_error"]) == ("accept", 0)
    assert loaded["consumed"] == (0 if hook == "pre_load" else 1)


def test_a_childs_number_below_zero_is_the_streams_error() -> None:
    loaded = ask("load", struct("VMS_STRUCT"), {"post_load": -4}, stream="0700")

    assert (loaded["verdict"], loaded["stream_error"]) == ("reject", -4)


def test_a_save_that_fails_in_a_struct_has_no_error_to_put_a_prefix_on() -> None:
    died = ask("save", struct("VMS_STRUCT"), {"pre_save": -1})

    assert (died["verdict"], died["abort"]) == ("abort", "memory")


def test_a_save_that_fails_in_a_vstruct_has_one() -> None:
    assert ask("save", struct("VMS_VSTRUCT"), {"pre_save": -1})["error"] == "hook-failed"


def test_pointers_without_a_size_are_followed_to_nowhere() -> None:
    died = ask("save", pointers(0))

    assert (died["verdict"], died["abort"]) == ("abort", "memory")


def test_nulls_of_a_size_are_described_together() -> None:
    saved = ask("save", pointers(8))

    assert saved["stream"] == "3030"
    assert '"name": "p", "array_len": 2, "type": "nullptr", "size": 1' in saved["vmdesc"]


def test_a_marker_that_does_not_say_null_is_refused() -> None:
    loaded = ask("load", pointers(8), stream="303100")

    assert (loaded["error"], loaded["consumed"]) == ("unexpected-ptr-marker", 2)
    assert loaded["stream_error"] == -22


@pytest.mark.parametrize("size", [0, 8])
def test_pointers_of_any_size_are_registered(size: int) -> None:
    assert ask("check", pointers(size))["verdict"] == "valid"


@pytest.mark.parametrize(
    ("op", "change", "needs"),
    [
        ("load", {"flags": ["VMS_ARRAY_OF_POINTER_AUTO_ALLOC"]}, "flags:VMS_ARRAY_OF_POINTER_AUTO_ALLOC"),
        ("load", {"info": "g_byte_array"}, "infos:g_byte_array"),
    ],
)  # fmt: skip
def test_what_the_engine_does_not_have_is_unsupported(
    op: str, change: dict[str, Any], needs: str
) -> None:
    answer = ask(op, {**pointers(8), **change}, stream="")

    assert answer == {"verdict": "unsupported", "needs": needs}


def test_engines_that_have_all_lack_nothing() -> None:
    assert [name for name, each in DIALECTS.items() if each.lacks("savevm", ())] == ["qemu-10.0"]
