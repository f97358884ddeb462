# SPDX-License-Identifier: Apache-2.0
"""The macros of single values and arrays, and the compile-time checks that all macros share."""
# ruff: noqa: N802 - names and arguments are QEMU's

from __future__ import annotations

from vmstate.errors import CaseError
from vmstate.flags import (
    VMS_ALLOC,
    VMS_ARRAY,
    VMS_ARRAY_OF_POINTER,
    VMS_END,
    VMS_MUST_EXIST,
    VMS_POINTER,
    VMS_SINGLE,
    VMS_VARRAY_INT32,
    VMS_VARRAY_UINT16,
    VMS_VARRAY_UINT32,
)
from vmstate.macros_ctypes import (
    Array,
    Bytes,
    CStruct,
    CType,
    Pointer,
    TypeLike,
    ctype,
    int32_t,
    sizeof,
    uint8_t,
    uint16_t,
    uint32_t,
)
from vmstate.macros_spec import FieldSpec, Test

__all__ = [
    "VMSTATE_2DARRAY",
    "VMSTATE_ARRAY",
    "VMSTATE_ARRAY_INT32_UNSAFE",
    "VMSTATE_ARRAY_OF_POINTER",
    "VMSTATE_END_OF_LIST",
    "VMSTATE_POINTER",
    "VMSTATE_POINTER_TEST",
    "VMSTATE_SINGLE",
    "VMSTATE_SINGLE_FULL",
    "VMSTATE_SINGLE_TEST",
    "VMSTATE_SUB_ARRAY",
    "VMSTATE_VALIDATE",
    "VMSTATE_VARRAY_INT32",
    "VMSTATE_VARRAY_INT32_ALLOC",
    "VMSTATE_VARRAY_OF_POINTER_UINT32",
    "VMSTATE_VARRAY_UINT16_ALLOC",
    "VMSTATE_VARRAY_UINT16_UNSAFE",
    "VMSTATE_VARRAY_UINT32",
    "VMSTATE_VARRAY_UINT32_ALLOC",
]


def offset_of(state: CStruct, field: str) -> int:
    """Find where a member is, whatever it is: C's offsetof()."""
    return state.place(field)[0]


def offset_value(state: CStruct, field: str, type_: TypeLike) -> int:
    """Find a member that is a `type_`. Raises `CaseError`, like all of these, where it is not."""
    return _typed(state, field, ctype(type_))


def offset_pointer(state: CStruct, field: str, type_: TypeLike) -> int:
    """Find a member that is a `type_ *`."""
    return _typed(state, field, Pointer(type_))


def offset_array(state: CStruct, field: str, type_: TypeLike, num: int) -> int:
    """Find a member that is a `type_[num]`."""
    return _typed(state, field, Array(type_, num))


def offset_varray(state: CStruct, field: str, type_: TypeLike) -> int:
    """Find a member that is an array of `type_`, of any length."""
    offset, kind = state.place(field)
    item = uint8_t if isinstance(kind, Bytes) else getattr(kind, "item", kind)
    wanted = ctype(type_)
    if not isinstance(kind, Array | Bytes) or item.spelling != wanted.spelling:
        raise _wrong(state, field, kind, f"an array of {wanted.spelling}")
    return offset


def _typed(state: CStruct, field: str, wanted: CType) -> int:
    offset, kind = state.place(field)
    if kind.spelling != wanted.spelling:
        raise _wrong(state, field, kind, wanted.spelling)
    return offset


def _wrong(state: CStruct, field: str, kind: CType, wanted: str) -> CaseError:
    return CaseError("type-check", f"{state.name}.{field}", f"it is {kind.spelling}, not {wanted}")


def VMSTATE_SINGLE_TEST(
    field: str, state: CStruct, test: Test, version: int, info: str, type_: TypeLike
) -> FieldSpec:
    """One value, where `test` holds."""
    return FieldSpec(
        field,
        VMS_SINGLE,
        offset=offset_value(state, field, type_),
        size=sizeof(type_),
        info=info,
        version_id=version,
        field_exists=test,
    )


#: The same; QEMU keeps it for the `*_EQUAL` macros.
VMSTATE_SINGLE_FULL = VMSTATE_SINGLE_TEST


def VMSTATE_SINGLE(
    field: str, state: CStruct, version: int, info: str, type_: TypeLike
) -> FieldSpec:
    """One value."""
    return VMSTATE_SINGLE_TEST(field, state, None, version, info, type_)


def VMSTATE_VALIDATE(name: str, test: Test) -> FieldSpec:
    """No value: `test` must hold, when saving and when loading."""
    return FieldSpec(name, VMS_ARRAY | VMS_MUST_EXIST, field_exists=test)


def VMSTATE_POINTER(
    field: str, state: CStruct, version: int, info: str, type_: TypeLike
) -> FieldSpec:
    """What a pointer points at; `type_` is the pointer's own type."""
    return FieldSpec(
        field,
        VMS_SINGLE | VMS_POINTER,
        offset=offset_value(state, field, type_),
        size=sizeof(type_),
        info=info,
        version_id=version,
    )


def VMSTATE_POINTER_TEST(
    field: str, state: CStruct, test: Test, info: str, type_: TypeLike
) -> FieldSpec:
    """What a pointer points at, where `test` holds."""
    return FieldSpec(
        field,
        VMS_SINGLE | VMS_POINTER,
        offset=offset_value(state, field, type_),
        size=sizeof(type_),
        info=info,
        field_exists=test,
    )


