# SPDX-License-Identifier: Apache-2.0
"""The info `virtio`: a transport's registers, the device's header and queues, and subsections.

What the device itself saves stands between the queues and the subsections. No vmdesc describes it, so it
stays bytes; so do the registers of a transport that is neither PCI nor MMIO (virtio-ccw).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

from vmstate.whole import virtio_net, virtio_requests
from vmstate.whole.errors import StreamFault
from vmstate.whole.fields import SUBSECTIONS, Fields, FlatArray, Subsection
from vmstate.whole.nodes import Array, Bytes, Node, Reader, Scalar, ScalarArray, bad_value, short
from vmstate.whole.private_infos import PCI_CONFIG, Little, Msix, numbers

#: Queues that a device may have; the arrays in subsections have as many.
_QUEUES: Final = 1024
_VENDOR: Final = b"\xf4\x1a"
_MSIX: Final = 0x11
_ALIGN: Final = 4096
#: The registers of virtio-mmio.
_MMIO: Final = 12
#: How far into the section a transport's unknown registers may reach.
_TRANSPORT: Final = 4096
_NAME: Final = re.compile(rb"\x05[\x0c-\x28](?=virtio/[a-z0-9_]+)")
_WHY: Final = "the device's own fields, which no vmdesc describes"
_WHY_TRANSPORT: Final = "the registers of the transport, which no vmdesc describes"


class Virtio:
    """All of it, or bytes with a reason where the bytes do not fit."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size

    def decode(self, reader: Reader) -> Any:
        """Read it."""
        start, spans, opaque = reader.position, len(reader.spans or ()), len(reader.opaque)
        path, end = reader.path, reader.end
        if self.size > end - start:
            return Bytes(self.size, "virtio").decode(reader)
        reader.end = start + self.size
        try:
            kind = path.partition("#")[0].rpartition("/")[2]
            layout = _layout(bytes(reader.data[start : reader.end]), kind)
            if layout is not None:
                value = layout.decode(reader)
                if reader.position == reader.end:
                    return value
        except StreamFault:
            pass
        finally:
            reader.end, reader.path = end, path
        reader.position = start
        del reader.opaque[opaque:]
        if reader.spans is not None:
            del reader.spans[spans:]
        return Bytes(self.size, "virtio", "not laid out as any known transport").decode(reader)

    def encode(self, value: Any, out: bytearray) -> None:
        """Write it: what there is says how it was laid out."""
        if not isinstance(value, dict) or "$bytes" in value:
            Bytes(0, "virtio").encode(value, out)
            return
        try:
            queue = value["queues"][0] if value["queues"] else {}
            device = value["device"]
            own: Node | None = None
            if isinstance(device, list):
                own = virtio_requests.BlkRequests(0)
            elif isinstance(device, dict) and "$bytes" not in device:
                own = virtio_net.fields_of(device)
            layout = _fields(
                own=own,
                pci="config" in value,
                mmio="host_features_sel" in value,
                vectors=int("vector" in queue or "config_vector" in value),
                align="vring.align" in queue,
                names=[one["name"] for one in value.get(SUBSECTIONS, [])],
            )
        except (KeyError, TypeError, AttributeError):
            raise bad_value(f"no state of virtio: {short(value)}") from None
        layout.encode(value, out)


