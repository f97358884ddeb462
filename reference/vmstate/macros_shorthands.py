# SPDX-License-Identifier: Apache-2.0
"""The shorthands over VMSTATE_SINGLE, VMSTATE_ARRAY and so on, one row for each kind of value."""

from __future__ import annotations

from typing import Protocol

from vmstate.macros_ctypes import (
    CPU_DoubleU,
    CStruct,
    Pointer,
    QEMUTimer,
    TypeLike,
    int8_t,
    int16_t,
    int32_t,
    int64_t,
    uint8_t,
    uint16_t,
    uint32_t,
    uint64_t,
)
from vmstate.macros_fields import (
    VMSTATE_2DARRAY,
    VMSTATE_ARRAY,
    VMSTATE_ARRAY_OF_POINTER,
    VMSTATE_POINTER,
    VMSTATE_SINGLE_TEST,
    VMSTATE_SUB_ARRAY,
)
from vmstate.macros_infos import (
    vmstate_info_bool,
    vmstate_info_cpudouble,
    vmstate_info_fd,
    vmstate_info_int8,
    vmstate_info_int16,
    vmstate_info_int32,
    vmstate_info_int32_equal,
    vmstate_info_int32_le,
    vmstate_info_int64,
    vmstate_info_timer,
    vmstate_info_uint8,
    vmstate_info_uint8_equal,
    vmstate_info_uint16,
    vmstate_info_uint16_equal,
    vmstate_info_uint32,
    vmstate_info_uint32_equal,
    vmstate_info_uint64,
    vmstate_info_uint64_equal,
)
from vmstate.macros_spec import FieldSpec, Test

__all__ = [
    "VMSTATE_BOOL",
    "VMSTATE_BOOL_ARRAY",
    "VMSTATE_BOOL_ARRAY_V",
    "VMSTATE_BOOL_SUB_ARRAY",
    "VMSTATE_BOOL_TEST",
    "VMSTATE_BOOL_V",
    "VMSTATE_CPUDOUBLE_ARRAY",
    "VMSTATE_CPUDOUBLE_ARRAY_V",
    "VMSTATE_FD",
    "VMSTATE_FD_TEST",
    "VMSTATE_FD_V",
    "VMSTATE_INT8",
    "VMSTATE_INT8_TEST",
    "VMSTATE_INT8_V",
    "VMSTATE_INT16",
    "VMSTATE_INT16_ARRAY",
    "VMSTATE_INT16_ARRAY_V",
    "VMSTATE_INT16_TEST",
    "VMSTATE_INT16_V",
    "VMSTATE_INT32",
    "VMSTATE_INT32_ARRAY",
    "VMSTATE_INT32_ARRAY_V",
    "VMSTATE_INT32_EQUAL",
    "VMSTATE_INT32_POSITIVE_LE",
    "VMSTATE_INT32_TEST",
    "VMSTATE_INT32_V",
    "VMSTATE_INT64",
    "VMSTATE_INT64_ARRAY",
    "VMSTATE_INT64_ARRAY_V",
    "VMSTATE_INT64_TEST",
    "VMSTATE_INT64_V",
    "VMSTATE_TIMER",
    "VMSTATE_TIMER_ARRAY",
    "VMSTATE_TIMER_PTR",
    "VMSTATE_TIMER_PTR_ARRAY",
    "VMSTATE_TIMER_PTR_V",
    "VMSTATE_TIMER_V",
    "VMSTATE_U8",
    "VMSTATE_U8_V",
    "VMSTATE_U16",
    "VMSTATE_U16_V",
    "VMSTATE_U32",
    "VMSTATE_U32_V",
    "VMSTATE_U64",
    "VMSTATE_U64_V",
    "VMSTATE_UINT8",
    "VMSTATE_UINT8_2DARRAY",
    "VMSTATE_UINT8_2DARRAY_V",
    "VMSTATE_UINT8_ARRAY",
    "VMSTATE_UINT8_ARRAY_V",
    "VMSTATE_UINT8_EQUAL",
    "VMSTATE_UINT8_SUB_ARRAY",
    "VMSTATE_UINT8_TEST",
    "VMSTATE_UINT8_V",
    "VMSTATE_UINT16",
    "VMSTATE_UINT16_2DARRAY",
    "VMSTATE_UINT16_2DARRAY_V",
    "VMSTATE_UINT16_ARRAY",
    "VMSTATE_UINT16_ARRAY_V",
    "VMSTATE_UINT16_EQUAL",
    "VMSTATE_UINT16_EQUAL_V",
    "VMSTATE_UINT16_SUB_ARRAY",
    "VMSTATE_UINT16_TEST",
    "VMSTATE_UINT16_V",
    "VMSTATE_UINT32",
    "VMSTATE_UINT32_2DARRAY",
    "VMSTATE_UINT32_2DARRAY_V",
    "VMSTATE_UINT32_ARRAY",
    "VMSTATE_UINT32_ARRAY_V",
    "VMSTATE_UINT32_EQUAL",
    "VMSTATE_UINT32_EQUAL_V",
    "VMSTATE_UINT32_SUB_ARRAY",
    "VMSTATE_UINT32_TEST",
    "VMSTATE_UINT32_V",
    "VMSTATE_UINT64",
    "VMSTATE_UINT64_2DARRAY",
    "VMSTATE_UINT64_2DARRAY_V",
    "VMSTATE_UINT64_ARRAY",
    "VMSTATE_UINT64_ARRAY_V",
    "VMSTATE_UINT64_EQUAL",
    "VMSTATE_UINT64_EQUAL_V",
    "VMSTATE_UINT64_SUB_ARRAY",
    "VMSTATE_UINT64_TEST",
    "VMSTATE_UINT64_V",
]


