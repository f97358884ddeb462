# SPDX-License-Identifier: Apache-2.0
"""All codecs by the suffix of their C symbol `vmstate_info_*`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from vmstate.info import Info
from vmstate.infos_nested import GByteArray, GTree, Queue, Tmp
from vmstate.infos_plain import (
    Bitmap,
    Buffer,
    Equal,
    Fd,
    Int32LE,
    Number,
    PtrMarker,
    Timer,
    UnusedBuffer,
)

PTR_MARKER_NULL: Final = 0x30
PTR_MARKER_VALID: Final = 0x31

INFOS: Final[Mapping[str, Info]] = MappingProxyType(
    {
        "bool": Number("bool", 1, boolean=True),
        "int8": Number("int8", 1),
        "int16": Number("int16", 2),
        "int32": Number("int32", 4),
        "int64": Number("int64", 8),
        "uint8": Number("uint8", 1),
        "uint16": Number("uint16", 2),
        "uint32": Number("uint32", 4),
        "uint64": Number("uint64", 8),
        "uint8_equal": Equal("uint8 equal", 1),
        "uint16_equal": Equal("uint16 equal", 2),
        "int32_equal": Equal("int32 equal", 4),
        "uint32_equal": Equal("uint32 equal", 4),
        # QEMU's own name has the wrong sign [INFO-EQUAL-2].
        "uint64_equal": Equal("int64 equal", 8),
        "int32_le": Int32LE("int32 le", 4),
        "cpudouble": Number("CPU_Double_U", 8),
        "timer": Timer("timer"),
        "buffer": Buffer("buffer"),
        "unused_buffer": UnusedBuffer("unused_buffer"),
        "bitmap": Bitmap("bitmap"),
        "fd": Fd("fd"),
        "ptr_marker": PtrMarker("ptr-marker"),
        "tmp": Tmp("tmp"),
        "qtailq": Queue("qtailq", tail=True),
        "qlist": Queue("qlist", tail=False),
        "gtree": GTree("gtree"),
        "g_byte_array": GByteArray("GByteArray"),
    }
)
