# SPDX-License-Identifier: Apache-2.0
"""Blocks of RAM, and how one is resized: qemu_ram_resize() in system/physmem.c."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from vmstate.container.model import PayloadError
from vmstate.container.payloads import runs
from vmstate.errors import EINVAL

_WORD: Final = (1 << 64) - 1


@dataclass(slots=True, eq=False)
class Block:
    """QEMU's RAMBlock: `memory` is as long as it can become, `used` of it counts."""

    name: str
    memory: bytearray
    used: int
    step: int
    """What its length is a multiple of."""
    resizable: bool = False
    migratable: bool = True
    shared: bool = False
    address: int = 0

    def resize(self, length: int) -> None:
        """Take over the length of the other side. [RAM-LENGTH-1] [RAM-LENGTH-2] [RAM-LENGTH-3]"""
        # The sum overflows as QEMU's does, so that the greatest lengths come out as 0.
        new = (length + self.step - 1 & _WORD) // self.step * self.step
        if new == self.used:
            return
        if not self.resizable:
            told = f"Size mismatch: {self.name}: 0x{new:x} != 0x{self.used:x}: Invalid argument"
            raise PayloadError("payload-length", EINVAL, told)
        most = len(self.memory)
        if new > most:
            told = f"Size too large: {self.name}: 0x{new:x} > 0x{most:x}: Invalid argument"
            raise PayloadError("payload-length", EINVAL, told)
        self.used = new

    def state(self) -> dict[str, Any]:
        """Give it in the form of a request."""
        given: dict[str, Any] = {"name": self.name, "memory": runs.show(self.memory[: self.used])}
        if self.resizable:
            given["max_length"] = str(len(self.memory))
        if not self.migratable:
            given["migratable"] = False
        if self.shared:
            given["shared"] = True
        if self.address:
            given["address"] = str(self.address)
        return given