class Single(Protocol):
    """One value, in every version."""

    def __call__(self, field: str, state: CStruct) -> FieldSpec:
        """Make the field. Raises `CaseError` where the member is of another type."""


class SingleV(Protocol):
    """One value, from a version on."""

    def __call__(self, field: str, state: CStruct, version: int) -> FieldSpec:
        """Make the field. Raises `CaseError` where the member is of another type."""


class SingleTest(Protocol):
    """One value, where a test holds."""

    def __call__(self, field: str, state: CStruct, test: Test) -> FieldSpec:
        """Make the field. Raises `CaseError` where the member is of another type."""


class ArrayOf(Protocol):
    """`num` values in place, in every version."""

    def __call__(self, field: str, state: CStruct, num: int) -> FieldSpec:
        """Make the field. Raises `CaseError` where the member is of another type."""


class ArrayV(Protocol):
    """`num` values in place, from a version on."""

    def __call__(self, field: str, state: CStruct, num: int, version: int) -> FieldSpec:
        """Make the field. Raises `CaseError` where the member is of another type."""


class Array2D(Protocol):
    """`n1` rows of `n2` values in place, in every version."""

    def __call__(self, field: str, state: CStruct, n1: int, n2: int) -> FieldSpec:
        """Make the field. Raises `CaseError` where the member is of another type."""


class Array2DV(Protocol):
    """`n1` rows of `n2` values in place, from a version on."""

    def __call__(self, field: str, state: CStruct, n1: int, n2: int, version: int) -> FieldSpec:
        """Make the field. Raises `CaseError` where the member is of another type."""


class SubArray(Protocol):
    """`num` values of an array from item `start` on."""

    def __call__(self, field: str, state: CStruct, start: int, num: int) -> FieldSpec:
        """Make the field. Raises `CaseError` where the member is of another type."""


def _single(info: str, type_: TypeLike) -> tuple[Single, SingleV, SingleTest]:
    return (
        lambda field, state: VMSTATE_SINGLE_TEST(field, state, None, 0, info, type_),
        lambda field, state, version: VMSTATE_SINGLE_TEST(field, state, None, version, info, type_),
        lambda field, state, test: VMSTATE_SINGLE_TEST(field, state, test, 0, info, type_),
    )


def _array(info: str, type_: TypeLike) -> tuple[ArrayOf, ArrayV]:
    return (
        lambda field, state, num: VMSTATE_ARRAY(field, state, num, 0, info, type_),
        lambda field, state, num, version: VMSTATE_ARRAY(field, state, num, version, info, type_),
    )


def _array_2d(info: str, type_: TypeLike) -> tuple[Array2D, Array2DV]:
    return (
        lambda field, state, n1, n2: VMSTATE_2DARRAY(field, state, n1, n2, 0, info, type_),
        lambda field, state, n1, n2, version: VMSTATE_2DARRAY(
            field, state, n1, n2, version, info, type_
        ),
    )


def _sub_array(info: str, type_: TypeLike) -> SubArray:
    return lambda field, state, start, num: VMSTATE_SUB_ARRAY(
        field, state, start, num, 0, info, type_
    )


VMSTATE_BOOL, VMSTATE_BOOL_V, VMSTATE_BOOL_TEST = _single(vmstate_info_bool, bool)
VMSTATE_INT8, VMSTATE_INT8_V, VMSTATE_INT8_TEST = _single(vmstate_info_int8, int8_t)
VMSTATE_INT16, VMSTATE_INT16_V, VMSTATE_INT16_TEST = _single(vmstate_info_int16, int16_t)
VMSTATE_INT32, VMSTATE_INT32_V, VMSTATE_INT32_TEST = _single(vmstate_info_int32, int32_t)
VMSTATE_INT64, VMSTATE_INT64_V, VMSTATE_INT64_TEST = _single(vmstate_info_int64, int64_t)
VMSTATE_UINT8, VMSTATE_UINT8_V, VMSTATE_UINT8_TEST = _single(vmstate_info_uint8, uint8_t)
VMSTATE_UINT16, VMSTATE_UINT16_V, VMSTATE_UINT16_TEST = _single(vmstate_info_uint16, uint16_t)
VMSTATE_UINT32, VMSTATE_UINT32_V, VMSTATE_UINT32_TEST = _single(vmstate_info_uint32, uint32_t)
VMSTATE_UINT64, VMSTATE_UINT64_V, VMSTATE_UINT64_TEST = _single(vmstate_info_uint64, uint64_t)

