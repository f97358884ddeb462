# SPDX-License-Identifier: Apache-2.0
"""What a PC has on its board: interrupt controllers, timers, keyboard, floppy, serial port, chipset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.recipes.machines import PC, Q35
from vmstate_conformance.qemu.recipes.model import Recipe

_IOAPIC: Final = 0xFEC00000
_HPET: Final = 0xFED00000


def interrupts(machine: Machine) -> None:
    """Program both PICs, the I/O APIC and its redirections."""
    qtest = machine.qtest
    for port, vector, wire in ((0x20, 0x20, 4), (0xA0, 0x28, 2)):
        qtest.out(port, 0x11)
        for value in (vector, wire, 1, 0x40):
            qtest.out(port + 1, value)
    for pin in range(24):
        qtest.poke(_IOAPIC, 0x10 + 2 * pin)
        qtest.poke(_IOAPIC + 0x10, 0x30 + pin | (0x8000 if pin > 15 else 0) | (1 << 16) * (pin & 1))
        qtest.poke(_IOAPIC, 0x11 + 2 * pin)
        qtest.poke(_IOAPIC + 0x10, 0)


def timers(machine: Machine) -> None:
    """Run HPET, PIT and RTC; the APIC's registers are a processor's alone."""
    qtest = machine.qtest
    for timer, (config, compare) in enumerate(((0x4C, 1000), (0x04, 9000), (0x104, 70000))):
        qtest.poke(_HPET + 0x100 + 0x20 * timer, config, 8)
        qtest.poke(_HPET + 0x108 + 0x20 * timer, compare, 8)
    qtest.poke(_HPET + 0x10, 3, 8)
    for channel, mode, count in ((0, 0x34, 1193), (1, 0x54, 18), (2, 0xB6, 1000)):
        qtest.out(0x43, mode)
        qtest.out(0x40 + channel, count & 0xFF)
        qtest.out(0x40 + channel, count >> 8)
    qtest.out(0x61, 3)
    for register, value in ((0x0A, 0x26), (0x0B, 0x72), (0x01, 0x30), (0x03, 0x59), (0x05, 0x23)):
        qtest.out(0x70, register)
        qtest.out(0x71, value)
    qtest.step(5_000_000)


def keyboard(machine: Machine) -> None:
    """Keys and a mouse's way in their queues, a command half given."""
    qtest = machine.qtest
    for port, value in ((0x64, 0x60), (0x60, 0x47), (0x64, 0xA8), (0x64, 0xD4), (0x60, 0xF4)):
        qtest.out(port, value)
    for code in ("a", "shift", "f11"):
        for down in (True, False):
            key = {"type": "qcode", "data": code}
            event = {"type": "key", "data": {"down": down, "key": key}}
            machine.qmp.execute("input-send-event", events=[event])
    qtest.out(0x64, 0xD4)
    qtest.out(0x60, 0xE8)


def serial(machine: Machine) -> None:
    """A UART with its FIFOs on, in the middle of sending."""
    qtest = machine.qtest
    for offset, value in ((3, 0x83), (0, 1), (1, 0), (3, 3), (2, 0xC7), (4, 0x1B), (1, 0x0F)):
        qtest.out(0x3F8 + offset, value)
    for value in b"vmstate":
        qtest.out(0x3F8, value)


def floppy(machine: Machine) -> None:
    """A floppy controller that has done a seek and waits for the rest of a command."""
    qtest = machine.qtest
    qtest.out(0x3F2, 0x1C)
    qtest.step(1_000_000)
    for value in (0x08, 0x03, 0xDF, 0x02, 0x0F, 0x00, 0x05, 0x46, 0x00, 0x02):
        qtest.out(0x3F5, value)
    for port, value in ((0x0B, 0x46), (0x05, 0xFF), (0x05, 0x01), (0x04, 0x00), (0x81, 0x10)):
        qtest.out(port, value)


def chipset(machine: Machine) -> None:
    """The LPC bridge's power management base, GPEs, reset control and SMBus of q35."""
    lpc = machine.pci.function(31)
    lpc.write(0x40, 0x601)
    lpc.write(0x44, 0x80, 1)
    lpc.write(0x60, 0x0B0A0A0B)
    lpc.write(0xF0, 0xFED1C001)
    qtest = machine.qtest
    for offset, value, width in (
        (2, 0x0321, 2),
        (4, 0x1C01, 2),
        (0x28, 0xFFFF, 4),
        (0x30, 0x21, 4),
    ):
        qtest.out(0x600 + offset, value, width)
    smbus = machine.pci.function(31, 3)
    smbus.enable()
    smbus.write(0x40, 1, 1)
    for offset, value in ((4, 0xA1), (3, 0), (2, 0x48)):
        smbus.poke(4, offset, value, 1)
    qtest.out(0xCF9, 2)