def VMSTATE_ARRAY(
    field: str, state: CStruct, num: int, version: int, info: str, type_: TypeLike
) -> FieldSpec:
    """`num` values in place."""
    return _array(field, offset_array(state, field, type_, num), num, version, info, type_)


def VMSTATE_2DARRAY(
    field: str, state: CStruct, n1: int, n2: int, version: int, info: str, type_: TypeLike
) -> FieldSpec:
    """`n1` rows of `n2` values in place."""
    offset = offset_value(state, field, Array(Array(type_, n2), n1))
    return _array(field, offset, n1 * n2, version, info, type_)


def VMSTATE_SUB_ARRAY(
    field: str, state: CStruct, start: int, num: int, version: int, info: str, type_: TypeLike
) -> FieldSpec:
    """`num` values of an array from item `start` on; nothing compares `num` with the array."""
    offset = offset_value(state, f"{field}[{start}]", type_)
    return _array(field, offset, num, version, info, type_)


def _array(
    field: str, offset: int, num: int, version: int, info: str, type_: TypeLike
) -> FieldSpec:
    return FieldSpec(
        field,
        VMS_ARRAY,
        offset=offset,
        size=sizeof(type_),
        num=num,
        info=info,
        version_id=version,
    )


def VMSTATE_ARRAY_INT32_UNSAFE(
    field: str, state: CStruct, field_num: str, info: str, type_: TypeLike
) -> FieldSpec:
    """As many values in place as an int32_t member says; nothing bounds it."""
    return FieldSpec(
        field,
        VMS_VARRAY_INT32,
        offset=offset_varray(state, field, type_),
        size=sizeof(type_),
        num_offset=offset_value(state, field_num, int32_t),
        info=info,
    )


def VMSTATE_VARRAY_UINT16_UNSAFE(
    field: str, state: CStruct, field_num: str, version: int, info: str, type_: TypeLike
) -> FieldSpec:
    """As many values in place as a uint16_t member says; nothing bounds it."""
    return FieldSpec(
        field,
        VMS_VARRAY_UINT16,
        offset=offset_varray(state, field, type_),
        size=sizeof(type_),
        num_offset=offset_value(state, field_num, uint16_t),
        info=info,
        version_id=version,
    )


def VMSTATE_VARRAY_INT32(
    field: str, state: CStruct, field_num: str, version: int, info: str, type_: TypeLike
) -> FieldSpec:
    """As many values behind a pointer as an int32_t member says."""
    return _behind(VMS_VARRAY_INT32, field, state, field_num, int32_t, version, info, type_)


def VMSTATE_VARRAY_UINT32(
    field: str, state: CStruct, field_num: str, version: int, info: str, type_: TypeLike
) -> FieldSpec:
    """As many values behind a pointer as a uint32_t member says."""
    return _behind(VMS_VARRAY_UINT32, field, state, field_num, uint32_t, version, info, type_)


def VMSTATE_VARRAY_INT32_ALLOC(
    field: str, state: CStruct, field_num: str, version: int, info: str, type_: TypeLike
) -> FieldSpec:
    """The same, in an array that loading allocates."""
    flags = VMS_VARRAY_INT32 | VMS_ALLOC
    return _behind(flags, field, state, field_num, int32_t, version, info, type_)


def VMSTATE_VARRAY_UINT32_ALLOC(
    field: str, state: CStruct, field_num: str, version: int, info: str, type_: TypeLike
) -> FieldSpec:
    """As many values as a uint32_t member says, in an array that loading allocates."""
    flags = VMS_VARRAY_UINT32 | VMS_ALLOC
    return _behind(flags, field, state, field_num, uint32_t, version, info, type_)


def VMSTATE_VARRAY_UINT16_ALLOC(
    field: str, state: CStruct, field_num: str, version: int, info: str, type_: TypeLike
) -> FieldSpec:
    """As many values as a uint16_t member says, in an array that loading allocates."""
    flags = VMS_VARRAY_UINT16 | VMS_ALLOC
    return _behind(flags, field, state, field_num, uint16_t, version, info, type_)


def _behind(
    flags: int,
    field: str,
    state: CStruct,
    field_num: str,
    count: CType,
    version: int,
    info: str,
    type_: TypeLike,
) -> FieldSpec:
    return FieldSpec(
        field,
        flags | VMS_POINTER,
        offset=offset_pointer(state, field, type_),
        size=sizeof(type_),
        num_offset=offset_value(state, field_num, count),
        info=info,
        version_id=version,
    )


def VMSTATE_ARRAY_OF_POINTER(
    field: str, state: CStruct, num: int, version: int, info: str, type_: TypeLike
) -> FieldSpec:
    """What each of `num` pointers in place points at, or a marker where it is NULL."""
    return FieldSpec(
        field,
        VMS_ARRAY | VMS_ARRAY_OF_POINTER,
        offset=offset_array(state, field, Pointer(type_), num),
        num=num,
        info=info,
        version_id=version,
    )


def VMSTATE_VARRAY_OF_POINTER_UINT32(
    field: str, state: CStruct, field_num: str, version: int, info: str, type_: TypeLike
) -> FieldSpec:
    """The same for as many pointers, themselves behind a pointer, as a uint32_t member says."""
    return FieldSpec(
        field,
        VMS_VARRAY_UINT32 | VMS_ARRAY_OF_POINTER | VMS_POINTER,
        offset=offset_pointer(state, field, Array(Pointer(type_))),
        num_offset=offset_value(state, field_num, uint32_t),
        info=info,
        version_id=version,
    )


def VMSTATE_END_OF_LIST() -> FieldSpec:
    """The end of a list of fields."""
    return FieldSpec("", VMS_END)
