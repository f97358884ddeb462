# SPDX-License-Identifier: Apache-2.0
"""The elements of a field as an engine saves them that makes each NULL a field of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmstate.bulk import save_bulk
from vmstate.description import VMStateDescription, VMStateField
from vmstate.errors import assertion
from vmstate.extent import Extent
from vmstate.vmdesc import NULLPTR, end_field, start_field

if TYPE_CHECKING:
    from vmstate.save import Saver


def save_elements(
    saver: Saver, vmsd: VMStateDescription, field: VMStateField, extent: Extent
) -> None:
    """Save all elements; a run of NULLs, or of others, has an entry, and each other one a number."""
    vmdesc, previous_null, heap = saver.vmdesc, False, saver.heap
    index, end = 0, extent.iterations()
    # It is asked whether or not there is a vmdesc, and may recurse for ever all the same.
    short = bool(end) and saver.compressor.can_compress(field)
    while index < end:
        if field.is_array:
            saver.trace.index(index)
        saver.step()
        untouched = saver.untouched(extent)
        element = extent.slot(index)
        if field.is_pointer_array:
            # By clause [SAVE-NULL-3]
            if not element:
                raise assertion("vmstate_save_state_v", "curr_elem", "null-array")
            element = heap.pointer(element)
        is_null = not element and bool(extent.size)

        # A NULL that no run begins with tells what is left [VMDESC-ARRAY-12]
        count = extent.count - index
        # Even a run of one at the end [VMDESC-ARRAY-11]
        if vmdesc is not None and field.is_pointer_array and is_null != previous_null:
            saver.vmdesc, previous_null = vmdesc, is_null
            count = saver.run(extent, index, is_null=is_null)
        if is_null:
            _null(saver, vmsd, field, count)
        else:
            # The last one has none [VMDESC-ARRAY-10]
            numbered = index if count > 1 and not short else None
            saver.entry(vmsd, field, element, extent.size, count, numbered)

        # An entry stands for all that follow, where they are sure to look alike.
        if short:
            saver.vmdesc = None
        if saver.vmdesc is None and untouched == saver.untouched(extent):
            break
        index += 1
        if saver.vmdesc is None:
            index = save_bulk(saver, field, extent, index)


def _null(saver: Saver, vmsd: VMStateDescription, field: VMStateField, count: int) -> None:
    """Save a NULL element, whose marker is all there is of it. [SAVE-NULL-1]"""
    # By clause [SAVE-NULL-2]
    if not field.is_pointer_array:
        raise assertion(
            "vmsd_create_fake_nullptr_field", "field->flags & VMS_ARRAY_OF_POINTER", "null-array"
        )
    start = saver.stream.transferred()
    if saver.vmdesc is not None:
        start_field(saver.vmdesc, vmsd, field, count, marker=NULLPTR)
    saver.put_marker(0)
    if saver.vmdesc is not None:
        end_field(saver.vmdesc, field, saver.stream.transferred() - start, marker=True)
