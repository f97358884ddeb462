# SPDX-License-Identifier: Apache-2.0
"""A conversation with one testee: hello, config, runs in a window, and who is to blame when it dies."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, Protocol

from vmstate_conformance import __version__
from vmstate_conformance.cases import Case
from vmstate_conformance.testees.hello import PROTOCOL, Hello, HelloError
from vmstate_conformance.testees.process import MAX_LINE, End, Process, TesteeError
from vmstate_conformance.testees.wire import Requests

_STARTS: Final = 3
#: Bytes of requests that may wait for their answers.
_IN_FLIGHT: Final = 1 << 20
VERDICTS: Final = frozenset(
    {"valid", "invalid", "ok", "error", "accept", "reject", "abort", "unsupported", "failure"}
)
#: What the runner says of a testee that gave no result.
TROUBLES: Final = frozenset({"crash", "exit", "timeout", "protocol", "resource"})


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_no_number)
#: The decoder without the function around it, where there is one: lines are many and short.
_SCAN: Final[Callable[[str, int], tuple[Any, int]]] = getattr(
    _DECODER, "scan_once", _DECODER.raw_decode
)
#: From a case and its result to a second request, or None.
Follow = Callable[[Case, dict[str, Any]], dict[str, Any] | None]


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
    """The process is of no more use. `outcome` is one of `TROUBLES`."""

    outcome: str
    detail: str
    log: str = ""

    def result(self) -> dict[str, Any]:
        """Give it in the shape of a testee's result."""
        return {"verdict": self.outcome, "detail": self.detail, "log": self.log}


@dataclass(slots=True)
class _Asked:
    """A request on its way: the case's own, or the one that follows its first result."""

    case: Case
    request: dict[str, Any]
    first: dict[str, Any] | None = None
    size: int = 0

    def ended(self, result: dict[str, Any]) -> tuple[Case, dict[str, Any]]:
        if self.first is None:
            return self.case, result
        self.first["resave"] = result
        return self.case, self.first


def _next(cases: Iterator[Case]) -> _Asked | None:
    case = next(cases, None)
    return None if case is None else _Asked(case, case.request)


