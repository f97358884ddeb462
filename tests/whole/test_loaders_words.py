# SPDX-License-Identifier: Apache-2.0
"""What the reader says of a stream against what QEMU says to it, as recorded for the container."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vmstate.whole import read_file

TABLE = json.loads((Path(__file__).parents[1] / "container" / "streams.json").read_text())
CASES: dict[str, dict[str, Any]] = TABLE["cases"]
#: Refusals that depend on the loading side: which machine, devices and state it has.
LOCAL = (
    "Machine type received",
    "TARGET_PAGE_BITS",
    "Failed to validate capabilities",
    "Unknown section or instance",
    "unsupported version",
    "is too ",
    "does not exist",
    "no return path",
    "wrong postcopy state",
    "RAM postcopy is disabled",
    "not found",
    "Failed to discard",
    "Configuration section missing, 4",
    "unknown capability",
)
#: Where the loader knows a device's layout, and the reader has neither that nor a vmdesc; and a package
#: inside a package, whose bytes QEMU takes from outside of it.
LAYOUT = ("cut payload", "cut exactly", "no footer", "foot id", "foot cut", "foot cut0")
LAYOUT += ("sub unknown dev", "pack in pack", "part 0 first", "bitmap cut")
LAYOUT += ("a count of capabilities without names",)


@pytest.mark.parametrize("name", [name for name in CASES if name not in LAYOUT])
def test_the_reader_says_what_qemu_says(name: str) -> None:
    case = CASES[name]
    faults = [
        fault
        for fault in read_file(bytes.fromhex(case["stream"])).faults
        if not fault.rule.startswith("vmdesc")
    ]
    if case["verdict"] == "accept":
        assert faults == []
    elif not any(word in case["message"] for word in LOCAL):
        assert faults
        assert faults[0].says
        assert faults[0].says in case["message"]
        # The reader's classes are finer where the loader only sees its stream fail.
        finer = {"stream-error": "bad-configuration", "truncated": "unknown-section"}
        assert faults[0].rule in {case["error"], finer.get(case["error"]), "truncated"}
