# SPDX-License-Identifier: Apache-2.0
"""Machines with much in them, and machines of other architectures with some."""

from __future__ import annotations

from typing import Final

from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.recipes import board, network, nvme, storage, virtio
from vmstate_conformance.qemu.recipes.machines import PC, Q35, SMALL
from vmstate_conformance.qemu.recipes.model import Recipe

_DRIVES: Final = tuple(
    part
    for name in ("d", "e", "f", "g", "h", "i", "j")
    for part in ("-drive", f"if=none,id={name},file={{disk{name}}}")
)


def _devices(*each: str) -> tuple[str, ...]:
    return tuple(part for one in each for part in ("-device", one))


def q35(machine: Machine) -> None:
    """The board programmed; virtio-net, virtio-blk and NVMe with live queues."""
    board.board(machine)
    virtio.net(machine)
    request = virtio.live(machine, 5, 0x280000)
    request.put(0, [(bytes(16), False), (512, True), (1, True)])
    nvme.Controller(machine, machine.pci.function(6), 0x380000).queues(2)
    machine.qtest.step(1_000_000)


def pc(machine: Machine) -> None:
    """The board programmed; e1000 and the ISA devices at work."""
    board.interrupts(machine)
    board.keyboard(machine)
    board.serial(machine)
    network.e1000(machine)
    storage.ide(machine)


def arm(machine: Machine) -> None:
    """The interrupt controller, the UART, GPIO and the clock programmed."""
    qtest = machine.qtest
    for address, value in (
        *((0x8000000, 1), (0x8000100, 0xFFFFFFFF), (0x8000104, 0xFFFF), (0x8000420, 0x80)),
        *((0x9000024, 3), (0x9000028, 1), (0x900002C, 0x70), (0x9000030, 0x301), (0x9000038, 0x7F)),
        *((0x9010004, 1000), (0x9010010, 1), (0x9030400, 8), (0x9030410, 8)),
    ):
        qtest.poke(address, value)
    for value in b"vmstate":
        qtest.poke(0x9000000, value)


def riscv(machine: Machine) -> None:
    """PLIC, timer and UART programmed."""
    qtest = machine.qtest
    for source in range(1, 32):
        qtest.poke(0xC000000 + 4 * source, source & 7)
    qtest.poke(0xC002000, 0x5555AAAA)
    qtest.poke(0xC200000, 2)
    qtest.poke(0x2004000, 1 << 20, 8)
    qtest.poke(0x10000001, 0x0F, 1)
    qtest.poke(0x10000002, 0xC7, 1)


def bitmaps(machine: Machine) -> None:
    """Two dirty bitmaps on a disk, one of them switched off."""
    for name, off in (("one", False), ("two", True)):
        machine.qmp.execute(
            "block-dirty-bitmap-add", node="n", name=name, granularity=65536, disabled=off
        )