@dataclass(slots=True)
class Session:
    """Runs cases of one dialect and profile, restarting the testee where it must be.

    An empty profile becomes the first of compat and hardened that the testee offers.
    """

    start: Starter
    dialect: str
    profile: str
    timing: Timing = field(default_factory=Timing)
    hello: Hello | None = None
    restarts: int = 0
    _process: Process | None = None
    _requests: Requests | None = None
    _served: int = 0
    #: What the process was asked before, for those who must see how it came to fail.
    _history: list[dict[str, Any]] = field(default_factory=list)

    def run(
        self, cases: Iterable[Case], follow: Follow | None = None
    ) -> Iterator[tuple[Case, dict[str, Any]]]:
        """Give each case with its result, in the order of their last answers.

        `follow` may ask for a second request once a result is there; its own result then stands
        in the first under "resave". Raises `TesteeError` where the testee will not start.
        """
        source = iter(cases)
        again, asked = deque[_Asked](), deque[_Asked]()  # to be asked next; asked and unanswered
        flying, oldest = 0, 0.0
        while True:
            try:
                process = self._process or self._ready()
                assert self.hello is not None
                window = self.hello.window
                while len(asked) < window and flying < _IN_FLIGHT:
                    each = again.popleft() if again else _next(source)
                    if each is None:
                        break
                    if not asked:
                        oldest = time.monotonic()
                    asked.append(each)
                    each.size = self._ask(process, each.request, self._served + len(asked) - 1)
                    flying += each.size
                if not asked:
                    return
                if process.queued * 2 >= window:
                    process.flush()  # it works while we grade
                result = self._answer(process, oldest + self.timing.case)
            except Trouble as trouble:
                suspect = asked.popleft()
                alone = not asked and not self._served
                before = list(self._history)
                again.extendleft(reversed(asked))
                asked.clear()
                flying = 0
                self._drop()
                yield suspect.ended(
                    trouble.result() if alone else self._solo(suspect, trouble, before)
                )
                continue
            each = asked.popleft()
            flying -= each.size
            self._served += 1
            self._history.append(each.request)
            if not process.lines:
                oldest = time.monotonic()
            if each.first is None and follow is not None:
                request = follow(each.case, result)
                if request is not None:
                    again.appendleft(_Asked(each.case, request, result))
                    continue
            yield each.ended(result)

    def close(self) -> None:
        """Say good-bye."""
        if self._process is not None:
            self._process.send(b'{"m":"bye"}')
            self._process.finish()
            self._process = None

    def _solo(
        self, suspect: _Asked, trouble: Trouble, before: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Run the case by itself in a fresh process: did it do that, or what went before?"""
        try:
            process = self._ready()
            self._ask(process, suspect.request, 0)
            result = self._answer(process, time.monotonic() + self.timing.case)
        except Trouble as again:
            self._drop()
            return again.result()
        self._served += 1
        self._history.append(suspect.request)
        result["before"] = before
        result["order-dependent"] = f"{trouble.outcome}: {trouble.detail}"
        if trouble.log:
            result["log"] = trouble.log
        return result

    def _drop(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._process = None
        self.restarts += 1

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
            except BaseException:
                process.kill()
                raise
            else:
                self._process, self._served = process, 0
                self._history.clear()
                return process
        raise AssertionError

    def _greet(self, process: Process) -> None:
        deadline = time.monotonic() + self.timing.start
        said = self._talk(process, greeting(), deadline)
        if self.hello is None:
            try:
                self.hello = Hello.read(said)
            except HelloError as error:
                raise TesteeError(str(error)) from None
        elif said != self.hello.raw:
            raise TesteeError("its second hello differs from its first")
        self._requests = self._requests or Requests(self.hello)
        if self.dialect not in self.hello.dialects:
            self.profile = self.profile or self.hello.profile
            return
        self.profile = self.profile or self.hello.profile
        if self.profile not in self.hello.profiles:
            raise TesteeError(f"it does not offer the profile '{self.profile}'")
        wanted = configuration(self.dialect, self.profile)
        answer = self._talk(process, wanted, deadline)
        if answer.get("ok") is not True:
            raise TesteeError(f"it refuses {wanted}: {answer.get('detail', '')}")

    def speaks(self) -> bool:
        """Whether the testee knows the dialect; starts it to find out."""
        self._ready()
        assert self.hello is not None
        return self.dialect in self.hello.dialects

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

    def _ask(self, process: Process, request: Mapping[str, Any], number: int) -> int:
        line = self._requests.line(number, request)  # type: ignore[union-attr]  # since hello
        process.send(line)
        return len(line)

    def _answer(self, process: Process, deadline: float) -> dict[str, Any]:
        answer = self._line(process, deadline)
        number = answer.get("id")
        if answer.get("m") != "result" or number != self._served or type(number) is bool:
            shown = f"{answer.get('m')!r} with id {number!r}"
            raise self._trouble(process, "protocol", f"{shown} is not the result of {self._served}")
        verdict = answer.get("verdict")
        if type(verdict) is not str or verdict not in VERDICTS:
            raise self._trouble(process, "protocol", f"verdict {verdict!r} is none")
        return answer

    def _line(self, process: Process, deadline: float) -> dict[str, Any]:
        lines = process.lines
        line = lines.popleft() if lines else process.receive(deadline)
        if isinstance(line, End):
            raise self._ended(process, line)
        try:
            answer = parse(line)
        except (ValueError, RecursionError):
            raise self._trouble(process, "protocol", f"no JSON: {line[:200]!r}") from None
        if not isinstance(answer, dict):
            raise self._trouble(process, "protocol", f"no object: {line[:200]!r}")
        return answer

    def _ended(self, process: Process, end: End) -> Trouble:
        match end:
            case End.LATE:
                process.abort()
                return self._trouble(process, "timeout", end.value)
            case End.MEMORY:
                return self._trouble(process, "resource", end.value)
            case End.HALF:
                return self._trouble(process, "protocol", f"{end.value}: {process.half()[:200]!r}")
            case End.LONG:
                return self._trouble(process, "protocol", end.value)
        status = process.kill()
        if status < 0:
            return Trouble("crash", f"signal {-status} before the answer", process.log())
        return Trouble("exit", f"exit status {status} before the answer", process.log())

    @staticmethod
    def _trouble(process: Process, outcome: str, detail: str) -> Trouble:
        process.kill()
        return Trouble(outcome, detail, process.log())


def parse(line: bytes) -> Any:
    """Read one value. Raises `ValueError` or `RecursionError`."""
    text = line.decode()
    if text[:1] != "{":
        return json.loads(text, parse_constant=_no_number)
    try:
        value, end = _SCAN(text, 0)
    except StopIteration:
        raise ValueError("no value") from None
    if end != len(text) and not text[end:].isspace():
        raise ValueError("more than one value")
    return value


def greeting() -> dict[str, Any]:
    """Give the runner's hello."""
    return {"m": "hello", "protocol": [PROTOCOL], "suite": __version__, "max_line": MAX_LINE}


def configuration(dialect: str, profile: str) -> dict[str, Any]:
    """Give the runner's config."""
    return {"m": "config", "dialect": dialect, "profile": profile, "abi": "lp64-le"}
