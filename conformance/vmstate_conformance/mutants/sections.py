# SPDX-License-Identifier: Apache-2.0
"""Wrong sections: headers that are cut short, and what is saved when."""

from __future__ import annotations

from typing import Final

from vmstate.container.commands import Commands
from vmstate.container.load import ContainerLoader
from vmstate.container.payloads.ram import Ram
from vmstate.container.save import ContainerSaver
from vmstate_conformance.mutants.patching import edit, table

_CUT: Final = "if stream.error:"

SECTIONS: Final = table(
    "container",
    {
        "cut-section-header-taken": (
            "A section's header that the end cuts short is read with zeros.",
            edit(ContainerLoader._start, _CUT, "if False:"),
        ),
        "cut-part-id-taken": (
            "The id of a PART that the end cuts short is read with zeros.",
            edit(ContainerLoader._part, _CUT, "if False:"),
        ),
        "cut-footer-taken": (
            "A footer that is missing at the end of the stream is not missed.",
            edit(ContainerLoader._footer, _CUT, "if mark == 0:\n        return\n    if False:"),
        ),
        "unknown-type-skipped": (
            "A byte that is no type of a section is passed over.",
            edit(
                ContainerLoader._sections,
                "raise Reject('unknown-section-type', f'Unknown section type {kind}')",
                "pass",
            ),
        ),
        "savevm-unmigratable": (
            "A device that cannot be migrated is saved.",
            edit(ContainerSaver.save, "blocked(self.devices)", "pass"),
        ),
        "savevm-early-twice": (
            "A device of the early setup is saved with the others, too.",
            edit(ContainerSaver.save, "if not device.early:", "if True:"),
        ),
        "savevm-backwards": (
            "The last device is saved first.",
            edit(
                ContainerSaver.save,
                "for device in self.devices:\n        if not device.early:",
                "for device in reversed(self.devices):\n        if not device.early:",
            ),
        ),
        "cut-command-taken": (
            "A command's header that the end cuts short is read with zeros.",
            edit(Commands.run, _CUT, "if False:"),
        ),
        "discard-in-any-state": (
            "POSTCOPY_RAM_DISCARD needs no POSTCOPY_ADVISE.",
            edit(
                Commands._postcopy_ram_discard,
                "if self.postcopy not in",
                "if False and self.postcopy not in",
            ),
        ),
        "discard-keeps": (
            "POSTCOPY_RAM_DISCARD leaves memory as it was.",
            edit(Ram.discard, "block.memory[start:start + length] = bytes(length)", "pass"),
        ),
        "discard-of-bytes": (
            "POSTCOPY_RAM_DISCARD takes any range of bytes.",
            edit(
                Ram.discard,
                "if block is None or start % _HOST_PAGE or length % _HOST_PAGE:",
                "if block is None:",
            ),
        ),
        "discard-within-used": (
            "POSTCOPY_RAM_DISCARD ends where a block's used length does.",
            edit(
                Ram.discard,
                "if start + length > len(block.memory):",
                "if start + length > block.used:",
            ),
        ),
        "discard-cut-to-block": (
            "POSTCOPY_RAM_DISCARD discards what there is of a range.",
            edit(
                Ram.discard,
                "if start + length > len(block.memory):\n        return False",
                "length = min(length, max(len(block.memory) - start, 0))",
            ),
        ),
        "discard-name-with-nul": (
            "The name of POSTCOPY_RAM_DISCARD does not end at a NUL.",
            edit(Commands._postcopy_ram_discard, "name = name.split(b'\\x00', 1)[0]", "pass"),
        ),
        "bitmap-name-with-nul": (
            "The name of RECV_BITMAP does not end at a NUL.",
            edit(Commands._recv_bitmap, "name = name.split(b'\\x00', 1)[0]", "pass"),
        ),
    },
)
