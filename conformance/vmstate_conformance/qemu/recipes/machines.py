# SPDX-License-Identifier: Apache-2.0
"""Whole machines with little in them, of each kind."""

from __future__ import annotations

import itertools
import time
from typing import Final

from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.provision import QemuError
from vmstate_conformance.qemu.recipes.model import Recipe

SMALL: Final = ("-nodefaults", "-m", "16")
Q35: Final = ("-M", "q35", *SMALL)
PC: Final = ("-M", "pc", *SMALL)
#: As many pages are enough to see what their differences look like.
_DIFFERENCES: Final = 32


def _dirty(machine: Machine) -> None:
    """Write a little of what has been sent already, until the differences of enough pages are sent.

    Other pages change as a whole, so that each round lasts and the machine never seems to be sent.
    """
    deadline = time.monotonic() + 30
    for turn in itertools.count():
        machine.qtest.fill(0x800000, 128 * 0x1000, turn % 255 + 1)
        for page in range(128):
            machine.qtest.poke(0x400000 + page * 0x1000 + turn % 256 * 8, turn << 8 | page)
        told = machine.qmp.execute("query-migrate")
        sent = int(told.get("xbzrle-cache", {}).get("pages", 0))
        if sent >= _DIFFERENCES:
            return
        if told.get("status") in {"completed", "failed"} or time.monotonic() > deadline:
            raise QemuError(f"{sent} pages were sent as differences, not {_DIFFERENCES}")


def _fill(machine: Machine) -> None:
    for page in range(128):
        machine.qtest.fill(0x400000 + page * 0x1000, 0x1000, page + 1)


def _uneven(machine: Machine) -> None:
    for page in range(16):
        machine.qtest.write(0x40000 + page * 0x2000, bytes(range(256)) * 16)


RECIPES: Final = (
    Recipe("none", "no machine at all, and the devices that come by themselves", ("-M", "none")),
    Recipe("isapc", "a PC without PCI", ("-M", "isapc", "-cpu", "486", *SMALL)),
    Recipe(
        "microvm",
        "the microvm machine, in its own binary",
        ("-M", "microvm", *SMALL),
        program="qemu-system-x86_64-microvm",
    ),
    Recipe("q35-min", "q35 without optional devices", Q35),
    Recipe("pc-min", "pc (i440FX) without optional devices", PC),
    Recipe("q35-ram", "q35 with pages that hold something", Q35, _uneven),
    Recipe(
        "q35-savevm", "an internal snapshot", (*Q35, "-drive", "file={disk},id=d"), via="savevm"
    ),
    Recipe(
        "q35-mapped-ram",
        "RAM at fixed offsets of the file",
        ("-M", "q35", "-nodefaults", "-m", "1"),
        _uneven,
        capabilities=("mapped-ram",),
    ),
    Recipe(
        "q35-ignore-shared",
        "RAM that both sides share is not sent",
        (
            *("-M", "q35,memory-backend=ram", *SMALL),
            *("-object", "memory-backend-file,id=ram,size=16M,share=on,mem-path={ram}"),
        ),
        _uneven,
        capabilities=("x-ignore-shared",),
    ),
    Recipe(
        "q35-xbzrle",
        "pages sent again as differences",
        Q35,
        _fill,
        capabilities=("xbzrle",),
        parameters={"max-bandwidth": 2 << 20, "downtime-limit": 1},
        meanwhile=_dirty,
    ),
    Recipe(
        "q35-validate-uuid",
        "the machine's UUID is sent",
        (*Q35, "-uuid", "00112233-4455-6677-8899-aabbccddeeff"),
        capabilities=("validate-uuid",),
    ),
    Recipe(
        "q35-no-footer",
        "no section footers",
        (*Q35, "-global", "migration.send-section-footer=off"),
    ),
    Recipe("q35-no-vmdesc", "no description at the end", ("-M", "q35,suppress-vmdesc=on", *SMALL)),
    Recipe(
        "pc-no-config",
        "no configuration section",
        ("-M", "pc,suppress-vmdesc=on", *SMALL, "-global", "migration.send-configuration=off"),
    ),
    Recipe("q35-7.2", "an older machine type, pc-q35-7.2", ("-M", "pc-q35-7.2", *SMALL)),
    Recipe("pc-9.2", "an older machine type, pc-i440fx-9.2", ("-M", "pc-i440fx-9.2", *SMALL)),
    Recipe("pc-6.2", "an older machine type, pc-i440fx-6.2", ("-M", "pc-i440fx-6.2", *SMALL)),
    Recipe("s390x", "s390x with virtio-ccw", ("-M", "s390-ccw-virtio", *SMALL), arch="s390x"),
    Recipe(
        "aarch64-virt",
        "the Arm virt machine",
        ("-M", "virt", "-cpu", "cortex-a57", *SMALL),
        arch="aarch64",
    ),
    Recipe("riscv64-virt", "the RISC-V virt machine", ("-M", "virt", *SMALL), arch="riscv64"),
    Recipe("pseries", "a POWER LPAR", ("-M", "pseries", "-nodefaults", "-m", "256"), arch="ppc64"),
)
