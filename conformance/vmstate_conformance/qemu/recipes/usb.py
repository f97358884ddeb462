# SPDX-License-Identifier: Apache-2.0
"""USB host controllers with devices on them."""

from __future__ import annotations

import struct
from typing import Final

from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.pci import Function
from vmstate_conformance.qemu.recipes.machines import PC, Q35
from vmstate_conformance.qemu.recipes.model import Recipe

_DEVICES: Final = ("-device", "usb-tablet,bus=u.0", "-device", "usb-kbd,bus=u.0")
_MORE: Final = (
    *("-device", "usb-mouse,bus=u.0", "-device", "usb-hub,bus=u.0"),
    *("-drive", "if=none,id=d,file={disk}", "-device", "usb-storage,drive=d,bus=u.0"),
    *("-device", "usb-ccid,bus=u.0"),
)
_ENABLE_SLOT, _ADDRESS, _CONFIGURE = 9, 11, 12
_SLOTS: Final = 2


def xhci(machine: Machine) -> None:
    """Rings in place, running; two slots enabled and their devices addressed."""
    device = machine.pci.function(4)
    device.enable()
    device.msix()
    operational = device.peek(0, 0, 1)
    doorbells, runtime = device.peek(0, 0x14), device.peek(0, 0x18)
    qtest = machine.qtest
    qtest.fill(0x300000, 0x20000, 0)
    qtest.write(0x302000, struct.pack("<QII", 0x303000, 64, 0))
    ports = [
        port for port in range(1, 9) if device.peek(0, operational + 0x400 + 16 * (port - 1)) & 1
    ]
    for register, value in ((0x38, 8), (0x30, 0x300000), (0x34, 0), (0x18, 0x301001), (0x1C, 0)):
        device.poke(0, operational + register, value)
    for register, value in (
        (8, 1),
        (0x18, 0x303000),
        (0x1C, 0),
        (0x10, 0x302000),
        (0x14, 0),
        (0, 2),
    ):
        device.poke(0, runtime + 0x20 + register, value)
    device.poke(0, operational, 5)
    at = 0x301000
    for slot, port in enumerate(ports[:_SLOTS], 1):
        register = operational + 0x400 + 16 * (port - 1)
        device.poke(0, register, device.peek(0, register) | 0x10)
        speed = device.peek(0, register) >> 10 & 15
        context = 0x308000 + 0x2000 * slot
        qtest.poke(0x300000 + 8 * slot, context + 0x1000, 8)
        qtest.write(context, struct.pack("<II", 0, 3))
        qtest.write(context + 0x20, struct.pack("<II", 1 << 27 | speed << 20, port << 16))
        ring = 0x318000 + 0x1000 * slot
        qtest.write(
            context + 0x40, struct.pack("<IIQI", 0, 4 << 3 | 3 << 1 | 64 << 16, ring | 1, 8)
        )
        for kind, pointer in ((_ENABLE_SLOT, 0), (_ADDRESS, context)):
            control = kind << 10 | 1 | (slot << 24 if pointer else 0)
            qtest.write(at, struct.pack("<QII", pointer, 0, control))
            at += 16
            device.poke(0, doorbells, 0)
            qtest.step(1_000_000)


def ehci(machine: Machine) -> None:
    """Schedules in place and running, a port reset."""
    device = _open(machine)
    qtest = machine.qtest
    qtest.fill(0x300000, 0x1000, 1)
    qtest.write(0x301000, struct.pack("<IIIIIII", 0x301002, 0x8000, 0, 1, 1, 0x40, 0))
    base = device.peek(0, 0, 1)
    for register, value in ((0x14, 0x300000), (0x18, 0x301000), (0x40, 1), (0x08, 0x3F)):
        device.poke(0, base + register, value)
    device.poke(0, base, 0x80031)
    qtest.step(4_000_000)
    device.poke(0, base + 0x44, 0x1100)


def uhci(machine: Machine) -> None:
    """A frame list of nothing, running; ports enabled."""
    device = _open(machine)
    machine.qtest.write(0x300000, struct.pack("<I", 1) * 1024)
    for register, value, width in ((8, 0x300000, 4), (0x10, 0x4, 2), (4, 0xF, 2), (0, 0xC1, 2)):
        device.poke(4, register, value, width)
    machine.qtest.step(5_000_000)


def ohci(machine: Machine) -> None:
    """The communications area in place, operational."""
    device = _open(machine)
    machine.qtest.fill(0x300000, 0x1000, 0)
    for register, value in (
        (0x18, 0x300000),
        (0x34, 0x27782EDF),
        (0x40, 0x2A2F),
        (0x10, 0x80000042),
    ):
        device.poke(0, register, value)
    device.poke(0, 0x04, 0xBC)
    machine.qtest.step(5_000_000)


def _open(machine: Machine) -> Function:
    device = machine.pci.function(4)
    device.enable()
    return device


RECIPES: Final = (
    Recipe(
        "xhci",
        "xHCI with two devices addressed",
        (*Q35, "-device", "qemu-xhci,id=u,addr=4", *_DEVICES, *_MORE),
        xhci,
        focus=("usb", "xhci"),
    ),
    Recipe(
        "ehci",
        "EHCI with its schedules running",
        (*Q35, "-device", "usb-ehci,id=u,addr=4", *_DEVICES, *_MORE[4:8]),
        ehci,
        focus=("usb", "ehci"),
    ),
    Recipe(
        "uhci",
        "UHCI with its frame list running",
        (*PC, "-device", "piix3-usb-uhci,id=u,addr=4", *_DEVICES),
        uhci,
        focus=("usb", "uhci"),
    ),
    Recipe(
        "ohci",
        "OHCI operational",
        (*PC, "-device", "pci-ohci,id=u,addr=4", *_DEVICES),
        ohci,
        focus=("usb", "ohci"),
    ),
)
