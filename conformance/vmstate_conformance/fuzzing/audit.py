# SPDX-License-Identifier: Apache-2.0
"""What must hold after any load, whatever the bytes were."""

from __future__ import annotations

from itertools import pairwise
from typing import Final, TypeAlias

from vmstate.description import VMStateDescription, VMStateField
from vmstate.dialects import Dialect
from vmstate.document import Document
from vmstate.errors import EINVAL, EIO, Abort, Outcome, Reject
from vmstate.flags import (
    VMS_ALLOC,
    VMS_ARRAY,
    VMS_POINTER,
    VMS_STRUCT,
    VMS_VARRAY,
    VMS_VBUFFER,
    VMS_VSTRUCT,
)
from vmstate.heap import Block, Heap
from vmstate.layout import Array, GByteArray, GTree, Layout, Pointer, Queue, StructRef, Type
from vmstate.stream import InputStream
from vmstate_conformance.fuzzing.finding import Finding

#: The infos that speak of pointers.
_HOLDERS: Final = frozenset({"qtailq", "qlist", "gtree", "g_byte_array", "tmp", "unused_buffer"})
#: The classes of the case format: an outcome of any other is a finding.
REJECTS: Final = frozenset(
    {
        "version-too-new",
        "version-too-old",
        "pre-load-failed",
        "post-load-failed",
        "unexpected-ptr-marker",
        "field-load-failed",
        "validation-failed",
        "unknown-subsection",
        "stream-error",
    }
)
ABORTS: Final = frozenset(
    {
        "bad-count",
        "out-of-bounds",
        "allocation-failed",
        "destination-not-null",
        "null-array",
        "unexpected-valid-marker",
        "validation-failed",
    }
)
KINDS: Final = frozenset({"assert", "memory", "oom", "hang"})
Leaks: TypeAlias = frozenset[str]


def outcome_holds(outcome: Outcome | None, stream: InputStream, *, by_number: bool = False) -> None:
    """Check what came of a load, None for a success. Raises `Finding`."""
    if not 0 <= stream.position <= len(stream.data):
        raise Finding("position", "outside", f"stands at {stream.position} of {len(stream.data)}")
    # In older engines whatever number a codec or hook returns; else there are but these three.
    if stream.error not in (0, EIO, EINVAL) and not by_number:
        raise Finding("stream-error", str(stream.error), "no error that a stream can have")
    if outcome is None:
        if stream.error == EINVAL:
            raise Finding("stream-error", "accept", "accepted in spite of an error set by the core")
    elif isinstance(outcome, Reject):
        if outcome.error not in REJECTS:
            raise Finding("class", outcome.error, "no class that a refused load can have")
    elif isinstance(outcome, Abort) and (outcome.error not in ABORTS or outcome.kind not in KINDS):
        raise Finding("class", f"{outcome.kind} {outcome.error}", "no class of an abort")


def heap_holds(heap: Heap, root: int, sources: Leaks) -> None:
    """Check that nothing has leaked, or only where QEMU leaks. Raises `Finding`. [HEAP-LEAK-1]"""
    reached = heap.reachable(root)
    leaks = [block for block in heap.blocks() if block not in reached]
    for block in leaks:
        if not leak_explained(block, sources):
            when = "made by the load" if block.made else "there before the load"
            raise Finding(
                "leak", f"{block.kind} {when}", f"{block.owner}: {block.size} bytes, {when}"
            )


def leak_explained(block: Block, sources: Leaks) -> bool:
    """Whether one of the ways in which QEMU loses memory can have lost this block."""
    if sources & {"overrun", "gtree", "slots"}:
        return True
    if block.made:
        # What a released node or temporary held goes with nobody; a replaced array likewise.
        return bool(sources & {"node", "alloc"})
    return bool(sources & {"alloc", "qlist"})


def leak_sources(document: Document, dialect: Dialect) -> Leaks:
    """Name the ways in which a load by a document's description may lose memory as QEMU does.

    `alloc`: VMS_ALLOC does not look at the old pointer [LOAD-ALLOC-1]. `qlist`: what stood behind
    is cut off [INFO-QLIST-1]. `gtree`: an equal key, a NULL tree [INFO-GTREE-7]. `node`: a node or
    temporary is released, and not what it holds [INFO-QUEUE-4]. `slots`: markers are obeyed whatever
    the slot holds. `overrun`: fields share memory, or run past their member, and pointers are
    overwritten like anything else.
    """
    found: set[str] = {"slots"} if dialect.markers_unguarded else set()
    seen: set[int] = set()
    todo = [document.root]
    while todo:
        vmsd = todo.pop()
        if id(vmsd) in seen:
            continue
        seen.add(id(vmsd))
        for field in vmsd.fields:
            found |= _sources(field)
            if not found & {"overrun"} and _pointers_as_bytes(document.layout, vmsd, field):
                found.add("overrun")
            todo += [each for each in (field.vmsd, field.key_vmsd) if each is not None]
        todo += vmsd.subsections or ()
        if _overlap(vmsd):
            found.add("overrun")
    return frozenset(found)


def _sources(field: VMStateField) -> set[str]:
    found = set()
    if field.flags & VMS_ALLOC:
        found.add("alloc")
    if field.info in ("qlist", "gtree"):
        found.add(field.info)
    if field.info in ("qlist", "qtailq", "gtree", "tmp"):
        found.add("node")
    if field.flags & (VMS_VARRAY | VMS_VBUFFER) and not field.flags & VMS_POINTER:
        found.add("overrun")
    return found


def _pointers_as_bytes(layout: Layout, vmsd: VMStateDescription, field: VMStateField) -> bool:
    """Whether a field writes bytes, numbers or another struct where the struct has pointers."""
    if field.is_pointer_array or field.info in _HOLDERS:
        return False
    own = StructRef(field.vmsd.struct) if field.is_struct and field.vmsd is not None else None
    for member in layout.struct(vmsd.struct).members:
        if member.offset == field.offset:
            kind = member.type
            inner = kind.item if field.flags & VMS_POINTER and isinstance(kind, Pointer) else kind
            return _points(layout, inner, own)
    return False


def _points(layout: Layout, kind: Type | None, own: StructRef | None) -> bool:
    """Whether there are pointers in a type, other than in the struct that is described."""
    while isinstance(kind, Array):
        kind = kind.item
    if isinstance(kind, StructRef):
        members = () if kind == own else layout.struct(kind.name).members
        return any(_points(layout, member.type, own) for member in members)
    return isinstance(kind, Pointer | Queue | GTree | GByteArray)


def _overlap(vmsd: VMStateDescription) -> bool:
    """Whether two fields of a description or of its subsections share a byte of the struct."""
    spans = sorted((each.offset, each.offset + _width(each)) for each in _own(vmsd, 0))
    return any(end > start for (_, end), (start, _) in pairwise(spans))


def _own(vmsd: VMStateDescription, depth: int) -> list[VMStateField]:
    fields = list(vmsd.fields)
    for sub in vmsd.subsections or () if depth < 8 else ():
        fields += _own(sub, depth + 1)
    return fields


def _width(field: VMStateField) -> int:
    if field.info in ("unused_buffer", "tmp"):
        return 0
    if field.flags & VMS_POINTER or field.info in ("qlist", "gtree", "g_byte_array"):
        return 8
    if field.info == "qtailq":
        return 16
    size = 8 if field.is_pointer_array else field.size
    if not size and field.flags & (VMS_STRUCT | VMS_VSTRUCT):
        size = 1
    return size * (field.num if field.flags & VMS_ARRAY else 1)
