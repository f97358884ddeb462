# SPDX-License-Identifier: Apache-2.0
"""From the word after --testee to something that can be asked."""

from __future__ import annotations

import importlib
import shlex
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from vmstate_conformance.cases import Case
from vmstate_conformance.testees.process import Process, TesteeError
from vmstate_conformance.testees.session import Session, Starter, Timing


class Asked(Protocol):
    """Runs cases of one dialect and profile."""

    def speaks(self) -> bool:
        """Whether the testee knows the dialect."""

    def run(self, cases: Iterable[Case]) -> Iterator[tuple[Case, dict[str, Any]]]:
        """Give each case with its result."""

    def close(self) -> None:
        """End the conversation."""


@dataclass(slots=True)
class InProcess:
    """The reference without a pipe. It must give the same rows."""

    dialect: str
    profile: str

    def speaks(self) -> bool:
        """Whether the reference knows the dialect."""
        from vmstate.dialects import DIALECTS  # noqa: PLC0415 - not needed for other testees

        return self.dialect in DIALECTS

    def run(self, cases: Iterable[Case]) -> Iterator[tuple[Case, dict[str, Any]]]:
        """Perform each case."""
        from vmstate_conformance.testees.reference import Reference  # noqa: PLC0415

        reference = Reference()
        reference.config = {"dialect": self.dialect, "profile": self.profile}
        for case in cases:
            yield case, reference.run({"id": 0, **case.request})

    def close(self) -> None:
        """Nothing to end."""


@dataclass(frozen=True, slots=True)
class Testee:
    """A testee by the word that names it."""

    word: str
    timing: Timing

    def ask(self, dialect: str, profile: str) -> Asked:
        """Prepare a conversation. Raises `TesteeError`."""
        if self.word == "reference:in-process":
            return InProcess(dialect, profile)
        return Session(self._starter(), dialect, profile, self.timing)

    def _starter(self) -> Starter:
        if self.word == "reference":
            command = [sys.executable, "-m", "vmstate_conformance.testees.reference"]
            return lambda: Process(command)
        if self.word == "qemu" or self.word.startswith("qemu:"):
            return _qemu(self.word.partition(":")[2] or None)
        try:
            command = shlex.split(self.word)
        except ValueError as error:
            raise TesteeError(f"--testee {self.word!r}: {error}") from None
        if not command:
            raise TesteeError("--testee names no command")
        return lambda: Process(command)


def _qemu(path: str | None) -> Starter:
    try:
        module = importlib.import_module("vmstate_conformance.testees.qemu")
    except ModuleNotFoundError:
        raise TesteeError("this version cannot drive QEMU itself yet") from None
    command = module.command(path)
    return lambda: Process(command)
