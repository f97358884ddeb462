# SPDX-License-Identifier: Apache-2.0
"""Large tables of which little is set: cells of one size, the others zero."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from typing import Final

from vmstate.errors import CaseError
from vmstate.values import brief, hexadecimal, integer, mapping


class Cells:
    """Cells of `size` bytes by number; only those that were ever set are held, in order.

    In JSON, an object of those that are not zero: number to hex.
    """

    def __init__(self, size: int, held: Mapping[int, bytes] | None = None) -> None:
        self.size: Final = size
        self._held = dict(held or {})
        self._order = sorted(self._held)

    def set(self, first: int, data: bytes) -> None:
        """Set cells from `first` on; where the data end in one, the rest of it stays as it is."""
        count = -(-len(data) // self.size)
        last = first + count - 1
        if short := count * self.size - len(data):
            data += self._held.get(last, bytes(self.size))[-short:]
        self.clear(first, count)
        at = bisect.bisect_left(self._order, first)
        self._order[at:at] = range(first, first + count)
        for number in range(count):
            start = number * self.size
            self._held[first + number] = data[start : start + self.size]

    def clear(self, first: int, count: int) -> None:
        """Make cells zero."""
        start = bisect.bisect_left(self._order, first)
        end = bisect.bisect_left(self._order, first + count)
        for each in self._order[start:end]:
            del self._held[each]
        del self._order[start:end]

    def state(self) -> dict[str, str]:
        """Give what is not zero."""
        held = ((number, self._held[number]) for number in self._order)
        return {str(number): cell.hex() for number, cell in held if any(cell)}


def read(source: object, path: str, size: int, within: range) -> Cells:
    """Read cells, which have numbers `within`. Raises `CaseError`."""
    held = {}
    for key, value in mapping(source, path).items():
        where = f"{path}.{key}"
        cell = hexadecimal(value, where)
        if len(cell) != size:
            raise CaseError("cell", where, f"{brief(value)} has not {size} bytes")
        held[integer(key, where, within)] = cell
    return Cells(size, held)
