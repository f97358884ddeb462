# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shlex
import sys
from typing import Any

import pytest

from vmstate_conformance.cases import Case
from vmstate_conformance.runner.run import Row, Run, run
from vmstate_conformance.testees.process import TesteeError
from vmstate_conformance.testees.registry import Testee
from vmstate_conformance.testees.session import Timing
from vmstate_conformance.testees.zoo import ALWAYS, ORDER, TROUBLED

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


def cases(count: int, dialect: str = "qemu-11.1.3") -> list[Case]:
    request = {"op": "check", "document": DOCUMENT}
    return [
        Case(f"c{at}", dialect, request, {"verdict": "valid"}, (), "here:1") for at in range(count)
    ]


def zoo(*words: str, start: float = 10, case: float = 1, memory: int = 0) -> Testee:
    command = [sys.executable, "-m", "vmstate_conformance.testees.zoo", *words]
    return Testee(shlex.join(command), Timing(start, case), memory)


def rows(kind: str, count: int = 6, jobs: int = 1, *words: str, **more: Any) -> list[Row]:
    found = list(Run(zoo(kind, *words, **more), jobs=jobs).rows(cases(count)))
    return sorted(found, key=lambda row: row.case.id)


def limits(kind: str) -> dict[str, Any]:
    """A hang must be short to be seen soon, and nothing else must be called one."""
    return {"memory": 200 << 20, "case": 1 if kind == "hang" else 10}


def test_a_good_testee_passes_each_case_once() -> None:
    assert [row.grade.grade for row in rows("accept-all")] == ["pass"] * 6


def test_a_slow_start_is_no_fault() -> None:
    assert [row.grade.grade for row in rows("slow-start")] == ["pass"] * 6


def test_shards_over_processes_give_the_same_rows() -> None:
    assert [row.case.id for row in rows("accept-all", 9, 3)] == [f"c{at}" for at in range(9)]


@pytest.mark.parametrize(
    ("kind", "grade", "outcome"),
    [
        ("reject-all", "fail", ""),
        ("unsupported", "unsupported", ""),
        ("caught", "fail", "failure"),
        ("lying", "fail", "lying"),
        ("infinite", "fail", ""),
    ],
)
def test_a_testee_that_is_always_wrong_is_so_in_its_own_way(
    kind: str, grade: str, outcome: str
) -> None:
    assert kind in ALWAYS
    found = {(row.grade.grade, row.grade.facets[0].outcome) for row in rows(kind)}
    assert found == {(grade, outcome)}


@pytest.mark.parametrize("kind", TROUBLED)
def test_trouble_that_a_case_makes_alone_is_its_own_outcome(kind: str) -> None:
    # Each process goes wrong at its first request: the case is run again alone, and does it again.
    count = 2 if kind == "repeated" else 1
    found = rows(kind, count, 1, "--at", "0", **limits(kind))

    at = count - 1
    if kind == "repeated":  # which is seen when the next case is answered, and alone is no fault
        assert found[at].grade.facets[0].outcome == "order-dependent"
    else:
        assert found[at].grade.facets[0].outcome == TROUBLED[kind][0]
        assert found[at].result["verdict"] == TROUBLED[kind][0]


@pytest.mark.parametrize("kind", [kind for kind in TROUBLED if kind != "repeated"])
def test_trouble_is_blamed_on_the_case_that_only_company_makes_fail(kind: str) -> None:
    found = rows(kind, **limits(kind))

    # Each process of the zoo fails at its third case, which alone is a first one.
    failed = [row for row in found if row.grade.grade == "fail"]
    assert [row.case.id for row in found] == [f"c{at}" for at in range(6)]
    assert failed[0].case.id == "c2"
    assert failed[0].result["order-dependent"].startswith(TROUBLED[kind][0])


def test_a_repeated_answer_is_found_at_the_next_case() -> None:
    failed = [row for row in rows("repeated") if row.grade.grade == "fail"]

    assert failed[0].case.id == "c3"
    assert failed[0].result["order-dependent"].startswith("protocol")


