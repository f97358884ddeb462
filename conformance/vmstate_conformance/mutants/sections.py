# SPDX-License-Identifier: Apache-2.0
"""Wrong sections: headers that are cut short, and what is saved when."""

from __future__ import annotations

from typing import Final

from vmstate.container.load import ContainerLoader
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
    },
)
