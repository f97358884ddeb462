# SPDX-License-Identifier: Apache-2.0
"""What a save says about itself: the entries of a vmdesc (vmsd_desc_field_start() and _end())."""

from __future__ import annotations

from typing import Final

from vmstate.description import VMStateDescription, VMStateField
from vmstate.dialects import STACK
from vmstate.errors import out_of_bounds
from vmstate.flags import VMS_STRUCT, VMS_VSTRUCT
from vmstate.infos import INFOS
from vmstate.jsonwriter import JSONWriter

#: What a marker calls itself. [VMDESC-TYPE-2]
PTR_MARKER: Final = "ptr-marker"
#: What a NULL element calls itself where it is a field of its own. [VMDESC-TYPE-3]
NULLPTR: Final = "nullptr"


class Compressor:
    """Whether one entry may stand for a whole array: all elements are sure to look alike. [VMDESC-ARRAY-1]

    QEMU asks for each element anew and recursively; the answers do not change, and are kept.
    """

    __slots__ = ("_alike", "_depth")

    def __init__(self) -> None:
        self._alike: dict[int, bool | None] = {}
        self._depth = 0

    def can_compress(self, field: VMStateField) -> bool:
        """Answer for a field. Raises `Abort` where QEMU would recurse for ever."""
        if field.field_exists is not None or field.auto_alloc:
            return False
        if not field.flags & VMS_STRUCT:
            return True
        if field.vmsd is None:
            raise out_of_bounds("read through a wild pointer")
        return self._uniform(field.vmsd)

    def _uniform(self, vmsd: VMStateDescription) -> bool:
        if id(vmsd) not in self._alike:
            self._alike[id(vmsd)] = None
            self._depth += 1
            if self._depth > STACK:
                raise out_of_bounds("write through a wild pointer")
            alike = all(self.can_compress(field) for field in vmsd.fields)
            self._depth -= 1
            # An empty list of subsections is enough to forbid it.
            self._alike[id(vmsd)] = alike and vmsd.subsections is None
        known = self._alike[id(vmsd)]
        if known is None:
            raise out_of_bounds("write through a wild pointer")
        return known


def field_name(vmsd: VMStateDescription, field: VMStateField, *, marker: bool) -> str:
    """Name an entry. [VMDESC-NAME-1]

    Fields of one name are numbered; a marker, being in no table, is number -1.
    """
    number = vmsd.numbers.get(id(field))
    if number is None:
        return field.name
    return f"{field.name}[{-1 if marker else number}]"


def start_field(
    writer: JSONWriter,
    vmsd: VMStateDescription,
    field: VMStateField,
    count: int,
    *,
    marker: str = "",
    index: int | None = None,
) -> None:
    """Open the entry of an element, which stands for `count` of them. [VMDESC-FIELD-1]

    `marker` is the type of one, and `index` what an element is numbered instead of counted.
    """
    writer.start_object()
    writer.string("name", field_name(vmsd, field, marker=bool(marker)))
    if index is not None:
        writer.number("index", index)
    elif count > 1:  # [VMDESC-ARRAY-4]
        writer.number("array_len", count)
    if marker:  # [VMDESC-MARKER-1]
        writer.string("type", marker)
        return
    writer.string("type", _type(field))
    # A VSTRUCT describes its child in the entry itself [VMDESC-STRUCT-2]
    if field.flags & VMS_STRUCT:
        writer.start_object("struct")  # [VMDESC-STRUCT-1]


def end_field(writer: JSONWriter, field: VMStateField, size: int, *, marker: bool) -> None:
    """Close an entry whose element took `size` bytes. [VMDESC-SIZE-1]"""
    if field.flags & VMS_STRUCT and not marker:
        writer.end_object()
    writer.number("size", size)
    writer.end_object()


def _type(field: VMStateField) -> str:
    """Name the kind of an entry. [VMDESC-TYPE-1]"""
    if field.flags & VMS_STRUCT:
        return "struct"
    if field.flags & VMS_VSTRUCT:
        return "vstruct"
    if field.info is None:
        raise out_of_bounds("read through a wild pointer")
    return INFOS[field.info].name
