# SPDX-License-Identifier: Apache-2.0
"""How many elements a field has, how large they are and where: vmstate_n_elems(), vmstate_size().

Load and save both ask here, so that they cannot disagree. Numbers are read from the object's memory
at the moment of asking; their widths and signs are the dialect's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vmstate.description import VMStateField
from vmstate.dialects import Dialect
from vmstate.flags import (
    VARRAY_WIDTHS,
    VMS_ALLOC,
    VMS_ARRAY,
    VMS_ARRAY_OF_POINTER,
    VMS_MULTIPLY,
    VMS_MULTIPLY_ELEMENTS,
    VMS_POINTER,
    VMS_VARRAY,
    VMS_VBUFFER,
)
from vmstate.heap import POINTER, Heap

U64: Final = (1 << 64) - 1
_SIGN32: Final = 1 << 31
_SIGN64: Final = 1 << 63
_PLAIN: Final = ~(
    VMS_ARRAY
    | VMS_VARRAY
    | VMS_VBUFFER
    | VMS_ARRAY_OF_POINTER
    | VMS_POINTER
    | VMS_MULTIPLY_ELEMENTS
)


def int32(value: int) -> int:
    """Cut a number to C's `int`."""
    return (value + _SIGN32) % (1 << 32) - _SIGN32


def int64(value: int) -> int:
    """Cut a number to a signed 64-bit one."""
    return (value + _SIGN64) % (1 << 64) - _SIGN64


@dataclass(slots=True)
class Extent:
    """Where a field's elements are: `count` slots of `size` bytes each from `first` on.

    `count` and `size` are as the dialect's C types have them: a narrow one may be negative.
    """

    first: int
    count: int
    size: int

    def slot(self, index: int) -> int:
        """Give the address of a slot; the product is a 32-bit one. [LOAD-STRIDE-2]"""
        return (self.first + int32(self.size * index)) & U64

    def saved_slot(self, index: int, *, wide: bool) -> int:
        """Give the address of a slot to save, where a wide size makes a wide product. [SAVE-STRIDE-1]"""
        return (self.first + self.size * index) & U64 if wide else self.slot(index)

    def iterations(self) -> int:
        """How often `for (int i = 0; i < count; i++)` runs. [LOAD-COUNT-5]"""
        if self.count <= _SIGN32:
            return max(self.count, 0)
        # The `int` wraps to a negative number, which compares as a huge unsigned one.
        return _SIGN32 + max(0, self.count - ((1 << 64) - _SIGN32))


def n_elems(field: VMStateField, heap: Heap, opaque: int, dialect: Dialect) -> int:
    """Count the elements: `num`, else the member that a VARRAY flag announces, else 1. [LOAD-COUNT-1]"""
    count = 1
    if field.flags & VMS_ARRAY:
        # A negative one is none, or nearly 2^64 [LOAD-COUNT-11]
        count = field.num & U64 if dialect.wide_counts else field.num
    elif field.flags & VMS_VARRAY:
        # The first flag that is set decides [LOAD-COUNT-2]; the member is in the object [LOAD-COUNT-3]
        width = next(width for flag, width in VARRAY_WIDTHS if field.flags & flag)
        count = heap.number(opaque + field.num_offset, width)
        # Unsigned [LOAD-COUNT-8], but for a C `int` [LOAD-COUNT-7]
        if not dialect.wide_counts:
            count = int32(count)
    # By clause [LOAD-COUNT-13]
    if dialect.multiply_elements and field.flags & VMS_MULTIPLY_ELEMENTS:
        count = int32(count * field.num)
    return count


def element_size(field: VMStateField, heap: Heap, opaque: int, dialect: Dialect) -> int:
    """Size one slot: a member's value, else a pointer's 8, else the field's own size. [LOAD-SIZE-1]"""
    if field.flags & VMS_VBUFFER:
        # By clause [LOAD-SIZE-4]
        size = heap.number(opaque + field.size_offset, 4)
        # By clause [LOAD-SIZE-2]
        if field.flags & VMS_MULTIPLY:
            size *= field.size
    elif field.flags & VMS_ARRAY_OF_POINTER and not dialect.stride_by_size:
        # By clause [LOAD-STRIDE-3]; before, as any other field [LOAD-STRIDE-4] [SAVE-STRIDE-2]
        size = POINTER
    else:
        size = field.size
    return size & U64 if dialect.wide_counts else int32(size)


def measure(field: VMStateField, heap: Heap, opaque: int, dialect: Dialect) -> Extent:
    """Measure a field before it is dereferenced. [LOAD-ORDER-2]"""
    first = opaque + field.offset
    if field.flags & _PLAIN == field.flags and field.size < _SIGN32:
        return Extent(first, 1, field.size)
    return Extent(
        first, n_elems(field, heap, opaque, dialect), element_size(field, heap, opaque, dialect)
    )


def allocation(field: VMStateField, extent: Extent) -> int:
    """The bytes that VMS_ALLOC asks for, a product modulo 2^64; 0 where it asks for none. [LOAD-ALLOC-5]"""
    if field.flags & VMS_ALLOC:
        return (extent.size * extent.count) & U64
    return 0
