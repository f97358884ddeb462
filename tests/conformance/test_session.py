# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from vmstate_conformance.cases import Case
from vmstate_conformance.runner.run import Row, run
from vmstate_conformance.testees.process import TesteeError
from vmstate_conformance.testees.registry import Testee
from vmstate_conformance.testees.session import Timing

ZOO = Path(__file__).with_name("zoo.py")
DOCUMENT = {
    "structs": {"S": {"size": 1, "members": [{"name": "a", "offset": 0, "type": "uint8"}]}},
    "descriptions": {
        "d": {
            "struct": "S",
            "version_id": 1,
            "fields": [{"name": "a", "info": "uint8", "size": 1, "flags": ["VMS_SINGLE"]}],
        }
    },
    "root": "d",
}


def cases(count: int) -> list[Case]:
    request = {"op": "check", "document": DOCUMENT}
    return [
        Case(f"c{at}", "qemu-11.1.3", request, {"verdict": "valid"}, (), "here:1")
        for at in range(count)
    ]


def rows(kind: str, count: int = 6, jobs: int = 1) -> list[Row]:
    testee = Testee(shlex.join([sys.executable, str(ZOO), kind]), Timing(10, 1))
    found = list(run(testee, cases(count), "compat", jobs))
    return sorted(found, key=lambda row: row.case.id)


def test_a_good_testee_passes_each_case_once() -> None:
    assert [row.grade.grade for row in rows("accept-all")] == ["pass"] * 6


def test_a_slow_start_is_no_fault() -> None:
    assert [row.grade.grade for row in rows("slow-start")] == ["pass"] * 6


def test_shards_over_processes_give_the_same_rows() -> None:
    assert [row.case.id for row in rows("accept-all", 9, jobs=3)] == [f"c{at}" for at in range(9)]


def test_what_a_testee_refuses_fails_and_what_it_cannot_do_does_not() -> None:
    assert {row.grade.grade for row in rows("reject-all")} == {"fail"}
    assert {row.grade.grade for row in rows("unsupported")} == {"unsupported"}


@pytest.mark.parametrize(
    ("kind", "trouble"),
    [
        ("wrong-id", "protocol"),
        ("half-line", "protocol"),
        ("huge-line", "protocol"),
        ("stray", "protocol"),
        ("no-object", "protocol"),
        ("no-verdict", "protocol"),
        ("hang", "timeout"),
        ("exit", "exit"),
        ("crash", "crash"),
    ],
)
def test_trouble_is_blamed_on_the_case_that_only_company_makes_fail(
    kind: str, trouble: str
) -> None:
    found = rows(kind)

    # Each process of the zoo fails at its third case, which alone is a first one.
    failed = [row for row in found if row.grade.grade == "fail"]
    assert [row.case.id for row in found] == [f"c{at}" for at in range(6)]
    assert failed
    assert failed[0].case.id == "c2"
    assert failed[0].result["order-dependent"].startswith(trouble)


def test_a_repeated_answer_is_found_at_the_next_case() -> None:
    failed = [row for row in rows("repeated") if row.grade.grade == "fail"]

    assert failed[0].case.id == "c3"
    assert failed[0].result["order-dependent"].startswith("protocol")


def test_a_crash_that_the_case_makes_alone_is_its_own_outcome() -> None:
    testee = Testee(
        'sh -c \'read a; echo "$H"; read b; echo "$C"; read c; kill -SEGV $$\'', Timing(5, 1)
    )
    hello = '{"m":"hello","protocol":1,"dialects":["qemu-11.1.3"],"profiles":["compat"]}'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("H", hello)
        patch.setenv("C", '{"m":"config","ok":true}')
        found = list(run(testee, cases(1), "compat", 1))

    assert found[0].grade.grade == "fail"
    assert found[0].result["verdict"] == "crash"
    assert found[0].result["detail"] == "signal 11 before the answer"


def test_what_it_said_on_stderr_is_kept_with_the_case() -> None:
    testee = Testee(f"{shlex.quote(sys.executable)} {shlex.quote(str(ZOO))} exit", Timing(10, 1))
    found = list(run(testee, cases(3), "compat", 1))

    assert "exit" in found[2].result["order-dependent"]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("deaf", "timeout at its start"),
        ("other-protocol", "protocol 2, not 1"),
        ("no-config", "not today"),
    ],
)
def test_a_testee_that_cannot_begin_is_broken(kind: str, said: str) -> None:
    testee = Testee(shlex.join([sys.executable, str(ZOO), kind]), Timing(0.4, 1))

    with pytest.raises(TesteeError, match=said):
        list(run(testee, cases(1), "compat", 1))


@pytest.mark.parametrize("command", ["/nonexistent/testee", "'", " ", "true", "cat"])
def test_a_command_that_is_no_testee_is_broken(command: str) -> None:
    with pytest.raises(TesteeError):
        list(run(Testee(command, Timing(5, 1)), cases(1), "compat", 1))


def test_a_dialect_that_the_testee_does_not_know_is_unsupported() -> None:
    other = [
        Case("o", "qemu-99", {"op": "check", "document": DOCUMENT}, {"verdict": "valid"}, (), "")
    ]
    testee = Testee(shlex.join([sys.executable, str(ZOO), "accept-all"]), Timing(10, 1))

    assert [row.grade.grade for row in run(testee, other, "compat", 1)] == ["unsupported"]
