# SPDX-License-Identifier: Apache-2.0
"""What memory looks like: C structs of an LP64 little-endian host, members at explicit offsets.

[LAYOUT-HOST-1]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from vmstate.errors import CaseError


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number of `size` bytes, little-endian."""

    name: str
    size: int
    signed: bool


@dataclass(frozen=True, slots=True)
class Bytes:
    """`size` raw bytes in place."""

    size: int


@dataclass(frozen=True, slots=True)
class Array:
    """`count` items in place."""

    item: Type
    count: int


@dataclass(frozen=True, slots=True)
class StructRef:
    """An embedded struct, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Pointer:
    """NULL, or the address of a block: of one `item`, of as many as fit (`many`), or of raw bytes."""

    item: Type | None
    many: bool = False


@dataclass(frozen=True, slots=True)
class Queue:
    """The head of a QTAILQ (16 bytes) or QLIST (8 bytes) of structs linked at `entry`."""

    element: str
    entry: int
    tail: bool


@dataclass(frozen=True, slots=True)
class GTree:
    """A GTree * whose keys are numbers in the pointer itself (`key` is None) or structs."""

    key: str | None
    value: str


@dataclass(frozen=True, slots=True)
class GByteArray:
    """A GByteArray *: its state is NULL or its bytes."""


Type: TypeAlias = "Scalar | Bytes | Array | StructRef | Pointer | Queue | GTree | GByteArray"

SCALARS: Final = MappingProxyType(
    {
        scalar.name: scalar
        for scalar in (
            *(Scalar(f"int{8 * size}", size, True) for size in (1, 2, 4, 8)),
            *(Scalar(f"uint{8 * size}", size, False) for size in (1, 2, 4, 8)),
            Scalar("bool", 1, False),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Member:
    """One named member of a struct."""

    name: str
    offset: int
    type: Type


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct of `size` bytes."""

    name: str
    size: int
    members: tuple[Member, ...]

    def member(self, name: str) -> Member | None:
        """Find a member by name."""
        return next((member for member in self.members if member.name == name), None)


class Layout:
    """All structs of a document, by name."""

    __slots__ = ("structs",)

    def __init__(self, structs: Mapping[str, Struct]) -> None:
        self.structs = structs

    def struct(self, name: str) -> Struct:
        """Find a struct; the document has been checked to have it."""
        return self.structs[name]

    def size(self, kind: Type) -> int:
        """Give the bytes that a value of the type takes in place."""
        match kind:
            case Scalar(size=size) | Bytes(size=size):
                return size
            case Array(item=item, count=count):
                return self.size(item) * count
            case StructRef(name=name):
                return self.structs[name].size
            case Queue(tail=True):
                return 16
            case _:
                return 8

    def scalar(self, struct: str, path: str) -> tuple[int, Scalar]:
        """Find the scalar at a dotted path: its offset in the struct, and its type.

        Raises `CaseError` where the path leads to no scalar.
        """
        offset, at = 0, self.structs[struct]
        *outer, last = path.split(".")
        for name in outer:
            member = at.member(name)
            if member is None or not isinstance(member.type, StructRef):
                raise CaseError("member", path, f"'{name}' is no embedded struct of {at.name}")
            offset, at = offset + member.offset, self.structs[member.type.name]
        member = at.member(last)
        if member is None or not isinstance(member.type, Scalar):
            raise CaseError("member", path, f"'{last}' is no scalar of {at.name}")
        return offset + member.offset, member.type
