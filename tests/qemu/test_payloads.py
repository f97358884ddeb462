# SPDX-License-Identifier: Apache-2.0
"""The cases of payloads, asked of real machines that have the handlers: verdict, words and content."""

from __future__ import annotations

from typing import Any

import pytest

from vmstate.operations import perform
from vmstate_conformance.cases.reader import read_cases
from vmstate_conformance.corpus import corpus_dir
from vmstate_conformance.qemu import payloads


def _cases(idstr: str) -> dict[str, dict[str, Any]]:
    return {
        case.id: case.request
        for case in read_cases([corpus_dir() / "payloads"])
        if case.request["devices"][0].get("handler") == idstr
    }


@pytest.mark.qemu
@pytest.mark.parametrize("idstr", payloads.PLACES)
def test_qemu_says_the_same_of_every_payload(idstr: str) -> None:
    found = {
        name: payloads.differences(request, perform(request))
        for name, request in _cases(idstr).items()
    }
    assert len(found) > 5
    assert {name: facets for name, facets in found.items() if facets} == {}


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("idstr", "name", "change", "facet"),
    [
        ("s390-skeys", "payloads/s390-skeys#some", {"verdict": "reject"}, "verdict"),
        ("s390-skeys", "payloads/s390-skeys#error", {"message": "another"}, "message"),
        ("s390-skeys", "payloads/s390-skeys#error", {"printed": []}, "printed"),
        (
            "s390-skeys",
            "payloads/s390-skeys#some",
            {"devices": [{"state": {"keys": "4096*00"}}]},
            "devices",
        ),
        (
            "spapr/htab",
            "payloads/spapr-htab#entries",
            {"devices": [{"state": {"shift": "18", "entries": {}}}]},
            "devices",
        ),
        (
            "dirty-bitmap",
            "payloads/dirty-bitmap#whole",
            {"devices": [{"state": {"nodes": {}}}]},
            "devices",
        ),
    ],
)
def test_another_result_is_told_apart(
    idstr: str, name: str, change: dict[str, Any], facet: str
) -> None:
    request = _cases(idstr)[name]
    assert payloads.differences(request, perform(request) | change) == [facet]


def test_what_no_machine_has_is_not_asked() -> None:
    assert payloads.differences({"devices": [], "machine": "none", "stream": ""}, {}) is None