_NET: Final = ("-netdev", "hubport,id=n,hubid=0", "-netdev", "hubport,id=o,hubid=0")
_AUDIO: Final = ("-audiodev", "none,id=a")
RECIPES: Final = (
    Recipe(
        "q35-many",
        "q35 with devices of most kinds",
        (
            *("-M", "q35,kernel-irqchip=off", *SMALL, "-smp", "4", *_DRIVES, *_NET, *_AUDIO),
            *("-chardev", "null,id=c"),
            *_devices(
                "intel-iommu",
                "virtio-net-pci,netdev=n,addr=4,mq=on,vectors=8,romfile=",
                "virtio-blk-pci,drive=d,addr=5",
                "nvme,serial=s,drive=e,addr=6",
                "virtio-scsi-pci,id=s,addr=7",
                "scsi-hd,bus=s.0,drive=f",
                "virtio-gpu-pci,addr=8",
                "virtio-balloon-pci,addr=9",
                "virtio-serial-pci,id=v,addr=a",
                "virtserialport,bus=v.0,chardev=c,name=p",
                "virtio-rng-pci,addr=b",
                "virtio-tablet-pci,addr=c",
                "e1000e,netdev=o,addr=d,romfile=",
                "pcie-root-port,id=r,chassis=1,addr=e",
                "igb,bus=r,romfile=",
                "vmxnet3,addr=f,romfile=",
                "qemu-xhci,id=u,addr=10",
                "usb-tablet,bus=u.0",
                "usb-kbd,bus=u.0",
                "usb-mouse,bus=u.0",
                "usb-hub,bus=u.0",
                "usb-storage,drive=g,bus=u.0",
                "usb-ccid,bus=u.0",
                "ide-hd,drive=h,bus=ide.0",
                "intel-hda,addr=11",
                "hda-duplex,audiodev=a",
                "hda-micro,audiodev=a",
                "VGA,vgamem_mb=1,addr=12",
                "pvpanic",
                "pvpanic-pci,addr=13",
                "megasas,id=m,addr=14",
                "scsi-hd,bus=m.0,drive=i",
                "pvscsi,addr=15",
                "lsi53c895a,addr=16",
                "mptsas1068,addr=17",
                "sdhci-pci,addr=18",
                "sd-card,drive=j",
                "usb-ehci,addr=19",
                "ipmi-bmc-sim,id=b",
                "isa-ipmi-kcs,bmc=b",
                "i6300esb,addr=1a",
                "vmgenid,guid=00112233-4455-6677-8899-aabbccddeeff",
                "vmcoreinfo",
            ),
        ),
        q35,
    ),
    Recipe(
        "pc-many",
        "pc with devices of most kinds",
        (
            *(*PC, "-smp", "2", *_DRIVES[:12], *_NET, *_AUDIO, "-serial", "null"),
            *("-drive", "if=floppy,file={diskk}", "-parallel", "null"),
            *_devices(
                "e1000,netdev=n,addr=4,romfile=",
                "rtl8139,netdev=o,addr=5,romfile=",
                "pcnet,addr=6,romfile=",
                "ne2k_pci,addr=7,romfile=",
                "tulip,addr=8,romfile=",
                "i82550,addr=9,romfile=",
                "piix3-usb-uhci,addr=a,id=u",
                "usb-tablet,bus=u.0",
                "pci-ohci,addr=b,id=o",
                "usb-kbd,bus=o.0",
                "lsi53c895a,addr=c,id=l",
                "scsi-hd,bus=l.0,drive=d",
                "am53c974,addr=d,id=m",
                "scsi-cd,bus=m.0,drive=e",
                "AC97,audiodev=a,addr=e",
                "ES1370,audiodev=a,addr=f",
                "sb16,audiodev=a",
                "adlib,audiodev=a",
                "cs4231a,audiodev=a",
                "cirrus-vga,vgamem_mb=4,addr=10",
                "nvme,serial=s,drive=f,addr=11",
                "ide-hd,drive=g,bus=ide.0",
                "ide-cd,drive=h,bus=ide.1",
                "tpci200,addr=12",
                "ipoctal232",
                "pci-bridge,chassis_nr=1,addr=13",
                "i6300esb,addr=14",
                "ib700",
                "isa-debug-exit",
            ),
        ),
        pc,
    ),
    Recipe(
        "microvm-many",
        "microvm with virtio-mmio devices",
        (
            *(
                "-M",
                "microvm",
                *SMALL,
                "-drive",
                "if=none,id=d,file={disk}",
                "-chardev",
                "null,id=c",
            ),
            *("-netdev", "hubport,id=n,hubid=0", "-serial", "null"),
            *_devices(
                "virtio-net-device,netdev=n",
                "virtio-blk-device,drive=d",
                "virtio-scsi-device",
                "virtio-balloon-device",
                "virtio-rng-device",
                "virtio-serial-device",
                "virtserialport,chardev=c,name=p",
                "virtio-tablet-device",
            ),
        ),
    ),
    Recipe(
        "q35-dirty-bitmap",
        "dirty bitmaps of a disk",
        (
            *(*Q35, "-blockdev", "driver=null-co,read-zeroes=on,size=1048576,node-name=n"),
            *("-device", "virtio-blk-pci,drive=n"),
        ),
        bitmaps,
        capabilities=("dirty-bitmaps",),
    ),
    Recipe(
        "s390x-many",
        "s390x with devices on its channels",
        (
            *("-M", "s390-ccw-virtio", *SMALL, "-smp", "2", "-netdev", "hubport,id=n,hubid=0"),
            *("-drive", "if=none,id=d,file={disk}", "-drive", "if=none,id=e,file={diske}"),
            *("-chardev", "null,id=c"),
            *_devices(
                "virtio-net-ccw,netdev=n",
                "virtio-blk-ccw,drive=d",
                "virtio-scsi-ccw,id=s",
                "scsi-hd,bus=s.0,drive=e",
                "virtio-rng-ccw",
                "virtio-balloon-ccw",
                "virtio-serial-ccw",
                "sclpconsole,chardev=c",
                "diag288",
            ),
        ),
        arch="s390x",
    ),
    Recipe(
        "aarch64-many",
        "the Arm virt machine, programmed, with PCI devices",
        (
            *("-M", "virt,gic-version=3,its=on", "-cpu", "cortex-a57", *SMALL, "-smp", "2"),
            *("-drive", "if=none,id=d,file={disk}", "-drive", "if=none,id=e,file={diske}"),
            *_devices(
                "nvme,serial=s,drive=d,addr=4",
                "virtio-blk-pci,drive=e,addr=5",
                "virtio-gpu-pci,addr=6",
                "qemu-xhci,id=u,addr=7",
                "usb-kbd,bus=u.0",
            ),
        ),
        arm,
        arch="aarch64",
    ),
    Recipe(
        "riscv64-many",
        "the RISC-V virt machine, programmed, with PCI devices",
        (
            *("-M", "virt,aia=none", *SMALL, "-smp", "2", "-drive", "if=none,id=d,file={disk}"),
            *_devices("virtio-blk-pci,drive=d,addr=4", "virtio-net-pci,addr=5,romfile="),
        ),
        riscv,
        arch="riscv64",
    ),
    Recipe(
        "pseries-many",
        "a POWER LPAR with virtual devices",
        (
            *("-M", "pseries", "-nodefaults", "-m", "256", "-drive", "if=none,id=d,file={disk}"),
            *("-netdev", "hubport,id=n,hubid=0", "-chardev", "null,id=c"),
            *("-object", "rng-builtin,id=r"),
            *_devices(
                "spapr-vscsi,id=s",
                "scsi-hd,bus=s.0,drive=d",
                "spapr-vlan,netdev=n",
                "spapr-vty,chardev=c",
                "spapr-rng,rng=r",
                "nec-usb-xhci",
                "spapr-pci-host-bridge,index=1",
            ),
        ),
        arch="ppc64",
    ),
)
