# SPDX-License-Identifier: Apache-2.0
"""C types and structs of an LP64 little-endian host, laid out as gcc does on x86-64.

A type is one of the constants (`uint32_t`, `QEMUTimer`, ...), Python's own `bool`, a `CStruct`,
what the classes here make of them, or a string: the name of a scalar (`"uint32"`, `"uint32_t"`),
else of a struct that is declared elsewhere, which C calls incomplete and allows behind a pointer
only.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from vmstate.errors import CaseError

__all__ = [
    "QLIST_ENTRY",
    "QTAILQ_ENTRY",
    "Array",
    "Bytes",
    "CPU_DoubleU",
    "CStruct",
    "CType",
    "GByteArray",
    "GTree",
    "Opaque",
    "Pointer",
    "QEMUTimer",
    "QList",
    "QTailQ",
    "TypeLike",
    "int8_t",
    "int16_t",
    "int32_t",
    "int64_t",
    "uint8_t",
    "uint16_t",
    "uint32_t",
    "uint64_t",
]

_POINTER: Final = 8
_INCOMPLETE: Final = -1
_PATH: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*|\[\d{1,9}\])*\Z", re.ASCII)
_STEP: Final = re.compile(r"[A-Za-z_]\w*|\d+", re.ASCII)


class CType(ABC):
    """A C type: its `size` and `align` in bytes, and its `spelling`.

    Two types are one to the compiler's check where they are spelled alike.
    """

    __slots__ = ("align", "size", "spelling")

    def __init__(self, spelling: str, size: int, align: int) -> None:
        self.spelling: Final = spelling
        self.size = size
        self.align = align

    @abstractmethod
    def to_json(self, structs: Mapping[str, CStruct]) -> Any:
        """Give the type as a document has it; `structs` are those of the document."""

    def refers(self) -> Iterator[CStruct | str]:
        """Give the structs that it mentions: declarations, or names of some."""
        return iter(())

    @property
    def shown(self) -> bool:
        """Whether a state has a value for it."""
        return True

    def __repr__(self) -> str:
        return f"<{self.spelling}>"


TypeLike: TypeAlias = "CType | str | type[bool]"


class _Scalar(CType):
    """A number; `json` is what a document calls it, which is less than C knows."""

    __slots__ = ("json",)

    def __init__(self, spelling: str, json: str, size: int) -> None:
        super().__init__(spelling, size, size)
        self.json: Final = json

    def to_json(self, structs: Mapping[str, CStruct]) -> str:
        """Give it as a document has it."""
        return self.json


int8_t: Final[CType] = _Scalar("int8_t", "int8", 1)
int16_t: Final[CType] = _Scalar("int16_t", "int16", 2)
int32_t: Final[CType] = _Scalar("int32_t", "int32", 4)
int64_t: Final[CType] = _Scalar("int64_t", "int64", 8)
uint8_t: Final[CType] = _Scalar("uint8_t", "uint8", 1)
uint16_t: Final[CType] = _Scalar("uint16_t", "uint16", 2)
uint32_t: Final[CType] = _Scalar("uint32_t", "uint32", 4)
uint64_t: Final[CType] = _Scalar("uint64_t", "uint64", 8)
_BOOL: Final = _Scalar("bool", "bool", 1)
#: Modelled as its expiry in ns alone; -1 where it is not pending.
QEMUTimer: Final[CType] = _Scalar("QEMUTimer", "int64", 8)
#: Modelled as its 64 bits.
CPU_DoubleU: Final[CType] = _Scalar("CPU_DoubleU", "uint64", 8)

_NAMED: Final[Mapping[str, CType]] = {
    name: scalar
    for scalar in (int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, _BOOL)
    for name in (scalar.spelling, scalar.spelling.removesuffix("_t"))
}


class _Incomplete(CType):
    """A struct by its name."""

    __slots__ = ()

    def __init__(self, name: str) -> None:
        super().__init__(name, _INCOMPLETE, 1)

    def to_json(self, structs: Mapping[str, CStruct]) -> dict[str, Any]:
        """Give it as a document has it."""
        return {"struct": self.spelling}

    def refers(self) -> Iterator[CStruct | str]:
        """Give the structs that it mentions."""
        yield self.spelling


class Opaque(CType):
    """`size` bytes that no description touches and no state shows."""

    __slots__ = ()

    def __init__(self, size: int, align: int = 1) -> None:
        super().__init__(f"opaque[{size}]", size, align)

    def to_json(self, structs: Mapping[str, CStruct]) -> Any:
        """Give it as a document has it."""
        raise CaseError("type", self.spelling, "opaque bytes have no type in a document")

    @property
    def shown(self) -> bool:
        """Never."""
        return False


#: The links in an element, which the list's own type stands for.
QTAILQ_ENTRY: Final = Opaque(2 * _POINTER, _POINTER)
QLIST_ENTRY: Final = Opaque(2 * _POINTER, _POINTER)


class Bytes(CType):
    """`uint8_t[size]` whose state is one string of hex; without a size, only behind a pointer."""

    __slots__ = ()

    def __init__(self, size: int = _INCOMPLETE) -> None:
        super().__init__("uint8_t" if size == _INCOMPLETE else f"uint8_t[{size}]", size, 1)

    def to_json(self, structs: Mapping[str, CStruct]) -> dict[str, Any]:
        """Give it as a document has it."""
        return {"bytes": None if self.size == _INCOMPLETE else self.size}


class Array(CType):
    """`count` items in place; without a count, behind a pointer, as many as its block holds."""

    __slots__ = ("count", "item")

    def __init__(self, item: TypeLike, count: int = _INCOMPLETE) -> None:
        self.item: Final = ctype(item)
        self.count: Final = count
        size = _INCOMPLETE if count == _INCOMPLETE else count * sizeof(self.item)
        # C puts the outer bound first.
        base, bracket, inner = self.item.spelling.partition("[")
        suffix = "" if count == _INCOMPLETE else f"[{count}]"
        super().__init__(f"{base}{suffix}{bracket}{inner}", size, self.item.align)

    def to_json(self, structs: Mapping[str, CStruct]) -> dict[str, Any]:
        """Give it as a document has it."""
        item = self.item.to_json(structs)
        return (
            {"array": item} if self.count == _INCOMPLETE else {"array": item, "count": self.count}
        )

    def refers(self) -> Iterator[CStruct | str]:
        """Give the structs that it mentions."""
        return self.item.refers()


class Pointer(CType):
    """`T *`: to one item, to `Array(item)` of as many as there are, or to `Bytes()`."""

    __slots__ = ("item",)

    def __init__(self, item: TypeLike) -> None:
        self.item: Final = ctype(item)
        super().__init__(f"{self.item.spelling} *".replace("* *", "**"), _POINTER, _POINTER)

    def to_json(self, structs: Mapping[str, CStruct]) -> dict[str, Any]:
        """Give it as a document has it."""
        return {"pointer": self.item.to_json(structs)}

    def refers(self) -> Iterator[CStruct | str]:
        """Give the structs that it mentions."""
        return self.item.refers()


class _Head(CType):
    """The head of a list whose elements are linked at their member `entry`."""

    __slots__ = ("element", "entry", "kind")

    def __init__(self, kind: str, element: CStruct | str, entry: str, size: int) -> None:
        self.element: Final = element
        self.entry: Final = entry
        self.kind: Final = kind
        super().__init__(f"{kind.upper()}_HEAD({_name(element)})", size, _POINTER)

    def to_json(self, structs: Mapping[str, CStruct]) -> dict[str, Any]:
        """Give it as a document has it."""
        name = _name(self.element)
        return {self.kind: name, "entry": structs[name].place(self.entry)[0]}

    def refers(self) -> Iterator[CStruct | str]:
        """Give the structs that it mentions."""
        yield self.element


class QTailQ(_Head):
    """`QTAILQ_HEAD(, element)`, linked at the element's member `entry`."""

    __slots__ = ()

    def __init__(self, element: CStruct | str, entry: str) -> None:
        super().__init__("qtailq", element, entry, 2 * _POINTER)


