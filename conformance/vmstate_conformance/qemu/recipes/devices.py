# SPDX-License-Identifier: Apache-2.0
"""PCI devices, each brought as far as its registers bring it."""

from __future__ import annotations

import struct
from typing import Final

from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.pci import Function
from vmstate_conformance.qemu.recipes.machines import PC, Q35
from vmstate_conformance.qemu.recipes.model import Recipe

_NET: Final = ("-netdev", "hubport,id=n,hubid=0")
_AUDIO: Final = ("-audiodev", "none,id=a")


def opened(machine: Machine) -> Function:
    """Give the device at 00:04.0, its BARs in place."""
    function = machine.pci.function(4)
    function.enable()
    return function


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


def _pci(
    name: str,
    device: str,
    steps: object,
    focus: str,
    *more: str,
    base: tuple[str, ...] = Q35,
    summary: str,
) -> Recipe:
    assert callable(steps)
    return Recipe(
        name,
        summary,
        (*base, *more, "-device", f"{device},addr=4"),
        steps,
        focus=tuple(focus.split()),
    )


def only(machine: Machine) -> None:
    """Give each BAR its place, and no more."""
    opened(machine)


_MAC: Final = "netdev=n,mac=52:54:00:12:34:56,romfile="
RECIPES: Final = (
    _pci(
        "e1000",
        f"e1000,{_MAC}",
        e1000,
        "e1000",
        *_NET,
        base=PC,
        summary="e1000 within a TSO packet",
    ),
    _pci("e1000e", f"e1000e,{_MAC}", e1000, "e1000e", *_NET, summary="e1000e within a TSO packet"),
    _pci("igb", f"igb,{_MAC}", igb, "igb", *_NET, summary="igb with virtual functions"),
    _pci(
        "rtl8139", f"rtl8139,{_MAC}", rtl8139, "rtl8139", *_NET, base=PC, summary="RTL8139 sending"
    ),
    _pci("pcnet", f"pcnet,{_MAC}", pcnet, "pcnet", *_NET, base=PC, summary="PCnet initialised"),
    _pci(
        "ne2k",
        f"ne2k_pci,{_MAC}",
        ne2k,
        "ne2000",
        *_NET,
        base=PC,
        summary="NE2000 within a remote write",
    ),
    _pci(
        "eepro100",
        f"i82559er,{_MAC}",
        only,
        "eeprom i82559er",
        *_NET,
        base=PC,
        summary="i82559 in place",
    ),
    _pci("tulip", f"tulip,{_MAC}", only, "tulip", *_NET, base=PC, summary="Tulip in place"),
    _pci("vmxnet3", f"vmxnet3,{_MAC}", vmxnet3, "vmxnet3", *_NET, summary="vmxnet3 activated"),
    Recipe(
        "hda",
        "a codec with a stream",
        (*Q35, *_AUDIO, "-device", "intel-hda,addr=4", "-device", "hda-duplex,audiodev=a"),
        hda,
        focus=("hda",),
    ),
    _pci("ac97", "AC97,audiodev=a", mixer, "ac97", *_AUDIO, base=PC, summary="AC97 playing"),
    _pci(
        "es1370", "ES1370,audiodev=a", only, "es1370", *_AUDIO, base=PC, summary="ES1370 in place"
    ),
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
    _pci("vga", "VGA,vgamem_mb=1", vga, "vga", summary="a VBE mode, a palette half written"),
    _pci(
        "cirrus",
        "cirrus-vga,vgamem_mb=4",
        vga,
        "cirrus",
        base=PC,
        summary="Cirrus in a graphics mode",
    ),
    _pci(
        "vmware-svga",
        "vmware-svga,vgamem_mb=4",
        vga,
        "vmware",
        base=PC,
        summary="the VMware SVGA adapter",
    ),
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
