# SPDX-License-Identifier: Apache-2.0
"""Saving by description: the counterpart of vmstate_save_vmsd() in migration/vmstate.c.

Read it beside `vmstate.load`: the same steps in the same order.
"""

from __future__ import annotations

from vmstate.bulk import save_bulk
from vmstate.description import VMStateDescription, VMStateField, exists
from vmstate.dialects import STEPS_PER_BYTE, Dialect
from vmstate.errors import Abort, Reject, assertion, out_of_bounds
from vmstate.extent import U64, Extent, measure
from vmstate.flags import VMS_MUST_EXIST, VMS_POINTER, VMS_STRUCT
from vmstate.heap import Heap
from vmstate.infos import INFOS, PTR_MARKER_NULL, PTR_MARKER_VALID
from vmstate.jsonwriter import JSONWriter
from vmstate.save_nulls import save_elements
from vmstate.stream import OutputStream
from vmstate.subsections import save_subsections
from vmstate.trace import Trace
from vmstate.vmdesc import PTR_MARKER, Compressor, end_field, start_field


class Saver:
    """One save: a heap, a stream, and a vmdesc unless that is off.

    Every method raises `Reject` where QEMU returns an error and `Abort` where it dies.
    """

    __slots__ = (
        "compressor",
        "depth",
        "dialect",
        "heap",
        "silent",
        "steps",
        "stream",
        "trace",
        "vmdesc",
    )

    def __init__(
        self,
        stream: OutputStream,
        heap: Heap,
        dialect: Dialect,
        vmdesc: JSONWriter | None = None,
        trace: Trace | None = None,
    ) -> None:
        self.stream = stream
        self.heap = heap
        self.dialect = dialect
        self.vmdesc = vmdesc
        self.trace = trace or Trace(recording=False)
        self.compressor = Compressor()
        self.depth = 0
        self.silent = False
        self.steps = 0

    def save_vmsd(self, vmsd: VMStateDescription, opaque: int, version_id: int) -> None:
        """Save the object at `opaque` as of `version_id`. [SAVE-ORDER-1]"""
        # PRE_SAVE: only a negative number is a failure [SAVE-HOOK-1], or any but 0 [SAVE-HOOK-3]
        if vmsd.pre_save and (vmsd.pre_save < 0 or self.dialect.by_number):
            raise Reject("hook-failed", f"pre-save failed: {vmsd.name}", vmsd.pre_save)

        # FIELDS
        self.depth += 1
        if self.depth > self.heap.limits.depth:
            raise out_of_bounds(f"the stack ends after {self.heap.limits.depth} descriptions")
        if self.vmdesc is not None:
            # By clause [VMDESC-TOP-1]
            self.vmdesc.string("vmsd_name", vmsd.name)
            self.vmdesc.number("version", version_id)
            self.vmdesc.start_array("fields")
        for field in vmsd.fields:
            self.trace.enter(field.name)
            self.field(vmsd, field, opaque, version_id)
            self.trace.leave()
        if self.vmdesc is not None:
            self.vmdesc.end_array()

        # SUBSECTIONS
        save_subsections(self, vmsd, opaque)
        self.depth -= 1

    def field(
        self, vmsd: VMStateDescription, field: VMStateField, opaque: int, version_id: int
    ) -> None:
        """Save all elements of one field. [SAVE-FIELD-1]"""
        self.step()
        if not exists(field, self.heap, opaque, version_id):
            if field.flags & VMS_MUST_EXIST:  # [SAVE-EXISTS-2]
                raise assertion(
                    "vmstate_save_vmsd_v", "!(field->flags & VMS_MUST_EXIST)", "validation-failed"
                )
            return  # neither written nor described [SAVE-EXISTS-1]

        extent = measure(field, self.heap, opaque, self.dialect)
        if field.flags & VMS_POINTER:
            self.follow(extent)

        vmdesc = self.vmdesc
        try:
            if self.dialect.null_fields:
                save_elements(self, vmsd, field, extent)
            else:
                self.elements(vmsd, field, extent)
        finally:
            self.vmdesc = vmdesc

    def elements(self, vmsd: VMStateDescription, field: VMStateField, extent: Extent) -> None:
        """Save the elements; entries of the vmdesc stand for runs of them. [VMDESC-ARRAY-2]"""
        vmdesc, previous_null = self.vmdesc, False
        index, end = 0, extent.iterations()
        # QEMU asks whether or not there is a vmdesc, and may recurse for ever all the same.
        compress = bool(end) and self.compressor.can_compress(field) and vmdesc is not None
        while index < end:
            if field.is_array:
                self.trace.index(index)
            self.step()
            untouched = self.untouched(extent)
            element = extent.saved_slot(index, wide=self.dialect.wide_counts)
            if field.is_pointer_array:
                element = self.heap.pointer(element)
            is_null = field.is_pointer_array and not element

            count = extent.count - index if compress else 1
            if count > 1 and is_null != previous_null:
                self.vmdesc, previous_null = vmdesc, is_null
                # A first run of pointers counts all [VMDESC-ARRAY-6], a last NULL is lost [VMDESC-ARRAY-7]
                count = self.run(extent, index, is_null=is_null)

            # A pointer of an ordinary array has no marker [SAVE-MARKER-3]
            if field.auto_alloc or is_null:
                self.marker(vmsd, field, element, count)
            if not is_null:
                self.entry(vmsd, field, element, extent.size, count)

            # What an entry stands for is not described again, and can go at once.
            if count > 1:
                self.vmdesc = None
            if self.vmdesc is None and untouched == self.untouched(extent):
                break
            index += 1
            if self.vmdesc is None:
                index = save_bulk(self, field, extent, index)

    def follow(self, extent: Extent) -> None:
        """Dereference a VMS_POINTER field. [SAVE-POINTER-1]"""
        extent.first = self.heap.pointer(extent.first)
        if not extent.first and extent.count and extent.size:
            raise assertion("vmstate_save_vmsd_v", "first_elem || !n_elems || !size", "null-array")

    def run(self, extent: Extent, index: int, *, is_null: bool) -> int:
        """Count the slots from `index` on that are NULL as this one is. [VMDESC-ARRAY-3]"""
        if not extent.size:
            return extent.count - index
        at, wide = index + 1, self.dialect.wide_counts
        while (
            at < extent.count
            and (not self.heap.pointer(extent.saved_slot(at, wide=wide))) == is_null
        ):
            self.step()
            at += 1
        return at - index

    def marker(
        self, vmsd: VMStateDescription, field: VMStateField, element: int, count: int
    ) -> None:
        """Save the marker of one pointer, as a field of its own. [SAVE-MARKER-1]"""
        if not field.is_pointer_array:  # [SAVE-MARKER-4]
            raise assertion(
                "vmstate_save_marker", "field->flags & VMS_ARRAY_OF_POINTER", "bad-count"
            )
        start = self.stream.transferred()
        if self.vmdesc is not None:
            start_field(self.vmdesc, vmsd, field, count, marker=PTR_MARKER)
        self.put_marker(element)
        if self.vmdesc is not None:
            end_field(self.vmdesc, field, self.stream.transferred() - start, marker=True)

    def put_marker(self, element: int) -> None:
        """Send whether a pointer is NULL. [SAVE-MARKER-2]"""
        start = self.stream.transferred()
        marker = PTR_MARKER_VALID if element else PTR_MARKER_NULL
        self.stream.put_number(marker, 1)
        self.trace.marker(start, marker)

    def entry(
        self,
        vmsd: VMStateDescription,
        field: VMStateField,
        element: int,
        size: int,
        count: int,
        index: int | None = None,
    ) -> None:
        """Save one element and describe it. [SAVE-ELEM-1]"""
        start, writer = self.stream.transferred(), self.vmdesc
        if writer is not None:
            start_field(writer, vmsd, field, count, index=index)
        try:
            # Behind a marker the pointed-to size counts, not the stride [SAVE-AUTO-1].
            if self.dialect.by_number:
                self.numbered(field, element, size)
            else:
                self.element(field, element, field.size if field.auto_alloc else size)
        except Reject as reject:
            # By clause [SAVE-ERROR-1]
            reject.message = f"Save of field {vmsd.name}/{field.name} failed: {reject.message}"
            if writer is not None:
                end_field(writer, field, self.stream.transferred() - start, marker=False)
            if self.dialect.by_number and not self.silent:
                self.prefix(field, reject)
            raise
        if writer is not None:
            end_field(writer, field, self.stream.transferred() - start, marker=False)

    def element(self, field: VMStateField, element: int, size: int) -> None:
        """Save one element: STRUCT at the child's version, VSTRUCT at the given one, else the info."""
        if not field.is_struct:
            if field.info is None:
                raise out_of_bounds("read through a wild pointer")
            start = self.stream.transferred()
            INFOS[field.info].save(self, element, size & U64, field)
            if self.trace.recording:
                self.trace.leaf(start, field, bytes(self.stream.data[start:]))
        elif field.vmsd is None:
            raise out_of_bounds("read through a wild pointer")
        else:
            struct = field.flags & VMS_STRUCT  # [SAVE-KIND-1] [SAVE-KIND-2]
            version_id = field.vmsd.version_id if struct else field.struct_version_id
            self.save_vmsd(field.vmsd, element, version_id)

    def numbered(self, field: VMStateField, element: int, size: int) -> None:
        """Save one element whose failure is a number: only a VSTRUCT's child makes an error of it."""
        silent = self.silent
        self.silent = silent or bool(field.flags & VMS_STRUCT) or not field.is_struct
        try:
            self.element(field, element, size)
        finally:
            self.silent = silent

    @staticmethod
    def prefix(field: VMStateField, reject: Reject) -> None:
        """Put a prefix on an error, and die where there is none: a codec gets one below 0. [SAVE-ERROR-2]"""
        if field.flags & VMS_STRUCT or (not field.is_struct and reject.number > 0):
            raise out_of_bounds("read through a wild pointer") from None

    def untouched(self, extent: Extent) -> tuple[int, int]:
        """What must change for the next element to differ from this one."""
        heap = self.heap
        return self.stream.transferred(), heap.accesses if extent.size else heap.writes

    def step(self) -> None:
        """Bound what one operation may visit, beyond what its bytes account for. [LOAD-COUNT-6]"""
        self.steps += 1
        if self.steps > self.heap.limits.work + STEPS_PER_BYTE * self.stream.transferred():
            raise Abort("hang", "bad-count", f"{self.steps} fields and elements without an end")
