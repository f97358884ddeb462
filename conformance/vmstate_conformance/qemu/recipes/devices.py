# SPDX-License-Identifier: Apache-2.0
"""Sound, graphics and the rest of what sits on a PCI bus."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.pci import Function
from vmstate_conformance.qemu.recipes.machines import PC, Q35
from vmstate_conformance.qemu.recipes.model import Recipe

_AUDIO: Final = ("-audiodev", "none,id=a")


def opened(machine: Machine) -> Function:
    """Give the device at 00:04.0, its BARs in place."""
    function = machine.pci.function(4)
    function.enable()
    return function


def only(machine: Machine) -> None:
    """Give each BAR its place, and no more."""
    opened(machine)


def pci(
    name: str,
    device: str,
    steps: Callable[[Machine], None],
    focus: str,
    *more: str,
    base: tuple[str, ...] = Q35,
    summary: str,
) -> Recipe:
    """Make the recipe of one device at 00:04.0."""
    return Recipe(
        name,
        summary,
        (*base, *more, "-device", f"{device},addr=4"),
        steps,
        focus=tuple(focus.split()),
    )


def hda(machine: Machine) -> None:
    """CORB and RIRB running, verbs sent to the codec, a stream set up."""
    device = opened(machine)
    device.poke(0, 0x08, 1)
    machine.qtest.step(1_000_000)
    verbs = (0x000F0000, 0x00270610, 0x00224011, 0x00270707, 0x0023B05A)
    machine.qtest.write(0x300000, bytes(4) + struct.pack(f"<{len(verbs)}I", *verbs))
    for register, value, width in (
        *((0x40, 0x300000, 4), (0x44, 0, 4), (0x4E, 2, 1), (0x50, 0x301000, 4), (0x54, 0, 4)),
        *((0x5E, 2, 1), (0x5A, 1, 2), (0x5C, 3, 1), (0x20, 0xC00000FF, 4), (0x4C, 2, 1)),
        *((0x48, len(verbs), 2), (0x108, 0x8000, 4), (0x10C, 1, 2), (0x112, 0x4011, 2)),
        *((0x118, 0x302000, 4), (0x100, 0x10001C, 4), (0x100, 0x10001E, 4)),
    ):
        device.poke(0, register, value, width)
    machine.qtest.step(10_000_000)


def mixer(machine: Machine) -> None:
    """An AC97 codec with its voices' rates set and its buffers running."""
    device = opened(machine)
    device.poke(1, 0x2C, 2, 4)
    for register, value in ((0x02, 0x0808), (0x18, 0x0808), (0x2A, 1), (0x2C, 44100)):
        device.poke(0, register, value, 2)
    for base in (0x10, 0x00):
        device.poke(1, base, 0x300000)
        device.poke(1, base + 5, 4, 1)
        device.poke(1, base + 0xB, 0x1D, 1)
    machine.qtest.step(10_000_000)


def vga(machine: Machine) -> None:
    """A graphics mode through VBE, a palette half written, text registers turned."""
    machine.pci.function(4).enable()
    qtest = machine.qtest
    for register, value in ((4, 0), (1, 640), (2, 480), (3, 32), (6, 800), (4, 0x41)):
        qtest.out(0x1CE, register, 2)
        qtest.out(0x1D0, value, 2)
    qtest.out(0x3C2, 0x67)
    for index, value in ((0x11, 0x0E), (0x13, 0x50), (0x0C, 0x01), (0x0E, 0x02), (0x09, 0x4F)):
        qtest.out(0x3D4, index)
        qtest.out(0x3D5, value)
    for index, value in ((1, 1), (2, 0xF), (4, 0xE), (6, 0x12), (7, 0x21)):
        qtest.out(0x3C4, index)
        qtest.out(0x3C5, value)
    for value in (0x3F, 0x2A):
        qtest.out(0x3C9, value)
    qtest.step(20_000_000)


RECIPES: Final = (
    Recipe(
        "hda",
        "a codec with a stream",
        (*Q35, *_AUDIO, "-device", "intel-hda,addr=4", "-device", "hda-duplex,audiodev=a"),
        hda,
        focus=("hda",),
    ),
    pci("ac97", "AC97,audiodev=a", mixer, "ac97", *_AUDIO, base=PC, summary="AC97 playing"),
    pci("es1370", "ES1370,audiodev=a", only, "es1370", *_AUDIO, base=PC, summary="ES1370 in place"),
    Recipe(
        "isa-audio",
        "the ISA sound cards",
        (
            *PC,
            *_AUDIO,
            "-device",
            "sb16,audiodev=a",
            "-device",
            "adlib,audiodev=a",
            "-device",
            "gus,audiodev=a",
            "-device",
            "cs4231a,audiodev=a",
        ),
        focus=("sb16", "adlib", "gus", "cs4231a"),
    ),
    pci("vga", "VGA,vgamem_mb=1", vga, "vga", summary="a VBE mode, a palette half written"),
    pci(
        "cirrus",
        "cirrus-vga,vgamem_mb=4",
        vga,
        "cirrus",
        base=PC,
        summary="Cirrus in a graphics mode",
    ),
    pci(
        "vmware-svga",
        "vmware-svga,vgamem_mb=4",
        vga,
        "vmware",
        base=PC,
        summary="the VMware SVGA adapter",
    ),
    Recipe(
        "watchdog",
        "a watchdog counting",
        (*PC, "-device", "i6300esb,addr=4", "-device", "ib700", "-action", "watchdog=none"),
        only,
        focus=("i6300esb", "ib700"),
    ),
    Recipe(
        "bridges",
        "PCI bridges and root ports",
        (
            *Q35,
            "-device",
            "pcie-root-port,id=r,chassis=1,addr=4",
            "-device",
            "x3130-upstream,id=u,bus=r",
            "-device",
            "xio3130-downstream,id=w,bus=u,chassis=2",
            "-device",
            "pcie-pci-bridge,id=p,bus=w",
            "-device",
            "pci-bridge,id=b,bus=p,chassis_nr=3,addr=1",
        ),
        focus=("bridge", "root", "port", "xio3130", "x3130"),
    ),
    Recipe(
        "ipoctal",
        "an IndustryPack carrier with a serial module",
        (*PC, "-device", "tpci200,addr=4", "-device", "ipoctal232"),
        only,
        focus=("ipoctal", "tpci200"),
    ),
    Recipe(
        "memory",
        "virtio-mem, and a DIMM beside the RAM",
        (
            "-M",
            "q35",
            "-nodefaults",
            "-m",
            "16M,slots=2,maxmem=1G",
            "-object",
            "memory-backend-ram,id=v,size=128M",
            "-device",
            "virtio-mem-pci,memdev=v,addr=4,requested-size=0",
            "-object",
            "memory-backend-ram,id=i,size=128M",
            "-device",
            "pc-dimm,memdev=i",
        ),
        focus=("virtio-mem", "memhp", "virtio_mem"),
    ),
    Recipe(
        "vmgenid",
        "generation id, core information, fw_cfg",
        (*Q35, "-device", "vmgenid,guid=auto", "-device", "vmcoreinfo"),
        focus=("vmgenid", "vmcoreinfo", "fw_cfg"),
    ),
)
