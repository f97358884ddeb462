# SPDX-License-Identifier: Apache-2.0
"""Layouts of the infos that devices keep to themselves; their fields are in no vmdesc.

What does not fit its layout stays bytes, with the reason, and is written back as it was.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from vmstate.whole import virtio_requests
from vmstate.whole.cursor import text, untext
from vmstate.whole.errors import StreamFault
from vmstate.whole.fields import Fields
from vmstate.whole.nodes import (
    Array,
    Bytes,
    Node,
    Reader,
    Scalar,
    ScalarArray,
    Scalars,
    bad_value,
    expect_list,
    short,
    unhex,
)

_WORD: Final = Scalar("I", "uint32")
_VECTOR: Final = 16


def private(kind: str, size: int) -> Node | None:
    """Give the layout of `size` bytes of a private info, None if nobody knows one."""
    if kind == "pci config" and size >= 64:
        return Little(PCI_CONFIG, size, kind)
    if kind == "pci irq state" and size == 16:
        return ScalarArray(_WORD, 4)
    if kind == "msix state":
        return Msix(size)
    if kind == "capability":
        return CountedText(size)
    if kind == "scsi-requests":
        return Requests(size)
    if kind == "slbe" and size == 16:
        return Fields([("", numbers("Q", "esid", "vsid"))], [])
    if kind == "avr" and size == 16:
        return Fields([("", numbers("Q", "high", "low"))], [])
    if kind == "virtio-gpu":
        return Gpu(size)
    return None


def numbers(code: str, *names: str) -> Scalars:
    """Give neighbouring numbers of one type, or of one type each."""
    kinds = {"B": "uint8", "H": "uint16", "I": "uint32", "i": "int32", "Q": "uint64"}
    codes = code if len(code) == len(names) else code * len(names)
    return Scalars(list(names), [Scalar(one, kinds[one]) for one in codes])


class Little:
    """A little-endian header of known fields, and the rest as bytes: registers as the guest sees them."""

    __slots__ = ("kind", "names", "packer", "size", "widths")

    def __init__(self, layout: tuple[tuple[str, str], ...], size: int, kind: str) -> None:
        self.names: Final = tuple(name for name, _ in layout)
        self.widths: Final = tuple(struct.calcsize(code) for _, code in layout)
        self.packer: Final = struct.Struct("<" + "".join(code for _, code in layout))
        self.size = size
        self.kind: Final = kind

    def decode(self, reader: Reader) -> dict[str, Any]:
        """Read them."""
        at = reader.need(self.size)
        values = self.packer.unpack_from(reader.data, at)
        if reader.spans is not None:
            where = at
            for name, width in zip(self.names, self.widths, strict=True):
                reader.leaf(where, width, self.kind, "." + name)
                where += width
            reader.leaf(where, at + self.size - where, self.kind, ".rest")
        out: dict[str, Any] = dict(zip(self.names, values, strict=True))
        out["rest"] = reader.data[at + self.packer.size : at + self.size].hex()
        return out

    def encode(self, value: Any, out: bytearray) -> None:
        """Write them."""
        try:
            out += self.packer.pack(*[value[name] for name in self.names]) + unhex(value["rest"])
        except (struct.error, KeyError, TypeError):
            raise bad_value(f"no {self.kind}: {short(value)}") from None


#: The first registers of PCI configuration space, and their widths.
PCI_CONFIG: Final = (
    ("vendor_id", "H"),
    ("device_id", "H"),
    ("command", "H"),
    ("status", "H"),
    ("revision", "B"),
    ("prog_if", "B"),
    ("subclass", "B"),
    ("class", "B"),
    ("cache_line_size", "B"),
    ("latency_timer", "B"),
    ("header_type", "B"),
    ("bist", "B"),
    *((f"bar{i}", "I") for i in range(6)),
)


class Msix:
    """The MSI-X table, little-endian as in the device's memory, and the pending bits."""

    __slots__ = ("count", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.count: Final = msix_vectors(size)

    def decode(self, reader: Reader) -> Any:
        """Read them."""
        if self.count < 0:
            return Bytes(self.size, "msix state", "no table of this size").decode(reader)
        at = reader.need(self.size)
        bits = at + self.count * _VECTOR
        if reader.spans is not None:
            for i in range(self.count):
                where = at + i * _VECTOR
                reader.leaf(where, 8, "msix state", f".table[{i}].address")
                reader.leaf(where + 8, 4, "msix state", f".table[{i}].data")
                reader.leaf(where + 12, 4, "msix state", f".table[{i}].control")
            reader.leaf(bits, at + self.size - bits, "msix state", ".pending")
        rows = struct.iter_unpack("<QII", reader.data[at:bits])
        table = [dict(zip(_MSIX_NAMES, row, strict=True)) for row in rows]
        return {"table": table, "pending": reader.data[bits : at + self.size].hex()}

    def encode(self, value: Any, out: bytearray) -> None:
        """Write them."""
        if isinstance(value, dict) and "$bytes" in value:
            out += unhex(value["$bytes"])
            return
        try:
            rows = [[row[name] for name in _MSIX_NAMES] for row in value["table"]]
            out += b"".join(struct.pack("<QII", *row) for row in rows) + unhex(value["pending"])
        except (struct.error, KeyError, TypeError):
            raise bad_value(f"no msix state: {short(value)}") from None


_MSIX_NAMES: Final = ("address", "data", "control")


def msix_vectors(size: int) -> int:
    """How many vectors have a table and pending bits of `size` bytes in all; -1 if none does."""
    count = size * 8 // (_VECTOR * 8 + 1)
    return next((n for n in (count, count + 1) if n * _VECTOR + -(-n // 8) == size), -1)


class CountedText:
    """A counted string."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size

    def decode(self, reader: Reader) -> str:
        """Read it."""
        at = reader.need(1)
        size = reader.data[at]
        start = reader.need(size)
        reader.leaf(at, 1, "length", ".$len")
        reader.leaf(start, size, "name")
        return text(reader.data[start : start + size])

    def encode(self, value: Any, out: bytearray) -> None:
        """Write it."""
        if not isinstance(value, str) or len(untext(value)) > 255:
            raise bad_value(f"no counted string: {short(value)}")
        raw = untext(value)
        out.append(len(raw))
        out += raw


class Requests:
    """SCSI requests in flight: those of disks on virtio-scsi, or none; each adapter has its own."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size

    def decode(self, reader: Reader) -> Any:
        """Read them."""
        if self.size == 1 and reader.position < reader.end and not reader.data[reader.position]:
            reader.leaf(reader.need(1), 1, "end")
            return []
        start = reader.position
        data = bytes(reader.data[start : min(start + self.size, reader.end)])
        known = virtio_requests.requests("scsi", data) if len(data) == self.size else None
        if known is not None:
            return known.decode(reader)
        return Bytes(self.size, "scsi-requests", "requests that the adapter lays out").decode(
            reader
        )

    def encode(self, value: Any, out: bytearray) -> None:
        """Write them."""
        if isinstance(value, list):
            virtio_requests.ScsiRequests(0).encode(value, out)
        else:
            out += unhex(value.get("$bytes") if isinstance(value, dict) else value)


_RESOURCE: Final = numbers("I", "resource_id", "width", "height", "format", "iov_count")
_IOV: Final = Fields([("", numbers("QI", "address", "length"))], [])
_SCANOUT: Final = tuple(
    "resource_id width height x y cursor.resource_id cursor.hot_x cursor.hot_y cursor.pos.x "  # noqa: SIM905
    "cursor.pos.y fb.format fb.bytes_pp fb.width fb.height fb.stride fb.offset".split()
)
_SIGNED: Final = frozenset("xy")
#: Older QEMUs stop before `fb`.
_OLD_SCANOUT: Final = 10


def _scanouts(count: int, names: int) -> Array:
    shown = _SCANOUT[:names]
    code = "".join("i" if name in _SIGNED else "I" for name in shown)
    return Array(Fields([("", numbers(code, *shown))], []), count)


_PIXEL: Final = 4


class Gpu:
    """The resources of virtio-gpu with their pixels, and its outputs."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size

    def decode(self, reader: Reader) -> Any:
        """Read them, or leave them as bytes where they do not fit."""
        start, spans = reader.position, len(reader.spans or ())
        path, end = reader.path, reader.end
        if self.size > end - start:
            return Bytes(self.size, "virtio-gpu").decode(reader)
        reader.end = start + self.size
        try:
            value = self._decode(reader)
            if reader.position == reader.end:
                return value
        except StreamFault:
            pass
        finally:
            reader.end, reader.path = end, path
        reader.position = start
        if reader.spans is not None:
            del reader.spans[spans:]
        return Bytes(self.size, "virtio-gpu", "not laid out as resources and outputs").decode(
            reader
        )

    def _decode(self, reader: Reader) -> dict[str, Any]:
        resources: list[dict[str, Any]] = []
        path = reader.path
        while any(reader.data[reader.position : reader.position + 4]):
            reader.path = f"{path}.resources[{len(resources)}]"
            resource = _RESOURCE.decode(reader)
            reader.path += ".iov"
            iov = Array(_IOV, resource["iov_count"])
            resource["iov"] = iov.decode(reader)
            reader.path = f"{path}.resources[{len(resources)}].pixels"
            pixels = Bytes(resource["width"] * resource["height"] * _PIXEL, "buffer")
            resource["pixels"] = pixels.decode(reader)
            resources.append(resource)
        reader.path = path
        reader.leaf(reader.need(4), 4, "end", ".$end")
        head = numbers("iI", "enable", "max_outputs").decode(reader)
        reader.path = path + ".scanout"
        count = head["max_outputs"]
        old = reader.end - reader.position == count * _OLD_SCANOUT * 4
        scanouts = _scanouts(count, _OLD_SCANOUT if old else len(_SCANOUT))
        return {"resources": resources, **head, "scanout": scanouts.decode(reader)}

    def encode(self, value: Any, out: bytearray) -> None:
        """Write them."""
        if not isinstance(value, dict) or "$bytes" in value:
            out += unhex(value["$bytes"] if isinstance(value, dict) else value)
            return
        try:
            expect_list(value["resources"])
            for resource in value["resources"]:
                _RESOURCE.encode(resource, out)
                Array(_IOV, 0).encode(resource["iov"], out)
                out += unhex(resource["pixels"])
            out += bytes(4)
            numbers("iI", "enable", "max_outputs").encode(value, out)
            names = len(value["scanout"][0]) if value["scanout"] else 0
            _scanouts(0, names).encode(value["scanout"], out)
        except (KeyError, TypeError, IndexError):
            raise bad_value(f"no state of virtio-gpu: {short(value)}") from None
