# SPDX-License-Identifier: Apache-2.0
"""Loading by description: the counterpart of vmstate_load_vmsd() in migration/vmstate.c.

Read it beside `vmstate.save`: the same steps in the same order.
"""

from __future__ import annotations

from vmstate.bulk import load_bulk
from vmstate.description import VMStateDescription, VMStateField, exists
from vmstate.dialects import STEPS_PER_BYTE, Dialect
from vmstate.errors import EINVAL, EPERM, Abort, Reject, assertion, out_of_bounds
from vmstate.extent import U64, Extent, allocation, measure
from vmstate.flags import VMS_MUST_EXIST, VMS_POINTER, VMS_STRUCT
from vmstate.heap import Heap
from vmstate.infos import INFOS, PTR_MARKER_NULL, PTR_MARKER_VALID
from vmstate.runs import load_run
from vmstate.stream import InputStream
from vmstate.subsections import load_subsections
from vmstate.trace import Trace


class Loader:
    """One load: a stream, a heap, and the way from the root to where it is.

    Every method raises `Reject` where QEMU returns an error and `Abort` where it dies.
    """

    __slots__ = ("depth", "dialect", "heap", "steps", "stream", "trace")

    def __init__(
        self, stream: InputStream, heap: Heap, dialect: Dialect, trace: Trace | None = None
    ) -> None:
        self.stream = stream
        self.heap = heap
        self.dialect = dialect
        self.trace = trace or Trace(recording=False)
        self.depth = 0
        self.steps = 0

    def load_vmsd(self, vmsd: VMStateDescription, opaque: int, version_id: int) -> None:
        """Load the object at `opaque`, sent with `version_id`. [LOAD-ORDER-1]"""
        # VERSION, before anything else is touched [LOAD-VERSION-3]
        if version_id > vmsd.version_id:
            raise too_new(vmsd, version_id)
        if version_id < vmsd.minimum_version_id:
            raise too_old(vmsd, version_id)

        # PRE_LOAD: any number but 0 is a failure [LOAD-HOOK-1], or ends all the same [LOAD-HOOK-6]
        if vmsd.pre_load:
            raise Reject(
                "pre-load-failed",
                f"pre load hook failed for: '{vmsd.name}', version_id: {vmsd.version_id}, "
                f"minimum version_id: {vmsd.minimum_version_id}, ret: {vmsd.pre_load}",
                vmsd.pre_load,
            )

        # FIELDS; the first failure ends the load and undoes nothing [LOAD-ORDER-3] [LOAD-ORDER-4]
        self.depth += 1
        if self.depth > self.heap.limits.depth:
            raise out_of_bounds(f"the stack ends after {self.heap.limits.depth} descriptions")
        moved = 0
        for field in vmsd.fields:
            if moved or (moved := load_run(self, vmsd, field, opaque, version_id)):
                moved -= 1
                continue
            self.trace.enter(field.name)
            self.field(vmsd, field, opaque, version_id)
            self.trace.leave()

        # SUBSECTIONS, of every description, even of one that has none [SUB-LOAD-1]
        try:
            load_subsections(self, vmsd, opaque)
        except Reject as reject:
            self.stream.set_error(self.number(reject))
            raise
        self.depth -= 1

        # POST_LOAD, last of all [LOAD-HOOK-3]: only a negative number is a failure [LOAD-HOOK-2]
        if vmsd.post_load and (vmsd.post_load < 0 or self.dialect.by_number):
            raise Reject(
                "post-load-failed",
                f"post load hook failed for: {vmsd.name}, version_id: {vmsd.version_id}, "
                f"minimum_version: {vmsd.minimum_version_id}, ret: {vmsd.post_load}",
                vmsd.post_load,
            )

    def field(
        self, vmsd: VMStateDescription, field: VMStateField, opaque: int, version_id: int
    ) -> None:
        """Load all elements of one field. [LOAD-FIELD-1]"""
        self.step()
        if not exists(field, self.heap, opaque, version_id):
            # By clause [LOAD-EXISTS-3]
            if field.flags & VMS_MUST_EXIST:
                raise Reject(
                    "validation-failed",
                    f"Input validation failed: {vmsd.name}/{field.name} "
                    f"version_id: {vmsd.version_id}",
                    EPERM,
                )
            return  # with nothing consumed [LOAD-EXISTS-2]

        extent = measure(field, self.heap, opaque, self.dialect)
        if field.flags & VMS_POINTER:
            self.follow(field, extent)

        index, end = load_bulk(self, field, extent), extent.iterations()
        while index < end:
            if field.is_array:
                self.trace.index(index)
            self.step()
            untouched = self.untouched(extent)
            if self.slot(field, extent, index):
                self.check_stream(vmsd)
            # Elements that touch nothing are all alike: QEMU spins, the model need not.
            if untouched == self.untouched(extent):
                break
            index += 1

    def follow(self, field: VMStateField, extent: Extent) -> None:
        """Dereference a VMS_POINTER field, allocating first where asked. [LOAD-ALLOC-1]"""
        size = allocation(field, extent)
        # Nothing is made for no bytes [LOAD-ALLOC-2], and nothing is freed [LOAD-ALLOC-3]
        if size:
            owner = self.trace.path()
            self.heap.store_pointer(extent.first, self.heap.allocate(size, owner, "array"))
        # By clause [LOAD-POINTER-1]
        extent.first = self.heap.pointer(extent.first)
        # By clause [LOAD-POINTER-2]
        if not extent.first and extent.count and extent.size:
            raise assertion("vmstate_load_vmsd", "first_elem || !n_elems || !size", "null-array")

    def slot(self, field: VMStateField, extent: Extent, index: int) -> bool:
        """Load one element; whether the stream's error is to be looked at after it. [LOAD-ELEM-1]"""
        element = extent.slot(index)
        if self.dialect.null_fields:
            if field.is_pointer_array:
                element = self.heap.pointer(element)
            # Without a size, NULL is as good as any address [LOAD-NULL-4]
            if not element and extent.size:
                self.null(field)
                return True
            self.numbered(field, element, extent.size)
            return True
        if field.is_pointer_array:
            element = self.next_pointer(field, element)
        if not element and self.skipped(field):
            return self.dialect.check_after_null  # [LOAD-STREAM-2]
        try:
            self.element(field, element, extent.size)
        except Reject:
            self.stream.set_error(EINVAL)
            raise
        return True

    def numbered(self, field: VMStateField, element: int, size: int) -> None:
        """Load one element whose failure is a number; one above 0 is none. [LOAD-ELEM-3] [LOAD-ELEM-4]"""
        depth, way = self.depth, self.trace.depth()
        try:
            self.element(field, element, size)
        except Reject as reject:
            if reject.number < 0:
                self.stream.set_error(reject.number)
                raise
            self.depth = depth
            self.trace.back(way)

    def number(self, reject: Reject) -> int:
        """Give the stream's error for a refusal. [STREAM-ERROR-1] [SUB-LOAD-18] [SUB-LOAD-19]"""
        return reject.number if self.dialect.by_number else EINVAL

    def null(self, field: VMStateField) -> None:
        """Load a NULL element as a field of its own, whose marker is all there is of it. [LOAD-NULL-2]"""
        # By clause [LOAD-NULL-3]
        if not field.is_pointer_array:
            raise assertion(
                "vmsd_create_fake_nullptr_field",
                "field->flags & VMS_ARRAY_OF_POINTER",
                "null-array",
            )
        start = self.stream.position
        marker = self.stream.number(1)
        self.trace.marker(start, marker)
        if marker != PTR_MARKER_NULL:
            reject = Reject("unexpected-ptr-marker", f"Unexpected ptr marker: {marker}")
            self.stream.set_error(reject.number)
            raise reject

    def skipped(self, field: VMStateField) -> bool:
        """Whether a NULL element is passed over: in any array, however it came about. [LOAD-NULL-1]"""
        return field.is_pointer_array or not self.dialect.markers_unguarded

    def next_pointer(self, field: VMStateField, slot: int) -> int:
        """Follow a slot of an array of pointers, reading its marker if it has one. [LOAD-MARKER-1]"""
        guarded = not self.dialect.markers_unguarded
        element = self.heap.pointer(slot)
        if field.auto_alloc:
            # By clause [LOAD-MARKER-6]; unguarded, whatever is there is replaced or kept [LOAD-MARKER-16]
            if element and guarded:
                raise assertion(
                    "vmstate_load_next", "!auto_alloc || *pptr == NULL", "destination-not-null"
                )
        elif element:
            return element  # without a marker [LOAD-MARKER-7]

        start = self.stream.position
        marker = self.stream.number(1)
        self.trace.marker(start, marker)
        if marker == PTR_MARKER_NULL:
            return 0  # [LOAD-MARKER-5]
        if marker != PTR_MARKER_VALID:  # [LOAD-MARKER-3]
            raise Reject("unexpected-ptr-marker", f"Unexpected ptr marker: {marker}")
        if guarded and not field.auto_alloc:  # [LOAD-MARKER-8]
            raise assertion("vmstate_load_next", "auto_alloc", "unexpected-valid-marker")
        # By `size` alone [LOAD-MARKER-12], and stored before it is loaded [LOAD-MARKER-4]
        element = self.new(field.size)
        self.heap.store_pointer(slot, element)
        if not guarded and not element:
            raise out_of_bounds("write through a wild pointer")
        return element

    def element(self, field: VMStateField, element: int, size: int) -> None:
        """Load one element: STRUCT at the child's version, VSTRUCT at the given one, else the info."""
        if not field.is_struct:
            if field.info is None:
                raise out_of_bounds("read through a wild pointer")
            start = self.stream.position
            INFOS[field.info].load(self, element, size & U64, field)
            if self.trace.recording:
                taken = self.stream.data[start : self.stream.position]
                self.trace.leaf(start, field, taken)
        elif field.vmsd is None:
            raise out_of_bounds("read through a wild pointer")
        else:
            struct = field.flags & VMS_STRUCT  # [LOAD-KIND-2] [LOAD-KIND-3]
            version_id = field.vmsd.version_id if struct else field.struct_version_id
            self.load_vmsd(field.vmsd, element, version_id)

    def new(self, size: int) -> int:
        """As g_malloc0(): NULL for no bytes. [LOAD-MARKER-10]"""
        return self.heap.allocate(size, self.trace.path(), "element") if size else 0

    def check_stream(self, vmsd: VMStateDescription) -> None:
        """Refuse where the stream has failed. [LOAD-STREAM-1]"""
        if self.stream.error < 0:
            raise Reject(
                "stream-error",
                f"Failed to load {vmsd.name} state: stream error: {self.stream.error}",
                self.stream.error,
            )

    def untouched(self, extent: Extent) -> tuple[int, int]:
        """What must change for the next element to differ from this one."""
        heap = self.heap
        return self.stream.position, heap.accesses if extent.size else heap.writes

    def may(self, steps: int) -> bool:
        """Make several steps at once, if the bound allows them."""
        if self.steps + steps > self.heap.limits.work:
            return False
        self.steps += steps
        return True

    def step(self) -> None:
        """Bound what one operation may visit, beyond what its bytes account for. [LOAD-COUNT-6]"""
        self.steps += 1
        if self.steps > self.heap.limits.work + STEPS_PER_BYTE * self.stream.position:
            raise Abort("hang", "bad-count", f"{self.steps} fields and elements without an end")


def too_new(vmsd: VMStateDescription, version_id: int) -> Reject:
    """Refuse a version above the local one. [LOAD-VERSION-1]"""
    return Reject(
        "version-too-new",
        f"{vmsd.name}: incoming version_id {version_id} is too new "
        f"for local version_id {vmsd.version_id}",
    )


def too_old(vmsd: VMStateDescription, version_id: int) -> Reject:
    """Refuse a version below the local minimum. [LOAD-VERSION-2]"""
    return Reject(
        "version-too-old",
        f"{vmsd.name}: incoming version_id {version_id} is too old "
        f"for local minimum version_id {vmsd.minimum_version_id}",
    )
