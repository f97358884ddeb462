# SPDX-License-Identifier: Apache-2.0
"""Wrong savers, and wrong descriptions of what was saved."""

from __future__ import annotations

from typing import Final

from vmstate import description, jsonwriter, save, vmdesc
from vmstate.extent import Extent
from vmstate.infos import INFOS
from vmstate.jsonwriter import JSONWriter
from vmstate.save import Saver
from vmstate.vmdesc import Compressor
from vmstate_conformance.mutants.patching import edit, table, value

_PRE: Final = "if vmsd.pre_save and (vmsd.pre_save < 0 or self.dialect.by_number):"
_NULL: Final = "if not extent.first and extent.count and extent.size:"
_MARKED: Final = "if field.auto_alloc or is_null:"
_CHILD: Final = "field.vmsd.version_id if struct else field.struct_version_id"
_RUN: Final = "if count > 1 and is_null != previous_null:"

SAVE = table(
    "save",
    {
        "pre-save-any-number": (
            "Any pre_save but 0 is a failure.",
            edit(Saver.save_vmsd, _PRE, "if vmsd.pre_save:"),
        ),
        "pre-save-ignored": (
            "What pre_save returns is not looked at.",
            edit(Saver.save_vmsd, _PRE, "if False:"),
        ),
        "pre-save-after-fields": (
            "pre_save runs after the fields.",
            edit(
                Saver.save_vmsd,
                _PRE,
                "if False:",
                "    save_subsections(self, vmsd, opaque)",
                "    if vmsd.pre_save is not None and vmsd.pre_save < 0:\n"
                "        raise Reject('hook-failed', '')\n"
                "    save_subsections(self, vmsd, opaque)",
            ),
        ),
        "save-without-subsections": (
            "Subsections are not saved.",
            edit(Saver.save_vmsd, "save_subsections(self, vmsd, opaque)", "pass"),
        ),
        "save-all-fields": (
            "Fields that do not exist are saved, too.",
            edit(Saver.field, "    return\n", "    pass\n"),
        ),
        "save-must-exist-ignored": (
            "A field that must exist may be missing from a save.",
            edit(Saver.field, "if field.flags & VMS_MUST_EXIST:", "if False:"),
        ),
        "save-pointer-not-followed": (
            "VMS_POINTER is not dereferenced.",
            edit(Saver.field, "if field.flags & VMS_POINTER:", "if False:"),
        ),
        "save-null-array-unnoticed": (
            "A NULL pointer to elements is noticed only when one is read.",
            edit(Saver.follow, _NULL, "if False:"),
        ),
        "save-null-array-without-count": (
            "A NULL pointer is refused even where there are no elements.",
            edit(Saver.follow, _NULL, "if not extent.first and extent.size:"),
        ),
        "save-null-array-without-size": (
            "A NULL pointer is refused even where elements have no bytes.",
            edit(Saver.follow, _NULL, "if not extent.first and extent.count:"),
        ),
        "save-valid-marker-missing": (
            "An AUTO_ALLOC element that is not NULL has no marker.",
            edit(Saver.elements, _MARKED, "if is_null:"),
        ),
        "save-null-marker-missing": (
            "A NULL element of an ordinary array has no marker.",
            edit(Saver.elements, _MARKED, "if field.auto_alloc:"),
        ),
        "save-marker-everywhere": (
            "Every element of an array of pointers has a marker.",
            edit(Saver.elements, _MARKED, "if field.is_pointer_array:"),
        ),
        "save-null-marker-zero": (
            "NULL is sent as a zero byte.",
            value(save, "PTR_MARKER_NULL", 0),
        ),
        "save-valid-marker-one": (
            "A valid pointer is sent as 0x01.",
            value(save, "PTR_MARKER_VALID", 1),
        ),
        "save-markers-swapped": (
            "NULL is sent as valid, and the other way round.",
            edit(Saver.put_marker, "if element else", "if not element else"),
        ),
        "save-marker-after-element": (
            "A marker follows its element.",
            edit(
                Saver.elements,
                _MARKED,
                "if field.auto_alloc and not is_null:\n"
                "            self.entry(vmsd, field, element, extent.size, count)\n"
                "            self.marker(vmsd, field, element, count)\n"
                "            index += 1\n"
                "            continue\n"
                "        if field.auto_alloc or is_null:",
            ),
        ),
        "save-auto-without-pointers": (
            "AUTO_ALLOC without an array of pointers is saved with markers.",
            edit(Saver.marker, "if not field.is_pointer_array:", "if False:"),
        ),
        "save-auto-by-stride": (
            "An info behind a marker saves a pointer's 8 bytes.",
            edit(Saver.entry, "field.size if field.auto_alloc else size", "size"),
        ),
        "save-struct-at-given-version": (
            "A STRUCT child is saved at struct_version_id.",
            edit(Saver.element, _CHILD, "field.struct_version_id"),
        ),
        "save-vstruct-at-own-version": (
            "A VSTRUCT child is saved at its own version.",
            edit(Saver.element, _CHILD, "field.vmsd.version_id"),
        ),
        "save-vstruct-too-new-refused": (
            "A VSTRUCT version above the child's is refused.",
            edit(
                Saver.element,
                f"version_id = {_CHILD}",
                f"version_id = {_CHILD}\n"
                "        if version_id > field.vmsd.version_id:\n"
                "            raise Reject('version-too-new', '')",
            ),
        ),
        "save-struct-with-version": (
            "The version of a nested struct is written in front of it.",
            edit(
                Saver.element,
                "self.save_vmsd(field.vmsd, element, version_id)",
                "self.stream.put_number(version_id, 4)\n"
                "        self.save_vmsd(field.vmsd, element, version_id)",
            ),
        ),
        "save-elements-backwards": (
            "The last element of an array is saved first.",
            edit(
                Saver.elements,
                "extent.saved_slot(index, wide",
                "extent.saved_slot(end - 1 - index, wide",
                "index = save_bulk(self, field, extent, index)",
                "pass",
            ),
        ),
        "save-slot-32-bit": (
            "The product of size and index is cut to 32 bits on save, too.",
            edit(Extent.saved_slot, "if wide else", "if False else"),
        ),
        "save-pointer-info-own-size": (
            "An info behind a pointer of an ordinary array is told the field's size.",
            edit(
                Saver.entry, "if field.auto_alloc else size", "if field.is_pointer_array else size"
            ),
        ),
        "save-subsections-first": (
            "Subsections are saved in front of the fields.",
            edit(
                Saver.save_vmsd,
                "    save_subsections(self, vmsd, opaque)\n",
                "",
                "    if self.vmdesc is not None:\n        self.vmdesc.string",
                "    save_subsections(self, vmsd, opaque)\n"
                "    if self.vmdesc is not None:\n        self.vmdesc.string",
            ),
        ),
        "save-auto-none-null": (
            "An AUTO_ALLOC array without elements is saved as a NULL marker.",
            edit(
                Saver.elements,
                "index, end = (0, extent.iterations())",
                "index, end = (0, extent.iterations())\n"
                "    if not end and field.auto_alloc:\n        self.put_marker(0)",
            ),
        ),
        "pre-save-of-root-only": (
            "Only the pre_save of the root is run.",
            edit(
                Saver.save_vmsd,
                "if vmsd.pre_save and",
                "if not self.depth and vmsd.pre_save and",
            ),
        ),
        "vmdesc-of-what-is-not-there": (
            "A field that does not exist is described, although it is not written.",
            edit(
                Saver.field,
                "            raise assertion('vmstate_save_vmsd_v', '!(field->flags & VMS_MUST_EXIST)',"
                " 'validation-failed')\n",
                "            raise assertion('vmstate_save_vmsd_v', '!(field->flags & VMS_MUST_EXIST)',"
                " 'validation-failed')\n"
                "        if self.vmdesc is not None:\n"
                "            start_field(self.vmdesc, vmsd, field, 1)\n"
                "            end_field(self.vmdesc, field, 0, marker=False)\n",
            ),
        ),
    },
)

