# SPDX-License-Identifier: Apache-2.0
"""Wrong loaders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vmstate import description, load
from vmstate.extent import measure
from vmstate.load import Loader
from vmstate_conformance.mutants.patching import edit, table, value

_TOO_NEW = "if version_id > vmsd.version_id:"
_TOO_OLD = "if version_id < vmsd.minimum_version_id:"
_PRE = "if vmsd.pre_load:"
_POST = "if vmsd.post_load and (vmsd.post_load < 0 or self.dialect.by_number):"
_OCCUPIED = "if element and guarded:"
_ORDINARY = "    elif element:\n        return element\n"
_NULL = "if not extent.first and extent.count and extent.size:"
_CHILD = "field.vmsd.version_id if struct else field.struct_version_id"


@contextmanager
def _counts_before_fields() -> Iterator[None]:
    """Measure all fields of an object before the first is loaded."""
    load_vmsd = Loader.load_vmsd
    known: dict[tuple[int, int], Any] = {}

    def early(self: Loader, vmsd: Any, opaque: int, version_id: int) -> None:
        for field in vmsd.fields:
            known[id(field), opaque] = measure(field, self.heap, opaque, self.dialect)
        load_vmsd(self, vmsd, opaque, version_id)

    def recall(field: Any, heap: Any, opaque: int, dialect: Any) -> Any:
        return known.pop((id(field), opaque), None) or measure(field, heap, opaque, dialect)

    with value(Loader, "load_vmsd", early)(), value(load, "measure", recall)():
        yield


@contextmanager
def _parents_version() -> Iterator[None]:
    """Load STRUCT children at the version that their parent came with."""
    load_vmsd = Loader.load_vmsd
    versions: list[int] = []

    def nested(self: Loader, vmsd: Any, opaque: int, version_id: int) -> None:
        versions.append(version_id)
        try:
            load_vmsd(self, vmsd, opaque, version_id)
        finally:
            versions.pop()

    def element(self: Loader, field: Any, address: int, size: int) -> None:
        if field.is_struct and field.vmsd is not None:
            self.load_vmsd(field.vmsd, address, versions[-1])
        else:
            plain(self, field, address, size)

    plain = Loader.element
    with value(Loader, "load_vmsd", nested)(), value(Loader, "element", element)():
        yield


LOAD = table(
    "load",
    {
        "version-direction": (
            "A version is refused when it is below the local one, not above.",
            edit(Loader.load_vmsd, _TOO_NEW, "if version_id < vmsd.version_id:"),
        ),
        "too-new-taken": (
            "A version above the local one is taken.",
            edit(Loader.load_vmsd, _TOO_NEW, "if False:"),
        ),
        "too-old-taken": (
            "A version below the minimum is taken.",
            edit(Loader.load_vmsd, _TOO_OLD, "if False:"),
        ),
        "current-version-refused": (
            "The local version itself is refused as too new.",
            edit(Loader.load_vmsd, _TOO_NEW, "if version_id >= vmsd.version_id > 0:"),
        ),
        "minimum-version-refused": (
            "The minimum version itself is refused as too old.",
            edit(Loader.load_vmsd, _TOO_OLD, "if version_id <= vmsd.minimum_version_id > 0:"),
        ),
        "versions-unsigned": (
            "Versions are compared as unsigned numbers.",
            edit(Loader.load_vmsd, _TOO_NEW, "if version_id & 0xFFFFFFFF > vmsd.version_id:"),
        ),
        "pre-load-before-version": (
            "pre_load runs before the versions are compared.",
            edit(
                Loader.load_vmsd,
                _TOO_NEW,
                "if version_id > vmsd.version_id and not vmsd.pre_load:",
                _TOO_OLD,
                "if version_id < vmsd.minimum_version_id and not vmsd.pre_load:",
            ),
        ),
        "pre-load-negative-only": (
            "Only a negative pre_load is a failure.",
            edit(Loader.load_vmsd, _PRE, "if vmsd.pre_load and vmsd.pre_load < 0:"),
        ),
        "pre-load-ignored": (
            "What pre_load returns is not looked at.",
            edit(Loader.load_vmsd, _PRE, "if False:"),
        ),
        "post-load-any-number": (
            "Any post_load but 0 is a failure.",
            edit(Loader.load_vmsd, _POST, "if vmsd.post_load:"),
        ),
        "post-load-ignored": (
            "What post_load returns is not looked at.",
            edit(Loader.load_vmsd, _POST, "if False:"),
        ),
        "post-load-before-subsections": (
            "post_load runs before the subsections are loaded.",
            edit(
                Loader.load_vmsd,
                "    try:\n        load_subsections",
                f"    {_POST}\n        raise Reject('post-load-failed', '')\n"
                "    try:\n        load_subsections",
            ),
        ),
        "subsections-before-fields": (
            "Subsections are looked for before the fields.",
            edit(
                Loader.load_vmsd,
                "    for field in vmsd.fields:",
                "    load_subsections(self, vmsd, opaque)\n    for field in vmsd.fields:",
            ),
        ),
        "subsections-of-lists-only": (
            "Only a description with a list of subsections looks for any.",
            edit(
                Loader.load_vmsd,
                "load_subsections(self, vmsd, opaque)",
                "vmsd.subsections is not None and load_subsections(self, vmsd, opaque)",
            ),
        ),
        "subsection-failure-unset": (
            "A subsection's failure sets no error on the stream.",
            edit(Loader.load_vmsd, "self.stream.set_error(self.number(reject))", "pass"),
        ),
        "field-version-ignored": (
            "A field of a later version is loaded all the same.",
            edit(
                description.exists,
                "return field.version_id <= version_id",
                "return True",
            ),
        ),
        "field-version-strict": (
            "A field exists from the version after its own.",
            edit(
                description.exists,
                "field.version_id <= version_id",
                "field.version_id < max(version_id, 1)",
            ),
        ),
        "callback-and-version": (
            "A field with a callback must have come with its version, too.",
            edit(
                description.exists,
                "return field.field_exists(heap, opaque, version_id)",
                "return field.version_id <= version_id and field.field_exists(heap, opaque, "
                "version_id)",
            ),
        ),
        "callback-ignored": (
            "field_exists is not asked.",
            edit(description.exists, "if field.field_exists is not None:", "if False:"),
        ),
        "must-exist-ignored": (
            "A field that must exist may be missing.",
            edit(Loader.field, "if field.flags & VMS_MUST_EXIST:", "if False:"),
        ),
        "must-exist-always": (
            "Every field that does not exist is a failure.",
            edit(Loader.field, "if field.flags & VMS_MUST_EXIST:", "if True:"),
        ),
        "count-before-fields": (
            "Counts and sizes are read before the fields that hold them are loaded.",
            _counts_before_fields,
        ),
        "struct-at-parents-version": (
            "A STRUCT child is loaded at the version of its parent.",
            _parents_version,
        ),
        "struct-at-given-version": (
            "A STRUCT child is loaded at struct_version_id.",
            edit(Loader.element, _CHILD, "field.struct_version_id"),
        ),
        "vstruct-at-own-version": (
            "A VSTRUCT child is loaded at its own version.",
            edit(Loader.element, _CHILD, "field.vmsd.version_id"),
        ),
        "vstruct-before-struct": (
            "VSTRUCT wins over STRUCT.",
            edit(
                Loader.element,
                "struct = field.flags & VMS_STRUCT",
                "struct = not field.flags & 0x8000",
            ),
        ),
        "info-before-struct": (
            "An info wins over STRUCT.",
            edit(Loader.element, "if not field.is_struct:", "if field.info is not None:"),
        ),
        "pointer-not-followed": (
            "VMS_POINTER is not dereferenced.",
            edit(Loader.field, "if field.flags & VMS_POINTER:", "if False:"),
        ),
        "null-array-unnoticed": (
            "A NULL pointer to elements is noticed only when one is stored.",
            edit(Loader.follow, _NULL, "if False:"),
        ),
        "null-array-without-count": (
            "A NULL pointer is refused even where there are no elements.",
            edit(Loader.follow, _NULL, "if not extent.first and extent.size:"),
        ),
        "null-array-without-size": (
            "A NULL pointer is refused even where elements have no bytes.",
            edit(Loader.follow, _NULL, "if not extent.first and extent.count:"),
        ),
        "alloc-ignored": (
            "VMS_ALLOC allocates nothing.",
            edit(Loader.follow, "if size:", "if False:"),
        ),
        "alloc-only-where-null": (
            "VMS_ALLOC keeps a pointer that is not NULL.",
            edit(Loader.follow, "if size:", "if size and not self.heap.pointer(extent.first):"),
        ),
        "alloc-frees-the-old": (
            "VMS_ALLOC releases what the pointer held.",
            edit(
                Loader.follow,
                "owner = self.trace.path()",
                "owner, old = self.trace.path(), self.heap.pointer(extent.first)\n"
                "        if old:\n            self.heap.free(old)",
            ),
        ),
        "alloc-none-stores-null": (
            "VMS_ALLOC of no bytes stores NULL.",
            edit(
                Loader.follow,
                "    if size:",
                "    if field.flags & 0x2000 and not size:\n"
                "        self.heap.store_pointer(extent.first, 0)\n"
                "    if size:",
            ),
        ),
        "element-failure-unset": (
            "An element's failure sets no error on the stream.",
            edit(Loader.slot, "self.stream.set_error(EINVAL)", "pass"),
        ),
        "element-failure-forgets": (
            "An element that fails is unlinked from its array.",
            edit(
                Loader.slot,
                "self.stream.set_error(EINVAL)",
                "self.stream.set_error(EINVAL)\n"
                "        if field.auto_alloc:\n"
                "            self.heap.store_pointer(extent.slot(index), 0)",
            ),
        ),
        "null-ends-the-array": (
            "A NULL element ends its array.",
            edit(
                Loader.field,
                "if self.slot(field, extent, index):",
                "if field.is_pointer_array and not self.heap.pointer(extent.slot(index)):\n"
                "            at = self.stream.position\n"
                "            end = index if self.stream.data[at : at + 1] == b'0' else end\n"
                "        if self.slot(field, extent, index):",
            ),
        ),
        "stream-error-unnoticed": (
            "The stream's error is never looked at.",
            edit(Loader.check_stream, "if self.stream.error < 0:", "if False:"),
        ),
        "end-noticed-late": (
            "The end of the stream is noticed one element late.",
            edit(
                Loader.field,
                "if self.slot(field, extent, index):",
                "failed = self.stream.error\n"
                "        if self.slot(field, extent, index) and failed:",
            ),
        ),
    },
)

MARKERS = table(
    "markers",
    {
        "marker-skipped-on-null": (
            "A NULL slot of an ordinary array has no marker.",
            edit(Loader.next_pointer, _ORDINARY, "    else:\n        return element\n"),
        ),
        "marker-read-on-pointer": (
            "A slot of an ordinary array that is not NULL has a marker, too.",
            edit(Loader.next_pointer, _ORDINARY, ""),
        ),
        "stale-pointer-kept": (
            "A slot that is not NULL is overwritten, or kept on a NULL marker.",
            edit(Loader.next_pointer, _OCCUPIED, "if False:"),
        ),
        "occupied-slot-reused": (
            "A slot that is not NULL is loaded into without a marker.",
            edit(
                Loader.next_pointer,
                _OCCUPIED,
                "if element:\n            return element\n        if False:",
            ),
        ),
        "marker-zero-is-null": (
            "A zero byte is a NULL marker.",
            edit(
                Loader.next_pointer,
                "if marker == PTR_MARKER_NULL:",
                "if marker in (0, PTR_MARKER_NULL):",
            ),
        ),
        "marker-other-is-null": (
            "Any marker but the valid one is NULL.",
            edit(
                Loader.next_pointer,
                "if marker == PTR_MARKER_NULL:",
                "if marker != PTR_MARKER_VALID:",
            ),
        ),
        "marker-other-is-valid": (
            "Any marker but NULL is a valid one.",
            edit(Loader.next_pointer, "if marker != PTR_MARKER_VALID:", "if False:"),
        ),
        "markers-swapped-on-load": (
            "0x30 is read as valid and 0x31 as NULL.",
            edit(
                Loader.next_pointer,
                "if marker == PTR_MARKER_NULL:",
                "if marker == PTR_MARKER_VALID:",
                "if marker != PTR_MARKER_VALID:",
                "if marker != PTR_MARKER_NULL:",
            ),
        ),
        "valid-marker-on-ordinary-array": (
            "A valid marker allocates in an ordinary array of pointers, too.",
            edit(Loader.next_pointer, "if guarded and (not field.auto_alloc):", "if False:"),
        ),
        "valid-marker-refused-on-ordinary-array": (
            "A valid marker in an ordinary array is an error instead of an abort.",
            edit(
                Loader.next_pointer,
                "if marker != PTR_MARKER_VALID:",
                "if marker != PTR_MARKER_VALID or not field.auto_alloc:",
            ),
        ),
        "element-of-pointer-size": (
            "An AUTO_ALLOC element gets a pointer's 8 bytes.",
            edit(Loader.next_pointer, "self.new(field.size)", "self.new(8)"),
        ),
        "element-not-stored": (
            "An AUTO_ALLOC element is loaded, and its pointer forgotten.",
            edit(Loader.next_pointer, "self.heap.store_pointer(slot, element)", "pass"),
        ),
        "marker-error-set": (
            "A wrong marker sets the stream's error.",
            edit(
                Loader.next_pointer,
                "raise Reject('unexpected-ptr-marker'",
                "self.stream.set_error(EINVAL)\n        raise Reject('unexpected-ptr-marker'",
            ),
        ),
        "marker-not-consumed": (
            "A NULL marker is only looked at.",
            edit(
                Loader.next_pointer,
                "        return 0\n",
                "        self.stream.position = start\n        return 0\n",
            ),
        ),
        "auto-info-gets-own-size": (
            "An info behind a marker loads as many bytes as its element has.",
            edit(
                Loader.slot,
                "self.element(field, element, extent.size)",
                "self.element(field, element, field.size if field.auto_alloc else extent.size)",
            ),
        ),
    },
)
