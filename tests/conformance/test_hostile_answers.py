# SPDX-License-Identifier: Apache-2.0
"""Whatever a testee answers: one row for each case, a log that is JSON, and reports of it."""

from __future__ import annotations

import json
import tempfile
from collections import deque
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import CASES, corpus

from vmstate_conformance.cases import Case, read_cases
from vmstate_conformance.reports.html import html
from vmstate_conformance.reports.junit import junit
from vmstate_conformance.reports.model import read_results
from vmstate_conformance.runner.results import ResultLog
from vmstate_conformance.runner.run import Run
from vmstate_conformance.testees.hello import Hello, HelloError
from vmstate_conformance.testees.process import End
from vmstate_conformance.testees.registry import Asked, Testee
from vmstate_conformance.testees.session import VERDICTS, Session, Timing

HELLO = {"m": "hello", "protocol": 1, "dialects": ["qemu-11.1.3"], "profiles": ["compat"]}
CAPS = {"hooks": True, "vmdesc": True, "heap": True}
KEYS = (
    "state",
    "consumed",
    "stream_error",
    "heap",
    "stream",
    "error",
    "rule",
    "abort",
    "message",
    "needs",
    "devices",
    "us",
    "order-dependent",
    "resave",
    "before",
    "log",
    "detail",
)


class Mouth:
    """In a process's place: answers to runs come from a list, and then it is dead."""

    def __init__(self, answers: deque[bytes | End]) -> None:
        self._answers = answers
        self._sent: deque[dict[str, Any]] = deque()
        self.lines: deque[bytes] = deque()
        self.queued = 0

    def send(self, line: bytes) -> None:
        self._sent.append(json.loads(line))

    def flush(self) -> None:
        """Nothing waits."""

    def receive(self, deadline: float) -> bytes | End:
        asked = self._sent.popleft()
        match asked["m"]:
            case "hello":
                return json.dumps({**HELLO, "caps": CAPS}).encode()
            case "config":
                return b'{"m":"config","ok":true}'
        answer = self._answers.popleft() if self._answers else End.EOF
        return answer if isinstance(answer, End) else answer.replace(b"ID", b"%d" % asked["id"])

    def half(self) -> bytes:
        return b"{"

    def kill(self) -> int:
        return -9

    def abort(self) -> None:
        """It does not care."""

    def finish(self) -> None:
        """It does not care."""

    def log(self) -> str:
        return "said"


class Told(Testee):
    """A testee that says what the test says."""

    def ask(self, dialect: str, profile: str) -> Asked:
        answers: deque[bytes | End] = deque(self.answers)  # type: ignore[attr-defined]
        return Session(lambda: Mouth(answers), dialect, profile, Timing(1, 1))  # type: ignore[arg-type, return-value]


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = st.recursive(
    scalars | st.sampled_from(["7", "accept", "stream.ended", "ops:load", "0007"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "leaked", "allocated", "state"]), inner, max_size=3)
    ),
    max_leaves=8,
)
results = st.fixed_dictionaries(
    {"verdict": st.sampled_from(sorted(VERDICTS))},
    optional=dict.fromkeys(KEYS, values),
).map(lambda each: json.dumps({"m": "result", **each})[:-1].encode() + b',"id":ID}')
good = st.just(
    b'{"m":"result","id":ID,"verdict":"accept","state":{"a":"7"},"consumed":2,"stream_error":0,'
    b'"heap":{"allocated":0,"leaked":0}}'
)
answers = st.lists(
    results
    | good
    | st.binary(max_size=20)
    | values.map(lambda v: json.dumps(v).encode())
    | st.sampled_from(list(End)),
    max_size=8,
)


def small() -> list[Case]:
    with tempfile.TemporaryDirectory() as folder:
        return list(read_cases([corpus(Path(folder), *CASES)]))


ASKED = small()


@given(answers)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)
def test_any_answers_give_a_row_for_each_case_and_reports(said: list[bytes | End]) -> None:
    testee = Told("told", Timing(1, 1))
    object.__setattr__(testee, "answers", said)
    run = Run(testee)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "log")
        header = {"testee": "told", "hello": HELLO, "profile": "compat", "manifest": "sha256:0"}
        with ResultLog(file, header) as log:
            ids = []
            for row in run.rows(ASKED):
                ids.append(row.case.id)
                log.add(row)
            log.end(verdict="fails", restarts=run.restarts, seconds=0)
        assert sorted(ids) == sorted(case.id for case in ASKED)
        for line in file.read_text().splitlines():
            json.loads(line, parse_constant=lambda name: 1 / 0)
        found = read_results(file)
        junit(found)
        html([found])


@given(
    st.fixed_dictionaries(
        {"protocol": st.just(1) | values},
        optional=dict.fromkeys(
            ("dialects", "profiles", "caps", "window", "descriptions", "testee"), values
        ),
    ),
    st.dictionaries(
        st.sampled_from(["ops", "infos", "flags", "hooks", "vmdesc", "errors", "state"]), values
    ),
)
def test_any_hello_is_one_or_is_refused_in_one_line(said: dict[str, Any], caps: Any) -> None:
    for message in (said, {**said, "caps": caps}):
        try:
            hello = Hello.read(message)
        except HelloError as error:
            assert "\n" not in str(error)
        else:
            assert 1 <= hello.window <= 64
            for case in ASKED:
                hello.missing(case.request)
