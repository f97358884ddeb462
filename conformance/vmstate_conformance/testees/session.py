# SPDX-License-Identifier: Apache-2.0
"""A conversation with one testee: hello, config, runs in a window, and who is to blame when it dies."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from vmstate_conformance import __version__
from vmstate_conformance.cases import Case
from vmstate_conformance.testees.process import MAX_LINE, Process, TesteeError

PROTOCOL: Final = 1
_STARTS: Final = 3
#: Bytes of requests that may wait for their answers.
_IN_FLIGHT: Final = 1 << 20
_VERDICTS: Final = frozenset(
    {"valid", "invalid", "ok", "error", "accept", "reject", "abort", "unsupported", "failure"}
)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds to wait: for a hello, and for an answer once its case is the oldest asked."""

    start: float = 30.0
    case: float = 2.0


class Starter(Protocol):
    """What can start a fresh process of the testee."""

    def __call__(self) -> Process:
        """Start one. Raises `TesteeError`."""


@dataclass(slots=True)
class Trouble(Exception):  # noqa: N818 - the testee's, not ours
    """The process is of no more use. `outcome` is crash, exit, timeout or protocol."""

    outcome: str
    detail: str
    log: str = ""

    def result(self) -> dict[str, Any]:
        """Give it in the shape of a testee's result."""
        return {"verdict": self.outcome, "detail": self.detail, "log": self.log}


