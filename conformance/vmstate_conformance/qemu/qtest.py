# SPDX-License-Identifier: Apache-2.0
"""The qtest protocol: a machine without a processor, whose bus we drive ourselves."""

from __future__ import annotations

import socket
import time
from typing import Final

from vmstate_conformance.qemu.lines import GoneError, Lines
from vmstate_conformance.qemu.provision import QemuError

_WIDTHS: Final = {1: "b", 2: "w", 4: "l", 8: "q"}
_CHUNK: Final = 1 << 15


class QtestError(QemuError):
    """QEMU refused a line."""


class Qtest:
    """The qtest server behind a connected socket. Values are in the guest's own byte order."""

    def __init__(self, sock: socket.socket, timeout: float = 30, *, clock: bool = True) -> None:
        self._lines = Lines(sock, "its qtest socket")
        self._timeout = timeout
        self._clock = clock

    def ask(self, line: str) -> list[str]:
        """Send a line; give the words after `OK`. Raises `QtestError`, `GoneError`, `LateError`."""
        self._lines.send(line, self._timeout)
        deadline = time.monotonic() + self._timeout
        while (words := self._lines.receive(deadline).split())[:1] == ["IRQ"]:
            pass
        if words[:1] != ["OK"]:
            raise QtestError(f"qtest: {line.split(maxsplit=1)[0]}: {' '.join(words)}")
        return words[1:]

    def out(self, port: int, value: int, width: int = 1) -> None:
        """Write to an I/O port; `width` is 1, 2 or 4 bytes."""
        self.ask(f"out{_WIDTHS[width]} {port:#x} {value:#x}")

    def inp(self, port: int, width: int = 1) -> int:
        """Read an I/O port."""
        return self._number(f"in{_WIDTHS[width]} {port:#x}")

    def poke(self, address: int, value: int, width: int = 4) -> None:
        """Write to memory or to a device's registers; `width` is 1, 2, 4 or 8 bytes."""
        self.ask(f"write{_WIDTHS[width]} {address:#x} {value:#x}")

    def peek(self, address: int, width: int = 4) -> int:
        """Read memory or a device's register."""
        return self._number(f"read{_WIDTHS[width]} {address:#x}")

    def write(self, address: int, data: bytes) -> None:
        """Write bytes."""
        for start in range(0, len(data), _CHUNK):
            part = data[start : start + _CHUNK]
            self.ask(f"write {address + start:#x} {len(part):#x} 0x{part.hex()}")

    def read(self, address: int, length: int) -> bytes:
        """Read bytes."""
        words = self.ask(f"read {address:#x} {length:#x}")
        try:
            return bytes.fromhex(words[0].removeprefix("0x"))
        except (IndexError, ValueError):
            raise GoneError(f"qtest gave no bytes: {words}") from None

    def fill(self, address: int, length: int, value: int) -> None:
        """Fill memory with one byte."""
        self.ask(f"memset {address:#x} {length:#x} {value:#x}")

    def step(self, nanoseconds: int | None = None) -> None:
        """Let virtual time pass: so much, or up to the next timer. Without a clock it stands still."""
        if self._clock:
            self.ask("clock_step" if nanoseconds is None else f"clock_step {nanoseconds}")

    def close(self) -> None:
        """Close our side."""
        self._lines.close()

    def _number(self, line: str) -> int:
        words = self.ask(line)
        try:
            return int(words[0], 0)
        except (IndexError, ValueError):
            raise GoneError(f"qtest gave no number: {words}") from None