VMDESC = table(
    "vmdesc",
    {
        "vmdesc-no-array-len": (
            "An entry that stands for many does not say so.",
            edit(vmdesc.start_field, "if count > 1:", "if False:"),
        ),
        "vmdesc-array-len-one": (
            "A single element has an array_len of 1.",
            edit(vmdesc.start_field, "if count > 1:", "if count >= 1:"),
        ),
        "vmdesc-nullptr": (
            "A marker's type is nullptr, as before 11.1.",
            value(save, "PTR_MARKER", "nullptr"),
        ),
        "vmdesc-marker-numbered": (
            "A marker of a repeated name has its field's number.",
            edit(vmdesc.field_name, "{(-1 if marker else number)}", "{number}"),
        ),
        "vmdesc-names-not-numbered": (
            "Fields of one name are not numbered.",
            edit(vmdesc.field_name, "if number is None:", "if True:"),
        ),
        "vmdesc-names-always-numbered": (
            "Every field is numbered.",
            edit(description.VMStateDescription.seal, "if count[each.name] > 1:", "if True:"),
        ),
        "vmdesc-struct-key": (
            "A STRUCT child is described under another key.",
            edit(
                vmdesc.start_field, "writer.start_object('struct')", "writer.start_object('vmsd')"
            ),
        ),
        "vmdesc-vstruct-is-struct": (
            "A VSTRUCT is described as a struct.",
            edit(vmdesc._type, "return 'vstruct'", "return 'struct'"),
        ),
        "vmdesc-type-of-info-first": (
            "A STRUCT with an info is described by the info.",
            edit(
                vmdesc._type,
                "if field.flags & VMS_STRUCT:",
                "if field.flags & VMS_STRUCT and field.info is None:",
            ),
        ),
        "vmdesc-uint64-equal": (
            "uint64_equal is described by the right sign.",
            value(INFOS["uint64_equal"], "name", "uint64 equal"),
        ),
        "vmdesc-size-first": (
            "An entry's size comes before its struct ends.",
            edit(
                vmdesc.end_field,
                "    if field.flags & VMS_STRUCT and (not marker):\n        writer.end_object()\n"
                "    writer.number('size', size)",
                "    writer.number('size', size)\n"
                "    if field.flags & VMS_STRUCT and (not marker):\n        writer.end_object()",
            ),
        ),
        "vmdesc-size-with-marker": (
            "An element's size counts its marker.",
            edit(
                vmdesc.end_field,
                "writer.number('size', size)",
                "writer.number('size', size + (field.auto_alloc and not marker))",
            ),
        ),
        "vmdesc-test-compressed": (
            "Fields with a callback are described in short.",
            edit(Compressor.can_compress, "field.field_exists is not None or ", ""),
        ),
        "vmdesc-auto-compressed": (
            "AUTO_ALLOC arrays are described in short.",
            edit(Compressor.can_compress, " or field.auto_alloc", ""),
        ),
        "vmdesc-struct-compressed": (
            "Arrays of structs are always described in short.",
            edit(Compressor.can_compress, "if not field.flags & VMS_STRUCT:", "if True:"),
        ),
        "vmdesc-struct-not-compressed": (
            "Arrays of structs are never described in short.",
            edit(Compressor.can_compress, "return self._uniform(field.vmsd)", "return False"),
        ),
        "vmdesc-vstruct-not-compressed": (
            "Arrays of VSTRUCTs are never described in short.",
            edit(
                Compressor.can_compress,
                "if not field.flags & VMS_STRUCT:\n        return True",
                "if not field.flags & VMS_STRUCT:\n        return not field.is_struct",
            ),
        ),
        "vmdesc-empty-list-compressed": (
            "An empty list of subsections does not keep arrays from being described in short.",
            edit(Compressor._uniform, "vmsd.subsections is None", "not vmsd.subsections"),
        ),
        "vmdesc-subsections-compressed": (
            "Subsections do not keep arrays from being described in short.",
            edit(Compressor._uniform, "alike and vmsd.subsections is None", "alike"),
        ),
        "vmdesc-children-unasked": (
            "Only the outermost struct decides whether an array is described in short.",
            edit(
                Compressor._uniform,
                "all((self.can_compress(field) for field in vmsd.fields))",
                "True",
            ),
        ),
        "vmdesc-first-run-right": (
            "A first run of pointers is described by its own length.",
            edit(Saver.elements, "(self.vmdesc, False)", "(self.vmdesc, None)"),
        ),
        "vmdesc-last-run-described": (
            "A last run of one is described, too.",
            edit(Saver.elements, _RUN, "if compress and is_null != previous_null:"),
        ),
        "vmdesc-runs-unseen": (
            "An array with NULLs is described by its first element alone.",
            edit(Saver.elements, _RUN, "if False:"),
        ),
        "vmdesc-run-to-the-end": (
            "Every run goes on to the end of the array.",
            edit(Saver.run, "return at - index", "return extent.count - index"),
        ),
        "vmdesc-all-described": (
            "What an entry stands for is described again.",
            edit(Saver.elements, "    self.vmdesc = None\n", "    pass\n"),
        ),
        "vmdesc-failure-unfinished": (
            "An entry whose element fails is left open.",
            edit(
                Saver.entry,
                "            end_field(writer, field, self.stream.transferred() - start, marker=False)\n"
                "        if self.dialect.by_number and",
                "            pass\n        if self.dialect.by_number and",
            ),
        ),
        "vmdesc-version-first": (
            "The version of a description stands in front of its name.",
            edit(
                Saver.save_vmsd,
                "        self.vmdesc.string('vmsd_name', vmsd.name)\n",
                "",
                "        self.vmdesc.number('version', version_id)\n",
                "        self.vmdesc.number('version', version_id)\n"
                "        self.vmdesc.string('vmsd_name', vmsd.name)\n",
            ),
        ),
        "vmdesc-child-version": (
            "A description's own version is described, whatever was in use.",
            edit(Saver.save_vmsd, "('version', version_id)", "('version', vmsd.version_id)"),
        ),
        "json-tight": (
            "Items stand without a space between them.",
            edit(JSONWriter._put, "_separator = ', '", "_separator = ','"),
        ),
        "json-delete-plain": (
            "DEL is not escaped.",
            edit(jsonwriter._escape, "32 <= code < 127", "32 <= code <= 127"),
        ),
        "json-non-ascii-plain": (
            "What is not ASCII is not escaped.",
            edit(jsonwriter._escape, "32 <= code < 127", "32 <= code < 127 or code > 127"),
        ),
        "json-lower-case": (
            "Escapes are written in lower case.",
            edit(jsonwriter._escape, "{units[at]:02X}", "{units[at]:02x}", "1]:02X}", "1]:02x}"),
        ),
        "json-no-short-escapes": (
            "Quotes, backslashes and line ends are escaped by number.",
            edit(
                jsonwriter._escape,
                "if char in _SHORT:",
                "if False:",
                "if 32 <= code < 127:",
                "if 32 <= code < 127 and char not in _SHORT:",
            ),
        ),
        "json-slash-escaped": (
            "A slash is escaped.",
            edit(
                jsonwriter.quote,
                "_CAREFUL.sub(_careful, value)",
                "_CAREFUL.sub(_careful, value).replace(chr(47), chr(92) + chr(47))",
            ),
        ),
    },
)