class QList(_Head):
    """`QLIST_HEAD(, element)`, linked at the element's member `entry`."""

    __slots__ = ()

    def __init__(self, element: CStruct | str, entry: str) -> None:
        super().__init__("qlist", element, entry, _POINTER)


class GTree(CType):
    """`GTree *` of values of one struct; its keys are structs, or numbers where none is given."""

    __slots__ = ("key", "value")

    def __init__(self, value: CStruct | str, key: CStruct | str | None = None) -> None:
        super().__init__("GTree *", _POINTER, _POINTER)
        self.key: Final = key
        self.value: Final = value

    def to_json(self, structs: Mapping[str, CStruct]) -> dict[str, Any]:
        """Give it as a document has it."""
        key = None if self.key is None else _name(self.key)
        return {"gtree": {"key": key, "value": _name(self.value)}}

    def refers(self) -> Iterator[CStruct | str]:
        """Give the structs that it mentions."""
        if self.key is not None:
            yield self.key
        yield self.value


class _GByteArray(CType):
    __slots__ = ()

    def to_json(self, structs: Mapping[str, CStruct]) -> str:
        """Give it as a document has it."""
        return "gbytearray"


#: `GByteArray *`; its state is its bytes.
GByteArray: Final[CType] = _GByteArray("GByteArray *", _POINTER, _POINTER)


