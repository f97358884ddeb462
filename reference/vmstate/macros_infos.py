# SPDX-License-Identifier: Apache-2.0
"""The codecs by their names in C, for the macros that take one."""

from __future__ import annotations

from typing import Final

__all__ = [
    "vmstate_info_bitmap",
    "vmstate_info_bool",
    "vmstate_info_buffer",
    "vmstate_info_cpudouble",
    "vmstate_info_fd",
    "vmstate_info_g_byte_array",
    "vmstate_info_gtree",
    "vmstate_info_int8",
    "vmstate_info_int16",
    "vmstate_info_int32",
    "vmstate_info_int32_equal",
    "vmstate_info_int32_le",
    "vmstate_info_int64",
    "vmstate_info_ptr_marker",
    "vmstate_info_qlist",
    "vmstate_info_qtailq",
    "vmstate_info_timer",
    "vmstate_info_tmp",
    "vmstate_info_uint8",
    "vmstate_info_uint8_equal",
    "vmstate_info_uint16",
    "vmstate_info_uint16_equal",
    "vmstate_info_uint32",
    "vmstate_info_uint32_equal",
    "vmstate_info_uint64",
    "vmstate_info_uint64_equal",
    "vmstate_info_unused_buffer",
]

vmstate_info_bool: Final = "bool"
vmstate_info_int8: Final = "int8"
vmstate_info_int16: Final = "int16"
vmstate_info_int32: Final = "int32"
vmstate_info_int64: Final = "int64"
vmstate_info_uint8: Final = "uint8"
vmstate_info_uint16: Final = "uint16"
vmstate_info_uint32: Final = "uint32"
vmstate_info_uint64: Final = "uint64"
vmstate_info_uint8_equal: Final = "uint8_equal"
vmstate_info_uint16_equal: Final = "uint16_equal"
vmstate_info_int32_equal: Final = "int32_equal"
vmstate_info_uint32_equal: Final = "uint32_equal"
vmstate_info_uint64_equal: Final = "uint64_equal"
vmstate_info_int32_le: Final = "int32_le"
vmstate_info_cpudouble: Final = "cpudouble"
vmstate_info_timer: Final = "timer"
vmstate_info_fd: Final = "fd"
vmstate_info_buffer: Final = "buffer"
vmstate_info_unused_buffer: Final = "unused_buffer"
vmstate_info_bitmap: Final = "bitmap"
vmstate_info_ptr_marker: Final = "ptr_marker"
vmstate_info_tmp: Final = "tmp"
vmstate_info_qtailq: Final = "qtailq"
vmstate_info_qlist: Final = "qlist"
vmstate_info_gtree: Final = "gtree"
vmstate_info_g_byte_array: Final = "g_byte_array"
