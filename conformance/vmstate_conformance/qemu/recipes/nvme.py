# SPDX-License-Identifier: Apache-2.0
"""NVMe: enabled, with I/O queues, with Asynchronous Event Requests outstanding."""

from __future__ import annotations

import struct
import time
from typing import Final

from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.pci import Function
from vmstate_conformance.qemu.provision import QemuError
from vmstate_conformance.qemu.recipes.machines import Q35, SMALL
from vmstate_conformance.qemu.recipes.model import Recipe

DEVICE: Final = ("-drive", "file={disk},if=none,id=d", "-device", "nvme,serial=s,drive=d,addr=4")
_CC, _CSTS, _AQA, _ASQ, _ACQ, _DOORBELLS = 0x14, 0x1C, 0x24, 0x28, 0x30, 0x1000
_DELETE_SQ, _CREATE_SQ, _CREATE_CQ, _AER = 0x00, 0x01, 0x05, 0x0C
_DEPTH: Final = 32


class Controller:
    """An enabled controller; its queues lie in guest memory from 1 MiB on."""

    def __init__(self, machine: Machine, function: Function, base: int = 0x100000) -> None:
        self._qtest = machine.qtest
        self._function = function
        self._base = base
        self._tail = 0
        function.enable()
        function.poke(0, _AQA, (_DEPTH - 1) << 16 | (_DEPTH - 1))
        for register, address in ((_ASQ, base), (_ACQ, base + 0x1000)):
            function.poke(0, register, address)
            function.poke(0, register + 4, 0)
        function.poke(0, _CC, 1 | 6 << 16 | 4 << 20)
        deadline = time.monotonic() + 10
        while not function.peek(0, _CSTS) & 1:
            if time.monotonic() > deadline:
                raise QemuError("the NVMe controller does not become ready")

    def admin(self, opcode: int, prp: int = 0, cdw10: int = 0, cdw11: int = 0) -> None:
        """Put a command on the admin queue and ring."""
        command = struct.pack(
            "<IIQQQQIIIIII", opcode | self._tail << 16, 0, 0, 0, prp, 0, cdw10, cdw11, 0, 0, 0, 0
        )
        self._qtest.write(self._base + 64 * self._tail, command)
        self._tail = (self._tail + 1) % _DEPTH
        self._function.poke(0, _DOORBELLS, self._tail)
        self._qtest.step(1_000_000)

    def queues(self, count: int) -> None:
        """Create `count` pairs of I/O queues, 16 entries each."""
        for number in range(1, count + 1):
            place = self._base + 0x2000 * number
            size = 15 << 16 | number
            self.admin(_CREATE_CQ, place, size, 1)
            self.admin(_CREATE_SQ, place + 0x1000, size, number << 16 | 1)

    def events(self, count: int) -> None:
        """Leave `count` Asynchronous Event Requests outstanding."""
        for _ in range(count):
            self.admin(_AER)


def enabled(machine: Machine) -> None:
    """Enable the controller: its admin queues are there."""
    Controller(machine, machine.pci.function(4))


def queues(machine: Machine) -> None:
    """Enable it and create two pairs of I/O queues."""
    Controller(machine, machine.pci.function(4)).queues(2)


def events(machine: Machine) -> None:
    """Enable it, create two pairs of I/O queues and leave three events outstanding."""
    controller = Controller(machine, machine.pci.function(4))
    controller.queues(2)
    controller.events(3)


RECIPES: Final = (
    Recipe("nvme-off", "an NVMe controller as it starts", (*Q35, *DEVICE), focus=("nvme",)),
    Recipe("nvme-enabled", "its admin queues are there", (*Q35, *DEVICE), enabled, focus=("nvme",)),
    Recipe("nvme", "I/O queues, and events outstanding", (*Q35, *DEVICE), events, focus=("nvme",)),
    Recipe(
        "nvme-savevm",
        "an internal snapshot of an NVMe controller with I/O queues",
        (*Q35, *DEVICE),
        queues,
        via="savevm",
        focus=("nvme",),
    ),
    Recipe(
        "aarch64-nvme",
        "an NVMe controller on the Arm virt machine",
        ("-M", "virt", "-cpu", "cortex-a57", *SMALL, *DEVICE),
        arch="aarch64",
        focus=("nvme",),
    ),
)
