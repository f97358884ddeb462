# SPDX-License-Identifier: Apache-2.0
"""The macros of raw bytes: buffers, bitmaps, and gaps left for what is sent no more."""
# ruff: noqa: N802 - names and arguments are QEMU's

from __future__ import annotations

from vmstate.flags import (
    VMS_ALLOC,
    VMS_BUFFER,
    VMS_MULTIPLY,
    VMS_POINTER,
    VMS_VARRAY_UINT32,
    VMS_VBUFFER,
)
from vmstate.macros_ctypes import CStruct, CType, int32_t, sizeof, uint8_t, uint32_t, uint64_t
from vmstate.macros_fields import offset_array, offset_of, offset_value
from vmstate.macros_spec import FieldSpec, Test

__all__ = [
    "VMSTATE_BITMAP",
    "VMSTATE_BITMAP_TEST",
    "VMSTATE_BUFFER",
    "VMSTATE_BUFFER_POINTER_UNSAFE",
    "VMSTATE_BUFFER_START_MIDDLE",
    "VMSTATE_BUFFER_START_MIDDLE_V",
    "VMSTATE_BUFFER_TEST",
    "VMSTATE_BUFFER_UNSAFE",
    "VMSTATE_BUFFER_UNSAFE_INFO",
    "VMSTATE_BUFFER_UNSAFE_INFO_TEST",
    "VMSTATE_BUFFER_V",
    "VMSTATE_PARTIAL_BUFFER",
    "VMSTATE_PARTIAL_VBUFFER",
    "VMSTATE_PARTIAL_VBUFFER_UINT32",
    "VMSTATE_STATIC_BUFFER",
    "VMSTATE_UNUSED",
    "VMSTATE_UNUSED_BUFFER",
    "VMSTATE_UNUSED_TEST",
    "VMSTATE_UNUSED_V",
    "VMSTATE_UNUSED_VARRAY_UINT32",
    "VMSTATE_VBUFFER",
    "VMSTATE_VBUFFER_ALLOC_UINT32",
    "VMSTATE_VBUFFER_MULTIPLY",
    "VMSTATE_VBUFFER_UINT32",
    "VMSTATE_VBUFFER_UINT64",
]


def VMSTATE_STATIC_BUFFER(
    field: str, state: CStruct, version: int, test: Test, start: int, size: int
) -> FieldSpec:
    """The bytes from `start` up to `size` of an array of uint8_t."""
    whole = _sizeof(state, field)
    return FieldSpec(
        field,
        VMS_BUFFER,
        offset=offset_array(state, field, uint8_t, whole) + start,
        size=size - start,
        info="buffer",
        version_id=version,
        field_exists=test,
    )


def _sizeof(state: CStruct, field: str) -> int:
    kind: CType = state.place(field)[1]
    return sizeof(kind)


def VMSTATE_BUFFER_V(field: str, state: CStruct, version: int) -> FieldSpec:
    """A whole array of uint8_t."""
    return VMSTATE_STATIC_BUFFER(field, state, version, None, 0, _sizeof(state, field))


def VMSTATE_BUFFER(field: str, state: CStruct) -> FieldSpec:
    """A whole array of uint8_t, in every version."""
    return VMSTATE_BUFFER_V(field, state, 0)


def VMSTATE_BUFFER_TEST(field: str, state: CStruct, test: Test) -> FieldSpec:
    """A whole array of uint8_t, where `test` holds."""
    return VMSTATE_STATIC_BUFFER(field, state, 0, test, 0, _sizeof(state, field))


def VMSTATE_PARTIAL_BUFFER(field: str, state: CStruct, size: int) -> FieldSpec:
    """The first `size` bytes of an array of uint8_t."""
    return VMSTATE_STATIC_BUFFER(field, state, 0, None, 0, size)


def VMSTATE_BUFFER_START_MIDDLE_V(
    field: str, state: CStruct, start: int, version: int
) -> FieldSpec:
    """An array of uint8_t from `start` to its end."""
    return VMSTATE_STATIC_BUFFER(field, state, version, None, start, _sizeof(state, field))


def VMSTATE_BUFFER_START_MIDDLE(field: str, state: CStruct, start: int) -> FieldSpec:
    """An array of uint8_t from `start` to its end, in every version."""
    return VMSTATE_BUFFER_START_MIDDLE_V(field, state, start, 0)


def VMSTATE_VBUFFER_MULTIPLY(
    field: str, state: CStruct, version: int, test: Test, field_size: str, multiply: int
) -> FieldSpec:
    """`multiply` times as many bytes behind a pointer as a uint32_t member says.

    As in all macros of this kind, the pointer's type is not checked.
    """
    return FieldSpec(
        field,
        VMS_VBUFFER | VMS_POINTER | VMS_MULTIPLY,
        offset=offset_of(state, field),
        size=multiply,
        size_offset=offset_value(state, field_size, uint32_t),
        info="buffer",
        version_id=version,
        field_exists=test,
    )


def VMSTATE_VBUFFER(
    field: str, state: CStruct, version: int, test: Test, field_size: str
) -> FieldSpec:
    """As many bytes behind a pointer as an int32_t member says."""
    return _vbuffer("buffer", 0, field, state, version, test, field_size, int32_t)


