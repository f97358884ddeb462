# SPDX-License-Identifier: Apache-2.0
"""QMP, QEMU's monitor: one command at a time, and the events between."""

from __future__ import annotations

import json
import socket
import time
from collections import deque
from typing import Any

from vmstate_conformance.qemu.lines import GoneError, Lines
from vmstate_conformance.qemu.provision import QemuError


class QmpError(QemuError):
    """A command was refused: `str()` is QEMU's own description."""


class Qmp:
    """The monitor behind a connected socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._lines = Lines(sock, "its monitor")
        self._events: deque[dict[str, Any]] = deque(maxlen=1000)

    def greet(self, timeout: float = 30) -> str:
        """Wait for the greeting and answer it; give the version, like `11.1.3`."""
        deadline = time.monotonic() + timeout
        while "QMP" not in (greeting := self._message(deadline)):
            pass
        self.execute("qmp_capabilities", timeout=timeout)
        try:
            version = greeting["QMP"]["version"]["qemu"]
            return f"{version['major']}.{version['minor']}.{version['micro']}"
        except (KeyError, TypeError):
            raise GoneError(f"the monitor's greeting is none of QEMU's: {greeting}") from None

    def execute(self, command: str, timeout: float = 30, **arguments: Any) -> Any:
        """Run a command and give what it returns; a dash of an argument's name is written `_`.

        Raises `QmpError` where QEMU refuses, `GoneError` where it dies, `LateError`.
        """
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        self._lines.send(json.dumps({"execute": command, "arguments": named}), timeout)
        deadline = time.monotonic() + timeout
        while True:
            message = self._message(deadline)
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise QmpError(str(message["error"].get("desc", message["error"])))
            self._events.append(message)

    def hmp(self, line: str, timeout: float = 30) -> str:
        """Run a line of the human monitor; give what it prints."""
        shown = self.execute("human-monitor-command", timeout, command_line=line)
        return str(shown).strip()

    def event(self, name: str, timeout: float = 30) -> dict[str, Any]:
        """Wait for the next event called `name` and give its data; others are dropped."""
        deadline = time.monotonic() + timeout
        while True:
            message = self._events.popleft() if self._events else self._message(deadline)
            if message.get("event") == name:
                data: dict[str, Any] = message.get("data", {})
                return data

    def close(self) -> None:
        """Close our side."""
        self._lines.close()

    def _message(self, deadline: float) -> dict[str, Any]:
        line = self._lines.receive(deadline)
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise GoneError(f"the monitor speaks no QMP: {line[:80]!r}")
        return message
