# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from vmstate_conformance.cases import Case
from vmstate_conformance.runner.grade import grade

ACCEPT: dict[str, Any] = {
    "verdict": "accept",
    "state": {"a": ["1", "2"], "p": None},
    "consumed": 2,
    "stream_error": 0,
    "heap": {"allocated": 0, "leaked": 0},
}


def case(expect: dict[str, Any], op: str = "load") -> Case:
    return Case("c", "qemu-11.1.3", {"op": op}, expect, (), "")


def paths(expect: dict[str, Any], result: dict[str, Any], profile: str = "compat") -> list[str]:
    return [each.path for each in grade(case(expect), result, profile).differences]


def test_what_is_wanted_passes_whatever_else_is_said() -> None:
    assert not paths(ACCEPT, {**ACCEPT, "message": "x", "us": 3})
    assert not paths(ACCEPT, {**ACCEPT, "state": {"a": [1, 2], "p": None}})


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"verdict": "reject"}, "verdict"),
        ({"verdict": "ok"}, "verdict"),
        ({"state": {"a": ["1", "3"], "p": None}}, "state.a[1]"),
        ({"state": {"a": ["1"], "p": None}}, "state.a"),
        ({"state": {"a": ["1", "2"], "p": {}}}, "state.p"),
        ({"state": None}, "state"),
        ({"consumed": 3}, "consumed"),
        ({"consumed": None}, "consumed"),
        ({"stream_error": -5}, "stream_error"),
        ({"heap": {"allocated": 1, "leaked": 0}}, "heap.allocated"),
        ({"heap": None}, "heap"),
    ],
)
def test_each_facet_that_differs_fails_with_its_path(change: dict[str, Any], path: str) -> None:
    assert paths(ACCEPT, {**ACCEPT, **change}) == [path]


def test_a_class_decides_and_a_message_does_not() -> None:
    expect = {"verdict": "reject", "error": "stream-error", "message": "m"}

    assert not paths(expect, {**expect, "message": "n"})
    assert paths(expect, {**expect, "error": "validation-failed"}) == ["error"]


def test_vmdesc_is_compared_as_text() -> None:
    expect = {"verdict": "ok", "stream": "00", "vmdesc": '{"a": 1}'}
    got = {**expect, "vmdesc": '{"a":1}'}

    assert [each.path for each in grade(case(expect, "save"), got, "compat").differences] == [
        "vmdesc"
    ]


@pytest.mark.parametrize(
    ("message", "good"),
    [
        ("f: Assertion `!auto_alloc || *pptr == NULL' failed.", "destination-not-null"),
        ("f: Assertion `auto_alloc' failed.", "unexpected-valid-marker"),
        ("f: Assertion `first_elem || !n_elems || !size' failed.", "null-array"),
    ],
)
def test_where_qemu_aborts_a_hardened_testee_rejects_with_the_class(
    message: str, good: str
) -> None:
    expect = {"verdict": "abort", "abort": "assert", "message": message}
    refusal = {"verdict": "reject", "error": good, "state": {}, "consumed": 0}

    assert not paths(expect, refusal, "hardened")
    assert paths(expect, {**refusal, "error": "stream-error"}, "hardened") == ["error"]
    assert paths(expect, expect, "hardened") == ["verdict"]
    assert not paths(expect, expect)
    assert paths(expect, refusal) == ["verdict"]


def test_unsupported_is_neither_pass_nor_fail() -> None:
    assert grade(case(ACCEPT), {"verdict": "unsupported"}, "compat").grade == "unsupported"