def test_one_that_remembers_passes_only_where_each_case_is_by_itself() -> None:
    assert [row.grade.grade for row in rows(ORDER)] == ["pass"] * 3 + ["fail"] * 3

    alone = Run(zoo(ORDER), isolate=True).rows(cases(6))
    assert [row.grade.grade for row in alone] == ["pass"] * 6


def test_a_crash_says_its_signal() -> None:
    (row,) = rows("crash", 1, 1, "--at", "0")

    assert row.result["detail"] == "signal 11 before the answer"


def test_what_it_said_on_stderr_is_kept_with_the_case() -> None:
    (row,) = rows("exit", 1, 1, "--at", "0")

    assert row.result["log"] == "I have had enough\n"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("deaf", "timeout at its start"),
        ("other-protocol", "protocol 2, not 1"),
        ("ill-typed", "window is no number from 1 to 64"),
        ("no-config", "not today"),
    ],
)
def test_a_testee_that_cannot_begin_is_broken(kind: str, said: str) -> None:
    with pytest.raises(TesteeError, match=said):
        list(Run(zoo(kind, start=0.5 if kind == "deaf" else 10)).rows(cases(1)))


def test_one_that_changes_what_it_says_of_itself_leaves_the_rest_broken() -> None:
    run_ = Run(zoo("changing"))
    found = list(run_.rows(cases(6)))

    assert [row.grade.grade for row in found] == ["pass"] * 2 + ["broken"] * 4
    assert "second hello differs" in run_.broken


def test_a_testee_is_asked_in_the_profile_that_it_has() -> None:
    script = (
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "  q = json.loads(line)\n"
        "  if q['m'] == 'hello': a = dict(m='hello', protocol=1, dialects=['qemu-11.1.3'],"
        " profiles=['hardened'])\n"
        "  elif q['m'] == 'config': a = dict(m='config', ok=q['profile'] == 'hardened')\n"
        "  elif q['m'] == 'run': a = dict(m='result', id=q['id'], verdict='valid')\n"
        "  else: break\n"
        "  print(json.dumps(a), flush=True)\n"
    )
    testee = Testee(shlex.join([sys.executable, "-c", script]), Timing(10, 5))
    run_ = Run(testee, "")

    assert {row.grade.grade for row in run_.rows(cases(2))} == {"pass"}
    assert run_.profile == "hardened"
    with pytest.raises(TesteeError, match="does not offer the profile 'compat'"):
        list(Run(testee, "compat").rows(cases(2)))


@pytest.mark.parametrize("command", ["/nonexistent/testee", "'", " ", "true", "cat"])
def test_a_command_that_is_no_testee_is_broken(command: str) -> None:
    with pytest.raises(TesteeError):
        list(run(Testee(command, Timing(5, 1)), cases(1), "compat", 1))


def test_a_dialect_that_the_testee_does_not_know_is_unsupported() -> None:
    found = list(Run(zoo("accept-all")).rows(cases(1, "qemu-99")))

    assert [row.grade.grade for row in found] == ["unsupported"]
    assert found[0].result["needs"] == "dialects:qemu-99"


def test_lines_larger_than_every_pipe_hold_nobody_up() -> None:
    echo = (
        "import json,sys\n"
        "for line in sys.stdin:\n"
        "  q = json.loads(line)\n"
        "  if q['m'] == 'hello': a = dict(m='hello', protocol=1, dialects=['qemu-11.1.3'],"
        " profiles=['compat'], window=16)\n"
        "  elif q['m'] == 'config': a = dict(m='config', ok=True)\n"
        "  elif q['m'] == 'run': a = dict(m='result', id=q['id'], verdict='valid', pad=q['pad'])\n"
        "  else: break\n"
        "  print(json.dumps(a), flush=True); print('x' * 5000, file=sys.stderr, flush=True)\n"
    )
    big = [
        Case(each.id, each.dialect, {**each.request, "pad": "x" * 200_000}, each.expect, (), "")
        for each in cases(40)
    ]
    testee = Testee(shlex.join([sys.executable, "-c", echo]), Timing(10, 5))

    assert {row.grade.grade for row in Run(testee).rows(big)} == {"pass"}
