# SPDX-License-Identifier: Apache-2.0
"""The configuration section, loaded and saved by the engine like any other description."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from vmstate.container.model import COMPARED, KNOWN_CAPABILITIES, Machine
from vmstate.description import Needed, VMStateDescription, VMStateField
from vmstate.dialects import Dialect
from vmstate.errors import Reject
from vmstate.extent import int32
from vmstate.flags import VMS_ALLOC, VMS_POINTER, VMS_SINGLE, VMS_VBUFFER
from vmstate.heap import Heap
from vmstate.jsonwriter import JSONWriter
from vmstate.load import Loader
from vmstate.save import Saver
from vmstate.stream import InputStream, OutputStream

_LEN: Final = 0
_NAME: Final = 8
_BITS: Final = 16
_COUNT: Final = 20
_UUID: Final = 24
_SIZE: Final = 40
_UUID_SIZE: Final = 16


def _description(machine: Machine) -> VMStateDescription:
    """Describe the section, with the subsections that this machine sends. [CONF-LOAD-1]"""
    top = VMStateDescription("configuration")
    top.version_id = 1
    top.fields = [
        VMStateField("len", VMS_SINGLE, _LEN, 4, info="uint32"),
        VMStateField("name", VMS_VBUFFER | VMS_POINTER | VMS_ALLOC, _NAME, info="buffer"),
    ]
    wanted = {
        "configuration/target-page-bits": machine.page_bits > machine.legacy_page_bits,
        "configuration/capabilities": bool(machine.capabilities.intersection(COMPARED)),
        "configuration/uuid": machine.uuid is not None and "validate-uuid" in machine.capabilities,
    }
    fields = (
        VMStateField("page_bits", VMS_SINGLE, _BITS, 4, info="uint32"),
        VMStateField("caps_count", VMS_SINGLE, _COUNT, 4, info="uint32"),
        VMStateField("uuid", VMS_SINGLE, _UUID, _UUID_SIZE, info="buffer"),
    )
    top.subsections = []
    for (name, sent), field in zip(wanted.items(), fields, strict=True):
        subsection = VMStateDescription(name)
        subsection.version_id = subsection.minimum_version_id = 1
        subsection.fields = [field]
        subsection.needed = _const(sent)
        top.subsections.append(subsection)
    return top


def _const(answer: bool) -> Needed:  # noqa: FBT001 - a constant is what it takes
    return lambda heap, opaque: answer


class ConfigurationLoader(Loader):
    """A loader that knows the hooks and the one private info of these descriptions."""

    __slots__ = ("machine", "received")

    def __init__(self, stream: InputStream, heap: Heap, dialect: Dialect, machine: Machine) -> None:
        super().__init__(stream, heap, dialect)
        self.machine = machine
        self.received: set[str] = set()

    def load_vmsd(self, vmsd: VMStateDescription, opaque: int, version_id: int) -> None:
        """Load one, and then do what its post_load does."""
        super().load_vmsd(vmsd, opaque, version_id)
        if vmsd.name == "configuration/uuid":
            self._uuid(opaque)

    def field(
        self, vmsd: VMStateDescription, field: VMStateField, opaque: int, version_id: int
    ) -> None:
        """Load a field; behind the count of capabilities stand their names."""
        super().field(vmsd, field, opaque, version_id)
        if field.name == "caps_count":
            count = self.heap.number(opaque + _COUNT, 4)
            if count:
                self.heap.allocate(4 * count, "configuration.capabilities", "array")
            for _ in range(count):
                self._capability(vmsd)

    def _capability(self, vmsd: VMStateDescription) -> None:
        """Read a name. [CONF-CAPS-1]"""
        self.step()
        size = self.stream.number(1)
        name = self.stream.take(size).split(b"\0", 1)[0].decode(errors="replace")
        if name not in KNOWN_CAPABILITIES:
            self.stream.set_error(-22)
            raise Reject("bad-configuration", f"Received unknown capability {name}")
        self.received.add(name)
        self.check_stream(vmsd)

    def _uuid(self, opaque: int) -> None:
        """Compare the received UUID with the local one. [CONF-UUID-1]"""
        received = UUID(bytes=self.heap.read(opaque + _UUID, _UUID_SIZE))
        if self.machine.uuid is None:
            self.machine.report(f"UUID is received {received}, but local uuid isn't set")
        elif received.bytes != self.machine.uuid:
            local = UUID(bytes=self.machine.uuid)
            self.machine.report(f"UUID received is {received} and local is {local}")
            raise Reject(
                "bad-configuration",
                "post load hook failed for: configuration/uuid, version_id: 1, "
                "minimum_version: 1, ret: -22",
            )


def load_configuration(stream: InputStream, heap: Heap, dialect: Dialect, machine: Machine) -> None:
    """Load what stands behind the type byte. Raises `Reject` and `Abort`. [CONF-LOAD-1] [CONF-LENGTH-1]"""
    loader = ConfigurationLoader(stream, heap, dialect, machine)
    before = set(heap.blocks())
    state = heap.allocate(_SIZE, "configuration", "struct")
    heap.write(state + _BITS, machine.legacy_page_bits.to_bytes(4, "little"))
    try:
        loader.load_vmsd(_description(machine), state, 0)
        size = heap.number(state + _LEN, 4)
        _post_load(loader, size, state)
    finally:
        # The machine keeps what it received; no device owns it, so that here it is gone.
        for block in set(heap.blocks()) - before:
            heap.free(block.base)


def _post_load(loader: ConfigurationLoader, size: int, state: int) -> None:
    """Compare name, page bits and capabilities, in this order. [CONF-NAME-1] [CONF-PAGE-1]"""
    machine, heap = loader.machine, loader.heap
    local = machine.name.encode() + b"\0"
    name = heap.read(heap.pointer(state + _NAME), min(size, len(local))) if size else b""
    if not _same(name, local, size):
        # By clause [CONF-NAME-2]
        shown = name if size <= len(local) else heap.read(heap.pointer(state + _NAME), size)
        text = shown.split(b"\0", 1)[0].decode(errors="replace")
        raise _refused(f"Machine type received is '{text}' and local is '{machine.name}'")
    bits = heap.number(state + _BITS, 4)
    if bits != machine.page_bits:
        raise _refused(
            f"Received TARGET_PAGE_BITS is {int32(bits)} but local is {machine.page_bits}"
        )
    # By clause [CONF-CAPS-2]
    wrong = False
    for name_of in COMPARED:
        here, there = name_of in machine.capabilities, name_of in loader.received
        if here != there:
            on = ("off", "on")
            machine.report(
                f"Capability {name_of} is {on[here]}, but received capability is {on[there]}"
            )
            wrong = True
    if wrong:
        raise _refused("Failed to validate capabilities")


def _same(received: bytes, local: bytes, size: int) -> bool:
    """As strncmp(): equal as far as the received length goes, or both end before."""
    for at in range(size):
        if at >= len(received) or received[at] != local[at]:
            return False
        if not local[at]:
            return True
    return True


def _refused(message: str) -> Reject:
    prefix = "post load hook failed for: configuration, version_id: 1, minimum_version: 0: "
    return Reject("bad-configuration", prefix + message)


class ConfigurationSaver(Saver):
    """A saver that writes the names of capabilities behind their count."""

    __slots__ = ("names",)

    names: list[str]

    def field(
        self, vmsd: VMStateDescription, field: VMStateField, opaque: int, version_id: int
    ) -> None:
        """Save a field."""
        super().field(vmsd, field, opaque, version_id)
        if field.name == "caps_count":
            for at, name in enumerate(self.names):
                self._capability(name, at, len(self.names))

    def _capability(self, name: str, at: int, count: int) -> None:
        raw = name.encode()
        self.stream.put_number(len(raw), 1)
        self.stream.put(raw)
        if self.vmdesc is not None and at == 0:
            self.vmdesc.start_object()
            self.vmdesc.string("name", "capabilities")
            if count > 1:
                self.vmdesc.number("array_len", count)
            self.vmdesc.string("type", "capability")
            self.vmdesc.number("size", 1 + len(raw))
            self.vmdesc.end_object()


def save_configuration(
    stream: OutputStream, heap: Heap, dialect: Dialect, machine: Machine, vmdesc: JSONWriter | None
) -> None:
    """Save it behind its type byte, and describe it."""
    saver = ConfigurationSaver(stream, heap, dialect, vmdesc)
    saver.names = [name for name in COMPARED if name in machine.capabilities]
    state = heap.allocate(_SIZE, "configuration", "struct")
    raw = machine.name.encode()
    name = heap.allocate(len(raw), "configuration.name", "buffer")
    heap.write(name, raw)
    heap.store_pointer(state + _NAME, name)
    heap.write(state + _LEN, len(raw).to_bytes(4, "little"))
    heap.write(state + _BITS, machine.page_bits.to_bytes(4, "little"))
    heap.write(state + _COUNT, len(saver.names).to_bytes(4, "little"))
    heap.write(state + _UUID, machine.uuid or bytes(_UUID_SIZE))
    top = _description(machine)
    if vmdesc is not None:
        vmdesc.start_object("configuration")
    saver.save_vmsd(top, state, top.version_id)
    if vmdesc is not None:
        vmdesc.end_object()
