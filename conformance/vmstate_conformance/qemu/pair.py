# SPDX-License-Identifier: Apache-2.0
"""Two machines, and whatever one sends the other on the way: streams that no file ever holds."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.provision import QemuError
from vmstate_conformance.qemu.streams import prepare

_MAGIC: Final = b"QEVM"
_PIECE: Final = 1 << 16


class Recorder:
    """Passes connections at `near` on to `far`, and keeps what comes in on each."""

    def __init__(self, near: Path, far: Path) -> None:
        self._far = far
        self._kept: list[bytearray] = []
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(near))
        self._listener.listen(16)
        self._start(self._accept)

    @property
    def channels(self) -> list[bytes]:
        """What came in, the main channel first. Raises `QemuError` where there is none."""
        channels = sorted(map(bytes, self._kept), key=lambda each: not each.startswith(_MAGIC))
        if not channels or not channels[0].startswith(_MAGIC):
            raise QemuError("no stream came over the socket")
        return channels

    def close(self, grace: float = 5) -> None:
        """Wait until both sides are done, then close everything."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        deadline = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Where something went wrong already, nobody is going to finish.
        self.close(5 if kind is None else 0)

    def _start(self, what: object, *arguments: object) -> None:
        assert callable(what)
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sender, _ = self._listener.accept()
            except OSError:
                return
            receiver = socket.socket(socket.AF_UNIX)
            self._open += [sender, receiver]
            try:
                receiver.connect(str(self._far))
            except OSError:
                sender.close()
                continue
            kept = bytearray()
            self._kept.append(kept)
            self._start(self._pass, sender, receiver, kept)
            self._start(self._pass, receiver, sender, None)

    def _pass(self, source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                if kept is not None:
                    kept += piece
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)


def migrate(
    source: Machine,
    target: Machine,
    folder: Path,
    *,
    capabilities: Sequence[str],
    parameters: Mapping[str, int | str],
    postcopy: bool = False,
    timeout: float = 60,
) -> list[bytes]:
    """Migrate one machine to another that waits with `-incoming defer`; give all channels.

    With `postcopy`, RAM is left behind and fetched by the target. Raises `QemuError`.
    """
    near, far = folder / "near", folder / "far"
    for machine in (source, target):
        prepare(machine, capabilities, parameters)
    target.qmp.execute("migrate-incoming", uri=f"unix:{far}")
    with Recorder(near, far) as recorder:
        if not postcopy:
            source.qmp.execute("stop")
        source.qmp.execute("migrate", uri=f"unix:{near}")
        if postcopy:
            _until(source, "active", timeout)
            source.qmp.execute("migrate-start-postcopy")
        for machine in (source, target):
            _until(machine, "completed", timeout)
    return recorder.channels


def _until(machine: Machine, wanted: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        status = machine.qmp.event("MIGRATION", left)["status"]
        if status == wanted:
            return
        if status in {"failed", "cancelled", "completed"}:
            told = machine.qmp.execute("query-migrate")
            raise QemuError(f"the migration is {status}: {told.get('error-desc', '')}")
    raise QemuError(f"the migration does not become {wanted}")
