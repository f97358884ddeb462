# SPDX-License-Identifier: Apache-2.0
"""Disks and cards, and the adapters that they are behind."""

from __future__ import annotations

import struct
from typing import Final

from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.recipes.devices import only, opened
from vmstate_conformance.qemu.recipes.machines import PC, Q35
from vmstate_conformance.qemu.recipes.model import Recipe


def ahci(machine: Machine) -> None:
    """A port that has read a sector by DMA and whose next command waits."""
    device = machine.pci.function(31, 2)
    device.enable()
    device.poke(5, 0x04, 0x80000002)
    for register, value in (
        *((0x00, 0x300000), (0x04, 0), (0x08, 0x301000), (0x0C, 0), (0x14, 0x7D40007F)),
        *((0x30, 0xFFFFFFFF), (0x18, 0x10), (0x18, 0x11)),
    ):
        device.poke(5, 0x100 + register, value)
    for slot, command in enumerate((0xC8, 0xCA)):
        machine.qtest.write(
            0x300000 + 32 * slot,
            struct.pack("<HHIQ", 5 | slot << 6, 1, 0, 0x302000 + 0x100 * slot),
        )
        fis = struct.pack("<BBBB12xBBBB", 0x27, 0x80, command, 0, 0, 0, 0, 0)
        fis = fis[:4] + bytes((8 * slot, 0, 0, 0xE0, 0, 0, 0, 0, 1, 0))
        table = fis.ljust(0x80, b"\0") + struct.pack("<QII", 0x303000, 0, 511)
        machine.qtest.write(0x302000 + 0x100 * slot, table)
    for slot in range(2):
        device.poke(5, 0x138, 1 << slot)
        machine.qtest.step(1_000_000)


def ide(machine: Machine) -> None:
    """A disk in the middle of a sector written by PIO, a CD-ROM within a packet."""
    qtest = machine.qtest
    for port, command in ((0x1F0, 0x30), (0x170, 0xA0)):
        for offset, value in ((6, 0xE0), (2, 1), (3, 4), (4, 0), (5, 2), (7, command)):
            qtest.out(port + offset, value)
        for value in (0x1234, 0x5678):
            qtest.out(port, value, 2)


def sdhci(machine: Machine) -> None:
    """A card that has been asked who it is, a transfer set up."""
    device = opened(machine)
    for register, value, width in (
        *((0x2C, 0x4005, 2), (0x29, 0x0F, 1), (0x34, 0x1FF01FF, 4)),
        *((0x08, 0, 4), (0x0E, 0x0000, 2), (0x08, 0x1AA, 4), (0x0E, 0x081A, 2)),
        *((0x00, 0x300000, 4), (0x04, 0x7200, 2), (0x06, 2, 2), (0x0C, 0x33, 2)),
    ):
        device.poke(0, register, value, width)


def lsi(machine: Machine) -> None:
    """A SCRIPTS program that waits to be reselected."""
    device = opened(machine)
    machine.qtest.write(0x300000, struct.pack("<IIII", 0x50000000, 0x300000, 0x98080000, 0))
    for register, value in ((0x00, 0xC0), (0x04, 0x67), (0x40, 0xFF), (0x41, 7)):
        device.poke(1, register, value, 1)
    device.poke(1, 0x2C, 0x300000)
    machine.qtest.step(1_000_000)


def megasas(machine: Machine) -> None:
    """A firmware interface initialised with its queues."""
    device = opened(machine)
    frame = struct.pack("<BBBBIIIHHI", 0, 0, 0xFF, 0, 0, 0, 0, 0, 0, 0).ljust(24, b"\0")
    machine.qtest.write(0x300000, frame + struct.pack("<Q", 0x301000).ljust(40, b"\0"))
    info = struct.pack("<IIQQQ", 0, 256, 0x302000, 0x304000, 0x305000)
    machine.qtest.write(0x301000, info)
    for bar in (0, 2):
        try:
            device.poke(bar, 0x40, 0x300000 | 1)
        except Exception:  # noqa: BLE001, S112 - which BAR it is differs by model
            continue
        break
    machine.qtest.step(1_000_000)


RECIPES: Final = (
    Recipe(
        "ahci",
        "a disk behind AHCI",
        (
            *Q35,
            "-drive",
            "if=none,id=d,file={disk}",
            "-device",
            "ide-hd,drive=d,bus=ide.0",
            "-device",
            "ide-cd,bus=ide.1",
        ),
        ahci,
        focus=("ahci", "ide"),
    ),
    Recipe(
        "ide",
        "a disk within a sector, a CD-ROM within a packet",
        (
            *PC,
            "-drive",
            "if=none,id=d,file={disk}",
            "-device",
            "ide-hd,drive=d,bus=ide.0",
            "-device",
            "ide-cd,bus=ide.1",
        ),
        ide,
        focus=("ide",),
    ),
    Recipe(
        "sdhci",
        "an SD card",
        (
            *Q35,
            "-device",
            "sdhci-pci,addr=4",
            "-drive",
            "if=none,id=d,file={disk}",
            "-device",
            "sd-card,drive=d",
        ),
        sdhci,
        focus=("sdhci", "sd-card", "sdmmc"),
    ),
    Recipe(
        "lsi",
        "an LSI 53C895A at its script",
        (
            *PC,
            "-device",
            "lsi53c895a,id=s,addr=4",
            "-drive",
            "if=none,id=d,file={disk}",
            "-device",
            "scsi-hd,drive=d,bus=s.0",
        ),
        lsi,
        focus=("lsiscsi", "scsi-disk"),
    ),
    Recipe(
        "megasas",
        "a MegaRAID adapter",
        (
            *Q35,
            "-device",
            "megasas,id=s,addr=4",
            "-drive",
            "if=none,id=d,file={disk}",
            "-device",
            "scsi-hd,drive=d,bus=s.0",
        ),
        megasas,
        focus=("megasas",),
    ),
    Recipe(
        "mptsas",
        "an LSI SAS1068",
        (
            *Q35,
            "-device",
            "mptsas1068,id=s,addr=4",
            "-drive",
            "if=none,id=d,file={disk}",
            "-device",
            "scsi-hd,drive=d,bus=s.0",
        ),
        only,
        focus=("mptsas",),
    ),
    Recipe(
        "pvscsi",
        "VMware's paravirtual SCSI",
        (
            *Q35,
            "-device",
            "pvscsi,id=s,addr=4",
            "-drive",
            "if=none,id=d,file={disk}",
            "-device",
            "scsi-hd,drive=d,bus=s.0",
        ),
        only,
        focus=("pvscsi",),
    ),
    Recipe(
        "am53c974",
        "an AMD ESP",
        (
            *PC,
            "-device",
            "am53c974,id=s,addr=4",
            "-drive",
            "if=none,id=d,file={disk}",
            "-device",
            "scsi-hd,drive=d,bus=s.0",
        ),
        only,
        focus=("esp", "am53c974"),
    ),
)
