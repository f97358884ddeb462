# SPDX-License-Identifier: Apache-2.0
"""The macros of described structs: embedded, behind pointers, and in arrays of either."""
# ruff: noqa: N802 - names and arguments are QEMU's

from __future__ import annotations

from vmstate.flags import (
    VMS_ALLOC,
    VMS_ARRAY,
    VMS_ARRAY_OF_POINTER,
    VMS_ARRAY_OF_POINTER_AUTO_ALLOC,
    VMS_POINTER,
    VMS_STRUCT,
    VMS_VARRAY_INT32,
    VMS_VARRAY_UINT8,
    VMS_VARRAY_UINT16,
    VMS_VARRAY_UINT32,
    VMS_VSTRUCT,
)
from vmstate.macros_ctypes import (
    Array,
    CStruct,
    CType,
    Pointer,
    TypeLike,
    int32_t,
    sizeof,
    uint8_t,
    uint16_t,
    uint32_t,
)
from vmstate.macros_fields import (
    offset_array,
    offset_of,
    offset_pointer,
    offset_value,
    offset_varray,
)
from vmstate.macros_spec import FieldSpec, Test, Vmsd

__all__ = [
    "VMSTATE_ARRAY_OF_POINTER_TO_STRUCT",
    "VMSTATE_STRUCT",
    "VMSTATE_STRUCT_2DARRAY",
    "VMSTATE_STRUCT_2DARRAY_TEST",
    "VMSTATE_STRUCT_ARRAY",
    "VMSTATE_STRUCT_ARRAY_TEST",
    "VMSTATE_STRUCT_POINTER",
    "VMSTATE_STRUCT_POINTER_TEST",
    "VMSTATE_STRUCT_POINTER_TEST_V",
    "VMSTATE_STRUCT_POINTER_V",
    "VMSTATE_STRUCT_SUB_ARRAY",
    "VMSTATE_STRUCT_TEST",
    "VMSTATE_STRUCT_VARRAY_ALLOC",
    "VMSTATE_STRUCT_VARRAY_INT32",
    "VMSTATE_STRUCT_VARRAY_POINTER_INT32",
    "VMSTATE_STRUCT_VARRAY_POINTER_KNOWN",
    "VMSTATE_STRUCT_VARRAY_POINTER_UINT16",
    "VMSTATE_STRUCT_VARRAY_POINTER_UINT32",
    "VMSTATE_STRUCT_VARRAY_UINT8",
    "VMSTATE_STRUCT_VARRAY_UINT32",
    "VMSTATE_VARRAY_OF_POINTER_TO_STRUCT_UINT8_ALLOC",
    "VMSTATE_VARRAY_OF_POINTER_TO_STRUCT_UINT32_ALLOC",
    "VMSTATE_VSTRUCT",
    "VMSTATE_VSTRUCT_TEST",
    "VMSTATE_VSTRUCT_V",
]


def VMSTATE_VSTRUCT_TEST(
    field: str,
    state: CStruct,
    test: Test,
    version: int,
    vmsd: Vmsd,
    type_: TypeLike,
    struct_version: int,
) -> FieldSpec:
    """An embedded struct at a version of its own, where `test` holds."""
    return FieldSpec(
        field,
        VMS_VSTRUCT,
        offset=offset_value(state, field, type_),
        size=sizeof(type_),
        vmsd=(vmsd,),
        version_id=version,
        struct_version_id=struct_version,
        field_exists=test,
    )


def VMSTATE_VSTRUCT_V(
    field: str, state: CStruct, version: int, vmsd: Vmsd, type_: TypeLike, struct_version: int
) -> FieldSpec:
    """An embedded struct at a version of its own."""
    return VMSTATE_VSTRUCT_TEST(field, state, None, version, vmsd, type_, struct_version)


def VMSTATE_VSTRUCT(
    field: str, state: CStruct, vmsd: Vmsd, type_: TypeLike, struct_version: int
) -> FieldSpec:
    """An embedded struct at a version of its own, in every version of its parent."""
    return VMSTATE_VSTRUCT_TEST(field, state, None, 0, vmsd, type_, struct_version)


