# SPDX-License-Identifier: Apache-2.0
"""Feeding a stream to a fresh process, and what came of it."""

from __future__ import annotations

import re
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from vmstate_conformance.qemu.lines import GoneError, LateError
from vmstate_conformance.qemu.machine import Limits, Machine
from vmstate_conformance.qemu.provision import Qemu
from vmstate_conformance.qemu.recipes.model import equip
from vmstate_conformance.qemu.streams import load

Kind = Literal["accepted", "rejected", "crashed", "hung", "blown-up"]
Stage = Literal["load", "reset", "cont"]

_ASSERTIONS: Final = (
    re.compile(r"ERROR:(\S+?:\d+:\S*?:? assertion failed.*)"),
    re.compile(r"(\S+:\d+: .*Assertion [`'].*failed\.)"),
    re.compile(r"(\S+:\d+:.*: should not be reached)"),
    re.compile(r"((?:qemu: )?hw_?error: .*|qemu: hardware error: .*)"),
)
_MEMORY: Final = re.compile(r"failed to allocate \d+ bytes|[Cc]annot allocate memory|out of memory")
_NOISE: Final = re.compile(r"^\S*qemu-system-\S*: (warning: )?|-incoming \S+: ")


@dataclass(frozen=True, slots=True)
class Machinery:
    """What a stream is fed to: a binary and its arguments."""

    qemu: Qemu
    arguments: tuple[str, ...]
    arch: str = "x86_64"
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a process that was fed a stream."""

    verdict: Kind
    message: str = ""
    """QEMU's reason, the assertion, or the signal."""
    stage: Stage = "load"
    """What it was doing: loading, or afterwards what it was told to do."""
    signal: int = 0
    seconds: float = 0.0

    def row(self) -> dict[str, Any]:
        """Give it as a JSON object."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}


def feed(
    machinery: Machinery,
    stream: Path,
    *,
    timeout: float = 20,
    drive: bool = False,
    limits: Limits | None = None,
    preload: Path | None = None,
) -> Verdict:
    """Feed a file to a fresh process; where it accepts, `drive` resets the machine and lets it go on.

    Raises `QemuError` where the process does not even start.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vmstate-") as name:
        arguments = [*equip(machinery.arguments, Path(name)), "-S", "-incoming", "defer"]
        with Machine(
            machinery.qemu, arguments, arch=machinery.arch, limits=limits, preload=preload
        ) as machine:
            stage: Stage = "load"
            try:
                reason = load(machine, stream, machinery.capabilities, timeout)
                if reason is None and drive:
                    for stage in ("cont", "reset"):
                        exercise(machine, stage, timeout)
            except (GoneError, LateError) as error:
                kind, message, number = death(machine, late=isinstance(error, LateError))
                return Verdict(kind, message, stage, number, time.monotonic() - started)
            seconds = time.monotonic() - started
            if reason is None:
                return Verdict("accepted", seconds=seconds)
            return Verdict("rejected", reason, seconds=seconds)


def exercise(machine: Machine, stage: Stage, timeout: float) -> None:
    """Let a machine do what a loaded machine does next. Raises `GoneError`, `LateError`."""
    if stage == "reset":
        machine.qmp.execute("system_reset", timeout)
        machine.qmp.event("RESET", timeout)
    else:
        machine.qmp.execute("cont", timeout)
        machine.qtest.step(10_000_000)
    machine.qmp.execute("query-status", timeout)


def death(machine: Machine, *, late: bool) -> tuple[Kind, str, int]:
    """Say how a process ended that no longer answers: the verdict, what is known, the signal."""
    if late:
        return "hung", "it does not answer", 0
    status = machine.wait(5)
    said = machine.said
    if status is None:
        return "hung", "it closed its monitor and lives on", 0
    if _MEMORY.search(said):
        return "blown-up", reason(said), max(-status, 0)
    if status < 0:
        return "crashed", reason(said) or f"signal {-status}", -status
    return ("crashed" if status else "rejected"), reason(said) or f"exit status {status}", 0


def reason(said: str) -> str:
    """Give the assertion in what a process printed, else its last line."""
    for pattern in _ASSERTIONS:
        if found := pattern.search(said):
            return found[1]
    lines = said.splitlines()
    return _NOISE.sub("", lines[-1]) if lines else ""
