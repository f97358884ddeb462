# SPDX-License-Identifier: Apache-2.0
"""Feeding a stream to a fresh process, and what came of it."""

from __future__ import annotations

import contextlib
import re
import signal
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from vmstate_conformance.qemu.lines import GoneError, LateError
from vmstate_conformance.qemu.machine import Limits, Machine
from vmstate_conformance.qemu.provision import Qemu
from vmstate_conformance.qemu.qmp import QmpError
from vmstate_conformance.qemu.recipes.model import equip
from vmstate_conformance.qemu.streams import load

Kind = Literal["accepted", "rejected", "crashed", "hung", "blown-up"]
Stage = Literal["load", "reset", "cont"]

_ASSERTIONS: Final = (
    re.compile(r"ERROR:(\S+?:\d+:.*)"),
    re.compile(r"(\S+:\d+: .*Assertion [`'].*failed\.)"),
    re.compile(r"(\S+:\d+:.*: should not be reached)"),
    re.compile(r"((?:qemu: )?hw_?error: .*|qemu: hardware error: .*)"),
)
_MEMORY: Final = re.compile(r"failed to allocate \d+ bytes|[Cc]annot allocate memory|out of memory")
_NOISE: Final = re.compile(r"^\S*qemu-system-\S*: (warning: )?|-incoming \S+: ")


#: A process that prints without end is ended.
PRINTING: Final = Limits(file=256 << 20)


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
    said: str = ""
    """What the process printed, where it did not survive."""

    def row(self) -> dict[str, Any]:
        """Give it as a JSON object, without what was printed."""
        row = {**asdict(self), "seconds": round(self.seconds, 3)}
        del row["said"]
        return row

    @property
    def bad(self) -> bool:
        """Whether the process did not survive it."""
        return self.verdict not in {"accepted", "rejected"}


def feed(
    machinery: Machinery,
    stream: Path,
    *,
    timeout: float = 20,
    drive: bool = False,
    limits: Limits = PRINTING,
    preload: Path | None = None,
) -> Verdict:
    """Feed a file to a fresh process; where it accepts, `drive` resets the machine and lets it go on.

    Raises `QemuError` where the process does not even start.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vmstate-") as name:
        arguments = [
            *equip(machinery.arguments, Path(name), machinery.qemu),
            "-S",
            "-incoming",
            "defer",
        ]
        with Machine(
            machinery.qemu, arguments, arch=machinery.arch, limits=limits, preload=preload
        ) as machine:
            stage: Stage = "load"
            try:
                reason = load(machine, stream, machinery.capabilities, timeout)
                if reason is None and drive:
                    for stage in ("cont", "reset"):
                        exercise(machine, stage, timeout)
                    machine.qmp.execute("query-status", timeout)
            except (GoneError, LateError) as error:
                return death(machine, stage, started, late=isinstance(error, LateError))
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
        with contextlib.suppress(QmpError):
            machine.qmp.execute("cont", timeout)
        machine.qtest.step(10_000_000)


def death(machine: Machine, stage: Stage, started: float, *, late: bool) -> Verdict:
    """Say what became of a process that no longer answers."""
    if late:
        machine.sample()
    status = None if late else machine.wait(5)
    said = machine.said
    kind: Kind = "crashed"
    number = 0
    if status is None:
        kind, message = "hung", "it does not answer"
    elif status < 0:
        number = -status
        kind = "blown-up" if _MEMORY.search(said) or number == signal.SIGXFSZ else "crashed"
        message = reason(said) or f"signal {number}"
        if number == signal.SIGXFSZ:
            message = "it prints without end"
    elif stage == "load":
        # A handler that ends the process on purpose: QEMU's older way to say no.
        kind, message = "rejected", reason(said) or f"exit status {status}"
    else:
        message = f"it ends with status {status}: {reason(said)}"
    return Verdict(kind, message, stage, number, time.monotonic() - started, said)


def reason(said: str) -> str:
    """Give the assertion in what a process printed, else its last line that is not ours."""
    if asserted := assertion(said):
        return asserted
    lines = [line for line in said.splitlines() if line and not line.startswith("vmstate-")]
    return _NOISE.sub("", lines[-1]) if lines else ""


def assertion(said: str) -> str:
    """Give the assertion in what a process printed, empty where there is none."""
    return next((found[1] for each in _ASSERTIONS if (found := each.search(said))), "")
