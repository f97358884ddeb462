# SPDX-License-Identifier: Apache-2.0
"""The operations `stream` and `savevm`: a whole stream into devices, and devices into a whole stream.

A request names, beside `op` and `document` (whose `root` is the description of every device that names
no other):

    "devices": [{"idstr": "dev", "instance_id": 0, "description": "dev", "destination": {...}}],
    "machine": "none",                # or an object: see `_MACHINE`
    "stream": "5145564d…"             # of `stream`; `savevm` has a "state" in each device instead

A device may also have `alias_id`, `compat` (`idstr` and `instance_id`, by which it is found as a device on
a bus), `section_id` (default: its place in the list), `early` and `unmigratable`. The list is QEMU's list
of handlers, in its order. A device of `stream` whose payload no description describes has a `handler` in
place of a description, and a destination of that handler's form (`vmstate.container.payloads`).

The result of `stream` has verdict, error, message, `consumed`, `stream_error` and `heap` as that of
`load`, `printed` (what goes to standard error on the way) and for each device its `idstr`, `instance_id`,
`state`, and `loads`, how often it was loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vmstate.container.load import ContainerLoader
from vmstate.container.model import KNOWN_CAPABILITIES, Device, Handler, Incoming, Machine
from vmstate.container.payloads import HANDLERS
from vmstate.container.save import ContainerSaver
from vmstate.description import VMStateDescription
from vmstate.document import Document
from vmstate.errors import EINVAL, Abort, CaseError, Reject
from vmstate.heap import Heap
from vmstate.layout import StructRef
from vmstate.operations import Operation, aborted, failed, heap_report
from vmstate.state import Reader, Writer
from vmstate.stream import InputStream, OutputStream
from vmstate.values import brief, flag, hexadecimal, integer, mapping, sequence, text

_COMMON: Final = frozenset({"op", "document", "devices", "machine"})
KEYS: Final = {"stream": _COMMON | {"stream"}, "savevm": _COMMON}
_DEVICE: Final = frozenset(
    {
        "idstr",
        "instance_id",
        "alias_id",
        "compat",
        "description",
        "handler",
        "section_id",
        "early",
        "unmigratable",
    }
)
_MACHINE: Final = frozenset(
    {
        "name",
        "page_bits",
        "legacy_page_bits",
        "capabilities",
        "uuid",
        "configuration",
        "footers",
        "vmdesc",
        "switchover_start",
    }
)
_U32: Final = range(1 << 32)
_BITS: Final = range(10, 25)
_MOST_DEVICES: Final = 1024
_LONGEST: Final = 255
_UUID: Final = 16


def run(request: Mapping[str, Any], document: Document, operation: Operation) -> dict[str, Any]:
    """Do one of the operations. Raises `CaseError` where the request is wrong."""
    heap = Heap(operation.limits)
    loading = request["op"] == "stream"
    machine = read_machine(request.get("machine", "none"))
    devices = read_devices(request.get("devices"), document, heap, machine, loading=loading)
    if loading:
        return _stream(request, document, operation, heap, devices, machine)
    return _savevm(operation, heap, devices, machine)


def _stream(
    request: Mapping[str, Any],
    document: Document,
    operation: Operation,
    heap: Heap,
    devices: list[Device],
    machine: Machine,
) -> dict[str, Any]:
    stream = InputStream(hexadecimal(request.get("stream"), "stream"))
    heap.step = 1
    loader = ContainerLoader(stream, heap, operation.dialect, devices, machine, operation.trace)
    result: dict[str, Any] = {"verdict": "accept"}
    try:
        loader.load()
    except Reject as reject:
        result = failed("reject", reject, operation.trace)
    except Abort as abort:
        if operation.profile.aborts:
            return aborted(abort, operation.trace)
        stream.set_error(EINVAL)
        result = failed("reject", abort, operation.trace)
    if result["verdict"] != "accept":
        for device in devices:
            if isinstance(device.handler, Incoming):
                device.handler.cancel()
    reader = Reader(document.layout, heap)
    return {
        **result,
        "devices": [
            {
                "idstr": device.idstr,
                "instance_id": device.instance_id,
                "state": _state(device, reader),
                "loads": device.loads,
            }
            for device in devices
        ],
        "consumed": stream.position,
        "stream_error": stream.error,
        "printed": machine.printed,
        "heap": heap_report(heap, *(device.opaque for device in devices if device.handler is None)),
    }


def _state(device: Device, reader: Reader) -> Any:
    if device.handler is not None:
        return device.handler.state()
    return reader.value(StructRef(device.vmsd.struct), device.opaque)


def _savevm(
    operation: Operation, heap: Heap, devices: list[Device], machine: Machine
) -> dict[str, Any]:
    stream = OutputStream(operation.limits.output)
    saver = ContainerSaver(stream, heap, operation.dialect, devices, machine, operation.trace)
    try:
        saver.save()
    except Reject as reject:
        return failed("error", reject, operation.trace)
    except Abort as abort:
        if operation.profile.aborts:
            return aborted(abort, operation.trace)
        return failed("error", abort, operation.trace)
    return {"verdict": "ok", "stream": stream.data.hex(), "vmdesc": saver.vmdesc.text()}


def read_devices(
    source: object, document: Document, heap: Heap, machine: Machine, *, loading: bool
) -> list[Device]:
    """Read the devices of a request, their state on the heap. Raises `CaseError`."""
    devices: list[Device] = []
    key = "destination" if loading else "state"
    given = sequence(source, "devices")
    if len(given) > _MOST_DEVICES:
        raise CaseError("too-large", "devices", f"more than {_MOST_DEVICES}")
    seen: set[tuple[str, int]] = set()
    for at, each in enumerate(given):
        path = f"devices[{at}]"
        one = mapping(each, path, _DEVICE | {key})
        handler = _handler(one, path, machine, loading=loading)
        vmsd = _described(one, path, document, handler)
        # By clause [CONT-SECTION-12]
        alias = -1 if handler is None else 0
        device = Device(
            _idstr(one.get("idstr", vmsd.name), f"{path}.idstr"),
            integer(one.get("instance_id", 0), f"{path}.instance_id", _U32),
            vmsd,
            section_id=integer(one.get("section_id", at), f"{path}.section_id", _U32),
            alias_id=integer(one.get("alias_id", alias), f"{path}.alias_id", range(-1, 1 << 31)),
            compat=_compat(one.get("compat"), f"{path}.compat"),
            early=flag(one, "early", path),
            unmigratable=flag(one, "unmigratable", path),
            handler=handler,
        )
        if (device.idstr, device.instance_id) in seen:
            # QEMU ends with status 1 at the second registration.
            raise CaseError("duplicate", path, f"a second {device.idstr} {device.instance_id}")
        seen.add((device.idstr, device.instance_id))
        devices.append(device)
        if handler is not None:
            continue
        try:
            writer = Writer(document.layout, heap)
            device.opaque = writer.struct(vmsd.struct, one.get(key), f"{path}.{key}")
        except Abort as abort:
            raise CaseError("too-large", f"{path}.{key}", abort.message) from None
    return devices


def _handler(
    one: Mapping[str, Any], path: str, machine: Machine, *, loading: bool
) -> Handler | None:
    if "handler" not in one:
        return None
    name = one["handler"]
    if not isinstance(name, str) or name not in HANDLERS:
        raise CaseError("handler", f"{path}.handler", f"{brief(name)} is none")
    if "description" in one:
        raise CaseError("handler", path, "a handler needs no description")
    if not loading:
        raise CaseError("handler", f"{path}.handler", "handlers can load, but not save")
    return HANDLERS[name](one.get("destination", {}), f"{path}.destination", machine)


def _described(
    one: Mapping[str, Any], path: str, document: Document, handler: Handler | None
) -> VMStateDescription:
    if handler is not None:
        vmsd = VMStateDescription(one["handler"])
        vmsd.version_id = handler.version_id
        return vmsd
    name = one.get("description", document.root.name)
    if not isinstance(name, str) or name not in document.descriptions:
        raise CaseError("description", f"{path}.description", f"{brief(name)} is none")
    return document.descriptions[name]


def _idstr(value: object, path: str) -> str:
    name = text(value, path)
    if not 0 < len(name.encode()) <= _LONGEST:
        raise CaseError("idstr", path, f"{brief(name)} has not 1 to {_LONGEST} bytes")
    return name


def _compat(value: object, path: str) -> tuple[str, int] | None:
    if value is None:
        return None
    compat = mapping(value, path, frozenset({"idstr", "instance_id"}))
    instance_id = integer(compat.get("instance_id", 0), f"{path}.instance_id", _U32)
    return _idstr(compat.get("idstr"), f"{path}.idstr"), instance_id


def read_machine(source: object) -> Machine:
    """Read the machine of a request. Raises `CaseError`."""
    given = {"name": source} if isinstance(source, str) else mapping(source, "machine", _MACHINE)
    names = sequence(given.get("capabilities", []), "machine.capabilities")
    for at, name in enumerate(names):
        if not isinstance(name, str) or name not in KNOWN_CAPABILITIES:
            path = f"machine.capabilities[{at}]"
            raise CaseError("capability", path, f"{brief(name)} is none")
    uuid = None if given.get("uuid") is None else hexadecimal(given["uuid"], "machine.uuid")
    if uuid is not None and len(uuid) != _UUID:
        raise CaseError("uuid", "machine.uuid", f"{len(uuid)} bytes, not {_UUID}")
    legacy = integer(given.get("legacy_page_bits", 12), "machine.legacy_page_bits", _BITS)
    return Machine(
        name=text(given.get("name", "none"), "machine.name"),
        page_bits=integer(given.get("page_bits", legacy), "machine.page_bits", _BITS),
        legacy_page_bits=legacy,
        capabilities=frozenset(names),
        uuid=uuid,
        configuration=flag(given, "configuration", "machine", default=True),
        footers=flag(given, "footers", "machine", default=True),
        vmdesc=flag(given, "vmdesc", "machine", default=True),
        switchover_start=flag(given, "switchover_start", "machine"),
    )