# Linux's own names of the same types.
VMSTATE_U8, VMSTATE_U8_V = VMSTATE_UINT8, VMSTATE_UINT8_V
VMSTATE_U16, VMSTATE_U16_V = VMSTATE_UINT16, VMSTATE_UINT16_V
VMSTATE_U32, VMSTATE_U32_V = VMSTATE_UINT32, VMSTATE_UINT32_V
VMSTATE_U64, VMSTATE_U64_V = VMSTATE_UINT64, VMSTATE_UINT64_V

# What must be the same on both sides, or no more than what is here.
VMSTATE_UINT8_EQUAL = _single(vmstate_info_uint8_equal, uint8_t)[0]
VMSTATE_UINT16_EQUAL, VMSTATE_UINT16_EQUAL_V = _single(vmstate_info_uint16_equal, uint16_t)[:2]
VMSTATE_INT32_EQUAL = _single(vmstate_info_int32_equal, int32_t)[0]
VMSTATE_UINT32_EQUAL, VMSTATE_UINT32_EQUAL_V = _single(vmstate_info_uint32_equal, uint32_t)[:2]
VMSTATE_UINT64_EQUAL, VMSTATE_UINT64_EQUAL_V = _single(vmstate_info_uint64_equal, uint64_t)[:2]
VMSTATE_INT32_POSITIVE_LE = _single(vmstate_info_int32_le, int32_t)[0]

VMSTATE_TIMER, VMSTATE_TIMER_V = _single(vmstate_info_timer, QEMUTimer)[:2]

# A descriptor, which travels beside the bytes.
VMSTATE_FD, VMSTATE_FD_V, VMSTATE_FD_TEST = _single(vmstate_info_fd, int32_t)


def VMSTATE_TIMER_PTR_V(field: str, state: CStruct, version: int) -> FieldSpec:  # noqa: N802
    """A timer behind a pointer."""
    return VMSTATE_POINTER(field, state, version, vmstate_info_timer, Pointer(QEMUTimer))


def VMSTATE_TIMER_PTR(field: str, state: CStruct) -> FieldSpec:  # noqa: N802
    """A timer behind a pointer, in every version."""
    return VMSTATE_TIMER_PTR_V(field, state, 0)


def VMSTATE_TIMER_PTR_ARRAY(field: str, state: CStruct, num: int) -> FieldSpec:  # noqa: N802
    """The timer behind each of `num` pointers in place."""
    return VMSTATE_ARRAY_OF_POINTER(field, state, num, 0, vmstate_info_timer, QEMUTimer)


VMSTATE_BOOL_ARRAY, VMSTATE_BOOL_ARRAY_V = _array(vmstate_info_bool, bool)
VMSTATE_INT16_ARRAY, VMSTATE_INT16_ARRAY_V = _array(vmstate_info_int16, int16_t)
VMSTATE_INT32_ARRAY, VMSTATE_INT32_ARRAY_V = _array(vmstate_info_int32, int32_t)
VMSTATE_INT64_ARRAY, VMSTATE_INT64_ARRAY_V = _array(vmstate_info_int64, int64_t)
VMSTATE_UINT8_ARRAY, VMSTATE_UINT8_ARRAY_V = _array(vmstate_info_uint8, uint8_t)
VMSTATE_UINT16_ARRAY, VMSTATE_UINT16_ARRAY_V = _array(vmstate_info_uint16, uint16_t)
VMSTATE_UINT32_ARRAY, VMSTATE_UINT32_ARRAY_V = _array(vmstate_info_uint32, uint32_t)
VMSTATE_UINT64_ARRAY, VMSTATE_UINT64_ARRAY_V = _array(vmstate_info_uint64, uint64_t)
VMSTATE_CPUDOUBLE_ARRAY, VMSTATE_CPUDOUBLE_ARRAY_V = _array(vmstate_info_cpudouble, CPU_DoubleU)
VMSTATE_TIMER_ARRAY = _array(vmstate_info_timer, QEMUTimer)[0]

VMSTATE_UINT8_2DARRAY, VMSTATE_UINT8_2DARRAY_V = _array_2d(vmstate_info_uint8, uint8_t)
VMSTATE_UINT16_2DARRAY, VMSTATE_UINT16_2DARRAY_V = _array_2d(vmstate_info_uint16, uint16_t)
VMSTATE_UINT32_2DARRAY, VMSTATE_UINT32_2DARRAY_V = _array_2d(vmstate_info_uint32, uint32_t)
VMSTATE_UINT64_2DARRAY, VMSTATE_UINT64_2DARRAY_V = _array_2d(vmstate_info_uint64, uint64_t)

VMSTATE_BOOL_SUB_ARRAY = _sub_array(vmstate_info_bool, bool)
VMSTATE_UINT8_SUB_ARRAY = _sub_array(vmstate_info_uint8, uint8_t)
VMSTATE_UINT16_SUB_ARRAY = _sub_array(vmstate_info_uint16, uint16_t)
VMSTATE_UINT32_SUB_ARRAY = _sub_array(vmstate_info_uint32, uint32_t)
VMSTATE_UINT64_SUB_ARRAY = _sub_array(vmstate_info_uint64, uint64_t)
