# SPDX-License-Identifier: Apache-2.0
"""What has been made lately, by what it was made from."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


class Kept(Generic[_K, _V]):
    """A table of at most so many values and bytes: what has not been asked for longest goes first."""

    __slots__ = ("_bytes", "_left", "_most", "_table")

    def __init__(self, most: int, size: int = 0) -> None:
        self._most = most
        self._bytes = self._left = size
        self._table: OrderedDict[_K, tuple[_V, int]] = OrderedDict()

    def clear(self) -> None:
        """Keep nothing."""
        self._table.clear()
        self._left = self._bytes

    def get(self, key: _K) -> _V | None:
        """Give what is kept."""
        found = self._table.get(key)
        if found is None:
            return None
        self._table.move_to_end(key)
        return found[0]

    def put(self, key: _K, value: _V, size: int = 0) -> _V:
        """Keep a new value of so many bytes and give it; the newest stays, whatever its size."""
        self._table[key] = value, size
        self._left -= size
        while len(self._table) > self._most or (self._left < 0 and len(self._table) > 1):
            _, (_, freed) = self._table.popitem(last=False)
            self._left += freed
        return value
