# SPDX-License-Identifier: Apache-2.0
"""Saving registered descriptions as a whole stream: qemu_savevm_state() in migration/savevm.c."""

from __future__ import annotations

from typing import Final

from vmstate.container.configuration import save_configuration
from vmstate.container.model import (
    COMMAND,
    CONFIGURATION,
    EOF,
    FOOTER,
    MAGIC,
    SECTION_FULL,
    VERSION,
    VMDESCRIPTION,
    Device,
    Machine,
    blocked,
)
from vmstate.dialects import Dialect
from vmstate.heap import Heap
from vmstate.jsonwriter import JSONWriter
from vmstate.save import Saver
from vmstate.stream import OutputStream
from vmstate.trace import Trace

_SWITCHOVER_START: Final = 11


class ContainerSaver:
    """Saves devices, which stand in the order of QEMU's list of handlers.

    Raises `Reject` where QEMU returns an error and `Abort` where its process dies.
    """

    def __init__(
        self,
        stream: OutputStream,
        heap: Heap,
        dialect: Dialect,
        devices: list[Device],
        machine: Machine,
        trace: Trace | None = None,
    ) -> None:
        self.stream: Final = stream
        self.heap: Final = heap
        self.dialect: Final = dialect
        self.devices: Final = devices
        self.machine: Final = machine
        self.trace: Final = trace or Trace(recording=False)
        self.vmdesc: Final = JSONWriter(stream.limit)

    def save(self) -> None:
        """Save everything from the magic to the vmdesc, in the order of the list. [CONT-LAYOUT-1]

        The list is in the order of priorities [CONT-LAYOUT-2]; without the command it is what a
        snapshot holds [CONT-SNAPSHOT-1].
        """
        blocked(self.devices)
        stream, machine = self.stream, self.machine
        stream.put_number(MAGIC, 4)
        stream.put_number(VERSION, 4)
        self.vmdesc.start_object()
        if machine.configuration:
            stream.put_number(CONFIGURATION, 1)
            save_configuration(stream, self.heap, self.dialect, machine, self.vmdesc)
        # By clause [CONT-VMDESC-2]
        self.vmdesc.number("page_size", 1 << machine.page_bits)
        self.vmdesc.start_array("devices")
        for device in self.devices:
            if device.early:
                # By clause [CONT-EARLY-1]
                self._full(device)
        if machine.switchover_start:
            stream.put_number(COMMAND, 1)
            stream.put_number(_SWITCHOVER_START, 2)
            stream.put_number(0, 2)
        for device in self.devices:
            if not device.early:
                self._full(device)
        self.vmdesc.end_array()
        self.vmdesc.end_object()
        stream.put_number(EOF, 1)
        if machine.vmdesc:
            # By clause [CONT-VMDESC-1]
            text = self.vmdesc.text().encode()
            stream.put_number(VMDESCRIPTION, 1)
            stream.put_number(len(text), 4)
            stream.put(text)

    def _full(self, device: Device) -> None:
        """Save one device, if it is needed. [CONT-SECTION-1]"""
        vmsd, stream = device.vmsd, self.stream
        if vmsd.needed is not None and not vmsd.needed(self.heap, device.opaque):
            return
        self.vmdesc.start_object()
        self.vmdesc.string("name", device.idstr)
        self.vmdesc.number("instance_id", device.instance_id)
        name = device.idstr.encode()
        stream.put_number(SECTION_FULL, 1)
        stream.put_number(device.section_id, 4)
        stream.put_number(len(name), 1)
        stream.put(name)
        stream.put_number(device.instance_id, 4)
        stream.put_number(vmsd.version_id, 4)
        self.trace.enter(device.idstr)
        saver = Saver(stream, self.heap, self.dialect, self.vmdesc, self.trace)
        saver.save_vmsd(vmsd, device.opaque, vmsd.version_id)
        self.trace.leave()
        if self.machine.footers:
            # By clause [CONT-FOOTER-1]
            stream.put_number(FOOTER, 1)
            stream.put_number(device.section_id, 4)
        self.vmdesc.end_object()
