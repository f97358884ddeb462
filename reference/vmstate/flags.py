# SPDX-License-Identifier: Apache-2.0
"""The flags of a VMStateField, by QEMU's names and values (include/migration/vmstate.h). [LAYOUT-FLAG-1]"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

VMS_SINGLE: Final = 0x1
VMS_POINTER: Final = 0x2
VMS_ARRAY: Final = 0x4
VMS_STRUCT: Final = 0x8
VMS_VARRAY_INT32: Final = 0x10
VMS_BUFFER: Final = 0x20
VMS_ARRAY_OF_POINTER: Final = 0x40
VMS_VARRAY_UINT16: Final = 0x80
VMS_VBUFFER: Final = 0x100
VMS_MULTIPLY: Final = 0x200
VMS_VARRAY_UINT8: Final = 0x400
VMS_VARRAY_UINT32: Final = 0x800
VMS_MUST_EXIST: Final = 0x1000
VMS_ALLOC: Final = 0x2000
# Gone since 11.1, where the bit is ignored; only the dialect `rfc` still multiplies by `num`.
VMS_MULTIPLY_ELEMENTS: Final = 0x4000
VMS_VSTRUCT: Final = 0x8000
VMS_ARRAY_OF_POINTER_AUTO_ALLOC: Final = 0x10000
VMS_END: Final = 0x20000  # [LAYOUT-FLAG-2]

#: Value by name, in the order of the bits.
FLAGS: Final = MappingProxyType(
    {
        name: value
        for name, value in sorted(globals().items(), key=lambda item: str(item[1]))
        if name.startswith("VMS_")
    }
)

#: Any of these says that a run-time count exists.
VMS_VARRAY: Final = VMS_VARRAY_INT32 | VMS_VARRAY_UINT32 | VMS_VARRAY_UINT16 | VMS_VARRAY_UINT8

#: The width in bytes of the count that each flag announces, in the order in which they are asked.
VARRAY_WIDTHS: Final = (
    (VMS_VARRAY_INT32, 4),
    (VMS_VARRAY_UINT32, 4),
    (VMS_VARRAY_UINT16, 2),
    (VMS_VARRAY_UINT8, 1),
)


def names(flags: int) -> list[str]:
    """Name each known bit of `flags`, lowest bit first."""
    return [name for name, bit in sorted(FLAGS.items(), key=lambda f: f[1]) if flags & bit]
