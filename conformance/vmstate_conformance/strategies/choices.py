# SPDX-License-Identifier: Apache-2.0
"""Choices made from bytes: the one thing that hypothesis, a fuzzer and a seed have in common.

A *gene* is a handful of bytes that decides about one thing, a field or a struct's values. Bytes of
zero are the simplest choice everywhere, so that shrinking bytes shrinks what was built of them; and
a gene has a fixed length, so that changing one leaves the others where they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias, TypeVar

#: Gives as many bytes as asked for.
Take: TypeAlias = Callable[[int], bytes]

GENE: Final = 16

_T = TypeVar("_T")


class Choices:
    """Turns bytes into choices. `take` gives the next bytes; it never runs out."""

    __slots__ = ("_at", "_pool", "take")

    def __init__(self, take: Take) -> None:
        self.take = take
        self._pool = b""
        self._at = 0

    def gene(self, size: int = GENE) -> None:
        """Begin a new gene: what is left of the last one decides nothing."""
        self._pool = self.take(size)
        self._at = 0

    def byte(self) -> int:
        """Choose a byte."""
        at = self._at
        if at == len(self._pool):
            self.gene()
            at = 0
        self._at = at + 1
        return self._pool[at]

    def below(self, end: int) -> int:
        """Choose a number from 0 to `end` - 1, where `end` is 1 to 256."""
        return self.byte() * end >> 8

    def place(self, end: int) -> int:
        """Choose a number from 0 to `end` - 1, where `end` is 1 to 65536."""
        return (self.byte() << 8 | self.byte()) * end >> 16

    def pick(self, items: Sequence[_T]) -> _T:
        """Choose one of at most 256 items."""
        return items[self.byte() * len(items) >> 8]

    def chance(self, of_256: int) -> bool:
        """Choose yes in about `of_256` of 256 cases."""
        return self.byte() >= 256 - of_256


def from_bytes(data: bytes) -> Take:
    """Give the bytes of `data` one after the other, and zeros after its end."""
    at = 0

    def take(size: int) -> bytes:
        nonlocal at
        taken = data[at : at + size]
        at += size
        return taken if len(taken) == size else taken.ljust(size, b"\0")

    return take
