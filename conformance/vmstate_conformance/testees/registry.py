# SPDX-License-Identifier: Apache-2.0
"""From the word after --testee to something that can be asked."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vmstate_conformance.cases import Case
from vmstate_conformance.testees import volatility3
from vmstate_conformance.testees.hello import Hello
from vmstate_conformance.testees.process import Process, TesteeError
from vmstate_conformance.testees.session import Follow, Session, Starter, Timing


class Asked(Protocol):
    """Runs cases of one dialect and profile."""

    profile: str
    hello: Hello | None
    restarts: int

    def speaks(self) -> bool:
        """Whether the testee knows the dialect; afterwards `hello` is there."""

    def run(
        self, cases: Iterable[Case], follow: Follow | None = None
    ) -> Iterator[tuple[Case, dict[str, Any]]]:
        """Give each case with its result."""

    def close(self) -> None:
        """End the conversation."""


@dataclass(slots=True)
class InProcess:
    """The reference without a pipe. It must give the same rows."""

    dialect: str
    profile: str
    hello: Hello | None = None
    restarts: int = 0

    def speaks(self) -> bool:
        """Whether the reference knows the dialect."""
        from vmstate.dialects import DIALECTS  # noqa: PLC0415 - not needed for other testees
        from vmstate_conformance.testees.reference import HELLO  # noqa: PLC0415

        self.hello = Hello.read(HELLO)
        self.profile = self.profile or self.hello.profile
        return self.dialect in DIALECTS

    def run(
        self, cases: Iterable[Case], follow: Follow | None = None
    ) -> Iterator[tuple[Case, dict[str, Any]]]:
        """Perform each case."""
        from vmstate_conformance.testees.reference import Reference  # noqa: PLC0415

        reference = Reference()
        reference.config = {"dialect": self.dialect, "profile": self.profile}
        for case in cases:
            result = reference.run({"id": 0, **case.request})
            request = follow(case, result) if follow else None
            if request is not None:
                result["resave"] = reference.run({"id": 0, **request})
            yield case, result

    def close(self) -> None:
        """Nothing to end."""


@dataclass(frozen=True, slots=True)
class Testee:
    """A testee by the word that names it. `memory`: the bytes it may have resident; 0: no limit."""

    word: str
    timing: Timing
    memory: int = 0

    def ask(self, dialect: str, profile: str) -> Asked:
        """Prepare a conversation. Raises `TesteeError`."""
        if self.word == "reference:in-process":
            return InProcess(dialect, profile)
        return Session(self._starter(), dialect, profile, self.timing)

    def command(self) -> list[str]:
        """Give the command that starts it. Raises `TesteeError`."""
        if self.word.partition(":")[0] == "reference":
            return [sys.executable, "-m", "vmstate_conformance.testees.reference"]
        if self.word == "qemu" or self.word.startswith("qemu:"):
            return _qemu(self.word.partition(":")[2] or None)
        if self.word == "volatility3":
            if not volatility3.installed():
                raise TesteeError(volatility3.MISSING)
            return volatility3.command()
        if re.fullmatch(r"qemu-\d+\.\d+", self.word):
            return _qemu(None, self.word.removeprefix("qemu-"))
        try:
            command = shlex.split(self.word)
        except ValueError as error:
            raise TesteeError(f"--testee {self.word!r}: {error}") from None
        if not command:
            raise TesteeError("--testee names no command")
        return command

    def _starter(self) -> Starter:
        command = self.command()
        return lambda: Process(command, memory=self.memory)


def expectations(named: str | Path) -> Path:
    """Give the expectations file that is meant: the one shipped with a testee, by its word, or the file."""
    return volatility3.EXPECTATIONS if str(named) == "volatility3" else Path(named)


def _qemu(path: str | None, release: str | None = None) -> list[str]:
    try:
        module = importlib.import_module("vmstate_conformance.testees.qemu")
    except ModuleNotFoundError:
        raise TesteeError("this version cannot drive QEMU itself yet") from None
    command: list[str] = module.command(path, release)
    return command
