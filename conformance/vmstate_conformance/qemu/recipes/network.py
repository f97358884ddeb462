# SPDX-License-Identifier: Apache-2.0
"""Network cards, each in the middle of something."""

from __future__ import annotations

import struct
from typing import Final

from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.recipes.devices import only, opened, pci
from vmstate_conformance.qemu.recipes.machines import PC

_NET: Final = ("-netdev", "hubport,id=n,hubid=0")
_MAC: Final = "netdev=n,mac=52:54:00:12:34:56,romfile="


def e1000(machine: Machine) -> None:
    """Rings in place, a packet with a checksum context under way, filters set."""
    device = opened(machine)
    registers = {
        0x0000: 0x40241, 0x5400: 0x12005452, 0x5404: 0x80005634, 0x5200: 0x11111111,
        0x5600: 0x80000001, 0x00D0: 0x9D, 0x00C4: 0x1000,
        0x2800: 0x300000, 0x2804: 0, 0x2808: 0x400, 0x2810: 0, 0x2818: 63, 0x2820: 8,
        0x3800: 0x301000, 0x3804: 0, 0x3808: 0x400, 0x3810: 0,
        0x0100: 0x8202, 0x0400: 0x103F0FA,
    }  # fmt: skip
    for register, value in registers.items():
        device.poke(0, register, value)
    context = struct.pack("<BBHBBHIBBH", 14, 24, 33, 34, 50, 0, 0x27000040, 0, 54, 1460)
    data = struct.pack("<QIBBH", 0x302000, 0x26100040, 0, 3, 0)
    machine.qtest.write(0x301000, context + data)
    device.poke(0, 0x3818, 2)
    machine.qtest.step(1_000_000)


def igb(machine: Machine) -> None:
    """Queues of a newer kind, virtual functions switched on."""
    e1000(machine)
    device = machine.pci.function(4)
    at = 0x100
    while at:
        header = device.read(at)
        if header & 0xFFFF == 0x10:
            device.write(at + 0x10, 2, 2)
            device.write(at + 0x08, 9, 2)
        at = header >> 20


def rtl8139(machine: Machine) -> None:
    """Receiving and sending, within C+ mode."""
    device = opened(machine)
    for register, value, width in (
        *((0x37, 0x10, 1), (0x37, 0x0C, 1), (0x50, 0xC0, 1), (0x30, 0x300000, 4)),
        *((0x44, 0xF70F, 4), (0x40, 0x700, 4), (0xE0, 0x2B, 2), (0x3C, 0xFFFF, 2)),
        *((0x20, 0x302000, 4), (0x10, 0x2000 | 64, 4), (0x54, 1000, 4), (0x48, 0, 4)),
    ):
        device.poke(0, register, value, width)
    machine.qtest.step(1_000_000)


def pcnet(machine: Machine) -> None:
    """An initialised LANCE."""
    device = opened(machine)
    machine.qtest.write(
        0x300000, struct.pack("<HHIHIII", 0, 0x4040, 0x563412, 0x52, 0, 0x301000, 0x302000)
    )
    for register, value in ((1, 0x0000), (2, 0x30), (4, 0x0915), (0, 0x41), (0, 0x42)):
        device.poke(0, 0x12, register, 2)
        device.poke(0, 0x10, value, 2)
    machine.qtest.step(1_000_000)


def ne2k(machine: Machine) -> None:
    """An NE2000 with pages set and a remote write under way."""
    device = opened(machine)
    for register, value in (
        *((0, 0x21), (0xE, 0x49), (1, 0x46), (2, 0x80), (3, 0x46), (0xC, 0x0C)),
        *((0xA, 0x20), (0xB, 0), (8, 0), (9, 0x40), (0, 0x12)),
    ):
        device.poke(0, register, value, 1)
    for value in b"abcdef":
        device.poke(0, 0x10, value, 1)


def vmxnet3(machine: Machine) -> None:
    """Shared memory announced and the device activated."""
    device = opened(machine)
    shared = bytearray(0x400)
    struct.pack_into("<II", shared, 0, 0xBABEFEE1, 0)
    struct.pack_into("<IIII", shared, 8, 1, 0x2, 1, 1)
    struct.pack_into("<QQQQIIHBB", shared, 24, 0, 0, 0x301000, 0, 0, 256 * 2, 1500, 1, 1)
    machine.qtest.write(0x300000, bytes(shared))
    machine.qtest.write(0x301000, bytes(0x1000))
    device.poke(1, 0x10, 0x300000)
    device.poke(1, 0x18, 0)
    device.poke(1, 0x20, 0xCAFE0000)
    device.msix()


RECIPES: Final = (
    pci(
        "e1000",
        f"e1000,{_MAC}",
        e1000,
        "e1000",
        *_NET,
        base=PC,
        summary="e1000 within a TSO packet",
    ),
    pci("e1000e", f"e1000e,{_MAC}", e1000, "e1000e", *_NET, summary="e1000e within a TSO packet"),
    pci("igb", f"igb,{_MAC}", igb, "igb", *_NET, summary="igb with virtual functions"),
    pci(
        "rtl8139", f"rtl8139,{_MAC}", rtl8139, "rtl8139", *_NET, base=PC, summary="RTL8139 sending"
    ),
    pci("pcnet", f"pcnet,{_MAC}", pcnet, "pcnet", *_NET, base=PC, summary="PCnet initialised"),
    pci(
        "ne2k",
        f"ne2k_pci,{_MAC}",
        ne2k,
        "ne2000",
        *_NET,
        base=PC,
        summary="NE2000 within a remote write",
    ),
    pci(
        "eepro100",
        f"i82559er,{_MAC}",
        only,
        "eeprom i82559er",
        *_NET,
        base=PC,
        summary="i82559 in place",
    ),
    pci("tulip", f"tulip,{_MAC}", only, "tulip", *_NET, base=PC, summary="Tulip in place"),
    pci("vmxnet3", f"vmxnet3,{_MAC}", vmxnet3, "vmxnet3", *_NET, summary="vmxnet3 activated"),
)
