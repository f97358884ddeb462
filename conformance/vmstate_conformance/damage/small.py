# SPDX-License-Identifier: Apache-2.0
"""A whole stream of a few kilobytes with every part that a stream can have."""

from __future__ import annotations

import json
import struct
from typing import Any, Final

_BLOCK: Final = 8 * 4096


def small_stream(*, pages: bool = True) -> bytes:
    """Write a stream: configuration, RAM with each kind of page, a command, two devices, vmdesc.

    Without `pages` RAM has zero pages only, and the whole is half a kilobyte and the vmdesc.
    """
    out = bytearray(b"QEVM\0\0\0\3")
    out += b"\7" + struct.pack(">I", 7) + b"machine"
    out += b"\5\x1econfiguration/target-page-bits" + struct.pack(">II", 1, 12)
    out += b"\1" + struct.pack(">I", 2) + b"\3ram" + struct.pack(">II", 0, 4)
    out += struct.pack(">Q", _BLOCK | 4) + b"\6pc.ram" + struct.pack(">QQ", _BLOCK, 16) + _foot(2)
    out += b"\2" + struct.pack(">I", 2) + struct.pack(">Q", 0x02) + b"\6pc.ram\0"
    if pages:
        out += struct.pack(">Q", 0x1000 | 0x28) + bytes(range(256)) * 16
        out += struct.pack(">Q", 0x1000 | 0x60) + b"\1" + struct.pack(">H", 4) + b"\x10\2ab"
    out += struct.pack(">Q", 16) + _foot(2)
    out += b"\x08" + struct.pack(">HH", 11, 0)
    out += b"\3" + struct.pack(">I", 2) + struct.pack(">Q", 0x2000 | 0x22) + b"\0"
    out += struct.pack(">Q", 16) + _foot(2)
    devices = [
        _full(out, 3, "timer", 0, 2, *_timer()),
        _full(out, 9, "0000:00:04.0/dev", 0, 5, *_dev()),
    ]
    text = json.dumps({"configuration": _CONFIGURATION, "page_size": 4096, "devices": devices})
    # A list puts its elements' keys again for each.
    text = text.replace(f'"{_TWICE}": 0', f"{_ELEMENT}, {_ELEMENT}")
    out += b"\0\6" + struct.pack(">I", len(text)) + text.encode()
    return bytes(out)


def _full(out: bytearray, number: int, idstr: str, instance: int, version: int, *what: Any) -> Any:
    content, described = what
    out += b"\4" + struct.pack(">I", number) + bytes([len(idstr)]) + idstr.encode()
    out += struct.pack(">II", instance, version) + content + _foot(number)
    return {"name": idstr, "instance_id": instance, **described}


def _foot(number: int) -> bytes:
    return b"\x7e" + struct.pack(">I", number)


def _field(name: str, kind: str, size: int, **more: Any) -> dict[str, Any]:
    count = {"array_len": more.pop("count")} if "count" in more else {}
    return {"name": name, **count, "type": kind, **more, "size": size}


def _timer() -> tuple[bytes, dict[str, Any]]:
    fields = [_field("cpu_ticks_offset", "int64", 8), _field("unused", "unused_buffer", 8)]
    fields.append(_field("cpu_clock_offset", "int64", 8))
    described = {"vmsd_name": "timer", "version": 2, "fields": fields}
    return struct.pack(">qQq", -5, 0, 1 << 40), described


def _dev() -> tuple[bytes, dict[str, Any]]:
    fields = [
        _field("status", "uint8", 1),
        _field("on", "bool", 1),
        _field("regs", "uint32", 4, count=4),
        _field("queues", "ptr-marker", 1),
        _field("queues", "struct", 2, struct=_QUEUE),
        _field("queues", "ptr-marker", 1),
        _field("list", "qtailq", 7, **{_TWICE: 0}),
        _field("mem", "buffer", 5),
        _field("timer", "timer", 8),
    ]
    sub = {"vmsd_name": "dev/more", "version": 1, "fields": [_field("more", "uint64", 8)]}
    described = {"vmsd_name": "dev", "version": 5, "fields": fields, "subsections": [sub]}
    content = b"\x12\1" + struct.pack(">4I", 1, 2, 3, 0xFFFFFFFF) + b"\x31\0\7\x30"
    content += b"\1\0\1\1\0\2\0" + b"hello" + b"\xff" * 8
    return content + b"\5\x08dev/more" + struct.pack(">IQ", 1, 1 << 63), described


_QUEUE: Final = {"vmsd_name": "dev-queue", "version": 1, "fields": [_field("id", "uint16", 2)]}
_ELEMENT: Final = json.dumps(_QUEUE)[1:-1]
_TWICE: Final = "@"
_CONFIGURATION: Final = {
    "vmsd_name": "configuration",
    "version": 1,
    "fields": [_field("len", "uint32", 4), _field("name", "buffer", 7)],
    "subsections": [
        {
            "vmsd_name": "configuration/target-page-bits",
            "version": 1,
            "fields": [_field("target_page_bits", "uint32", 4)],
        }
    ],
}
