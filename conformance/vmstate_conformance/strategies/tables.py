# SPDX-License-Identifier: Apache-2.0
"""What the strategies and the builder choose from: shapes of fields, leaves, interesting values.

The first row of a table is the simplest one: what shrinks, shrinks towards it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Leaf:
    """An info of fixed width and the scalar in memory that it speaks of.

    `holds` says that loading compares with what memory holds already, so that the field cannot lie
    in memory that the load itself makes.
    """

    info: str
    scalar: str
    holds: bool = False


#: Bytes and signedness of each scalar type.
SCALARS: Final = MappingProxyType(
    {
        "uint8": (1, False),
        "uint16": (2, False),
        "uint32": (4, False),
        "uint64": (8, False),
        "int8": (1, True),
        "int16": (2, True),
        "int32": (4, True),
        "int64": (8, True),
        "bool": (1, False),
    }
)

LEAVES: Final = (
    *(Leaf(scalar, scalar) for scalar in SCALARS),
    Leaf("timer", "int64"),
    Leaf("cpudouble", "uint64"),
    Leaf("uint8_equal", "uint8", holds=True),
    Leaf("uint16_equal", "uint16", holds=True),
    Leaf("int32_equal", "int32", holds=True),
    Leaf("uint32_equal", "uint32", holds=True),
    Leaf("uint64_equal", "uint64", holds=True),
    Leaf("int32_le", "int32", holds=True),
)
HOLDING: Final = frozenset(leaf.info for leaf in LEAVES if leaf.holds)
FREE_LEAVES: Final = tuple(leaf for leaf in LEAVES if not leaf.holds)

#: The flag of a count in memory, and the type of the member that holds it.
VARRAYS: Final = MappingProxyType(
    {
        "VMS_VARRAY_UINT8": "uint8",
        "VMS_VARRAY_UINT16": "uint16",
        "VMS_VARRAY_UINT32": "uint32",
        "VMS_VARRAY_INT32": "int32",
    }
)


@dataclass(frozen=True, slots=True)
class Shape:
    """One legal combination of the flags that shape a field.

    `storage` is where the slots are (embedded, pointer, alloc), `count` how many (one, fixed,
    member), `slots` what is in one (inline, pointers, auto), `element` what an element is (info,
    struct, vstruct).
    """

    storage: str
    count: str
    slots: str
    element: str

    @property
    def name(self) -> str:
        """Name the shape for people and statistics."""
        return f"{self.element}-{self.slots}-{self.count}-{self.storage}"

    @property
    def flags(self) -> list[str]:
        """Give the flags, less the VMS_VARRAY one of a count in memory."""
        return [
            *_STORAGE[self.storage],
            *_COUNT[self.count],
            *_SLOTS[self.slots],
            *_ELEMENT[self.element],
        ]


_STORAGE: Final = {
    "embedded": (),
    "pointer": ("VMS_POINTER",),
    "alloc": ("VMS_POINTER", "VMS_ALLOC"),
}
_COUNT: Final = {"one": (), "fixed": ("VMS_ARRAY",), "member": ()}
_SLOTS: Final = {
    "inline": (),
    "pointers": ("VMS_ARRAY_OF_POINTER",),
    "auto": ("VMS_ARRAY_OF_POINTER", "VMS_ARRAY_OF_POINTER_AUTO_ALLOC"),
}
_ELEMENT: Final = {"info": (), "struct": ("VMS_STRUCT",), "vstruct": ("VMS_VSTRUCT",)}


def _shapes() -> Iterator[Shape]:
    for element, slots, count, storage in product(_ELEMENT, _SLOTS, _COUNT, _STORAGE):
        # An array of pointers is an array; what VMS_ALLOC makes holds no pointer yet, and without
        # AUTO_ALLOC none can come.
        if slots != "inline" and count == "one":
            continue
        if slots == "pointers" and storage == "alloc":
            continue
        yield Shape(storage, count, slots, element)


SHAPES: Final = tuple(_shapes())
SHAPE_BY_NAME: Final = MappingProxyType({shape.name: shape for shape in SHAPES})

#: Fields that are no combination of storage, count, slots and element.
SPECIALS: Final = (
    "buffer",
    "unused",
    "buffer-pointer",
    "vbuffer",
    "bitmap",
    "validate",
    "again",
    "tmp",
    "qtailq",
    "qlist",
    "gtree-direct",
    "gtree",
    "g-byte-array",
)

#: How a buffer of a size in memory lies there, and whether the size is multiplied.
VBUFFERS: Final = (
    ("VMS_VBUFFER", "VMS_POINTER"),
    ("VMS_VBUFFER", "VMS_POINTER", "VMS_MULTIPLY"),
    ("VMS_VBUFFER", "VMS_POINTER", "VMS_ALLOC"),
    ("VMS_VBUFFER", "VMS_POINTER", "VMS_ALLOC", "VMS_MULTIPLY"),
    ("VMS_VBUFFER",),
    ("VMS_VBUFFER", "VMS_MULTIPLY"),
)

#: What a byte of choice makes of a field: shapes once each, and scalars more often than any.
KINDS: Final = (
    *("info-inline-one-embedded",) * 16,
    *(shape.name for shape in SHAPES[1:]),
    *SPECIALS,
    # The subject of the patch, and what nests, once more.
    *(shape.name for shape in SHAPES if shape.slots == "auto"),
    *("struct-inline-one-embedded",) * 3,
    *("tmp", "qtailq", "qlist", "gtree-direct", "gtree"),
)

#: Names of descriptions; one is the beginning of another.
NAMES: Final = ("dev", "cpu", "x-y", "device", "virtio-net", "a b", "nvme", "q")
#: What a subsection's name adds to its parent's; the last two keep to no rule but the prefix.
SUFFIXES: Final = ("/a", "/b", "/long-name", "/a/b", "x")

PTR_MARKER_NULL: Final = 0x30
PTR_MARKER_VALID: Final = 0x31
QEMU_VM_SUBSECTION: Final = 0x05


def boundaries(size: int, *, signed: bool) -> tuple[int, ...]:
    """Give the values of a scalar at which something changes."""
    bits = 8 * size
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    picks = (
        high,
        low,
        high - 1,
        1 << bits - 2,
        -1,
        (1 << bits - 1) - 1,
        1 << bits - 1,
        0x80,
        0x100,
    )
    return tuple(dict.fromkeys(pick for pick in picks if low <= pick <= high))


BOUNDARIES: Final = MappingProxyType(
    {name: boundaries(size, signed=signed) for name, (size, signed) in SCALARS.items()}
)

#: Bytes that mean something to a loader.
TELLING: Final = bytes(
    (
        0x00,
        PTR_MARKER_NULL,
        PTR_MARKER_VALID,
        QEMU_VM_SUBSECTION,
        0x01,
        0xFF,
        0x7F,
        0x80,
        0x20,
        0x32,
    )
)
