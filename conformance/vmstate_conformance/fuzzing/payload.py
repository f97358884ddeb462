# SPDX-License-Identifier: Apache-2.0
"""RAM, dirty bitmaps, s390's keys and attributes and pseries' hash page table, from genes, in both profiles.

An input is a header of two bytes (handler, dialect) and the genes that `strategies.ram` or
`strategies.payloads` builds the receiving side and the stream of.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

from vmstate.dialects import Dialect
from vmstate_conformance.fuzzing import loadvm, profile
from vmstate_conformance.fuzzing.dialects import COMPLETE
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.target import Native, Target
from vmstate_conformance.strategies.choices import Choices, from_bytes
from vmstate_conformance.strategies.payloads import PAYLOADS
from vmstate_conformance.strategies.ram import ram

HEADER: Final = 2
#: RAM has the most to it.
_BUILDERS: Final = (ram, ram, ram, *PAYLOADS.values())
_SIZES: Final = (64, 256, 512, 1024)


def run(data: bytes) -> None:
    """Build a request and perform it in both profiles. Raises `Finding`."""
    asked, dialect = built(data)
    both = profile.performed(asked, dialect)
    if both is None:
        raise Finding("ill-formed", asked["devices"][0]["handler"], "what is built is no request")
    loadvm.orderly(asked, len(asked["stream"]) // 2, *both)


def observe(data: bytes) -> profile.Both | None:
    """Give the results of both profiles."""
    return profile.performed(*built(data))


def built(data: bytes) -> tuple[dict[str, Any], Dialect]:
    """Give the request that an input amounts to, and its dialect; any bytes amount to one."""
    data = data.ljust(HEADER, b"\0")
    build = _BUILDERS[data[0] % len(_BUILDERS)]
    made = build(Choices(from_bytes(data[HEADER:])))
    return made, COMPLETE[data[1] % len(COMPLETE)]


def case(data: bytes) -> dict[str, Any]:
    """Give the request with its dialect."""
    asked, dialect = built(data)
    return {**asked, "dialect": dialect.name}


def seeds() -> Iterator[bytes]:
    """Give some inputs of each handler."""
    for at in range(40 * len(_BUILDERS)):
        source = random.Random(at)  # noqa: S311 - reproducible
        yield bytes([at % len(_BUILDERS), 0]) + source.randbytes(source.choice(_SIZES))


def tokens() -> Iterator[bytes]:
    """Give what chooses the last of several, and the seldom one of two."""
    yield from (b"\xff", b"\xff\xff", b"\xfc", b"\x80", b"\0\0\0\0")


def mutate(data: bytes, size: int, seed: int, native: Native) -> bytes:
    """Change genes, or exchange them from somewhere on; seldom begin anew."""
    if len(data) > HEADER and seed % 4:
        return data[:HEADER] + native(data[HEADER:], size - HEADER)
    source = random.Random(seed)  # noqa: S311 - reproducible is what it must be
    head = bytes([source.randrange(len(_BUILDERS)), source.choice((0, 0, 0, 1, 2))])
    kept = b""
    if len(data) > HEADER and source.randrange(2):
        head, kept = data[:HEADER], data[HEADER : source.randrange(HEADER, len(data))]
    return (head + kept + source.randbytes(source.choice(_SIZES)))[:size]


TARGET: Final = Target("payload", run, seeds, tokens, case, observe, max_len=2048, mutate=mutate)
