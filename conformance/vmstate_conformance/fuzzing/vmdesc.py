# SPDX-License-Identifier: Apache-2.0
"""A device decoded by a description that nobody vouches for.

An input is two bytes, the length of the payload, the payload, and the text of the vmdesc. Around both
stands a sound stream, so that the JSON decides what happens.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

from vmstate.whole import wire
from vmstate_conformance.fuzzing import container, documents, streams
from vmstate_conformance.fuzzing.target import Native, Target
from vmstate_conformance.strategies import framing

_KINDS: Final = (
    "struct", "vstruct", "tmp", "qtailq", "qlist", "gtree", "GByteArray", "ptr-marker", "nullptr",
    "buffer", "bitmap", "timer", "bool", "uint8", "uint16", "uint32", "uint64", "int32 le",
    "capability", "pci config", "pci irq state", "virtio", "fd",
)  # fmt: skip
_KEYS: Final = (
    "name", "type", "size", "array_len", "index", "struct", "fields", "subsections", "vmsd_name",
    "version", "instance_id", "devices", "page_size", "configuration",
)  # fmt: skip


def run(data: bytes) -> None:
    """Decode the payload by the text. Raises `Finding`."""
    container.run(around(data))


def observe(data: bytes) -> Any:
    """Give what `container.observe` gives of the stream around."""
    return container.observe(around(data))


def around(data: bytes) -> bytes:
    """Give the whole stream."""
    length = int.from_bytes(data[:2], "big")
    payload, text = data[2 : 2 + length], data[2 + length :]
    return streams.whole(framing.section(wire.SECTION_FULL, 1, payload, "dev"), text)


def join(payload: bytes, text: bytes) -> bytes:
    """Give the input of a payload and a text."""
    return len(payload).to_bytes(2, "big") + payload + text


def seeds() -> Iterator[bytes]:
    """Give saved devices with their own descriptions."""
    for payload, text in streams.devices():
        yield join(payload, text)


def tokens() -> Iterator[bytes]:
    """Give the words of a vmdesc."""
    yield from (f'"{kind}"'.encode() for kind in _KINDS)
    yield from (f'"{key}": '.encode() for key in _KEYS)
    yield b'{"name": "dev", "instance_id": 0, "vmsd_name": "dev", "version": 1, "fields": ['


def mutate(data: bytes, size: int, seed: int, native: Native) -> bytes:
    """Change a value of the JSON, or the bytes of the payload."""
    length = int.from_bytes(data[:2], "big")
    payload, text = data[2 : 2 + length], data[2 + length :]
    if not text or seed % 16 == 1:
        payload, text = streams.grown(random.Random(seed))  # noqa: S311 - reproducible
    elif seed % 4 == 0:
        payload = native(payload, 256)
    else:
        text = documents.mutate(b"\0" + text, size, seed >> 2, native)[1:]
    return join(payload, text)[:size]


def case(data: bytes) -> dict[str, Any]:
    """Give the stream."""
    return container.case(around(data))


TARGET: Final = Target("vmdesc", run, seeds, tokens, case, observe, max_len=8192, mutate=mutate)
