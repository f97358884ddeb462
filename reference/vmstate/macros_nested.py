# SPDX-License-Identifier: Apache-2.0
"""The macros of lists, trees and temporaries, whose codecs hold descriptions."""
# ruff: noqa: N802 - names and arguments are QEMU's

from __future__ import annotations

from collections.abc import Sequence

from vmstate.errors import CaseError
from vmstate.flags import VMS_SINGLE
from vmstate.macros_ctypes import CStruct, GByteArray, TypeLike, sizeof
from vmstate.macros_fields import offset_of, offset_pointer, offset_value
from vmstate.macros_spec import FieldSpec, Test, Vmsd

__all__ = [
    "VMSTATE_GBYTEARRAY",
    "VMSTATE_GTREE_DIRECT_KEY_V",
    "VMSTATE_GTREE_V",
    "VMSTATE_QLIST_V",
    "VMSTATE_QTAILQ_V",
    "VMSTATE_WITH_TMP",
    "VMSTATE_WITH_TMP_TEST",
]

#: sizeof(GByteArray), which its codec never looks at.
_GBYTEARRAY = 16


def VMSTATE_WITH_TMP_TEST(state: CStruct, test: Test, tmp_type: CStruct, vmsd: Vmsd) -> FieldSpec:
    """A temporary struct that lives while it is sent, where `test` holds.

    Raises `CaseError` unless its first member is `parent`, a pointer to `state`.
    """
    if offset_pointer(tmp_type, "parent", state):
        raise CaseError("type-check", f"{tmp_type.name}.parent", "it is not the first member")
    return FieldSpec("tmp", size=sizeof(tmp_type), info="tmp", vmsd=(vmsd,), field_exists=test)


def VMSTATE_WITH_TMP(state: CStruct, tmp_type: CStruct, vmsd: Vmsd) -> FieldSpec:
    """A temporary struct that lives while it is sent."""
    return VMSTATE_WITH_TMP_TEST(state, None, tmp_type, vmsd)


def VMSTATE_QTAILQ_V(
    field: str, state: CStruct, version: int, vmsd: Vmsd, type_: CStruct, next_: str
) -> FieldSpec:
    """A QTAILQ of structs linked at their member `next_`. The head's type is not checked."""
    return _list("qtailq", field, state, version, vmsd, type_, next_)


def VMSTATE_QLIST_V(
    field: str, state: CStruct, version: int, vmsd: Vmsd, type_: CStruct, next_: str
) -> FieldSpec:
    """A QLIST of structs linked at their member `next_`. The head's type is not checked."""
    return _list("qlist", field, state, version, vmsd, type_, next_)


def _list(
    info: str, field: str, state: CStruct, version: int, vmsd: Vmsd, type_: CStruct, next_: str
) -> FieldSpec:
    return FieldSpec(
        field,
        offset=offset_of(state, field),
        size=sizeof(type_),
        start=offset_of(type_, next_),
        info=info,
        vmsd=(vmsd,),
        version_id=version,
    )


def VMSTATE_GTREE_V(
    field: str,
    state: CStruct,
    version: int,
    vmsd: Sequence[Vmsd],
    key_type: TypeLike,
    val_type: TypeLike,
) -> FieldSpec:
    """A GTree whose keys and values are structs; `vmsd` is that of the values, then of the keys."""
    return FieldSpec(
        field,
        offset=offset_of(state, field),
        size=sizeof(val_type),
        start=sizeof(key_type),
        info="gtree",
        vmsd=tuple(vmsd),
        version_id=version,
    )


def VMSTATE_GTREE_DIRECT_KEY_V(
    field: str, state: CStruct, version: int, vmsd: Vmsd, val_type: TypeLike
) -> FieldSpec:
    """A GTree whose keys are numbers in the pointer itself."""
    return FieldSpec(
        field,
        offset=offset_of(state, field),
        size=sizeof(val_type),
        info="gtree",
        vmsd=(vmsd,),
        version_id=version,
    )


def VMSTATE_GBYTEARRAY(field: str, state: CStruct, version: int) -> FieldSpec:
    """The bytes of a GByteArray."""
    return FieldSpec(
        field,
        VMS_SINGLE,
        offset=offset_value(state, field, GByteArray),
        size=_GBYTEARRAY,
        info="g_byte_array",
        version_id=version,
    )
