# SPDX-License-Identifier: Apache-2.0
"""Damaged whole streams: what a reader must answer with one line, in bounded time and memory.

`damage` gives every named kind, `truncations` and `mutations` as many more as are asked for, each
out of a good stream: a real one, or that of `small_stream`.
"""

from collections.abc import Iterator

from vmstate_conformance.damage.anatomy import Anatomy, Damage
from vmstate_conformance.damage.anywhere import mutations, truncations
from vmstate_conformance.damage.container import container
from vmstate_conformance.damage.description import description
from vmstate_conformance.damage.ram import ram
from vmstate_conformance.damage.small import small_stream

__all__ = ["Anatomy", "Damage", "damage", "mutations", "small_stream", "truncations"]


def damage(stream: bytes) -> Iterator[Damage]:
    """Give every named kind of damage that the stream has a place for.

    The stream has a header, a RAM section and, for most kinds, a vmdesc. Raises `ValueError` where
    it has not even these.
    """
    anatomy = Anatomy(stream)
    yield from container(anatomy)
    yield from ram(anatomy)
    yield from description(anatomy)