class CStruct(CType):
    """A struct: its members in order, at their natural alignment.

    Raises `CaseError` where a member is of an incomplete type, or a name comes twice.
    """

    __slots__ = ("members", "name")

    def __init__(self, name: str, members: Iterable[tuple[str, TypeLike]]) -> None:
        self.name: Final = name
        self.members: Final[dict[str, tuple[int, CType]]] = {}
        end, align = 0, 1
        for member, kind in members:
            path = f"{name}.{member}"
            if member in self.members:
                raise CaseError("duplicate", path, "two members have one name")
            type_ = ctype(kind)
            start = _up(end, type_.align)
            end, align = start + sizeof(type_, path), max(align, type_.align)
            self.members[member] = (start, type_)
        super().__init__(name, _up(end, align), align)

    def place(self, field: str) -> tuple[int, CType]:
        """Find what a path such as `regs[3].low` designates: its offset, and its type.

        Raises `CaseError` where the struct has no such part.
        """
        path = f"{self.name}.{field}"
        if not _PATH.match(field):
            raise CaseError("member", path, "no path of members and [indices]")
        offset, at = 0, _self(self)
        for step in _STEP.findall(field):
            if step.isdigit():
                start, at = _item(at, int(step), path)
            elif isinstance(at, CStruct) and step in at.members:
                start, at = at.members[step]
            else:
                raise CaseError("member", path, f"{at.spelling} has no member '{step}'")
            offset += start
        return offset, at

    def to_json(self, structs: Mapping[str, CStruct]) -> dict[str, Any]:
        """Give it as a document has it."""
        return {"struct": self.name}

    def refers(self) -> Iterator[CStruct | str]:
        """Give the structs that it mentions."""
        yield self

    def declaration(self, structs: Mapping[str, CStruct]) -> dict[str, Any]:
        """Give the struct as a document declares it."""
        members = [
            {"name": name, "offset": offset, "type": kind.to_json(structs)}
            for name, (offset, kind) in self.members.items()
            if kind.shown
        ]
        return {"size": self.size, "members": members}


def _self(struct: CStruct) -> CType:
    return struct


def _item(kind: CType, index: int, path: str) -> tuple[int, CType]:
    if isinstance(kind, Bytes):
        item, count = uint8_t, kind.size
    elif isinstance(kind, Array):
        item, count = kind.item, kind.count
    else:
        raise CaseError("member", path, f"{kind.spelling} is no array")
    if index >= count:
        raise CaseError("member", path, f"{kind.spelling} has no item {index}")
    return index * item.size, item


def _up(offset: int, align: int) -> int:
    return -(-offset // align) * align


def _name(struct: CStruct | str) -> str:
    return struct if isinstance(struct, str) else struct.name


def ctype(kind: TypeLike) -> CType:
    """Take a type in any of the ways in which it can be written."""
    if kind is bool:
        return _BOOL
    if isinstance(kind, str):
        return _NAMED.get(kind) or _Incomplete(kind)
    if not isinstance(kind, CType):
        raise CaseError("type", "type", f"{kind!r} is no C type")
    return kind


def sizeof(kind: TypeLike, path: str = "sizeof") -> int:
    """Size a type in bytes. Raises `CaseError` for an incomplete one."""
    type_ = ctype(kind)
    if type_.size == _INCOMPLETE:
        raise CaseError("incomplete-type", path, f"{type_.spelling} has no size here")
    return type_.size
