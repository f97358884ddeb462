# SPDX-License-Identifier: Apache-2.0
"""Where released engines differ, as data; and the bounds that a profile sets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from vmstate.flags import names

if TYPE_CHECKING:
    from vmstate.description import VMStateDescription


@dataclass(frozen=True, slots=True)
class Dialect:
    """One engine's answers to the questions on which engines differ."""

    name: str
    wide_counts: bool
    """Counts and sizes are 64-bit unsigned; else they are C `int`, and a negative count is none."""
    indirect_by_width: bool
    """A run-time size exists where its width is not 0; else where its offset is not 0."""
    multiply_elements: bool = False
    """VMS_MULTIPLY_ELEMENTS still multiplies the count by `num`."""
    check_auto_by_constant: bool = False
    """vmstate_check() takes every array of pointers for an AUTO_ALLOC one."""
    markers_unguarded: bool = False
    """The marker of an AUTO_ALLOC slot is read and obeyed whatever the slot holds, and a valid
    marker allocates in an ordinary array of pointers too."""
    check_after_null: bool = False
    """The stream's error is looked at after a NULL element as after any other."""
    check_pointer_arrays: bool = True
    """vmstate_check() has rules for arrays of pointers."""
    stride_by_size: bool = False
    """The slots of an array of pointers lie `size` bytes apart; else as a pointer needs."""
    null_fields: bool = False
    """A NULL element of a field with a size becomes a field of its own, of the codec `nullptr`: a
    marker that says NULL is all that is taken, and a vmdesc calls it by that type."""
    index_entries: bool = False
    """A vmdesc numbers the elements of an array that cannot be described in short."""
    by_number: bool = False
    """What fails returns a number, which becomes the stream's error; one above 0 ends a description
    early and fails nothing, but for a save. One that fails inside a STRUCT makes no error, and QEMU
    dies where it puts a prefix on it."""
    absent: frozenset[str] = frozenset()
    """What the engine does not have, as `ops:…`, `flags:…` and `infos:…`."""

    def lacks(self, op: str, descriptions: Iterable[VMStateDescription]) -> str:
        """Name what the engine would need for an operation on descriptions and has not; "" if none."""
        if not self.absent:
            return ""
        needs = [f"ops:{op}"]
        for vmsd in descriptions:
            for field in vmsd.fields:
                needs += (f"flags:{flag}" for flag in names(field.flags))
                needs.append(f"infos:{field.info}")
        return next((need for need in needs if need in self.absent), "")


DIALECTS: Final = MappingProxyType(
    {
        dialect.name: dialect
        for dialect in (
            Dialect("qemu-11.1.3", wide_counts=True, indirect_by_width=True),
            Dialect("qemu-11.1.0", wide_counts=False, indirect_by_width=False),
            Dialect(
                "rfc",
                wide_counts=False,
                indirect_by_width=False,
                multiply_elements=True,
                check_auto_by_constant=True,
                markers_unguarded=True,
                check_after_null=True,
            ),
            Dialect(
                "qemu-10.0",
                wide_counts=False,
                indirect_by_width=False,
                multiply_elements=True,
                check_after_null=True,
                check_pointer_arrays=False,
                stride_by_size=True,
                null_fields=True,
                index_entries=True,
                by_number=True,
                absent=frozenset(
                    {
                        "ops:stream",
                        "ops:savevm",
                        "flags:VMS_ARRAY_OF_POINTER_AUTO_ALLOC",
                        "infos:ptr_marker",
                        "infos:g_byte_array",
                    }
                ),
            ),
        )
    }
)

DEFAULT_DIALECT: Final = "qemu-11.1.3"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one operation may use. All are counted in the model, never in host memory."""

    block: int
    """Bytes of one block; more is an out-of-memory abort."""
    stored: int
    """Bytes in all that the model really keeps (a block's untouched pages cost nothing)."""
    blocks: int
    """Blocks in all."""
    depth: int
    """Descriptions inside each other."""
    work: int
    """Fields and elements visited, above what the bytes of the stream account for."""
    output: int
    """Bytes of a stream or of a vmdesc that a save may write."""
    addresses: int = 0x7F00_0000_0000
    """Where addresses begin, as in a real process; no rule of the format depends on it."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How an implementation treats what kills QEMU's process, and within which bounds."""

    name: str
    aborts: bool
    """Report `abort`; else refuse with a class."""
    limits: Limits


_MIB: Final = 1 << 20

#: Descriptions inside each other after which QEMU's own recursive checks are taken to have no end.
STACK: Final = 1000

#: Fields and elements that each byte of a stream accounts for.
STEPS_PER_BYTE: Final = 16

PROFILES: Final = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Profile("compat", True, Limits(1 << 46, 64 * _MIB, 1 << 20, 256, 1 << 20, 64 * _MIB)),
            Profile(
                "hardened", False, Limits(16 * _MIB, 64 * _MIB, 1 << 18, 256, 1 << 18, 64 * _MIB)
            ),
        )
    }
)
