# SPDX-License-Identifier: Apache-2.0
"""Lines to and from a QEMU process over a socket, each wait with its deadline."""

from __future__ import annotations

import socket
import time
from typing import Final

from vmstate_conformance.qemu.provision import QemuError

_LONGEST: Final = 64 << 20


class GoneError(QemuError):
    """The process has ended, or closed its side."""


class LateError(QemuError):
    """The process did not answer in time: it hangs, or is slow."""


class Lines:
    """One connected stream socket, spoken to in lines of UTF-8."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        self._socket = sock
        self._name = name
        self._rest = bytearray()
        self._seen = 0

    def send(self, line: str, timeout: float = 30) -> None:
        """Send one line. Raises `GoneError`, or `LateError` where it is not taken in `timeout` s."""
        self._socket.settimeout(timeout)
        try:
            self._socket.sendall(line.encode() + b"\n")
        except TimeoutError:
            raise LateError(f"QEMU takes nothing from {self._name}") from None
        except OSError:
            raise GoneError(f"QEMU closed {self._name}") from None

    def receive(self, deadline: float) -> str:
        """Give the next line, without its end; `deadline` is a time of `time.monotonic`.

        Raises `GoneError` at the end, `LateError` at the deadline.
        """
        while (end := self._rest.find(b"\n", self._seen)) < 0:
            self._seen = len(self._rest)
            if self._seen > _LONGEST:
                raise GoneError(f"QEMU sends no end of line on {self._name}")
            self._socket.settimeout(max(deadline - time.monotonic(), 1e-4))
            try:
                part = self._socket.recv(1 << 16)
            except TimeoutError:
                raise LateError(f"QEMU does not answer on {self._name}") from None
            except OSError:
                part = b""
            if not part:
                raise GoneError(f"QEMU closed {self._name}")
            self._rest += part
        line = bytes(self._rest[:end])
        del self._rest[: end + 1]
        self._seen = 0
        return line.decode(errors="replace").rstrip("\r")

    def close(self) -> None:
        """Close our side."""
        self._socket.close()
