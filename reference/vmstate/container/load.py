# SPDX-License-Identifier: Apache-2.0
"""Loading a whole stream into registered descriptions: qemu_loadvm_state() in migration/savevm.c."""

from __future__ import annotations

from typing import Final

from vmstate.container.commands import Commands, Quit
from vmstate.container.configuration import load_configuration
from vmstate.container.model import (
    COMMAND,
    CONFIGURATION,
    EOF,
    FOOTER,
    MAGIC,
    SECTION_END,
    SECTION_FULL,
    SECTION_PART,
    SECTION_START,
    VERSION,
    VMDESCRIPTION,
    Device,
    Handler,
    Machine,
    PayloadError,
    Refusal,
    blocked,
)
from vmstate.dialects import Dialect
from vmstate.errors import EINVAL, Reject
from vmstate.extent import int32
from vmstate.heap import Heap
from vmstate.load import Loader
from vmstate.stream import InputStream
from vmstate.trace import Trace


class ContainerLoader:
    """Loads one stream into devices, which stand in the order of QEMU's list of handlers.

    Every method raises `Reject` where QEMU refuses and `Abort` where its process dies. `steps` of
    all sections count together, so that no stream outlasts the limits by having many.
    """

    def __init__(
        self,
        stream: InputStream,
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
        self.commands: Final = Commands(self)
        self.steps = 0

    def load(self) -> None:
        """Load everything from the magic to the vmdesc."""
        blocked(self.devices)
        self._header()
        try:
            self.sections(self.stream)
        except Quit:
            # RUN ends the reading on this side: what follows belongs to another thread.
            return
        if self.stream.error:
            # By clause [CONT-EOF-1]
            raise Reject(
                "stream-error", f"Error while loading vmstate: stream error: {self.stream.error}"
            )
        self._vmdesc()

    def _header(self) -> None:
        stream = self.stream
        magic = stream.number(4)
        if magic != MAGIC:
            # By clause [CONT-HEADER-1]
            raise Reject("bad-magic", f"Not a migration stream, magic: {magic:x} != {MAGIC:x}")
        version = stream.number(4)
        if version == VERSION - 1:
            raise Reject(
                "unsupported-version", "SaveVM v2 format is obsolete and no longer supported"
            )
        if version != VERSION:
            # By clause [CONT-HEADER-2]
            raise Reject(
                "unsupported-version",
                f"Unsupported migration stream version, file version {version:x} != {VERSION:x}",
            )
        if not self.machine.configuration:
            return
        kind = stream.number(1)
        if kind != CONFIGURATION:
            # By clause [CONF-HEADER-1]
            raise Reject(
                "bad-configuration",
                f"Configuration section missing, {kind:x} != {CONFIGURATION:x}",
            )
        # Its memory is not that of any device.
        load_configuration(stream, Heap(self.heap.limits), self.dialect, self.machine)

    def sections(self, stream: InputStream) -> None:
        """Load sections up to and with EOF; a refusal becomes the stream's error. [CONT-TYPE-1]"""
        try:
            self._sections(stream)
        except Reject as reject:
            stream.set_error(reject.code if isinstance(reject, Refusal) else EINVAL)
            raise

    def _sections(self, stream: InputStream) -> None:
        while True:
            kind = stream.number(1)
            if stream.error:
                # By clause [CONT-TYPE-3]
                raise Refusal(
                    "truncated",
                    f"Failed to load section ID: stream error: {stream.error}: "
                    "Channel error: Input/output error",
                    stream.error,
                )
            if kind == EOF:
                return
            self.trace.note(stream.position - 1, stream.position, "section type", str(kind))
            if kind in {SECTION_START, SECTION_FULL}:
                self._start(stream)
            elif kind in {SECTION_PART, SECTION_END}:
                self._part(stream)
            elif kind == COMMAND:
                self.commands.run(stream)
            else:
                # By clause [CONT-TYPE-2]
                raise Reject("unknown-section-type", f"Unknown section type {kind}")

    def _start(self, stream: InputStream) -> None:
        """Load a START or FULL section. [CONT-SECTION-1]"""
        section_id = stream.number(4)
        name = counted(stream)
        if name is None:
            # By clause [CONT-SECTION-2]
            raise Reject("truncated", f"Unable to read ID string for section {section_id}")
        instance_id, version_id = stream.number(4), stream.number(4)
        if stream.error:
            # By clause [CONT-SECTION-3]
            raise Reject("truncated", f"Failed to read instance/version ID: {stream.error}")
        device = self._find(name, instance_id)
        if device is None:
            # By clause [CONT-SECTION-4]
            shown = name.decode(errors="replace")
            raise Reject(
                "unknown-section",
                f"Unknown section or instance '{shown}' {instance_id}. Make sure that your current "
                "VM setup matches your saved VM setup, including any hotplugged devices",
            )
        if version_id > device.vmsd.version_id & 0xFFFFFFFF:
            # By clause [CONT-SECTION-5]
            raise Reject(
                "section-version",
                f"unsupported version {int32(version_id)} for '{device.idstr}' "
                f"v{device.vmsd.version_id}",
            )
        device.loaded_version = int32(version_id)
        device.loaded_id = section_id
        try:
            self._load(stream, device)
        except Reject as reject:
            # By clause [CONT-SECTION-6]
            reject.message = (
                f"error while loading state for instance 0x{instance_id:x} of device "
                f"'{name.decode(errors='replace')}': {reject.message}"
            )
            raise
        self._footer(stream, device)

    def _find(self, name: bytes, instance_id: int) -> Device | None:
        """Find a device as find_se() does: name and instance or alias, or those of its bus."""
        for device in self.devices:
            if device.idstr.encode() == name and instance_id in {
                device.instance_id,
                device.alias_id & 0xFFFFFFFF,
            }:
                return device
            if device.compat is not None and device.compat[0].encode() == name:
                also = {device.compat[1], device.alias_id & 0xFFFFFFFF}
                if instance_id in also:
                    return device
        return None

    def _part(self, stream: InputStream) -> None:
        """Load a PART or END section of the device whose header had its id. [CONT-SECTION-8]"""
        section_id = stream.number(4)
        if stream.error:
            # By clause [CONT-SECTION-10]
            raise Reject("truncated", f"Failed to read section ID: {stream.error}")
        # Without a header a device's id is 0, so 0 finds the first of all [CONT-SECTION-9]
        device = next((each for each in self.devices if each.loaded_id == section_id), None)
        if device is None:
            raise Reject("unknown-section-id", f"Unknown section {int32(section_id)}")
        self._load(stream, device)
        self._footer(stream, device)

    def _load(self, stream: InputStream, device: Device) -> None:
        """Load a section's payload, as often and under whatever type it comes. [CONT-SECTION-7]"""
        if device.handler is not None:
            self._payload(stream, device, device.handler)
            return
        loader = Loader(stream, self.heap, self.dialect, self.trace)
        loader.steps = self.steps
        self.trace.enter(device.idstr)
        loader.load_vmsd(device.vmsd, device.opaque, device.loaded_version)
        self.trace.leave()
        self.steps = loader.steps
        device.loads += 1

    def _payload(self, stream: InputStream, device: Device, handler: Handler) -> None:
        """Let a handler load what no description describes. [CONT-SECTION-11]"""
        version_id = device.loaded_version
        self.trace.enter(device.idstr)
        try:
            handler.load(stream, version_id, self.machine, self.trace)
        except PayloadError as error:
            if error.printed:
                self.machine.report(error.printed)
            message = f"Failed to load vmstate version_id: {version_id}, ret: {error.code}"
            raise Refusal(error.error, message, error.code) from None
        self.trace.leave()
        device.loads += 1

    def _footer(self, stream: InputStream, device: Device) -> None:
        """Check the footer behind a section. [CONT-FOOTER-1] [CONT-FOOTER-2]"""
        if not self.machine.footers:
            return
        message = f"Section footer error, section_id: {int32(device.loaded_id)}"
        mark = stream.number(1)
        if stream.error:
            self.machine.report(f"check_section_footer: Read section footer failed: {stream.error}")
            raise Reject("missing-footer", message)
        if mark != FOOTER:
            self.machine.report(f"Missing section footer for {device.idstr}")
            raise Reject("missing-footer", message)
        section_id = stream.number(4)
        if section_id != device.loaded_id:
            self.machine.report(
                f"Mismatched section id in footer for {device.idstr} - "
                f"read 0x{section_id:x} expected 0x{device.loaded_id:x}"
            )
            raise Reject("footer-mismatch", message)

    def _vmdesc(self) -> None:
        """Skip the vmdesc, whatever it is. [CONT-VMDESC-1]"""
        if not self.machine.vmdesc:
            return
        kind = self.stream.number(1)
        if kind != VMDESCRIPTION:
            self.machine.report(f"Expected vmdescription section, but got {kind}")
            return
        self.stream.take(self.stream.number(4))


def counted(stream: InputStream) -> bytes | None:
    """Read a counted string, as a C string; None where it is empty or cut short. [STREAM-STRING-1]"""
    size = stream.number(1)
    raw = stream.take(size)
    return raw.split(b"\0", 1)[0] if raw and len(raw) == size else None