def VMSTATE_VBUFFER_UINT32(
    field: str, state: CStruct, version: int, test: Test, field_size: str
) -> FieldSpec:
    """As many bytes behind a pointer as a uint32_t member says."""
    return _vbuffer("buffer", 0, field, state, version, test, field_size, uint32_t)


def VMSTATE_VBUFFER_UINT64(
    field: str, state: CStruct, version: int, test: Test, field_size: str
) -> FieldSpec:
    """As many bytes behind a pointer as the low half of a uint64_t member says.

    That is what 11.1.0 reads; a document knows no wider size.
    """
    return _vbuffer("buffer", 0, field, state, version, test, field_size, uint64_t)


def VMSTATE_VBUFFER_ALLOC_UINT32(
    field: str, state: CStruct, version: int, test: Test, field_size: str
) -> FieldSpec:
    """As many bytes as a uint32_t member says, in a block that loading allocates."""
    return _vbuffer("buffer", VMS_ALLOC, field, state, version, test, field_size, uint32_t)


def VMSTATE_PARTIAL_VBUFFER(field: str, state: CStruct, field_size: str) -> FieldSpec:
    """As many bytes behind a pointer as an int32_t member says, in every version."""
    return VMSTATE_VBUFFER(field, state, 0, None, field_size)


def VMSTATE_PARTIAL_VBUFFER_UINT32(field: str, state: CStruct, field_size: str) -> FieldSpec:
    """As many bytes behind a pointer as a uint32_t member says, in every version."""
    return VMSTATE_VBUFFER_UINT32(field, state, 0, None, field_size)


def VMSTATE_BITMAP_TEST(
    field: str, state: CStruct, test: Test, version: int, field_size: str
) -> FieldSpec:
    """As many bits behind a pointer as an int32_t member says, where `test` holds."""
    return _vbuffer("bitmap", 0, field, state, version, test, field_size, int32_t)


def VMSTATE_BITMAP(field: str, state: CStruct, version: int, field_size: str) -> FieldSpec:
    """As many bits behind a pointer as an int32_t member says."""
    return VMSTATE_BITMAP_TEST(field, state, None, version, field_size)


def _vbuffer(
    info: str,
    flags: int,
    field: str,
    state: CStruct,
    version: int,
    test: Test,
    field_size: str,
    count: CType,
) -> FieldSpec:
    return FieldSpec(
        field,
        VMS_VBUFFER | VMS_POINTER | flags,
        offset=offset_of(state, field),
        size_offset=offset_value(state, field_size, count),
        info=info,
        version_id=version,
        field_exists=test,
    )


def VMSTATE_BUFFER_UNSAFE_INFO_TEST(
    field: str, state: CStruct, test: Test, version: int, info: str, size: int
) -> FieldSpec:
    """`size` bytes from a member on, for any codec, where `test` holds; no type is checked."""
    return FieldSpec(
        field,
        VMS_BUFFER,
        offset=offset_of(state, field),
        size=size,
        info=info,
        version_id=version,
        field_exists=test,
    )


def VMSTATE_BUFFER_UNSAFE_INFO(
    field: str, state: CStruct, version: int, info: str, size: int
) -> FieldSpec:
    """`size` bytes from a member on, for any codec; no type is checked."""
    return VMSTATE_BUFFER_UNSAFE_INFO_TEST(field, state, None, version, info, size)


def VMSTATE_BUFFER_UNSAFE(field: str, state: CStruct, version: int, size: int) -> FieldSpec:
    """`size` raw bytes from a member on; no type is checked."""
    return VMSTATE_BUFFER_UNSAFE_INFO(field, state, version, "buffer", size)


def VMSTATE_BUFFER_POINTER_UNSAFE(field: str, state: CStruct, version: int, size: int) -> FieldSpec:
    """`size` raw bytes behind a pointer; no type is checked."""
    return FieldSpec(
        field,
        VMS_BUFFER | VMS_POINTER,
        offset=offset_of(state, field),
        size=size,
        info="buffer",
        version_id=version,
    )


def VMSTATE_UNUSED_BUFFER(test: Test, version: int, size: int) -> FieldSpec:
    """`size` bytes of the stream that mean nothing any more."""
    return FieldSpec(
        "unused",
        VMS_BUFFER,
        size=size,
        info="unused_buffer",
        version_id=version,
        field_exists=test,
    )


def VMSTATE_UNUSED_V(version: int, size: int) -> FieldSpec:
    """`size` unused bytes, from a version on."""
    return VMSTATE_UNUSED_BUFFER(None, version, size)


def VMSTATE_UNUSED(size: int) -> FieldSpec:
    """`size` unused bytes, in every version."""
    return VMSTATE_UNUSED_V(0, size)


def VMSTATE_UNUSED_TEST(test: Test, size: int) -> FieldSpec:
    """`size` unused bytes, where `test` holds."""
    return VMSTATE_UNUSED_BUFFER(test, 0, size)


def VMSTATE_UNUSED_VARRAY_UINT32(
    state: CStruct, test: Test, version: int, field_num: str, size: int
) -> FieldSpec:
    """`size` unused bytes as often as a uint32_t member says."""
    return FieldSpec(
        "unused",
        VMS_VARRAY_UINT32 | VMS_BUFFER,
        size=size,
        num_offset=offset_value(state, field_num, uint32_t),
        info="unused_buffer",
        version_id=version,
        field_exists=test,
    )
