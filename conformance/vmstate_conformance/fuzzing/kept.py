# SPDX-License-Identifier: Apache-2.0
"""What has been made lately, by what it was made from."""

from __future__ import annotations

from typing import Generic, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


class Kept(Generic[_K, _V]):
    """A bounded table: when it is full, what has been there longest goes."""

    __slots__ = ("_most", "_table", "get")

    def __init__(self, most: int) -> None:
        self._most = most
        self._table: dict[_K, _V] = {}
        self.get = self._table.get

    def clear(self) -> None:
        """Keep nothing."""
        self._table.clear()

    def put(self, key: _K, value: _V) -> _V:
        """Keep a value and give it."""
        if len(self._table) >= self._most:
            del self._table[next(iter(self._table))]
        self._table[key] = value
        return value
