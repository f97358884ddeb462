# SPDX-License-Identifier: Apache-2.0
"""Streams from one machine to another: with a return path, in several channels, in postcopy."""

from __future__ import annotations

from typing import Final

from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.recipes.machines import Q35, SMALL
from vmstate_conformance.qemu.recipes.model import Recipe


def fill(machine: Machine) -> None:
    """Put something into a megabyte of RAM."""
    for page in range(256):
        machine.qtest.fill(0x400000 + page * 0x1000, 0x1000, page % 255 + 1)


def _pair(name: str, summary: str, *capabilities: str, **more: int | str) -> Recipe:
    parameters = {key.replace("_", "-"): value for key, value in more.items()}
    return Recipe(
        name, summary, Q35, fill, via="pair", capabilities=capabilities, parameters=parameters
    )


RECIPES: Final = (
    _pair("q35-return-path", "the other side can answer: commands at the start", "return-path"),
    _pair(
        "q35-switchover-ack",
        "the other side says when it is ready",
        "return-path",
        "switchover-ack",
    ),
    _pair("q35-postcopy-advise", "postcopy announced, and not begun", "postcopy-ram"),
    Recipe(
        "q35-postcopy",
        "postcopy: the devices in a package, RAM behind it",
        Q35,
        fill,
        via="postcopy",
        capabilities=("postcopy-ram",),
        parameters={"max-bandwidth": 1 << 20},
    ),
    _pair(
        "q35-multifd", "the main channel only: RAM is on the others", "multifd", multifd_channels=2
    ),
    _pair(
        "q35-multifd-zlib",
        "the main channel, RAM compressed on the others",
        "multifd",
        multifd_channels=2,
        multifd_compression="zlib",
    ),
    Recipe(
        "q35-devices-only",
        "what Xen takes: no configuration, no RAM, no description",
        Q35,
        via="devices",
    ),
    Recipe(
        "q35-emmc-rpmb",
        "two subsections of one name, which the loader takes for one",
        (
            *(*Q35, "-drive", "if=none,id=d,file={disk}", "-device", "sdhci-pci,addr=4"),
            *("-device", "emmc,drive=d,rpmb-partition-size=524288"),
        ),
        loads=False,
    ),
    Recipe("q35-5.2", "the oldest machine type, pc-q35-5.2", ("-M", "pc-q35-5.2", *SMALL)),
    Recipe("pc-5.2", "the oldest machine type, pc-i440fx-5.2", ("-M", "pc-i440fx-5.2", *SMALL)),
    Recipe("q35-9.2", "an older machine type, pc-q35-9.2", ("-M", "pc-q35-9.2", *SMALL)),
    Recipe("q35-8.2", "an older machine type, pc-q35-8.2", ("-M", "pc-q35-8.2", *SMALL)),
    Recipe(
        "q35-mapped-ram-ignore-shared",
        "no RAM at all, in the format of fixed offsets",
        (
            *("-M", "q35,memory-backend=ram", "-nodefaults", "-m", "1"),
            *("-object", "memory-backend-file,id=ram,size=1M,share=on,mem-path={ram}"),
        ),
        capabilities=("mapped-ram", "x-ignore-shared"),
    ),
    Recipe(
        "q35-no-zero-pages",
        "zero pages sent like any other",
        ("-M", "q35", "-nodefaults", "-m", "1"),
        parameters={"zero-page-detection": "none"},
    ),
)
