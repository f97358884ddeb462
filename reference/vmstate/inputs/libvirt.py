# SPDX-License-Identifier: Apache-2.0
"""The header that `virsh save` puts in front of a stream."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

from vmstate.inputs.errors import InputFault

SAVED: Final = b"LibvirtQemudSave"
PARTIAL: Final = b"LibvirtQemudPart"
#: magic, then version, length of XML and cookie, was_running, format, offset of the cookie, and
#: 14 unused numbers, in the byte order of the host that saved.
_SIZE: Final = 16 + 4 * 19
_NEWEST: Final = 2
#: How the stream is packed, by its number; `sparse` is QEMU's mapped-ram, not packed at all.
_FORMATS: Final = ("raw", "gzip", "bzip2", "xz", "lzop", "zstd", "sparse")
_NAME: Final = re.compile(rb"<name>([^<]{1,255})</name>")


@dataclass(frozen=True, slots=True)
class Header:
    """A header: how the stream is packed, where it starts, and a line about it."""

    format: str
    start: int
    note: str


def read_header(data: memoryview) -> Header:
    """Read the header at the start of a file. Raises `InputFault`."""
    if len(data) < _SIZE:
        detail = f"a libvirt header of {_SIZE} bytes is cut to {len(data)}"
        raise InputFault("libvirt.truncated", len(data), detail)
    numbers = struct.unpack_from("<5I", data, 16)
    if numbers[0] > 0xFFFF:
        numbers = struct.unpack_from(">5I", data, 16)
    version, length, running, packing, _ = numbers
    if not 1 <= version <= _NEWEST:
        raise InputFault(
            "libvirt.version", 16, f"save image version {version}, known are 1 to {_NEWEST}"
        )
    start = _SIZE + length
    if start > len(data):
        detail = f"XML of {length} bytes, {len(data) - _SIZE} are left"
        raise InputFault("libvirt.truncated", 20, detail)
    if packing >= len(_FORMATS):
        raise InputFault("libvirt.format", 28, f"unknown format {packing} of the saved state")
    named = _NAME.search(bytes(data[_SIZE : min(start, _SIZE + 65536)]))
    name = named[1].decode("utf-8", "replace") if named else "without a name"
    state = "running" if running else "paused"
    note = f"libvirt save image v{version}, domain {name}, {state}, {_FORMATS[packing]}"
    if bytes(data[:16]) == PARTIAL:
        note += ", never finished by libvirt"
    return Header(_FORMATS[packing], start, f"{note}; the stream starts at {start:#x}")