def VMSTATE_STRUCT_TEST(
    field: str, state: CStruct, test: Test, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """An embedded struct, where `test` holds."""
    return FieldSpec(
        field,
        VMS_STRUCT,
        offset=offset_value(state, field, type_),
        size=sizeof(type_),
        vmsd=(vmsd,),
        version_id=version,
        field_exists=test,
    )


def VMSTATE_STRUCT(
    field: str, state: CStruct, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """An embedded struct."""
    return VMSTATE_STRUCT_TEST(field, state, None, version, vmsd, type_)


def VMSTATE_STRUCT_POINTER_TEST_V(
    field: str, state: CStruct, test: Test, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """A struct behind a pointer, where `test` holds; its size is the pointer's."""
    return FieldSpec(
        field,
        VMS_STRUCT | VMS_POINTER,
        offset=offset_pointer(state, field, type_),
        size=sizeof(Pointer(type_)),
        vmsd=(vmsd,),
        version_id=version,
        field_exists=test,
    )


def VMSTATE_STRUCT_POINTER_V(
    field: str, state: CStruct, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """A struct behind a pointer."""
    return VMSTATE_STRUCT_POINTER_TEST_V(field, state, None, version, vmsd, type_)


def VMSTATE_STRUCT_POINTER(field: str, state: CStruct, vmsd: Vmsd, type_: TypeLike) -> FieldSpec:
    """A struct behind a pointer, in every version."""
    return VMSTATE_STRUCT_POINTER_TEST_V(field, state, None, 0, vmsd, type_)


def VMSTATE_STRUCT_POINTER_TEST(
    field: str, state: CStruct, test: Test, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """A struct behind a pointer, where `test` holds, in every version."""
    return VMSTATE_STRUCT_POINTER_TEST_V(field, state, test, 0, vmsd, type_)


def VMSTATE_ARRAY_OF_POINTER_TO_STRUCT(
    field: str, state: CStruct, num: int, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """The struct behind each of `num` pointers in place, or a marker where it is NULL."""
    return FieldSpec(
        field,
        VMS_ARRAY | VMS_STRUCT | VMS_ARRAY_OF_POINTER,
        offset=offset_array(state, field, Pointer(type_), num),
        num=num,
        vmsd=(vmsd,),
        version_id=version,
    )


def VMSTATE_VARRAY_OF_POINTER_TO_STRUCT_UINT8_ALLOC(
    field: str, state: CStruct, field_num: str, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """As many pointers, behind a pointer, as a uint8_t member says: a marker before each struct.

    Loading allocates each struct, into slots that must be NULL; the array itself must be there.
    """
    return _auto(VMS_VARRAY_UINT8, field, state, field_num, uint8_t, version, vmsd, type_)


def VMSTATE_VARRAY_OF_POINTER_TO_STRUCT_UINT32_ALLOC(
    field: str, state: CStruct, field_num: str, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """The same for as many as a uint32_t member says."""
    return _auto(VMS_VARRAY_UINT32, field, state, field_num, uint32_t, version, vmsd, type_)


def _auto(
    flag: int,
    field: str,
    state: CStruct,
    field_num: str,
    count: CType,
    version: int,
    vmsd: Vmsd,
    type_: TypeLike,
) -> FieldSpec:
    flags = VMS_POINTER | flag | VMS_ARRAY_OF_POINTER | VMS_STRUCT
    return FieldSpec(
        field,
        flags | VMS_ARRAY_OF_POINTER_AUTO_ALLOC,
        offset=offset_pointer(state, field, Array(Pointer(type_))),
        size=sizeof(type_),
        num_offset=offset_value(state, field_num, count),
        vmsd=(vmsd,),
        version_id=version,
    )


def VMSTATE_STRUCT_ARRAY_TEST(
    field: str, state: CStruct, num: int, test: Test, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """`num` structs in place, where `test` holds."""
    offset = offset_array(state, field, type_, num)
    return _array(VMS_STRUCT | VMS_ARRAY, field, offset, num, test, version, vmsd, type_)


def VMSTATE_STRUCT_ARRAY(
    field: str, state: CStruct, num: int, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """`num` structs in place."""
    return VMSTATE_STRUCT_ARRAY_TEST(field, state, num, None, version, vmsd, type_)


def VMSTATE_STRUCT_2DARRAY_TEST(
    field: str,
    state: CStruct,
    n1: int,
    n2: int,
    test: Test,
    version: int,
    vmsd: Vmsd,
    type_: TypeLike,
) -> FieldSpec:
    """`n1` rows of `n2` structs in place, where `test` holds."""
    offset = offset_value(state, field, Array(Array(type_, n2), n1))
    return _array(VMS_STRUCT | VMS_ARRAY, field, offset, n1 * n2, test, version, vmsd, type_)


def VMSTATE_STRUCT_2DARRAY(
    field: str, state: CStruct, n1: int, n2: int, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """`n1` rows of `n2` structs in place."""
    return VMSTATE_STRUCT_2DARRAY_TEST(field, state, n1, n2, None, version, vmsd, type_)


def VMSTATE_STRUCT_SUB_ARRAY(
    field: str, state: CStruct, start: int, num: int, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """`num` structs of an array from item `start` on; nothing compares `num` with the array."""
    offset = offset_value(state, f"{field}[{start}]", type_)
    return _array(VMS_STRUCT | VMS_ARRAY, field, offset, num, None, version, vmsd, type_)


def VMSTATE_STRUCT_VARRAY_POINTER_KNOWN(
    field: str, state: CStruct, num: int, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """`num` structs behind a pointer. The member's type is not checked."""
    flags = VMS_STRUCT | VMS_ARRAY | VMS_POINTER
    return _array(flags, field, offset_of(state, field), num, None, version, vmsd, type_)


def _array(
    flags: int,
    field: str,
    offset: int,
    num: int,
    test: Test,
    version: int,
    vmsd: Vmsd,
    type_: TypeLike,
) -> FieldSpec:
    return FieldSpec(
        field,
        flags,
        offset=offset,
        size=sizeof(type_),
        num=num,
        vmsd=(vmsd,),
        version_id=version,
        field_exists=test,
    )


def VMSTATE_STRUCT_VARRAY_UINT8(
    field: str, state: CStruct, field_num: str, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """As many structs in place as a uint8_t member says; nothing bounds it."""
    offset = offset_varray(state, field, type_)
    number = offset_value(state, field_num, uint8_t)
    return _varray(VMS_STRUCT | VMS_VARRAY_UINT8, field, offset, number, version, vmsd, type_)


def VMSTATE_STRUCT_VARRAY_INT32(
    field: str, state: CStruct, field_num: str, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """As many structs in place as an int32_t member says; nothing bounds it."""
    offset = offset_varray(state, field, type_)
    number = offset_value(state, field_num, int32_t)
    return _varray(VMS_STRUCT | VMS_VARRAY_INT32, field, offset, number, version, vmsd, type_)


def VMSTATE_STRUCT_VARRAY_UINT32(
    field: str, state: CStruct, field_num: str, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """As many structs in place as a uint32_t member says; nothing bounds it."""
    offset = offset_varray(state, field, type_)
    number = offset_value(state, field_num, uint32_t)
    return _varray(VMS_STRUCT | VMS_VARRAY_UINT32, field, offset, number, version, vmsd, type_)


def VMSTATE_STRUCT_VARRAY_POINTER_INT32(
    field: str, state: CStruct, field_num: str, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """As many structs behind a pointer as an int32_t member says."""
    return _behind(VMS_VARRAY_INT32, field, state, field_num, int32_t, 0, vmsd, type_)


def VMSTATE_STRUCT_VARRAY_POINTER_UINT32(
    field: str, state: CStruct, field_num: str, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """As many structs behind a pointer as a uint32_t member says, which is read as an int32_t."""
    return _behind(VMS_VARRAY_INT32, field, state, field_num, uint32_t, 0, vmsd, type_)


def VMSTATE_STRUCT_VARRAY_POINTER_UINT16(
    field: str, state: CStruct, field_num: str, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """As many structs behind a pointer as a uint16_t member says."""
    return _behind(VMS_VARRAY_UINT16, field, state, field_num, uint16_t, 0, vmsd, type_)


def VMSTATE_STRUCT_VARRAY_ALLOC(
    field: str, state: CStruct, field_num: str, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    """As many structs as an int32_t member says, in an array that loading allocates."""
    flags = VMS_VARRAY_INT32 | VMS_ALLOC
    return _behind(flags, field, state, field_num, int32_t, version, vmsd, type_)


def _behind(
    flags: int,
    field: str,
    state: CStruct,
    field_num: str,
    count: CType,
    version: int,
    vmsd: Vmsd,
    type_: TypeLike,
) -> FieldSpec:
    offset = offset_pointer(state, field, type_)
    number = offset_value(state, field_num, count)
    return _varray(VMS_STRUCT | VMS_POINTER | flags, field, offset, number, version, vmsd, type_)


def _varray(
    flags: int, field: str, offset: int, number: int, version: int, vmsd: Vmsd, type_: TypeLike
) -> FieldSpec:
    return FieldSpec(
        field,
        flags,
        offset=offset,
        size=sizeof(type_),
        num_offset=number,
        vmsd=(vmsd,),
        version_id=version,
    )
