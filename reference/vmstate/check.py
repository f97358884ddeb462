# SPDX-License-Identifier: Apache-2.0
"""What QEMU asserts of a description when it is registered under qtest: vmstate_check()."""

from __future__ import annotations

from vmstate.description import VMStateDescription, VMStateField
from vmstate.dialects import STACK, Dialect
from vmstate.errors import Reject, out_of_bounds
from vmstate.flags import (
    VMS_ARRAY,
    VMS_ARRAY_OF_POINTER,
    VMS_ARRAY_OF_POINTER_AUTO_ALLOC,
    VMS_STRUCT,
    VMS_VARRAY,
    VMS_VBUFFER,
    VMS_VSTRUCT,
)


def check(vmsd: VMStateDescription, dialect: Dialect) -> None:
    """Check a description and, recursively, STRUCT and VSTRUCT children and subsections. [CHECK-ORDER-1]

    Raises `Reject` whose `error` is the broken rule, `Abort` where a child is missing or the
    descriptions go round in a circle.
    """
    _check(vmsd, dialect, {}, 1)


def _check(
    vmsd: VMStateDescription, dialect: Dialect, checked: dict[int, bool], depth: int
) -> None:
    # QEMU checks a description as often as it is met; once is enough to know.
    if checked.get(id(vmsd)):
        return
    if id(vmsd) in checked or depth > STACK:  # [CHECK-CHILD-4]
        raise out_of_bounds("write through a wild pointer")
    checked[id(vmsd)] = False
    for field in vmsd.fields:
        _field(field, dialect)
        # [CHECK-CHILD-1]; infos with descriptions are passed over [CHECK-CHILD-2]
        if field.flags & (VMS_STRUCT | VMS_VSTRUCT):
            if field.vmsd is None:  # [CHECK-CHILD-3]
                raise out_of_bounds("read through a wild pointer")
            _check(field.vmsd, dialect, checked, depth + 1)
    for sub in vmsd.subsections or ():
        # By clause [CHECK-SUB-1]; its own name will do [CHECK-SUB-2]
        if not sub.name.startswith(vmsd.name):
            raise _broken(
                "subsection-name",
                "!strncmp(vmsd->name, (*subsection)->name, strlen(vmsd->name))",
            )
        _check(sub, dialect, checked, depth + 1)  # [CHECK-SUB-3]
    checked[id(vmsd)] = True


def _field(field: VMStateField, dialect: Dialect) -> None:
    """Check one field by itself. [CHECK-ORDER-2]"""
    # By clause [CHECK-ARRAY-3]
    if not dialect.check_pointer_arrays:
        return
    auto = field.flags & VMS_ARRAY_OF_POINTER_AUTO_ALLOC
    if field.flags & VMS_ARRAY_OF_POINTER:
        sized = bool(field.size) or _has_size_member(field, dialect)
        # By clause [CHECK-AUTO-1], and for all arrays of pointers in the first form [CHECK-AUTO-3]
        if (auto or dialect.check_auto_by_constant) and not sized:
            raise _broken(
                "auto-alloc-needs-size", f"field->size != 0 || {_size_member(dialect)} != 0"
            )
        # By clause [CHECK-ARRAY-1]
        if not (auto or dialect.check_auto_by_constant) and sized:
            raise _broken(
                "pointer-array-has-size", f"field->size == 0 && {_size_member(dialect)} == 0"
            )
        # By clause [CHECK-ARRAY-2]
        if not field.flags & (VMS_ARRAY | VMS_VARRAY):
            raise _broken(
                "pointer-array-needs-array",
                "field->flags & (VMS_ARRAY | VMS_VARRAY_INT32 | VMS_VARRAY_UINT16 | "
                "VMS_VARRAY_UINT8 | VMS_VARRAY_UINT32)",
            )
    # By clause [CHECK-AUTO-2]
    if auto and not field.flags & VMS_ARRAY_OF_POINTER:
        raise _broken("auto-alloc-needs-pointer-array", "field->flags & VMS_ARRAY_OF_POINTER")


def _has_size_member(field: VMStateField, dialect: Dialect) -> bool:
    """Whether there is a size member: by its width or by its offset. [CHECK-SIZE-1]"""
    if dialect.indirect_by_width:
        return bool(field.size_offset) or bool(field.flags & VMS_VBUFFER)
    return bool(field.size_offset)


def _size_member(dialect: Dialect) -> str:
    return "field->size_indirect.size" if dialect.indirect_by_width else "field->size_offset"


def _broken(rule: str, expression: str) -> Reject:
    return Reject(rule, f"vmstate_check: Assertion `{expression}' failed.")
