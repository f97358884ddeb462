# SPDX-License-Identifier: Apache-2.0
"""Wrong engines of the time before AUTO_ALLOC: what `qemu-10.0` does otherwise, done wrong."""

from __future__ import annotations

from typing import Final

from vmstate import operations, save_nulls
from vmstate.dialects import DIALECTS
from vmstate.infos_nested import Queue
from vmstate.infos_plain import Fd
from vmstate.load import Loader
from vmstate.save import Saver
from vmstate_conformance.mutants.patching import edit, table, value

_OLD: Final = DIALECTS["qemu-10.0"]
_MARKER: Final = "if marker != PTR_MARKER_NULL:"
_NULL: Final = "if not element and extent.size:"
_ARRAY: Final = "if not field.is_pointer_array:"
_POSITIVE: Final = "if reject.number < 0:"
_PREFIX: Final = "if field.flags & VMS_STRUCT or (not field.is_struct and reject.number > 0):"
_CHANGE: Final = "field.is_pointer_array and (is_null != previous_null):"
_NUMBERED: Final = "index if count > 1 and (not short) else None"
_IS_NULL: Final = "is_null = not element and bool(extent.size)"

BEFORE = table(
    "qemu-10-0",
    {
        "before-counts-wide": (
            "Counts are 64-bit ones, as they are today.",
            value(_OLD, "wide_counts", new=True),
        ),
        "before-multiply-elements-ignored": (
            "VMS_MULTIPLY_ELEMENTS is ignored, as it is today.",
            value(_OLD, "multiply_elements", new=False),
        ),
        "before-stride-of-a-pointer": (
            "Slots are a pointer apart, as they are today.",
            value(_OLD, "stride_by_size", new=False),
        ),
        "before-pointer-arrays-checked": (
            "Arrays of pointers are checked, as they are today.",
            value(_OLD, "check_pointer_arrays", new=True),
        ),
        "before-nulls-as-today": (
            "A NULL is no field of its own, and the marker of an object aborts.",
            value(_OLD, "null_fields", new=False),
        ),
        "before-errors-as-today": (
            "What fails has an error, not a number.",
            value(_OLD, "by_number", new=False),
        ),
        "before-marker-any": (
            "Any byte is taken for the marker of NULL.",
            edit(Loader.null, _MARKER, "if False:"),
        ),
        "before-marker-of-an-object": (
            "The marker of an object is taken for that of NULL.",
            edit(Loader.null, _MARKER, "if marker not in (PTR_MARKER_NULL, PTR_MARKER_VALID):"),
        ),
        "before-marker-skipped": (
            "A NULL takes no marker.",
            edit(Loader.slot, "self.null(field)", "pass"),
        ),
        "before-marker-without-error": (
            "A refused marker leaves the stream's error alone.",
            edit(Loader.null, "self.stream.set_error(reject.number)", "pass"),
        ),
        "before-null-without-size": (
            "A NULL without a size takes a marker, too.",
            edit(Loader.slot, _NULL, "if not element:"),
        ),
        "before-null-without-a-look": (
            "The stream's error is not looked at behind a NULL, as it is not today.",
            edit(
                Loader.slot,
                "self.null(field)\n            return True",
                "self.null(field)\n            return False",
            ),
        ),
        "before-null-outside-arrays": (
            "A NULL outside an array of pointers takes a marker.",
            edit(Loader.null, _ARRAY, "if False:"),
        ),
        "before-number-above-fails": (
            "An element that gives a number above 0 fails the load.",
            edit(Loader.numbered, _POSITIVE, "if True:"),
        ),
        "before-number-above-at-root": (
            "A root that gives a number above 0 is refused.",
            edit(
                operations._load,
                "if not operation.dialect.by_number or reject.number < 0:",
                "if True:",
            ),
        ),
        "before-number-above-ends-parent": (
            "An element that gives a number above 0 ends its parent as well.",
            edit(
                Loader.numbered,
                _POSITIVE,
                "if reject.number > 0:\n            raise\n        " + _POSITIVE,
            ),
        ),
        "before-number-22": (
            "A failed element makes the stream's error -22.",
            edit(Loader.numbered, "set_error(reject.number)", "set_error(EINVAL)"),
        ),
        "before-number-22-of-subsections": (
            "A failed subsection makes the stream's error -22.",
            edit(Loader.number, "reject.number if self.dialect.by_number else EINVAL", "EINVAL"),
        ),
        "before-pre-load-above-ignored": (
            "pre_load above 0 is as good as 0.",
            edit(
                Loader.load_vmsd,
                "if vmsd.pre_load:",
                "if vmsd.pre_load and (vmsd.pre_load < 0 or not self.dialect.by_number):",
            ),
        ),
        "before-post-load-above-ignored": (
            "post_load above 0 is as good as 0.",
            edit(
                Loader.load_vmsd,
                "(vmsd.post_load < 0 or self.dialect.by_number)",
                "vmsd.post_load < 0",
            ),
        ),
        "before-fd-kept": (
            "A descriptor that is refused leaves what was there.",
            edit(Fd.load, "if loader.dialect.by_number:", "if False:"),
        ),
        "before-fd-without-message": (
            "A descriptor is refused without a message, which kills in a subsection.",
            edit(Fd.load, "'a channel of bytes' if loader.dialect.by_number else ''", "''"),
        ),
        "before-fd-save-dies": (
            "Saving a descriptor kills the process.",
            edit(Fd.save, "if saver.dialect.by_number:", "if False:"),
        ),
        "before-qtailq-node-released": (
            "A node of a qtailq that fails is released.",
            edit(Queue.load, "self.tail and loader.dialect.by_number", "False"),
        ),
        "before-qlist-node-lost": (
            "A node of a qlist that fails is lost.",
            edit(Queue.load, "self.tail and loader.dialect.by_number", "loader.dialect.by_number"),
        ),
        "before-pre-save-above-ignored": (
            "pre_save above 0 is as good as 0.",
            edit(
                Saver.save_vmsd,
                "(vmsd.pre_save < 0 or self.dialect.by_number)",
                "vmsd.pre_save < 0",
            ),
        ),
        "before-prefix-harmless": (
            "A failure in a STRUCT is an error as any other.",
            edit(Saver.prefix, _PREFIX, "if False:"),
        ),
        "before-prefix-of-vstruct": (
            "A failure in a VSTRUCT has no error object either.",
            edit(Saver.prefix, _PREFIX, "if True:"),
        ),
        "before-prefix-of-codecs": (
            "A codec's failure has no error object, whatever its number.",
            edit(
                Saver.prefix, "(not field.is_struct and reject.number > 0)", "not field.is_struct"
            ),
        ),
        "before-prefix-of-no-codec": (
            "A codec's failure is always an error.",
            edit(Saver.prefix, " or (not field.is_struct and reject.number > 0)", ""),
        ),
        "before-prefix-everywhere": (
            "Inside a codec an error is given a prefix, too.",
            edit(
                Saver.numbered,
                "self.silent = silent or bool(field.flags & VMS_STRUCT) or (not field.is_struct)",
                "self.silent = False",
            ),
        ),
        "before-silent-for-good": (
            "After a STRUCT nothing is given a prefix.",
            edit(
                Saver.numbered, "finally:\n        self.silent = silent", "finally:\n        pass"
            ),
        ),
        "before-null-unmarked": (
            "A NULL is saved without a marker.",
            edit(save_nulls._null, "saver.put_marker(0)", "pass"),
        ),
        "before-null-saved-as-an-object": (
            "A NULL is saved with the marker of an object.",
            edit(save_nulls._null, "saver.put_marker(0)", "saver.put_marker(1)"),
        ),
        "before-null-saved-without-size": (
            "A NULL without a size is saved as a marker, too.",
            edit(save_nulls.save_elements, _IS_NULL, "is_null = not element"),
        ),
        "before-null-saved-outside-arrays": (
            "A NULL outside an array of pointers is saved as a marker.",
            edit(save_nulls._null, _ARRAY, "if False:"),
        ),
        "before-slots-at-null-read": (
            "Slots at NULL are read.",
            edit(save_nulls.save_elements, "if not element:\n", "if False:\n"),
        ),
        "before-null-typed-as-today": (
            "A NULL is described as a ptr-marker.",
            edit(save_nulls._null, "marker=NULLPTR", "marker='ptr-marker'"),
        ),
        "before-index-missing": (
            "Elements are not numbered, as they are not today.",
            edit(save_nulls.save_elements, _NUMBERED, "None"),
        ),
        "before-index-of-the-last": (
            "The last element is numbered, too.",
            edit(save_nulls.save_elements, _NUMBERED, "None if short else index"),
        ),
        "before-index-in-short": (
            "Elements that look alike are numbered, too.",
            edit(save_nulls.save_elements, _NUMBERED, "index if count > 1 else None"),
        ),
        "before-index-from-one": (
            "Elements are numbered from 1.",
            edit(save_nulls.save_elements, _NUMBERED, _NUMBERED.replace("index", "index + 1", 1)),
        ),
        "before-runs-unseen": (
            "An array with NULLs is described by its first element alone.",
            edit(save_nulls.save_elements, _CHANGE, "False:"),
        ),
        "before-last-run-lost": (
            "A last run of one is not described, as it is not today.",
            edit(save_nulls.save_elements, _CHANGE, f"count > 1 and {_CHANGE}"),
        ),
        "before-first-run-right": (
            "A first run is described by its own length.",
            edit(
                save_nulls.save_elements,
                "(saver.vmdesc, False, saver.heap)",
                "(saver.vmdesc, None, saver.heap)",
            ),
        ),
        "before-nulls-all-counted": (
            "Each NULL tells how many are left.",
            edit(
                save_nulls.save_elements,
                "count = saver.run(extent, index, is_null=is_null)",
                "pass",
            ),
        ),
        "before-nulls-uncounted": (
            "Where elements may differ, a NULL behind another has no length.",
            edit(
                save_nulls.save_elements,
                "        if is_null:\n",
                "        if is_null and not short and is_null == held:\n"
                "            count = 1\n        if is_null:\n",
                "        count = extent.count - index\n",
                "        count, held = extent.count - index, previous_null\n",
            ),
        ),
        "before-all-described": (
            "What an entry stands for is described again.",
            edit(save_nulls.save_elements, "        if short:\n", "        if False:\n"),
        ),
    },
)
