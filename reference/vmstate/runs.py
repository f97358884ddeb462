# SPDX-License-Identifier: Apache-2.0
"""Plain numbers in fields one after the other, moved at once.

A short cut past `Loader.field`, like that of `vmstate.bulk` past its loop: taken only where every field
is sure to be sent and to succeed, and where nobody wants to see them one by one: a trace that records
takes the long way. Tests hold both ways equal. Nothing here is a rule of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vmstate.description import VMStateDescription, VMStateField
from vmstate.flags import VMS_SINGLE
from vmstate.infos import INFOS
from vmstate.infos_plain import Number

if TYPE_CHECKING:
    from vmstate.load import Loader

#: Fewer fields than this are as quick one by one.
_LEAST: Final = 4
#: What a field counts: itself, and its element.
_STEPS: Final = 2


@dataclass(frozen=True, slots=True)
class Run:
    """`count` fields, `size` bytes in the stream, `span` bytes of the struct from `first` on.

    `moves` has for each where it is in the stream, its bytes, and where it is in the struct.
    """

    count: int
    size: int
    first: int
    span: int
    moves: tuple[tuple[int, int, int], ...]


def load_run(
    loader: Loader, vmsd: VMStateDescription, field: VMStateField, opaque: int, version_id: int
) -> int:
    """Load the run that begins with the field, if one does; give how many fields that were."""
    runs = vmsd.runs
    if runs is None:
        runs = vmsd.runs = compiled(vmsd)
    run: Run | None = runs.get(id(field))
    if run is None or version_id < 0 or loader.trace.recording:
        return 0
    stream, start = loader.stream, loader.stream.position
    place = loader.heap.view(opaque + run.first, run.span)
    if stream.error or place is None or not loader.may(_STEPS * run.count):
        return 0
    data = stream.whole(run.size)
    if data is None:
        return 0
    memory, base = place
    for at, size, offset in run.moves:
        begin, to = start + at, base + offset
        memory[to : to + size] = data[begin : begin + size][::-1]
    loader.heap.accesses += run.count
    loader.heap.writes += run.count
    return run.count


def compiled(vmsd: VMStateDescription) -> dict[int, Any]:
    """Find the runs of a description's own fields."""
    found: dict[int, Any] = {}
    run: list[VMStateField] = []
    for field in [*vmsd.fields, None]:
        if field is not None and _goes(field):
            run.append(field)
            continue
        if len(run) >= _LEAST:
            found[id(run[0])] = _run(run)
        run = []
    return found


def _goes(field: VMStateField) -> bool:
    """Whether a field is always sent, is one number in place, and always succeeds."""
    info = None if field.info is None else INFOS[field.info]
    return (
        field.flags & ~VMS_SINGLE == 0
        and field.field_exists is None
        and field.version_id <= 0
        and isinstance(info, Number)
        and info.plain
        and not info.boolean
        and info.size == field.size
    )


def _run(fields: list[VMStateField]) -> Run:
    first = min(field.offset for field in fields)
    moves, at = [], 0
    for field in fields:
        moves.append((at, field.size, field.offset - first))
        at += field.size
    end = max(field.offset + field.size for field in fields)
    return Run(len(fields), at, first, end - first, tuple(moves))
