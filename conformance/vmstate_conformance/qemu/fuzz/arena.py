# SPDX-License-Identifier: Apache-2.0
"""Where mutants are tried: many in one process by `loadvm`, or each in a fresh one.

The fast way overwrites the clusters of a snapshot behind QEMU's back and loads it again. It cannot
show an early end (what lies behind the stream reads as zeros), it cannot grow, and a bad load may
leave something behind; so a good one is tried every few inputs, and what is found is confirmed in a
fresh process.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from vmstate_conformance.qemu import qcow2
from vmstate_conformance.qemu.judge import (
    PRINTING,
    Machinery,
    Stage,
    Verdict,
    death,
    exercise,
    feed,
)
from vmstate_conformance.qemu.lines import GoneError, LateError
from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.provision import QemuError
from vmstate_conformance.qemu.qmp import QmpError
from vmstate_conformance.qemu.recipes.model import equip
from vmstate_conformance.qemu.streams import SNAPSHOT, savevm

GROWTH: Final = 1 << 30
#: What else `loadvm` prints are warnings.
_ERROR: Final = re.compile(r"^Error: ", re.MULTILINE)
_LIMITS: Final = replace(PRINTING, growth=GROWTH)
#: Where a machine has no disk to keep a snapshot on.
_DISK: Final = ("-drive", "if=none,id=vmstate-disk,file={diskvmstate}")


def disk(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Give the arguments with a disk to keep snapshots on."""
    return arguments if any("{disk" in each for each in arguments) else (*arguments, *_DISK)


class Arena:
    """One process, and a snapshot in it that is overwritten and loaded again and again.

    Raises `QemuError` where the machine cannot be saved, or not loaded twice.
    """

    def __init__(
        self,
        machinery: Machinery,
        steps: Callable[[Machine], None],
        library: Path,
        timeout: float,
    ) -> None:
        self._timeout = timeout
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vmstate-")))
            arguments = equip(disk(machinery.arguments), folder, machinery.qemu)
            self._machine = stack.enter_context(
                Machine(
                    machinery.qemu,
                    arguments,
                    arch=machinery.arch,
                    limits=_LIMITS,
                    preload=library,
                )
            )
            steps(self._machine)
            self._machine.qmp.execute("stop")
            self.stream, image = _snapshot(self._machine, folder, timeout)
            self._place = qcow2.snapshot(image, SNAPSHOT)
            self._image = stack.enter_context(image.open("r+b", buffering=0))
            for _ in range(2):
                if (verdict := self.attempt(self.stream)).verdict != "accepted":
                    raise QemuError(f"it cannot be loaded twice: {verdict.message}")
            self._stack = stack.pop_all()

    @property
    def room(self) -> int:
        """How many bytes a stream may have."""
        return self._place.room

    def attempt(self, data: bytes) -> Verdict:
        """Load a stream; where it is accepted, let the machine go on, reset it, and stop it."""
        self._place.write(self._image, data)
        started = time.monotonic()
        stage: Stage = "load"
        try:
            said = self._machine.qmp.hmp(f"loadvm {SNAPSHOT}", self._timeout)
            if _ERROR.search(said):
                return Verdict("rejected", said, seconds=time.monotonic() - started)
            for stage in ("cont", "reset"):
                exercise(self._machine, stage, self._timeout)
            with contextlib.suppress(QmpError):
                self._machine.qmp.execute("stop", self._timeout)
        except (GoneError, LateError) as error:
            return death(self._machine, stage, started, late=isinstance(error, LateError))
        return Verdict("accepted", seconds=time.monotonic() - started)

    def close(self) -> None:
        """End the process."""
        self._stack.close()


class Range:
    """A fresh process for each stream."""

    room: Final = 1 << 30

    def __init__(self, machinery: Machinery, library: Path, timeout: float) -> None:
        self._machinery = machinery
        self._library = library
        self._timeout = timeout

    def attempt(self, data: bytes) -> Verdict:
        """Feed a stream to a process of its own; where it is accepted, let it go on, and reset it."""
        with tempfile.TemporaryDirectory(prefix="vmstate-") as name:
            file = Path(name) / "stream.bin"
            file.write_bytes(data)
            return feed(
                self._machinery,
                file,
                timeout=self._timeout,
                drive=True,
                limits=_LIMITS,
                preload=self._library,
            )

    def close(self) -> None:
        """Nothing to end."""


def _snapshot(machine: Machine, folder: Path, timeout: float) -> tuple[bytes, Path]:
    """Make a snapshot; QEMU keeps its stream on the first disk that can."""
    images = sorted(folder.glob("*.qcow2"))
    first, *others = images
    try:
        return savevm(machine, first, timeout), first
    except QemuError:
        for image in others:
            with contextlib.suppress(QemuError), image.open("rb") as file:
                place = qcow2.snapshot(image, SNAPSHOT)
                if place.size:
                    return place.read(file), image
        raise