def ipmi(machine: Machine) -> None:
    """A command half given to the BMC's KCS interface."""
    for port, value in ((0xCA3, 0x61), (0xCA2, 0x18), (0xCA2, 0x01)):
        machine.qtest.out(port, value)


def iommu(machine: Machine) -> None:
    """A root table and an invalidation queue for the DMA remapping unit."""
    base = 0xFED90000
    qtest = machine.qtest
    qtest.poke(base + 0x20, 0x300000, 8)
    qtest.poke(base + 0x18, 1 << 30)
    qtest.poke(base + 0x90, 0x301000, 8)
    qtest.poke(base + 0x18, 1 << 26)
    qtest.poke(base + 0x38, 0)
    qtest.poke(base + 0x40, 0xFEE00000)
    qtest.poke(base + 0x18, 1 << 31 | 1 << 26)


def tpm(machine: Machine) -> None:
    """A locality taken, a command half given."""
    base = 0xFED40000
    qtest = machine.qtest
    qtest.poke(base, 0x02, 1)
    qtest.poke(base + 0x18, 0x40, 1)
    for value in bytes.fromhex("80010000000c0000017b"):
        qtest.poke(base + 0x24, value, 1)


def crb(machine: Machine) -> None:
    """A locality taken, a command in the buffer."""
    base = 0xFED40000
    machine.qtest.poke(base + 0x08, 1)
    machine.qtest.poke(base + 0x40, 1)
    machine.qtest.write(base + 0x80, bytes.fromhex("80010000000c0000017b0010"))


def board(machine: Machine) -> None:
    """All of the board at once."""
    for each in (interrupts, timers, keyboard, serial):
        each(machine)


def _one(
    name: str, summary: str, steps: Callable[[Machine], None], focus: str, *more: str
) -> Recipe:
    return Recipe(name, summary, (*Q35, *more), steps, focus=tuple(focus.split()))


_TPM: Final = ("-chardev", "socket,id=t,path={tpm}", "-tpmdev", "emulator,id=t,chardev=t")
RECIPES: Final = (
    _one(
        *("tpm", "a TPM behind TIS within a command", tpm, "tpm"),
        *(*_TPM, "-device", "tpm-tis,tpmdev=t"),
    ),
    _one(
        *("tpm-crb", "a TPM behind CRB with a command in its buffer", crb, "tpm"),
        *(*_TPM, "-device", "tpm-crb,tpmdev=t"),
    ),
    _one("apic", "PICs and I/O APIC programmed", interrupts, "apic i8259"),
    _one("hpet", "HPET, PIT and RTC running", timers, "hpet i8254 mc146818rtc pcspk timer"),
    _one("keyboard", "keys and mouse in their queues", keyboard, "ps2 pckbd vmmouse"),
    _one(
        *("serial", "a UART in the middle of sending", serial, "serial parallel"),
        *("-serial", "null", "-parallel", "null"),
    ),
    _one("ich9", "the chipset of q35 programmed", chipset, "ICH9 ich9 smb mch"),
    Recipe(
        "floppy",
        "a floppy controller within a command",
        (*PC, "-drive", "if=floppy,file={disk}"),
        floppy,
        focus=("fdc", "floppy", "dma"),
    ),
    _one(
        *("ipmi", "a BMC within a command", ipmi, "ipmi"),
        *("-device", "ipmi-bmc-sim,id=b", "-device", "isa-ipmi-kcs,bmc=b"),
    ),
    Recipe(
        "intel-iommu",
        "DMA remapping switched on",
        ("-M", "q35,kernel-irqchip=off", "-nodefaults", "-m", "16", "-device", "intel-iommu"),
        iommu,
        focus=("iommu",),
    ),
    _one(
        *("pvpanic", "pvpanic on ISA and PCI", lambda _: None, "pvpanic"),
        *("-device", "pvpanic", "-device", "pvpanic-pci"),
    ),
)
