# SPDX-License-Identifier: Apache-2.0
"""Requests in flight on virtio-blk and virtio-scsi, with the queue element that each holds.

An element goes out as it lies in memory: 49,168 bytes in the byte order of the host that wrote it, with
room for 1024 buffers in each direction.
"""

from __future__ import annotations

import struct
from typing import Any, Final, Literal

from vmstate.whole.errors import StreamFault
from vmstate.whole.nodes import Node, Reader, bad_value, expect_list, short, unhex

_MOST: Final = 1024
_HEAD: Final = 16
_SIDES: Final = ("in", "out")
_ORDERS: Final = (("little", "<"), ("big", ">"))
#: What a SCSI request has before its element: the marker, the command, tag, LUN, queue.
_CDB: Final = 16
_RETRY: Final = 2
ELEMENT: Final = _HEAD + 2 * 8 * _MOST + 2 * 16 * _MOST


def _element(data: bytes) -> dict[str, Any]:
    """Read an element. Raises `StreamFault` where something stands that nobody would write back."""
    for order, mark in _ORDERS:
        index, outs, ins = struct.unpack_from(mark + "3I", data)
        if max(outs, ins) > _MOST:
            continue
        value: dict[str, Any] = {"order": order, "index": index}
        for side, count in zip(_SIDES, (ins, outs), strict=True):
            value[side] = [_buffer(data, mark, side, at) for at in range(count)]
        if pack_element(value) == data:
            return value
    raise StreamFault("bad-value", 0, "no element of a queue")


def _places(side: str, at: int) -> tuple[int, int]:
    first = _SIDES.index(side)
    address = _HEAD + 8 * (_MOST * first + at)
    return address, _HEAD + 16 * _MOST + 16 * (_MOST * first + at)


def _buffer(data: bytes, mark: str, side: str, at: int) -> dict[str, int]:
    address, vector = _places(side, at)
    base, length = struct.unpack_from(mark + "QQ", data, vector)
    found = {"address": struct.unpack_from(mark + "Q", data, address)[0], "length": length}
    return found | ({"base": base} if base else {})


def pack_element(value: dict[str, Any]) -> bytes:
    """Write an element. Raises `StreamFault`."""
    out = bytearray(ELEMENT)
    try:
        mark = dict(_ORDERS)[value["order"]]
        sides = [value[side] for side in _SIDES]
        struct.pack_into(mark + "3I", out, 0, value["index"], len(sides[1]), len(sides[0]))
        for side, buffers in zip(_SIDES, sides, strict=True):
            for at, one in enumerate(buffers[: _MOST + 1]):
                if at == _MOST:
                    raise bad_value(f"more than {_MOST} buffers")
                address, vector = _places(side, at)
                struct.pack_into(mark + "Q", out, address, one["address"])
                struct.pack_into(mark + "QQ", out, vector, one.get("base", 0), one["length"])
    except (KeyError, TypeError, AttributeError, struct.error):
        raise bad_value(f"no element of a queue: {short(value)}") from None
    return bytes(out)


class _Requests:
    """A list: a byte that is not 0 before each request, 0 at the end."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size

    def decode(self, reader: Reader) -> list[Any]:
        """Read the list. Raises `StreamFault` where it is laid out otherwise."""
        start = reader.need(self.size)
        data = bytes(reader.data[start : reader.position])
        found: list[Any] = []
        at = 0
        while data[at : at + 1] != b"\0":
            request, size = self._request(data[at:])
            reader.leaf(start + at, size, "request", f"[{len(found)}]")
            found.append(request)
            at += size
        if at + 1 != len(data):
            raise StreamFault("bad-count", start + at, "something behind the last request")
        reader.leaf(start + at, 1, "end")
        return found

    def encode(self, value: Any, out: bytearray) -> None:
        """Write the list."""
        expect_list(value)
        for i, request in enumerate(value):
            try:
                out += self._pack(request)
            except StreamFault as fault:
                raise fault.within(f"[{i}]") from None
            except (KeyError, TypeError, AttributeError, struct.error):
                raise bad_value(f"no request: {short(request)}").within(f"[{i}]") from None
        out.append(0)

    def _request(self, data: bytes) -> tuple[dict[str, Any], int]:
        raise NotImplementedError

    def _pack(self, request: dict[str, Any]) -> bytes:
        raise NotImplementedError


class BlkRequests(_Requests):
    """Those of virtio-blk: the queue where there are several, and the element."""

    def _request(self, data: bytes) -> tuple[dict[str, Any], int]:
        if data[:1] != b"\1":
            raise StreamFault("bad-value", 0, "no request")
        for lead in (0, 4):
            end = 1 + lead + ELEMENT
            # What follows is the next request, or the end of the list.
            if len(data) > end and data[end] <= 1:
                try:
                    value = _element(data[1 + lead : end])
                except StreamFault:
                    continue
                queue = {"queue": int.from_bytes(data[1 : 1 + lead], "big")} if lead else {}
                return queue | value, end
        raise StreamFault("bad-value", 0, "no request of virtio-blk")

    def _pack(self, request: dict[str, Any]) -> bytes:
        queue = struct.pack(">I", request["queue"]) if "queue" in request else b""
        return b"\1" + queue + pack_element(request)


class ScsiRequests(_Requests):
    """Those of a disk on virtio-scsi, none of which holds data yet."""

    _DISK: Final = struct.Struct(">QII")
    _NAMES: Final = ("sector", "sector_count", "buflen")

    def _request(self, data: bytes) -> tuple[dict[str, Any], int]:
        at = 1 + _CDB
        end = at + 12 + ELEMENT
        if not 1 <= data[0] <= _RETRY or len(data) < end + self._DISK.size:
            raise StreamFault("bad-value", 0, "no request of virtio-scsi")
        disk = dict(zip(self._NAMES, self._DISK.unpack_from(data, end), strict=True))
        if disk["buflen"]:
            raise StreamFault("bad-value", 0, "a request with data")
        tag, lun, queue = struct.unpack_from(">3I", data, at)
        lead = {"retry": data[0] == _RETRY, "cdb": data[1:at].hex()}
        lead |= {"tag": tag, "lun": lun, "queue": queue}
        return lead | {"element": _element(data[at + 12 : end])} | disk, end + self._DISK.size

    def _pack(self, request: dict[str, Any]) -> bytes:
        cdb = unhex(request["cdb"])
        if len(cdb) != _CDB:
            raise bad_value(f"a command of {len(cdb)} bytes")
        lead = bytes([_RETRY if request["retry"] else 1]) + cdb
        lead += struct.pack(">3I", request["tag"], request["lun"], request["queue"])
        disk = self._DISK.pack(*[request[name] for name in self._NAMES])
        return lead + pack_element(request["element"]) + disk


def requests(kind: Literal["blk", "scsi"], data: bytes) -> Node | None:
    """Give the node that reads and writes these very bytes; None if none does."""
    node = BlkRequests(len(data)) if kind == "blk" else ScsiRequests(len(data))
    again = bytearray()
    try:
        node.encode(node.decode(Reader(memoryview(data), 0, len(data))), again)
    except (StreamFault, IndexError):
        return None
    return node if again == data else None
