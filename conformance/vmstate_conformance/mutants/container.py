# SPDX-License-Identifier: Apache-2.0
"""Wrong containers: headers, sections, footers, configuration and commands."""

from __future__ import annotations

from typing import Final

from vmstate.container import commands, configuration, load, model, save
from vmstate.container.commands import Commands
from vmstate.container.configuration import ConfigurationLoader
from vmstate.container.load import ContainerLoader
from vmstate.container.save import ContainerSaver
from vmstate_conformance.mutants.patching import edit, table, value

_NEWER: Final = "if version_id > device.vmsd.version_id & 4294967295:"
_SECTION: Final = "if section_id != device.loaded_id:"
_MARK: Final = "if mark != FOOTER:"
_FIRST: Final = "(each for each in self.devices if each.loaded_id == section_id)"
_SAME: Final = "if at >= len(received) or received[at] != local[at]:"

CONTAINER = table(
    "container",
    {
        "magic-unchecked": (
            "A stream may begin with any four bytes.",
            edit(ContainerLoader._header, "if magic != MAGIC:", "if False:"),
        ),
        "version-2-taken": (
            "A stream of version 2 is taken.",
            edit(
                ContainerLoader._header,
                "if version == VERSION - 1:",
                "if False:",
                "if version != VERSION:",
                "if version not in (VERSION, VERSION - 1):",
            ),
        ),
        "newer-container-taken": (
            "A stream of a later version is taken.",
            edit(ContainerLoader._header, "if version != VERSION:", "if version < VERSION:"),
        ),
        "configuration-optional": (
            "A stream may come without a configuration.",
            edit(
                ContainerLoader._header,
                "if kind != CONFIGURATION:",
                "if kind != CONFIGURATION:\n"
                "        stream.position -= 1\n        return\n    if False:",
            ),
        ),
        "end-without-eof": (
            "The end of the file is as good as an EOF section.",
            edit(
                ContainerLoader._sections,
                "if stream.error:",
                "if stream.error:\n            return\n        if False:",
            ),
        ),
        "unknown-type-is-eof": (
            "An unknown section type ends the stream.",
            edit(
                ContainerLoader._sections,
                "raise Reject('unknown-section-type', f'Unknown section type {kind}')",
                "return",
            ),
        ),
        "full-only": (
            "Only FULL sections name a device.",
            edit(
                ContainerLoader._sections,
                "kind in {SECTION_START, SECTION_FULL}",
                "kind == SECTION_FULL",
            ),
        ),
        "end-refused": (
            "END is an unknown section type.",
            edit(
                ContainerLoader._sections,
                "kind in {SECTION_PART, SECTION_END}",
                "kind == SECTION_PART",
            ),
        ),
        "empty-name-taken": (
            "A section without a name is looked up all the same.",
            edit(load.counted, "if raw and len(raw) == size", "if len(raw) == size"),
        ),
        "name-with-nul": (
            "A section's name does not end at a NUL.",
            edit(load.counted, "raw.split(b'\\x00', 1)[0]", "raw"),
        ),
        "unknown-section-skipped": (
            "An unknown section ends the load with success.",
            edit(
                ContainerLoader._start,
                "if device is None:",
                "if device is None:\n        stream.position = len(stream.data)\n"
                "        return\n    if False:",
            ),
        ),
        "instance-ignored": (
            "A section goes to the first device of its name.",
            edit(
                ContainerLoader._find,
                "device.idstr.encode() == name and instance_id in "
                "{device.instance_id, device.alias_id & 4294967295}",
                "device.idstr.encode() == name",
            ),
        ),
        "alias-ignored": (
            "A device is not found by its alias.",
            edit(
                ContainerLoader._find,
                "instance_id in {device.instance_id, device.alias_id & 4294967295}",
                "instance_id == device.instance_id",
            ),
        ),
        "compat-ignored": (
            "A device on a bus is not found by its old name.",
            edit(ContainerLoader._find, "if device.compat is not None and", "if False and"),
        ),
        "section-version-unchecked": (
            "A section of a later version is loaded, and refused by its description only.",
            edit(ContainerLoader._start, _NEWER, "if False:"),
        ),
        "section-version-signed": (
            "A section's version is compared as a signed number.",
            edit(ContainerLoader._start, _NEWER, "if int32(version_id) > device.vmsd.version_id:"),
        ),
        "section-at-local-version": (
            "A section is loaded at the local version.",
            edit(
                ContainerLoader._start,
                "device.loaded_version = int32(version_id)",
                "device.loaded_version = device.vmsd.version_id",
            ),
        ),
        "section-twice-refused": (
            "A device that comes twice is refused.",
            edit(
                ContainerLoader._start,
                "device.loaded_id = section_id",
                "device.loaded_id = section_id\n"
                "    if device.loads:\n        raise Reject('unknown-section', '')",
            ),
        ),
        "parts-of-registered-ids": (
            "A PART goes to the device registered under its id.",
            edit(
                ContainerLoader._part,
                _FIRST,
                "(each for each in self.devices if each.section_id == section_id)",
            ),
        ),
        "part-of-never-started-refused": (
            "A PART of section 0 before any START is refused.",
            edit(
                ContainerLoader._part,
                _FIRST,
                "(each for each in self.devices if each.loaded_id == section_id and each.loads)",
            ),
        ),
        "part-of-the-last": (
            "Of devices that share a section id, a PART goes to the last.",
            edit(
                ContainerLoader._part,
                _FIRST,
                "(each for each in reversed(self.devices) if each.loaded_id == section_id)",
            ),
        ),
        "footer-of-full-only": (
            "PART and END have no footer.",
            edit(ContainerLoader._part, "    self._footer(stream, device)", "    pass"),
        ),
        "footer-unchecked": (
            "A footer may be of any section.",
            edit(ContainerLoader._footer, _SECTION, "if False:"),
        ),
        "footer-optional": (
            "A section may come without a footer.",
            edit(
                ContainerLoader._footer,
                _MARK,
                "if mark != FOOTER:\n        stream.position -= 1\n        return\n    if False:",
            ),
        ),
        "footer-setting-ignored": (
            "Footers are wanted of machines that send none.",
            edit(ContainerLoader._footer, "if not self.machine.footers:", "if False:"),
        ),
        "vmdesc-required": (
            "A stream without a vmdesc is refused.",
            edit(
                ContainerLoader._vmdesc,
                "if kind != VMDESCRIPTION:",
                "if kind != VMDESCRIPTION:\n"
                "        raise Reject('unknown-section-type', '')\n    if False:",
            ),
        ),
        "vmdesc-not-skipped": (
            "A vmdesc is left unread.",
            edit(ContainerLoader._vmdesc, "self.stream.take(self.stream.number(4))", "pass"),
        ),
        "unmigratable-loaded": (
            "A device that cannot be migrated blocks nothing.",
            edit(model.blocked, "if device.unmigratable:", "if False:"),
        ),
    },
)

