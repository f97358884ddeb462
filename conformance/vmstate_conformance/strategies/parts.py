# SPDX-License-Identifier: Apache-2.0
"""Structs and descriptions while they are built."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vmstate_conformance.strategies.tables import SCALARS

_POINTER = 8


@dataclass(slots=True)
class Struct:
    """A struct in the making: members one after the other, aligned as C does."""

    name: str
    size: int = 0
    align: int = 1
    members: list[dict[str, Any]] = field(default_factory=list)
    #: Scalar members by offset: what predicates may ask, and fields may send once more.
    scalars: list[tuple[str, int, str]] = field(default_factory=list)
    #: Scalar members of embedded structs, by dotted path and type: predicates may ask them, too.
    inner: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, kind: Any, size: int, align: int) -> int:
        """Add a member of `size` bytes and give its offset."""
        offset = -(-self.size // align) * align
        self.members.append({"name": name, "offset": offset, "type": kind})
        # Even what takes no bytes has an offset of its own, so that offsets tell members apart.
        self.size = offset + max(size, 1)
        self.align = max(self.align, align)
        return offset

    def add_scalar(self, name: str, kind: str) -> int:
        """Add a scalar and give its offset."""
        size = SCALARS[kind][0]
        return self.add(name, kind, size, size)

    def add_pointer(self, name: str, kind: Any) -> int:
        """Add a pointer, or what is one in memory, and give its offset."""
        return self.add(name, kind, _POINTER, _POINTER)

    def finish(self) -> dict[str, Any]:
        """Round the size up, and give the struct as the case format has it."""
        self.size = max(-(-self.size // self.align) * self.align, 1)
        return {"size": self.size, "members": self.members}


@dataclass(frozen=True, slots=True)
class VMSD:
    """A finished description, as far as a field that uses it must know it."""

    name: str
    struct: Struct
    version_id: int
    minimum_version_id: int


@dataclass(frozen=True, slots=True)
class Parent:
    """The description whose fields are being made."""

    name: str
    struct: Struct
    version_id: int
    depth: int
    #: In memory that the load itself makes: zeros, and nothing that was there before.
    fresh: bool
    sub: bool


def single(kind: str) -> dict[str, Any]:
    """Give size and flags of a scalar's field."""
    return {"size": SCALARS[kind][0], "flags": ["VMS_SINGLE"]}