@dataclass(slots=True)
class Session:
    """Runs cases of one dialect and profile, restarting the testee where it must be."""

    start: Starter
    dialect: str
    profile: str
    timing: Timing = field(default_factory=Timing)
    hello: dict[str, Any] | None = None
    restarts: int = 0
    _process: Process | None = None
    _served: int = 0

    def run(self, cases: Iterable[Case]) -> Iterator[tuple[Case, dict[str, Any]]]:
        """Give each case with its result, in order. Raises `TesteeError` where it will not start."""
        todo, asked = deque(cases), deque[tuple[Case, int]]()
        window, flying, oldest = 1, 0, 0.0
        while todo or asked:
            try:
                process = self._ready()
                window = self._window()
                while todo and len(asked) < window and flying < _IN_FLIGHT:
                    size = self._ask(process, todo[0], self._served + len(asked))
                    if not asked:
                        oldest = time.monotonic()
                    asked.append((todo.popleft(), size))
                    flying += size
                result = self._answer(process, oldest + self.timing.case)
            except Trouble as trouble:
                suspect = asked[0][0]
                alone = len(asked) == 1 and not self._served
                todo.extendleft(case for case, _ in reversed(list(asked)[1:]))
                asked.clear()
                flying = 0
                self._drop()
                yield suspect, trouble.result() if alone else self._solo(suspect, trouble)
                continue
            case, size = asked.popleft()
            flying -= size
            self._served += 1
            oldest = time.monotonic()
            yield case, result

    def close(self) -> None:
        """Say good-bye."""
        if self._process is not None:
            self._process.send(b'{"m":"bye"}')
            self._process.finish()
            self._process = None

    def _solo(self, suspect: Case, trouble: Trouble) -> dict[str, Any]:
        """Run the case by itself in a fresh process: did it do that, or what went before?"""
        try:
            process = self._ready()
            self._ask(process, suspect, 0)
            result = self._answer(process, time.monotonic() + self.timing.case)
        except Trouble as again:
            self._drop()
            return again.result()
        self._served += 1
        result["order-dependent"] = f"{trouble.outcome}: {trouble.detail}"
        return result

    def _drop(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._process = None
        self.restarts += 1

    def _window(self) -> int:
        window = (self.hello or {}).get("window", 8)
        return window if isinstance(window, int) and 1 <= window <= 64 else 8

    def _ready(self) -> Process:
        if self._process is not None:
            return self._process
        for attempt in range(1, _STARTS + 1):
            process = self.start()
            try:
                self._greet(process)
            except Trouble as trouble:
                process.kill()
                if attempt == _STARTS:
                    log = f"; it said: {trouble.log.strip()[-500:]}" if trouble.log.strip() else ""
                    raise TesteeError(
                        f"{trouble.outcome} at its start: {trouble.detail}{log}"
                    ) from None
            except TesteeError:
                process.kill()
                raise
            else:
                self._process, self._served = process, 0
                return process
        raise AssertionError

    def _greet(self, process: Process) -> None:
        deadline = time.monotonic() + self.timing.start
        hello = self._talk(
            process,
            {"m": "hello", "protocol": [PROTOCOL], "suite": __version__, "max_line": MAX_LINE},
            deadline,
        )
        if hello.get("protocol") != PROTOCOL:
            raise TesteeError(f"it speaks protocol {hello.get('protocol')!r}, not {PROTOCOL}")
        if self.hello is not None and hello != self.hello:
            raise TesteeError("its second hello differs from its first")
        self.hello = hello
        if self.dialect not in _strings(hello, "dialects"):
            return
        if self.profile not in _strings(hello, "profiles"):
            raise TesteeError(f"it does not offer the profile '{self.profile}'")
        wanted = {"dialect": self.dialect, "profile": self.profile, "abi": "lp64-le"}
        answer = self._talk(process, {"m": "config", **wanted}, deadline)
        if answer.get("ok") is not True:
            raise TesteeError(f"it refuses {wanted}: {answer.get('detail', '')}")

    def speaks(self) -> bool:
        """Whether the testee knows the dialect; starts it to find out."""
        self._ready()
        return self.dialect in _strings(self.hello or {}, "dialects")

    def _talk(
        self, process: Process, message: Mapping[str, Any], deadline: float
    ) -> dict[str, Any]:
        process.send(json.dumps(message).encode())
        answer = self._line(process, deadline)
        if answer.get("m") != message["m"]:
            raise self._trouble(
                process, "protocol", f"{answer.get('m')!r} answers {message['m']!r}"
            )
        return answer

    @staticmethod
    def _ask(process: Process, case: Case, number: int) -> int:
        message = {"m": "run", "id": number, **case.request}
        line = json.dumps(message, separators=(",", ":")).encode()
        process.send(line)
        return len(line)

    def _answer(self, process: Process, deadline: float) -> dict[str, Any]:
        answer = self._line(process, deadline)
        if answer.get("m") != "result" or answer.get("id") != self._served:
            shown = f"{answer.get('m')!r} with id {answer.get('id')!r}"
            raise self._trouble(process, "protocol", f"{shown} is not the result of {self._served}")
        if answer.get("verdict") not in _VERDICTS:
            raise self._trouble(process, "protocol", f"verdict {answer.get('verdict')!r} is none")
        return answer

    def _line(self, process: Process, deadline: float) -> dict[str, Any]:
        line = process.receive(deadline)
        if line is None:
            process.abort()
            raise self._trouble(process, "timeout", "no answer in time", asked=True)
        if len(line) > MAX_LINE:
            raise self._trouble(process, "protocol", f"a line of more than {MAX_LINE} bytes")
        if not line:
            raise self._ended(process)
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            raise self._trouble(process, "protocol", f"no JSON: {line[:200]!r}") from None
        if not isinstance(answer, dict):
            raise self._trouble(process, "protocol", f"no object: {line[:200]!r}")
        return answer

    def _ended(self, process: Process) -> Trouble:
        status = process.kill()
        if status < 0:
            return Trouble("crash", f"signal {-status} before the answer", process.log())
        return Trouble("exit", f"exit status {status} before the answer", process.log())

    @staticmethod
    def _trouble(process: Process, outcome: str, detail: str, *, asked: bool = False) -> Trouble:
        process.kill()
        return Trouble(outcome, detail, process.log())


def _strings(hello: Mapping[str, Any], key: str) -> list[str]:
    value = hello.get(key)
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
