# SPDX-License-Identifier: Apache-2.0
"""Arrays of plain numbers, moved at once.

A short cut past the element loops of `vmstate.load` and `vmstate.save`, taken only where every element
is sure to succeed; tests hold both paths equal. Nothing here is a rule of its own.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from vmstate.description import VMStateField
from vmstate.extent import Extent
from vmstate.infos import INFOS
from vmstate.infos_plain import Number

if TYPE_CHECKING:
    from vmstate.load import Loader
    from vmstate.save import Saver

#: Below this many elements the loop is as quick; tests set it to switch the short cut off.
LEAST = 4
_CODES: Final = {2: "H", 4: "I", 8: "Q"}
_TO_BOOL: Final = bytes([0] + [1] * 255)


def load_bulk(loader: Loader, field: VMStateField, extent: Extent) -> int:
    """Load the leading elements that the stream and the block hold whole; give how many."""
    info = _plain(field, extent)
    if info is None:
        return 0
    size, stream = info.size, loader.stream
    whole = min(extent.count, stream.left() // size, loader.heap.room(extent.first) // size)
    if whole < LEAST or stream.error:
        return 0
    start = stream.position
    taken = stream.take_numbers(whole * size)
    loader.heap.write(
        extent.first, taken.translate(_TO_BOOL) if info.boolean else _swap(taken, size)
    )
    loader.trace.note(start, stream.position, f"{field.info}[{whole}]", f"{whole} elements")
    return whole


def save_bulk(saver: Saver, field: VMStateField, extent: Extent, index: int) -> int:
    """Save the elements from `index` on that the block holds whole; give the next index."""
    info = _plain(field, extent)
    if info is None:
        return index
    size, first = info.size, extent.first + info.size * index
    whole = min(extent.count - index, saver.heap.room(first) // size)
    if whole < LEAST:
        return index
    start = saver.stream.transferred()
    saver.stream.room(whole * size)
    saver.stream.put(_swap(saver.heap.read(first, whole * size), size))
    end = saver.stream.transferred()
    saver.trace.note(start, end, f"{field.info}[{whole}]", f"{whole} elements")
    return index + whole


def _plain(field: VMStateField, extent: Extent) -> Number | None:
    if extent.count < LEAST or field.is_struct or field.is_pointer_array or field.info is None:
        return None
    info = INFOS[field.info]
    return info if isinstance(info, Number) and info.plain and info.size == extent.size else None


def _swap(data: bytes, size: int) -> bytes:
    if size == 1:
        return data
    numbers = array(_CODES[size])
    numbers.frombytes(data)
    numbers.byteswap()
    return numbers.tobytes()
