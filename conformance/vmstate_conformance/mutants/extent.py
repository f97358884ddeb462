# SPDX-License-Identifier: Apache-2.0
"""Wrong counts, sizes and addresses of elements."""

from __future__ import annotations

from typing import Final

from vmstate import extent, flags
from vmstate.dialects import DIALECTS
from vmstate.extent import Extent
from vmstate_conformance.mutants.patching import Change, edit, table, together, value

_MEMBER: Final = "count = heap.number(opaque + field.num_offset, width)"
_SIZE: Final = "size = heap.number(opaque + field.size_offset, 4)"


def _width(flag: int, width: int) -> Change:
    """Read the count that a flag announces from another number of bytes."""
    widths = tuple((each, width if each == flag else held) for each, held in flags.VARRAY_WIDTHS)
    return value(extent, "VARRAY_WIDTHS", widths)


EXTENT = table(
    "extent",
    {
        "counts-narrow": (
            "11.1.3 counts and sizes with C's int, as 11.1.0 did.",
            value(DIALECTS["qemu-11.1.3"], "wide_counts", False),
        ),
        "counts-wide": (
            "11.1.0 counts and sizes with 64 bits, as 11.1.3 does.",
            value(DIALECTS["qemu-11.1.0"], "wide_counts", True),
        ),
        "count-uint8-as-uint16": (
            "A VARRAY_UINT8 count is read as 16 bits.",
            _width(flags.VMS_VARRAY_UINT8, 2),
        ),
        "count-uint16-as-uint8": (
            "A VARRAY_UINT16 count is read as 8 bits.",
            _width(flags.VMS_VARRAY_UINT16, 1),
        ),
        "count-uint32-as-uint16": (
            "A VARRAY_UINT32 count is read as 16 bits.",
            _width(flags.VMS_VARRAY_UINT32, 2),
        ),
        "count-int32-as-uint16": (
            "A VARRAY_INT32 count is read as 16 bits.",
            _width(flags.VMS_VARRAY_INT32, 2),
        ),
        "count-big-endian": (
            "A count is read from memory in network order.",
            edit(
                extent.n_elems,
                _MEMBER,
                "count = int.from_bytes(heap.read(opaque + field.num_offset, width), 'big')",
            ),
        ),
        "count-beside-the-field": (
            "A count's offset counts from the field.",
            edit(
                extent.n_elems,
                "opaque + field.num_offset",
                "opaque + field.offset + field.num_offset",
            ),
        ),
        "count-one-more": (
            "One element more is loaded than counted.",
            edit(extent.n_elems, _MEMBER, f"{_MEMBER} + 1"),
        ),
        "varray-before-array": (
            "A VARRAY flag wins over VMS_ARRAY.",
            edit(
                extent.n_elems,
                "if field.flags & VMS_ARRAY:",
                "if field.flags & VMS_ARRAY and not field.flags & VMS_VARRAY:",
            ),
        ),
        "no-count-no-element": (
            "A field without a count has no element.",
            edit(extent.n_elems, "count = 1\n", "count = 0\n"),
        ),
        "num-32-bit": (
            "A negative `num` is no element in 11.1.3, either.",
            edit(
                extent.n_elems, "field.num & U64 if dialect.wide_counts else field.num", "field.num"
            ),
        ),
        "multiply-elements-kept": (
            "VMS_MULTIPLY_ELEMENTS still multiplies.",
            together(*(value(each, "multiply_elements", True) for each in DIALECTS.values())),
        ),
        "negative-count-positive": (
            "A negative count is taken without its sign.",
            edit(Extent.iterations, "max(self.count, 0)", "abs(self.count)"),
        ),
        "size-instead-of-stride": (
            "An array of pointers steps by `size`, not by a pointer's 8 bytes.",
            edit(extent.element_size, "size = POINTER", "size = field.size or POINTER"),
        ),
        "pointer-array-before-vbuffer": (
            "An array of pointers wins over VBUFFER.",
            edit(
                extent.element_size,
                "if field.flags & VMS_VBUFFER:",
                "if field.flags & VMS_VBUFFER and not field.flags & VMS_ARRAY_OF_POINTER:",
            ),
        ),
        "vbuffer-size-ignored": (
            "A VBUFFER has its static size.",
            edit(extent.element_size, "if field.flags & VMS_VBUFFER:", "if False:"),
        ),
        "vbuffer-size-16-bit": (
            "A VBUFFER's size is read as 16 bits.",
            edit(extent.element_size, "field.size_offset, 4)", "field.size_offset, 2)"),
        ),
        "vbuffer-size-64-bit": (
            "A VBUFFER's size is read as 64 bits.",
            edit(extent.element_size, "field.size_offset, 4)", "field.size_offset, 8)"),
        ),
        "vbuffer-size-signed": (
            "A VBUFFER's size is signed in 11.1.3, too.",
            edit(
                extent.element_size, "field.size_offset, 4)", "field.size_offset, 4, signed=True)"
            ),
        ),
        "vbuffer-size-unsigned": (
            "A VBUFFER's size is unsigned in 11.1.0, too.",
            edit(extent.element_size, "else int32(size)", "else size"),
        ),
        "vbuffer-not-multiplied": (
            "VMS_MULTIPLY does not multiply.",
            edit(extent.element_size, "if field.flags & VMS_MULTIPLY:", "if False:"),
        ),
        "vbuffer-always-multiplied": (
            "Every VBUFFER's size is multiplied by `size`.",
            edit(extent.element_size, "if field.flags & VMS_MULTIPLY:", "if True:"),
        ),
        "size-beside-the-field": (
            "A size's offset counts from the field.",
            edit(
                extent.element_size,
                "opaque + field.size_offset",
                "opaque + field.offset + field.size_offset",
            ),
        ),
        "slot-64-bit": (
            "A slot's offset is a product of 64 bits.",
            edit(Extent.slot, "int32(self.size * index)", "self.size * index"),
        ),
        "alloc-one-element": (
            "VMS_ALLOC allocates one element only.",
            edit(extent.allocation, "extent.size * extent.count", "extent.size"),
        ),
        "alloc-static-size": (
            "VMS_ALLOC allocates by the static size.",
            edit(extent.allocation, "extent.size * extent.count", "field.size * extent.count"),
        ),
        "alloc-positive-only": (
            "VMS_ALLOC allocates nothing for a negative product.",
            edit(
                extent.allocation,
                "extent.size * extent.count & U64",
                "max(extent.size * extent.count, 0)",
            ),
        ),
    },
)
