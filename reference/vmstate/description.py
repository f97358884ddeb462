# SPDX-License-Identifier: Apache-2.0
"""VMStateDescription and VMStateField: what of a struct goes into a stream, and how.

Member names are QEMU's own. Both are mutable only so that descriptions can refer to each other (and to
themselves); nothing changes one once it is built.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from vmstate.flags import (
    VMS_ARRAY,
    VMS_ARRAY_OF_POINTER,
    VMS_ARRAY_OF_POINTER_AUTO_ALLOC,
    VMS_STRUCT,
    VMS_VARRAY,
    VMS_VSTRUCT,
)
from vmstate.heap import Heap

#: field_exists(heap, opaque, version_id): may read the object at address `opaque`.
Exists: TypeAlias = Callable[[Heap, int, int], bool]
#: needed(heap, opaque).
Needed: TypeAlias = Callable[[Heap, int], bool]


@dataclass(slots=True, eq=False)
class VMStateField:
    """One member of the struct, as QEMU's macros fill it in. Offsets and sizes are bytes."""

    name: str
    flags: int = 0
    offset: int = 0
    size: int = 0
    start: int = 0
    num: int = 0
    num_offset: int = 0
    size_offset: int = 0
    info: str | None = None
    vmsd: VMStateDescription | None = None
    key_vmsd: VMStateDescription | None = None
    """The second element of a gtree's vmsd array: the key's description."""
    version_id: int = 0
    struct_version_id: int = 0
    field_exists: Exists | None = None

    @property
    def is_struct(self) -> bool:
        """Whether the element is a described struct; STRUCT wins over VSTRUCT. [LOAD-KIND-1]"""
        return bool(self.flags & (VMS_STRUCT | VMS_VSTRUCT))

    @property
    def is_pointer_array(self) -> bool:
        """Whether each slot is a pointer to the element."""
        return bool(self.flags & VMS_ARRAY_OF_POINTER)

    @property
    def is_array(self) -> bool:
        """Whether the elements are numbered."""
        return bool(self.flags & (VMS_ARRAY | VMS_VARRAY))

    @property
    def auto_alloc(self) -> bool:
        """Whether a marker precedes every element."""
        return bool(self.flags & VMS_ARRAY_OF_POINTER_AUTO_ALLOC)


@dataclass(slots=True, eq=False)
class VMStateDescription:
    """What a device, a part of one, or a subsection saves.

    `subsections` None is no list; an empty list is one, and already keeps arrays from being
    described in short (see `vmstate.vmdesc`). A hook is the number that it returns.
    """

    name: str
    version_id: int = 0
    minimum_version_id: int = 0
    fields: list[VMStateField] = field(default_factory=list)
    subsections: list[VMStateDescription] | None = None
    needed: Needed | None = None
    pre_load: int | None = None
    post_load: int | None = None
    pre_save: int | None = None
    struct: str = ""
    """The struct of the layout that it describes; the engine itself never looks at it."""
    runs: dict[int, Any] | None = None
    """By id() of its first field: what `vmstate.runs` has made of fields that go together."""
    numbers: dict[int, int] = field(default_factory=dict)
    """By id(): which of the fields of its name a field is, where there are several."""

    def seal(self) -> None:
        """Number the fields whose names repeat, once all are there."""
        count = Counter([each.name for each in self.fields])
        if len(count) == len(self.fields):
            return
        seen: Counter[str] = Counter()
        for each in self.fields:
            if count[each.name] > 1:
                self.numbers[id(each)] = seen[each.name]
                seen[each.name] += 1


def exists(field: VMStateField, heap: Heap, opaque: int, version_id: int) -> bool:
    """Whether the field is part of the stream: the callback alone decides where it is set. [LOAD-EXISTS-1]"""
    if field.field_exists is not None:
        return field.field_exists(heap, opaque, version_id)
    return field.version_id <= version_id
