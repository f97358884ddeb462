# SPDX-License-Identifier: Apache-2.0
"""A QEMU process under qtest with its monitor: started, bounded, and ended for certain."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from vmstate_conformance.qemu.lines import GoneError, LateError
from vmstate_conformance.qemu.pci import Pci, pci_of
from vmstate_conformance.qemu.provision import Qemu, QemuError
from vmstate_conformance.qemu.qmp import Qmp
from vmstate_conformance.qemu.qtest import Qtest

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
#: The clock is the virtual one, which stands still, and chance is none: a machine's stream is always
#: the same, but for the offsets of the host's clocks in the section `timer`.
_COMMON: Final = (
    *("-display", "none", "-no-shutdown"),
    *("-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1"),
)
_GRACE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process may use."""

    memory: int = 8 << 30
    """Bytes of address space."""
    growth: int | None = None
    """Bytes of address space beyond what it has when the monitor greets; None: `memory` alone."""
    file: int | None = None
    """Bytes that any file may grow to, what the process prints among them."""
    start: float = 30
    """Seconds until the monitor greets."""


class Machine:
    """A running QEMU; a context manager that ends it.

    Raises `QemuError` where it does not start, with what it said.
    """

    def __init__(
        self,
        qemu: Qemu,
        arguments: Sequence[str],
        *,
        arch: str = "x86_64",
        limits: Limits | None = None,
        preload: Path | None = None,
    ) -> None:
        self.arch = arch
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        limits = limits or Limits()
        monitor, theirs = socket.socketpair()
        bus, far = socket.socketpair()
        command = qemu.command(
            *(*_COMMON, "-accel", qemu.accel, *arguments),
            # The guest of any other accelerator would run.
            *(() if qemu.accel == "qtest" else ("-S",)),
            *("-chardev", f"socket,id=vmstate-monitor,fd={theirs.fileno()}"),
            *("-qmp", "chardev:vmstate-monitor"),
            *("-chardev", f"socket,id=qtest,fd={far.fileno()}"),
            *("-qtest", "chardev:qtest", "-qtest-log", os.devnull),
            preload=preload,
        )
        environment = {**os.environ, **qemu.environment()}
        if preload is not None and qemu.sysroot is None:
            environment["LD_PRELOAD"] = str(preload)
        try:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env=environment,
                pass_fds=(theirs.fileno(), far.fileno()),
                start_new_session=True,
                preexec_fn=_prepare(limits),  # noqa: PLW1509 - no threads here
            )
        except (OSError, subprocess.SubprocessError) as error:
            self._log.close()
            monitor.close()
            bus.close()
            reason = getattr(error, "strerror", None) or error
            raise QemuError(f"{qemu.binary}: cannot be run: {reason}") from None
        finally:
            theirs.close()
            far.close()
        self.qmp = Qmp(monitor)
        self.qtest = Qtest(bus, clock=qemu.accel == "qtest")
        try:
            self.version = self.qmp.greet(limits.start)
        except (GoneError, LateError) as error:
            late = isinstance(error, LateError)
            self.close()
            said = complaint(self.said) or ("it says nothing; is it QEMU?" if late else str(error))
            raise QemuError(f"{qemu.binary}: does not start: {said}") from None
        if limits.growth is not None:
            self.bound(limits.growth)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._popen.pid

    @property
    def said(self) -> str:
        """What it printed: the last 32 KiB."""
        with contextlib.suppress(ValueError):
            size = self._log.seek(0, os.SEEK_END)
            self._log.seek(max(size - (32 << 10), 0))
            self._said = self._log.read().decode(errors="replace").strip()
        return self._said

    @cached_property
    def pci(self) -> Pci:
        """Its PCI bus. Raises `QemuError` where the architecture's is not known."""
        return pci_of(self.arch, self.qtest)

    def wait(self, timeout: float = _GRACE) -> int | None:
        """Wait for its end: its status, negative for a signal; None where it lives on."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def sample(self) -> None:
        """Let a process that has our fault reporter say, three times, where it is; others ignore it."""
        for _ in range(3):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGURG)
            time.sleep(0.1)

    def bound(self, memory: int) -> None:
        """Let it use so many bytes of address space beyond what it has used at most."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii", errors="replace")
        peak = next((int(line.split()[1]) for line in status.splitlines() if "VmPeak" in line), 0)
        limit = (peak << 10) + memory
        resource.prlimit(self.pid, resource.RLIMIT_AS, (limit, limit))

    def close(self) -> None:
        """End the process and all that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        self.qmp.close()
        self.qtest.close()
        _ = self.said
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def complaint(said: str) -> str:
    """Give the line of what a process printed that says what is wrong: the first that is no warning."""
    lines = [line for line in said.splitlines() if line.strip() and "warning:" not in line]
    return lines[0][:300] if lines else ""


def die_with_parent() -> None:
    """Let the kernel kill this process when the thread that started it ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _prepare(limits: Limits) -> Callable[[], None]:
    """Give what the child does before it becomes QEMU: bounds, and an end with its parent's."""
    parent = os.getpid()

    def prepare() -> None:
        die_with_parent()
        if os.getppid() != parent:
            os._exit(1)
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
        if limits.file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file, limits.file))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    return prepare
