# SPDX-License-Identifier: Apache-2.0
"""virtio devices with live queues, driven as a virtio 1.0 driver does."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.pci import Function
from vmstate_conformance.qemu.provision import QemuError
from vmstate_conformance.qemu.recipes.machines import PC, Q35
from vmstate_conformance.qemu.recipes.model import Recipe

_COMMON, _NOTIFY = 1, 2
_VERSION_1: Final = 1 << 32
#: Features that change how queues work or need more of a driver than is here.
_LEFT_OUT: Final = 1 << 28 | 1 << 29 | 1 << 33 | 1 << 34 | 1 << 35 | 1 << 40
_WRITABLE: Final = 2
_NEXT: Final = 1


@dataclass(slots=True)
class Queue:
    """A split virtqueue in guest memory."""

    base: int
    size: int
    notify: tuple[int, int]
    filled: int = 0
    made: int = 0


@dataclass(slots=True)
class Virtio:
    """The driver of one virtio-pci function; its memory starts at `base`."""

    machine: Machine
    function: Function
    base: int
    queues: list[Queue] = field(default_factory=list)
    _places: dict[int, tuple[int, int]] = field(default_factory=dict)
    _stride: int = 0

    def start(self, wanted: int | None = None) -> None:
        """Negotiate and set up all queues, or the first `wanted`; then DRIVER_OK."""
        self.function.enable()
        self._find()
        self._common(20, 0, 1)
        for status in (1, 3):
            self._common(20, status, 1)
        features = 0
        for half in (0, 1):
            self._common(0, half, 4)
            features |= self._read(4, 4) << 32 * half
        features = (features | _VERSION_1) & ~_LEFT_OUT
        for half in (0, 1):
            self._common(8, half, 4)
            self._common(12, features >> 32 * half & 0xFFFFFFFF, 4)
        self._common(20, 11, 1)
        if not self._read(20, 1) & 8:
            raise QemuError("the virtio device refuses the features that it offered")
        count = self._read(18, 2)
        for number in range(count if wanted is None else min(wanted, count)):
            self._queue(number)
        self._common(20, 15, 1)

    def put(
        self, number: int, parts: Sequence[tuple[bytes | int, bool]], *, ring: bool = True
    ) -> None:
        """Offer one chain: each part is bytes or a length, and whether the device may write it."""
        queue = self.queues[number]
        head = queue.filled
        for at, (content, writable) in enumerate(parts):
            length = content if isinstance(content, int) else len(content)
            place = queue.base + 0x4000 + queue.filled % 16 * 0x800
            if isinstance(content, bytes):
                self.machine.qtest.write(place, content)
            flags = (_WRITABLE if writable else 0) | (_NEXT if at + 1 < len(parts) else 0)
            entry = struct.pack("<QIHH", place, length, flags, (queue.filled + 1) % queue.size)
            self.machine.qtest.write(queue.base + 16 * (queue.filled % queue.size), entry)
            queue.filled += 1
        available = queue.base + 0x2000
        self.machine.qtest.poke(available + 4 + 2 * (queue.made % queue.size), head % queue.size, 2)
        queue.made += 1
        self.machine.qtest.poke(available + 2, queue.made & 0xFFFF, 2)
        if ring:
            bar, offset = queue.notify
            self.function.poke(bar, offset, number, 2)

    def _queue(self, number: int) -> None:
        self._common(22, number, 2)
        size = min(self._read(24, 2), 64)
        base = self.base + number * 0x10000
        self.machine.qtest.fill(base, 0x10000, 0)
        if size:
            self._common(24, size, 2)
            for register, place in ((32, 0), (40, 0x2000), (48, 0x3000)):
                self._common(register, base + place, 4)
                self._common(register + 4, 0, 4)
            self._common(28, 1, 2)
        bar, offset = self._places[_NOTIFY]
        notify = bar, offset + self._read(30, 2) * self._stride
        self.queues.append(Queue(base, max(size, 1), notify))

    def _find(self) -> None:
        for kind, at in self.function.capabilities():
            if kind == 9:
                which = self.function.read(at + 3, 1)
                place = self.function.read(at + 4, 1), self.function.read(at + 8, 4)
                self._places.setdefault(which, place)
                if which == _NOTIFY:
                    self._stride = self.function.read(at + 16, 4)
        if not {_COMMON, _NOTIFY} <= self._places.keys():
            raise QemuError("the PCI function is no virtio 1.0 device")

    def _common(self, offset: int, value: int, width: int) -> None:
        bar, start = self._places[_COMMON]
        self.function.poke(bar, start + offset, value, width)

    def _read(self, offset: int, width: int) -> int:
        bar, start = self._places[_COMMON]
        return self.function.peek(bar, start + offset, width)


def live(machine: Machine, device: int = 4, base: int = 0x200000, bus: int = 0) -> Virtio:
    """Start the device at 00:`device`.0 with all its queues."""
    virtio = Virtio(machine, machine.pci.function(device, 0, bus), base)
    virtio.start()
    return virtio


def net(machine: Machine) -> None:
    """Buffers to receive into, one packet sent, filters set through the control queue."""
    virtio = live(machine)
    for _ in range(4):
        virtio.put(0, [(1526, True)], ring=False)
    virtio.put(0, [(1526, True)])
    virtio.put(1, [(bytes(12) + b"\xff" * 6 + bytes(54), False)])
    control = len(virtio.queues) - 1
    table = struct.pack("<I", 2) + bytes(range(12)) + struct.pack("<I", 1) + b"\x01\0\x5e\0\0\1"
    virtio.put(control, [(b"\x01\x00", False), (table, False), (1, True)])
    virtio.put(control, [(b"\x02\x00", False), (struct.pack("<H", 5), False), (1, True)])


def blk(machine: Machine) -> None:
    """One request done, and one that failed and waits for the machine to go on."""
    virtio = live(machine)
    for number, sector in enumerate((0, 8)):
        request = struct.pack("<IIQ", number, 0, sector)
        virtio.put(0, [(request, False), (b"\xa5" * 512 if number else 512, not number), (1, True)])
    machine.qtest.step(1_000_000)


def scsi(machine: Machine) -> None:
    """A READ(10) done, and a WRITE(10) that failed and waits."""
    virtio = live(machine)
    for number, opcode in enumerate((0x28, 0x2A)):
        cdb = struct.pack(">BBIBHB", opcode, 0, 8 * number, 0, 1, 0).ljust(32, b"\0")
        request = b"\x01\0\x40\0\0\0\0\0" + struct.pack("<QBBB", number, 0, 0, 0) + cdb
        parts: list[tuple[bytes | int, bool]] = [(request, False)]
        parts += [(b"\x5a" * 512, False)] if number else []
        parts += [(108, True)]
        parts += [] if number else [(512, True)]
        virtio.put(2, parts)
    machine.qtest.step(1_000_000)


def serial(machine: Machine) -> None:
    """Ports opened through the control queue, data on its way."""
    virtio = live(machine)
    for _ in range(4):
        virtio.put(2, [(16, True)])
    for event, value in ((0, 1), (3, 1), (6, 1)):
        virtio.put(3, [(struct.pack("<IHH", 1, event, value), False)])
    virtio.put(4, [(256, True)])
    virtio.put(5, [(b"hello", False)])


def plain(machine: Machine) -> None:
    """Buffers on each queue that take whatever comes."""
    virtio = live(machine)
    for number in range(min(len(virtio.queues), 4)):
        virtio.put(number, [(64, True)])
    machine.qtest.step(1_000_000)


_ERRORS: Final = (
    "driver=blkdebug,node-name=e,image.driver=qcow2,image.file.driver=file,image.file.filename={disk},"
    "inject-error.0.event=none,inject-error.0.iotype=write,inject-error.0.errno=28"
)


def _virtio(
    name: str, device: str, steps: Callable[[Machine], None], *more: str, summary: str
) -> Recipe:
    return Recipe(
        f"virtio-{name}",
        summary,
        (*Q35, *more, "-device", f"{device},addr=4"),
        steps,
        focus=(f"virtio-{name}",),
    )


RECIPES: Final = (
    _virtio(
        "net",
        "virtio-net-pci,netdev=n,mq=on,vectors=8,mac=52:54:00:12:34:56,romfile=",
        net,
        *("-netdev", "hubport,id=n,hubid=0"),
        summary="virtio-net: receive buffers, MAC and VLAN filters",
    ),
    _virtio(
        "blk",
        "virtio-blk-pci,drive=e,werror=stop",
        blk,
        *("-blockdev", _ERRORS),
        summary="virtio-blk with a request that waits",
    ),
    Recipe(
        "virtio-scsi",
        "virtio-scsi with a request that waits",
        (
            *(*Q35, "-blockdev", _ERRORS, "-device", "virtio-scsi-pci,id=s,addr=4"),
            *("-device", "scsi-hd,bus=s.0,drive=e,werror=stop"),
        ),
        scsi,
        focus=("virtio-scsi", "scsi-disk"),
    ),
    Recipe(
        "virtio-serial",
        "virtio-serial with an open port",
        (
            *(*Q35, "-device", "virtio-serial-pci,id=v,addr=4", "-chardev", "null,id=c"),
            *("-device", "virtserialport,bus=v.0,nr=1,chardev=c,name=p"),
        ),
        serial,
        focus=("virtio-console",),
    ),
    _virtio("rng", "virtio-rng-pci", plain, summary="virtio-rng with a buffer to fill"),
    _virtio(
        "balloon",
        "virtio-balloon-pci,free-page-reporting=on",
        plain,
        summary="virtio-balloon with its queues",
    ),
    _virtio("input", "virtio-tablet-pci", plain, summary="virtio-input with event buffers"),
    _virtio("gpu", "virtio-gpu-pci", plain, summary="virtio-gpu with its queues"),
    _virtio("iommu", "virtio-iommu-pci", plain, summary="virtio-iommu with its queues"),
    Recipe(
        "virtio-pc",
        "transitional virtio-net on pc",
        (
            *PC,
            "-netdev",
            "hubport,id=n,hubid=0",
            "-device",
            "virtio-net-pci,netdev=n,addr=4,mac=52:54:00:12:34:56,romfile=",
        ),
        net,
        focus=("virtio-net",),
    ),
)
