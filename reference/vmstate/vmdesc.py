# SPDX-License-Identifier: Apache-2.0
"""What a save says about itself: the entries of a vmdesc (vmsd_desc_field_start() and _end())."""

from __future__ import annotations

from typing import Final

from vmstate.description import VMStateDescription, VMStateField
from vmstate.errors import out_of_bounds
from vmstate.flags import VMS_STRUCT, VMS_VSTRUCT
from vmstate.infos import INFOS
from vmstate.jsonwriter import JSONWriter

PTR_MARKER: Final = "ptr-marker"
_STACK: Final = 1000


def can_compress(field: VMStateField, depth: int = 0) -> bool:
    """Whether one entry may stand for a whole array: all elements are sure to look alike. [VMDESC-ARRAY-1]"""
    if field.field_exists is not None or field.auto_alloc:
        return False
    if not field.flags & VMS_STRUCT:
        return True
    if field.vmsd is None or depth > _STACK:
        raise out_of_bounds("read through a wild pointer")
    if not all(can_compress(inner, depth + 1) for inner in field.vmsd.fields):
        return False
    # An empty list of subsections is enough to forbid it.
    return field.vmsd.subsections is None


def field_name(vmsd: VMStateDescription, field: VMStateField, *, marker: bool) -> str:
    """Name an entry. [VMDESC-NAME-1]

    Fields of one name are numbered; a marker, being in no table, is number -1.
    """
    if field.name not in vmsd.repeated:
        return field.name
    number = -1
    if not marker:
        alike = [other for other in vmsd.fields if other.name == field.name]
        number = next(at for at, other in enumerate(alike) if other is field)
    return f"{field.name}[{number}]"


def start_field(
    writer: JSONWriter, vmsd: VMStateDescription, field: VMStateField, count: int, *, marker: bool
) -> None:
    """Open the entry of an element, which stands for `count` of them. [VMDESC-FIELD-1]"""
    writer.start_object()
    writer.string("name", field_name(vmsd, field, marker=marker))
    if count > 1:
        writer.number("array_len", count)
    if marker:
        writer.string("type", PTR_MARKER)
        return
    writer.string("type", _type(field))
    if field.flags & VMS_STRUCT:
        writer.start_object("struct")


def end_field(writer: JSONWriter, field: VMStateField, size: int, *, marker: bool) -> None:
    """Close an entry whose element took `size` bytes. [VMDESC-SIZE-1]"""
    if field.flags & VMS_STRUCT and not marker:
        writer.end_object()
    writer.number("size", size)
    writer.end_object()


def _type(field: VMStateField) -> str:
    if field.flags & VMS_STRUCT:
        return "struct"
    if field.flags & VMS_VSTRUCT:
        return "vstruct"
    if field.info is None:
        raise out_of_bounds("read through a wild pointer")
    return INFOS[field.info].name
