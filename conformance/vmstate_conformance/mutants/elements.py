# SPDX-License-Identifier: Apache-2.0
"""Wrong orders, counts and failures: what a loader does with elements, beyond single rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from vmstate import extent, load
from vmstate.description import exists
from vmstate.errors import Reject
from vmstate.flags import VARRAY_WIDTHS
from vmstate.load import Loader
from vmstate_conformance.mutants.patching import edit, table, together, value

_BULK: Final = "load_bulk(self, field, extent)"
_SLOT: Final = "if self.slot(field, extent, index):"
_MEASURED: Final = "extent = measure(field, self.heap, opaque, self.dialect)"
_SIZE: Final = "self.element(field, element, extent.size)"
_LOADED: Final = "self.field(vmsd, field, opaque, version_id)"
_NO_INFO: Final = "if field.info is None:\n            raise out_of_bounds"
_ALLOC: Final = "0x2002"


@contextmanager
def _undone() -> Iterator[None]:
    """Give the root's struct its old bytes back where a load is refused."""
    load_vmsd = Loader.load_vmsd

    def careful(self: Loader, vmsd: Any, opaque: int, version_id: int) -> None:
        held = b"" if self.depth else self.heap.read(opaque, self.heap.room(opaque))
        try:
            load_vmsd(self, vmsd, opaque, version_id)
        except Reject:
            if held:
                self.heap.write(opaque, held)
            raise

    with value(Loader, "load_vmsd", careful)():
        yield


@contextmanager
def _predicates_first() -> Iterator[None]:
    """Ask all predicates of an object before its first field is loaded."""
    load_vmsd = Loader.load_vmsd
    known: dict[tuple[int, int], bool] = {}

    def early(self: Loader, vmsd: Any, opaque: int, version_id: int) -> None:
        for field in vmsd.fields:
            known[id(field), opaque] = exists(field, self.heap, opaque, version_id)
        load_vmsd(self, vmsd, opaque, version_id)

    def recall(field: Any, heap: Any, opaque: int, version_id: int) -> bool:
        found = known.pop((id(field), opaque), None)
        return exists(field, heap, opaque, version_id) if found is None else found

    with value(Loader, "load_vmsd", early)(), value(load, "exists", recall)():
        yield