def _layout(data: bytes, kind: str) -> Fields | None:
    """Find out how a section is laid out; None if as nothing known."""

    def own(size: int) -> Node | None:
        part = data[behind - size : behind]
        if kind == "virtio-net":
            return virtio_net.own_fields(part)
        return virtio_requests.requests("blk", part) if kind == "virtio-blk" else None

    names, behind = _subsections(data)
    if data[4:6] == _VENDOR:
        for config in (4096, 256):
            vectors = _vectors(data[4 : 4 + config])
            head = 4 + config + 16
            if vectors:
                head += vectors * 16 + -(-vectors // 8) + 2
            sizes = _common(data, head, behind, align=False, vector=vectors > 0)
            if sizes is not None and not any(data[4 + config : head][:16:4]):
                return _fields(
                    pci=True,
                    config=config,
                    vectors=vectors,
                    sizes=sizes,
                    own=own(sizes[2]),
                    names=names,
                )
        return None
    for head in (_MMIO, *range(min(_TRANSPORT, behind))):
        mmio = head == _MMIO
        sizes = _common(data, head, behind, align=mmio, vector=not mmio)
        if sizes is not None:
            return _fields(
                mmio=mmio,
                head=head,
                vectors=int(not mmio),
                align=mmio,
                sizes=sizes,
                own=own(sizes[2]),
                names=names,
            )
    return None


def _vectors(config: bytes) -> int:
    """Give the size of the MSI-X table that the capabilities in configuration space announce."""
    at = config[0x34] if config[6] & 0x10 else 0
    for _ in range(48):
        if at < 0x40 or at + 4 > len(config):
            return 0
        if config[at] == _MSIX:
            return ((config[at + 2] | config[at + 3] << 8) & 0x7FF) + 1
        at = config[at + 1]
    return 0


def _common(
    data: bytes, head: int, behind: int, *, align: bool, vector: bool
) -> tuple[int, int, int] | None:
    """Check the header and queues at `head`: bytes of config, queues, bytes of the device's own."""
    if head + 16 > behind:
        return None
    config = int.from_bytes(data[head + 8 : head + 12], "big")
    at = head + 12 + config
    if at + 4 > behind:
        return None
    queues = int.from_bytes(data[at : at + 4], "big")
    stride = 14 + (4 if align else 0) + (2 if vector else 0)
    at += 4
    if not 0 < queues <= _QUEUES or at + queues * stride > behind:
        return None
    for place in range(at, at + queues * stride, stride):
        size = int.from_bytes(data[place : place + 4], "big")
        wide = int.from_bytes(data[place + 4 : place + 8], "big") if align else _ALIGN
        if size > 32768 or size & (size - 1) or not 0 < wide <= 1 << 20 or wide & (wide - 1):
            return None
    return config, queues, behind - at - queues * stride


def _subsections(data: bytes) -> tuple[list[str], int]:
    """Find the chain of subsections that reaches to the end: their names, and where it begins."""
    for match in _NAME.finditer(data):
        names, at = [], match.start()
        while at < len(data):
            name = data[at + 2 : at + 2 + data[at + 1]] if data[at : at + 1] == b"\5" else b""
            size = _sized(name.decode("ascii", "replace"), data[at + 6 + len(name) :])
            if size < 0:
                break
            names.append(name.decode())
            at += 6 + len(name) + size
        if at == len(data):
            return names, match.start()
    return [], len(data)


def _sized(name: str, data: bytes) -> int:
    """Give the bytes of a subsection's fields, -1 where it is not known."""
    found = _known(name)
    if found is None:
        return -1
    if name == "virtio/extra_state" and data.startswith(b"\5\x17virtio_pci/modern_state"):
        return found.fields.size
    return 0 if name == "virtio/extra_state" else found.fields.size


@cache
def _known(name: str) -> Subsection | None:
    """Give the layout of a subsection of virtio, None if it is not known."""
    fields: Fields
    if name == "virtio/virtqueues":
        queue = Fields([("", numbers("Q", "vring.avail", "vring.used"))], [])
        fields = Fields([("vq", FlatArray(queue, _QUEUES))], [])
    elif name == "virtio/packed_virtqueues":
        queue = Fields(
            [
                (
                    "",
                    numbers(
                        "HBHBI",
                        "last_avail_idx",
                        "last_avail_wrap_counter",
                        "used_idx",
                        "used_wrap_counter",
                        "inuse",
                    ),
                )
            ],
            [],
        )
        fields = Fields([("vq", FlatArray(queue, _QUEUES))], [])
    elif name == "virtio/ringsize":
        fields = Fields([("vring.num_default", ScalarArray(Scalar("I", "uint32"), _QUEUES))], [])
    elif name == "virtio/64bit_features":
        fields = Fields([("", numbers("Q", "guest_features"))], [])
    elif name in {"virtio/broken", "virtio/started", "virtio/disabled", "virtio/device_endian"}:
        fields = Fields([("", numbers("B", name[7:]))], [])
    elif name == "virtio/extra_state":
        fields = Fields([], [Subsection("virtio_pci/modern_state", 1, _modern())])
    else:
        return None
    return Subsection(name, 1, fields)


def _modern() -> Fields:
    """Give the layout of the registers of virtio 1.0 over PCI."""
    words = Scalar("I", "uint32")
    queue: list[tuple[str, Node]] = [
        ("", numbers("H", "num")),
        ("unused", Bytes(1, "unused_buffer")),
        ("", numbers("B", "enabled")),
    ]
    queue += [(name, ScalarArray(words, 2)) for name in ("desc", "avail", "used")]
    steps: list[tuple[str, Node]] = [
        ("", numbers("I", "dfselect", "gfselect")),
        ("guest_features", ScalarArray(words, 2)),
        ("vqs", Array(Fields(queue, []), _QUEUES)),
    ]
    return Fields(steps, [])


def _fields(
    *,
    pci: bool = False,
    mmio: bool = False,
    config: int = 256,
    head: int = 0,
    vectors: int = 0,
    align: bool = False,
    sizes: tuple[int, int, int] = (0, 0, 0),
    own: Node | None = None,
    names: list[str],
) -> Fields:
    """Put a layout together."""
    steps: list[tuple[str, Node]] = []
    if pci:
        steps.append(("", numbers("i", "version_id")))
        steps.append(("config", Little(PCI_CONFIG, config, "pci config")))
        steps.append(("irq_state", ScalarArray(Scalar("I", "uint32"), 4)))
        if vectors:
            steps.append(("msix", Msix(vectors * 16 + -(-vectors // 8))))
            steps.append(("", numbers("H", "config_vector")))
    elif mmio:
        steps.append(
            ("", numbers("I", "host_features_sel", "guest_features_sel", "guest_page_shift"))
        )
    else:
        steps.append(("transport", Bytes(head, "virtio", _WHY_TRANSPORT)))
    steps.append(
        ("", numbers("BBHII", "status", "isr", "queue_sel", "guest_features", "config_len"))
    )
    steps.append(("device_config", Bytes(sizes[0], "buffer")))
    steps.append(("", numbers("I", "num_queues")))
    queue = ["vring.num", *(["vring.align"] if align else []), "vring.desc", "last_avail_idx"]
    code = "I" * align + "IQH" + "H" * bool(vectors)
    queue += ["vector"] if vectors else []
    steps.append(("queues", FlatArray(Fields([("", numbers(code, *queue))], []), sizes[1])))
    steps.append(("device", own or Bytes(sizes[2], "virtio", _WHY if sizes[2] else "")))
    found = [one for one in map(_known, names) if one is not None]
    return Fields(steps, found)