CONFIGURATION = table(
    "configuration",
    {
        "machine-name-unchecked": (
            "A stream of any machine is taken.",
            edit(configuration._same, _SAME, "if False:"),
        ),
        "machine-name-whole": (
            "A machine's name must be there in full.",
            edit(
                configuration._same,
                "for at in range(size):",
                "if size < len(local) - 1:\n        return False\n    for at in range(size):",
            ),
        ),
        "page-bits-unchecked": (
            "A machine's page size is not compared.",
            edit(configuration._post_load, "if bits != machine.page_bits:", "if False:"),
        ),
        "page-bits-from-local": (
            "Without a subsection, the page size is the local one.",
            edit(
                configuration.load_configuration,
                "machine.legacy_page_bits.to_bytes",
                "machine.page_bits.to_bytes",
            ),
        ),
        "capabilities-unchecked": (
            "Capabilities are not compared.",
            edit(configuration._post_load, "if here != there:", "if False:"),
        ),
        "capabilities-all-compared": (
            "All capabilities are compared.",
            value(configuration, "COMPARED", tuple(sorted(model.KNOWN_CAPABILITIES))),
        ),
        "capability-unknown-taken": (
            "An unknown capability is taken.",
            edit(
                ConfigurationLoader._capability, "if name not in KNOWN_CAPABILITIES:", "if False:"
            ),
        ),
        "uuid-unchecked": (
            "A machine's UUID is not compared.",
            edit(
                ConfigurationLoader._uuid,
                "elif received.bytes != self.machine.uuid:",
                "elif False:",
            ),
        ),
        "uuid-required": (
            "A UUID is refused where the local side has none.",
            edit(
                ConfigurationLoader._uuid,
                "if self.machine.uuid is None:",
                "if self.machine.uuid is None:\n"
                "        raise Reject('bad-configuration', '')\n    if False:",
            ),
        ),
        "configuration-with-version": (
            "The configuration is loaded at version 1.",
            edit(
                configuration.load_configuration,
                "loader.load_vmsd(_description(machine), state, 0)",
                "loader.stream.number(4)\n        loader.load_vmsd(_description(machine), state, 0)",
            ),
        ),
    },
)