ELEMENTS: Final = table(
    "load",
    {
        "count-read-anew": (
            "The count is read again before each element.",
            edit(
                Loader.field,
                _BULK,
                "0",
                "while index < end:",
                "while index < measure(field, self.heap, opaque, self.dialect).iterations():",
            ),
        ),
        "count-cut-to-room": (
            "A count ends where the block does.",
            edit(
                Loader.field,
                _BULK,
                "0",
                "while index < end:",
                "while index < end and (not extent.first or self.heap.room(extent.slot(index))):",
            ),
        ),
        "elements-backwards": (
            "The last element of an array is loaded first.",
            edit(
                Loader.field,
                _BULK,
                "0",
                _SLOT,
                "if self.slot(field, extent, end - 1 - index):",
            ),
        ),
        "elements-padded": (
            "Elements of an array stand at multiples of 4 bytes in the stream.",
            edit(
                Loader.field,
                _BULK,
                "0",
                _SLOT,
                "if index and (not field.is_struct):\n"
                "            self.stream.take(-self.stream.position % 4)\n"
                f"        {_SLOT}",
            ),
        ),
        "varray-flags-backwards": (
            "Of several VARRAY flags the narrowest decides.",
            value(extent, "VARRAY_WIDTHS", tuple(reversed(VARRAY_WIDTHS))),
        ),
        "single-before-array": (
            "VMS_SINGLE wins over VMS_ARRAY.",
            edit(
                extent.n_elems,
                "if field.flags & VMS_ARRAY:",
                "if field.flags & VMS_ARRAY and (not field.flags & 1):",
            ),
        ),
        "multiply-without-vbuffer": (
            "VMS_MULTIPLY multiplies the size of any field.",
            together(
                edit(
                    extent.measure,
                    "if field.flags & _PLAIN == field.flags",
                    "if (not field.flags & VMS_MULTIPLY) and field.flags & _PLAIN == field.flags",
                ),
                edit(
                    extent.element_size,
                    "    else:\n        size = field.size",
                    "    elif field.flags & VMS_MULTIPLY:\n"
                    "        size = field.size * heap.number(opaque + field.size_offset, 4)\n"
                    "    else:\n        size = field.size",
                ),
            ),
        ),
        "alloc-without-pointer": (
            "VMS_ALLOC allocates without VMS_POINTER, too.",
            edit(Loader.field, "if field.flags & VMS_POINTER:", f"if field.flags & {_ALLOC}:"),
        ),
        "failed-load-undone": (
            "A load that is refused leaves its struct as it was.",
            _undone,
        ),
        "failure-goes-on": (
            "The fields behind one that fails are loaded all the same.",
            edit(
                Loader.load_vmsd,
                "moved = 0\n",
                "moved, failed = (0, None)\n",
                f"        {_LOADED}",
                f"        try:\n            {_LOADED}\n"
                "        except Reject as reject:\n            failed = failed or reject",
                "    try:\n        load_subsections",
                "    if failed:\n        raise failed\n    try:\n        load_subsections",
            ),
        ),
        "refusal-of-outermost": (
            "A refusal says no more than that an element could not be loaded.",
            edit(
                Loader.slot,
                "except Reject:\n        self.stream.set_error(EINVAL)\n        raise",
                "except Reject as reject:\n        self.stream.set_error(EINVAL)\n"
                "        raise Reject('field-load-failed', reject.message) from None",
            ),
        ),
        "version-sets-error": (
            "A version that is refused sets the stream's error.",
            edit(
                Loader.load_vmsd,
                "raise too_new(",
                "self.stream.set_error(EINVAL)\n        raise too_new(",
            ),
        ),
        "hook-sets-error": (
            "A pre_load that fails sets the stream's error.",
            edit(
                Loader.load_vmsd,
                "if vmsd.pre_load:\n",
                "if vmsd.pre_load:\n        self.stream.set_error(EINVAL)\n",
            ),
        ),
        "must-exist-passed-over": (
            "A field that must exist, and does, is not loaded.",
            edit(
                Loader.field,
                _MEASURED,
                f"if field.flags & VMS_MUST_EXIST:\n        return\n    {_MEASURED}",
            ),
        ),
        "predicates-before-fields": (
            "Predicates see the object as it was before its first field was loaded.",
            _predicates_first,
        ),
        "null-looks-at-error": (
            "The stream's error is looked at behind a NULL element, too.",
            edit(Loader.slot, "return self.dialect.check_after_null", "return True"),
        ),
        "pointer-info-gets-own-size": (
            "An info behind a pointer of an ordinary array is told the field's size.",
            edit(
                Loader.slot,
                _SIZE,
                "self.element(field, element, field.size if field.is_pointer_array"
                " and (not field.auto_alloc) else extent.size)",
            ),
        ),
        "missing-info-refused": (
            "A field without an info is refused instead of killing the process.",
            edit(
                Loader.element,
                _NO_INFO,
                "if field.info is None:\n            raise Reject('field-load-failed', '')\n"
                "            raise out_of_bounds",
            ),
        ),
        "marker-at-end-is-end": (
            "A marker beyond the end of the stream is refused as that end.",
            edit(
                Loader.next_pointer,
                "self.trace.marker(start, marker)",
                "if self.stream.position == start:\n"
                "        raise Reject('stream-error', 'no marker')",
            ),
        ),
        "no-size-allocates": (
            "A valid marker makes a block even where the size is 0.",
            edit(Loader.new, "if size else 0", "if size else self.heap.allocate(8, '', 'element')"),
        ),
        "auto-alone-reads-markers": (
            "AUTO_ALLOC without an array of pointers is loaded as one.",
            edit(
                Loader.slot,
                "if field.is_pointer_array:\n        element = self.next",
                "if field.is_pointer_array or field.auto_alloc:\n        element = self.next",
            ),
        ),
    },
)
