# SPDX-License-Identifier: Apache-2.0
"""Payloads of their own in whole files: what a loader takes is read, and written back as it was."""

from __future__ import annotations

import pytest

from vmstate.whole import read_file
from vmstate.whole.handlers import HANDLERS, write
from vmstate_conformance.cases.model import Case
from vmstate_conformance.cases.reader import read_cases
from vmstate_conformance.corpus import corpus_dir

CASES = [
    case
    for case in read_cases([corpus_dir() / "payloads"])
    if case.dialect == "qemu-11.1.3" and case.request["devices"][0].get("handler") in HANDLERS
]
#: What depends on the machine that loads it, of which a reader of files knows nothing; so do flags of
#: bitmaps, and a file of one section may have no footers.
_LOCAL = {"payload-offset", "payload-content", "payload-length", "missing-footer"}


def ids(case: Case) -> str:
    return case.id


@pytest.mark.parametrize("case", [c for c in CASES if c.expect["verdict"] == "accept"], ids=ids)
def test_what_is_loaded_is_read_and_written_back(case: Case) -> None:
    data = bytes.fromhex(case.request["stream"])
    stream = read_file(data)
    # Only the vmdesc of some is cut short.
    assert {fault.rule for fault in stream.faults} <= {"truncated"}
    for section in stream.sections():
        out = bytearray()
        write(HANDLERS[section.idstr], section.state, out)
        assert out == data[section.payload : section.end]


def _refused_anywhere(case: Case) -> bool:
    error = case.expect.get("error", [])
    classes = {error} if isinstance(error, str) else set(error)
    bitmap = case.request["devices"][0]["handler"] == "dirty-bitmap"
    return bool(classes) and not classes & (_LOCAL | ({"payload-flags"} if bitmap else set()))


@pytest.mark.parametrize("case", [*filter(_refused_anywhere, CASES)], ids=ids)
def test_what_no_machine_loads_is_a_fault(case: Case) -> None:
    assert read_file(bytes.fromhex(case.request["stream"])).fault is not None


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("s390-skeys#unknown-flag", "s390.bad-flags"),
        ("s390-skeys#done-flag", "s390.bad-flags"),
        ("s390-skeys#error", "s390.reported"),
        ("s390-storage-attributes#error", "s390.reported"),
        ("dirty-bitmap#node-empty", "dirty-bitmap.name"),
        ("dirty-bitmap#size-too-large", "dirty-bitmap.too-large"),
    ],
)
def test_the_rule_is_named(name: str, rule: str) -> None:
    case = next(case for case in CASES if case.id == f"payloads/{name}")
    fault = read_file(bytes.fromhex(case.request["stream"])).fault
    assert fault is not None
    assert fault.rule == rule
