# SPDX-License-Identifier: Apache-2.0
"""The first eight bytes: a magic and a version."""

from __future__ import annotations

from vmstate.whole import wire
from vmstate.whole.cursor import Cursor
from vmstate.whole.errors import StreamFault


def read_header(cursor: Cursor) -> int:
    """Read the header and give the version. Raises `StreamFault`, and has then moved nothing."""
    if cursor.end < 4:
        magic = int.from_bytes(bytes(cursor.data[: cursor.end]).ljust(4, b"\0"), "big")
        says = f"Not a migration stream, magic: {magic:x} != 5145564d"
        raise StreamFault("bad-magic", 0, f"a file of {cursor.end} bytes", says=says)
    magic = cursor.u32("the magic")
    if magic != wire.MAGIC:
        cursor.position = 0
        raise _no_stream(magic)
    try:
        version = cursor.u32("the version of the file")
    except StreamFault as fault:
        fault.says = "Unsupported migration stream version, file version 0 != 3"
        cursor.position = 0
        raise
    if version != wire.VERSION:
        says = f"Unsupported migration stream version, file version {version:x} != 3"
        if version == wire.VERSION_COMPAT:
            says = "SaveVM v2 format is obsolete and no longer supported"
        cursor.position = 0
        raise StreamFault("unsupported-version", 4, f"version {version}", says=says)
    return version


def _no_stream(magic: int) -> StreamFault:
    says = f"Not a migration stream, magic: {magic:x} != 5145564d"
    if magic == wire.MULTIFD_MAGIC:
        # By clause [RAM-MULTIFD-1]
        detail = "a channel of multifd: its pages belong to a main channel, which is another file"
        return StreamFault("multifd-channel", 0, detail, says=says)
    return StreamFault("bad-magic", 0, f"the magic is {magic:#010x}, not 0x5145564d", says=says)