COMMANDS = table(
    "commands",
    {
        "command-unknown-skipped": (
            "An unknown command is skipped.",
            edit(
                Commands.run,
                "if number not in COMMANDS:",
                "if number not in COMMANDS:\n        stream.take(length)\n        return\n    if False:",
            ),
        ),
        "command-length-unchecked": (
            "A command may have any length.",
            edit(Commands.run, "if wanted not in {-1, length}:", "if False:"),
        ),
        "ping-without-return-path": (
            "A ping needs no way back.",
            edit(Commands._ping, "if not self.return_path:", "if False:"),
        ),
        "advise-in-any-state": (
            "POSTCOPY_ADVISE may come again.",
            edit(Commands._postcopy_advise, "if before != _NONE:", "if False:"),
        ),
        "advise-of-ram-taken": (
            "POSTCOPY_ADVISE may have 16 bytes although RAM postcopy is off.",
            edit(
                Commands._postcopy_advise,
                "if length == 16:",
                "if length == 16:\n        stream.take(16)\n        return\n    if False:",
            ),
        ),
        "listen-in-any-state": (
            "POSTCOPY_LISTEN needs no ADVISE.",
            edit(Commands._postcopy_listen, "if before not in {_ADVISE, _DISCARD}:", "if False:"),
        ),
        "run-in-any-state": (
            "POSTCOPY_RUN needs no LISTEN.",
            edit(Commands._postcopy_run, "if before != _LISTENING:", "if False:"),
        ),
        "package-with-header": (
            "A package is a whole stream with a header.",
            edit(
                Commands._packaged,
                "self.loader.sections(InputStream(data, seekable=False))",
                "inner = InputStream(data)\n    inner.take(8)\n    self.loader.sections(inner)",
            ),
        ),
        "package-of-its-own-stream": (
            "A package inside a package lies in the outer package.",
            edit(Commands._packaged, "outer = self.loader.stream", "outer = stream"),
        ),
        "package-skipped": (
            "A package is passed over.",
            edit(
                Commands._packaged,
                "self.loader.sections(InputStream(data, seekable=False))",
                "pass",
            ),
        ),
        "resume-refused": (
            "POSTCOPY_RESUME at the wrong time is an error.",
            edit(
                Commands._postcopy_resume,
                "self.loader.machine.report('loadvm_postcopy_handle_resume: illegal resume received')",
                "raise _bad('resume')",
            ),
        ),
        "bitmap-of-any-block": (
            "RECV_BITMAP may name a block that is not there.",
            edit(Commands._recv_bitmap, "if not any(", "if False and any("),
        ),
        "bitmap-of-no-block": (
            "RECV_BITMAP is refused whatever block it names.",
            edit(Commands._recv_bitmap, "if not any(", "if True or any("),
        ),
        "colo-taken": (
            "The command that was ENABLE_COLO is taken.",
            value(
                commands,
                "COMMANDS",
                {**commands.COMMANDS, 8: ("SWITCHOVER_START", 0)},
            ),
        ),
    },
)

SAVEVM = table(
    "savevm",
    {
        "savevm-without-footers": (
            "Sections are saved without footers.",
            edit(ContainerSaver._full, "if self.machine.footers:", "if False:"),
        ),
        "savevm-without-eof": (
            "A saved stream has no EOF.",
            edit(ContainerSaver.save, "stream.put_number(EOF, 1)", "pass"),
        ),
        "savevm-without-vmdesc": (
            "A saved stream has no vmdesc.",
            edit(ContainerSaver.save, "if machine.vmdesc:", "if False:"),
        ),
        "savevm-vmdesc-always": (
            "A machine that sends no vmdesc sends one.",
            edit(ContainerSaver.save, "if machine.vmdesc:", "if True:"),
        ),
        "savevm-not-needed-saved": (
            "A device that is not needed is saved.",
            edit(
                ContainerSaver._full,
                "if vmsd.needed is not None and (not vmsd.needed(self.heap, device.opaque)):",
                "if False:",
            ),
        ),
        "savevm-early-late": (
            "A device of the early setup is saved with the others.",
            edit(
                ContainerSaver.save,
                "        if device.early:",
                "        if False:",
                "        if not device.early:",
                "        if True:",
            ),
        ),
        "savevm-ids-from-order": (
            "Sections are numbered in the order in which they are saved.",
            edit(
                ContainerSaver._full,
                "put_number(SECTION_FULL, 1)\n    stream.put_number(device.section_id, 4)",
                "put_number(SECTION_FULL, 1)\n"
                "    stream.put_number(self.devices.index(device) + 1, 4)",
            ),
        ),
        "savevm-switchover-always": (
            "Every stream has a SWITCHOVER_START.",
            edit(ContainerSaver.save, "if machine.switchover_start:", "if True:"),
        ),
        "savevm-start-sections": (
            "Devices are saved in START sections.",
            value(save, "SECTION_FULL", 1),
        ),
        "savevm-name-whole-length": (
            "A section's name is sent with a length of two bytes.",
            edit(
                ContainerSaver._full,
                "stream.put_number(len(name), 1)",
                "stream.put_number(len(name), 2)",
            ),
        ),
    },
)
