# SPDX-License-Identifier: Apache-2.0
"""Wrong checks of descriptions."""

from __future__ import annotations

from typing import Final

from vmstate import check
from vmstate.dialects import DIALECTS
from vmstate_conformance.mutants.patching import edit, table, together, value

_FLAG: Final = "auto = field.flags & VMS_ARRAY_OF_POINTER_AUTO_ALLOC"
_AUTO: Final = "if (auto or dialect.check_auto_by_constant) and (not sized):"
_PLAIN: Final = "if not (auto or dialect.check_auto_by_constant) and sized:"
_COUNTED: Final = "if not field.flags & (VMS_ARRAY | VMS_VARRAY):"
_POINTERS: Final = "if auto and (not field.flags & VMS_ARRAY_OF_POINTER):"
_PREFIX: Final = "if not sub.name.startswith(vmsd.name):"
_CHILDREN: Final = "if field.flags & (VMS_STRUCT | VMS_VSTRUCT):"
_BY_WIDTH: Final = "return bool(field.size_offset) or bool(field.flags & VMS_VBUFFER)"

CHECK = table(
    "check",
    {
        "check-auto-by-constant": (
            "Every array of pointers is checked as an AUTO_ALLOC one, as the patch first had it.",
            together(*(value(each, "check_auto_by_constant", True) for each in DIALECTS.values())),
        ),
        "check-auto-size-unchecked": (
            "An AUTO_ALLOC array needs no size.",
            edit(check._field, _AUTO, "if False:"),
        ),
        "check-size-unchecked": (
            "An ordinary array of pointers may have a size.",
            edit(check._field, _PLAIN, "if False:"),
        ),
        "check-array-unchecked": (
            "An array of pointers needs no count.",
            edit(check._field, _COUNTED, "if False:"),
        ),
        "check-varray-no-count": (
            "A VARRAY flag is no count.",
            edit(check._field, _COUNTED, "if not field.flags & VMS_ARRAY:"),
        ),
        "check-array-no-count": (
            "VMS_ARRAY is no count.",
            edit(check._field, _COUNTED, "if not field.flags & VMS_VARRAY:"),
        ),
        "check-auto-alone": (
            "AUTO_ALLOC may stand without an array of pointers.",
            edit(check._field, _POINTERS, "if False:"),
        ),
        "check-array-before-size": (
            "The count is checked before the size.",
            edit(
                check._field,
                _AUTO,
                f"{_COUNTED}\n            raise _broken('pointer-array-needs-array', '')\n"
                f"        {_AUTO}",
            ),
        ),
        "check-size-member-not-counted": (
            "A size member is no size.",
            edit(check._field, "or _has_size_member(field, dialect)", "or False"),
        ),
        "check-size-member-alone": (
            "A size is none, only a size member.",
            edit(check._field, "bool(field.size) or ", ""),
        ),
        "check-size-member-by-offset": (
            "A size member at offset 0 is none in 11.1.3, either.",
            edit(check._has_size_member, _BY_WIDTH, "return bool(field.size_offset)"),
        ),
        "check-size-member-by-width": (
            "A size member at offset 0 is one in 11.1.0, too.",
            edit(
                check._has_size_member,
                "if dialect.indirect_by_width:",
                "if True:",
            ),
        ),
        "check-prefix-unchecked": (
            "A subsection may have any name.",
            edit(check._check, _PREFIX, "if False:"),
        ),
        "check-prefix-with-slash": (
            "A subsection's name goes on with a slash.",
            edit(check._check, _PREFIX, "if not sub.name.startswith(vmsd.name + '/'):"),
        ),
        "check-prefix-longer": (
            "A subsection may not have its parent's very name.",
            edit(
                check._check,
                _PREFIX,
                "if not sub.name.startswith(vmsd.name) or sub.name == vmsd.name:",
            ),
        ),
        "check-prefix-inside": (
            "The parent's name may stand anywhere in the subsection's.",
            edit(check._check, _PREFIX, "if vmsd.name not in sub.name:"),
        ),
        "check-struct-unvisited": (
            "STRUCT children are not checked.",
            edit(check._check, _CHILDREN, "if field.flags & VMS_VSTRUCT:"),
        ),
        "check-vstruct-unvisited": (
            "VSTRUCT children are not checked.",
            edit(check._check, _CHILDREN, "if field.flags & VMS_STRUCT:"),
        ),
        "check-all-children": (
            "Children of queues, trees and temporaries are checked, too.",
            edit(check._check, _CHILDREN, "if field.vmsd is not None:"),
        ),
        "check-subsection-unvisited": (
            "Subsections are not checked beyond their names.",
            edit(check._check, "    _check(sub, dialect, checked, depth + 1)", "    pass"),
        ),
        "check-subsection-by-fields": (
            "Subsections are checked before the fields.",
            edit(
                check._check,
                "for field in vmsd.fields:",
                "for sub in vmsd.subsections or ():\n"
                "        _check(sub, dialect, checked, depth + 1)\n"
                "    for field in vmsd.fields:",
            ),
        ),
        "check-first-field-only": (
            "Only the first field is checked.",
            edit(check._check, "for field in vmsd.fields:", "for field in vmsd.fields[:1]:"),
        ),
        "check-circle-taken": (
            "Descriptions may go round in a circle.",
            edit(
                check._check,
                "if id(vmsd) in checked or depth > STACK:",
                "if id(vmsd) in checked:\n        return\n    if depth > STACK:",
            ),
        ),
        "check-missing-child-taken": (
            "A STRUCT may have no description.",
            edit(
                check._check,
                "raise out_of_bounds('read through a wild pointer')",
                "continue",
            ),
        ),
        "check-alloc-needs-pointer": (
            "VMS_ALLOC needs VMS_POINTER.",
            edit(
                check._field,
                _FLAG,
                f"{_FLAG}\n    if field.flags & 8194 == 8192:\n"
                "        raise _broken('pointer-array-needs-array', '')",
            ),
        ),
        "check-multiply-needs-vbuffer": (
            "VMS_MULTIPLY needs VMS_VBUFFER.",
            edit(
                check._field,
                _FLAG,
                f"{_FLAG}\n    if field.flags & 768 == 512:\n"
                "        raise _broken('pointer-array-needs-array', '')",
            ),
        ),
        "check-info-needed": (
            "A field needs an info or a description.",
            edit(
                check._field,
                _FLAG,
                f"{_FLAG}\n    if field.info is None and field.vmsd is None:\n"
                "        raise _broken('pointer-array-needs-array', '')",
            ),
        ),
        "check-fields-needed": (
            "A description needs fields.",
            edit(
                check._check,
                "for field in vmsd.fields:",
                "if not vmsd.fields:\n"
                "        raise _broken('pointer-array-needs-array', '')\n"
                "    for field in vmsd.fields:",
            ),
        ),
        "check-minimum-above": (
            "The minimum version may not be above the current one.",
            edit(
                check._check,
                "for field in vmsd.fields:",
                "if vmsd.minimum_version_id > vmsd.version_id:\n"
                "        raise _broken('pointer-array-needs-array', '')\n"
                "    for field in vmsd.fields:",
            ),
        ),
    },
)
