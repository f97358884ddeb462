# SPDX-License-Identifier: Apache-2.0
"""Whole streams to begin from: small, sound, and with every kind of section in one or another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from vmstate.dialects import DEFAULT_DIALECT, DIALECTS
from vmstate.heap import Heap
from vmstate.state import Writer
from vmstate.trace import Trace
from vmstate.whole import wire
from vmstate_conformance.fuzzing import structure
from vmstate_conformance.fuzzing.catalogue import LIMITS
from vmstate_conformance.strategies.choices import Choices, from_bytes
from vmstate_conformance.strategies.values import state

HEADER: Final = wire.MAGIC.to_bytes(4, "big") + wire.VERSION.to_bytes(4, "big")
_PAGE: Final = 1024
_EOS: Final = wire.RAM_EOS.to_bytes(8, "big")


def counted(name: str) -> bytes:
    """Give a counted string."""
    raw = name.encode()
    return bytes([len(raw)]) + raw


def configuration(machine: str = "none") -> bytes:
    """Give a configuration section."""
    raw = machine.encode()
    return bytes([wire.CONFIGURATION]) + len(raw).to_bytes(4, "big") + raw


def section(kind: int, number: int, payload: bytes, name: str = "", version: int = 1) -> bytes:
    """Give a section with its footer; PART and END have no name."""
    out = bytes([kind]) + number.to_bytes(4, "big")
    if kind in (wire.SECTION_START, wire.SECTION_FULL):
        out += counted(name) + bytes(4) + version.to_bytes(4, "big")
    return out + payload + bytes([wire.SECTION_FOOTER]) + number.to_bytes(4, "big")


def command(number: int, payload: bytes = b"") -> bytes:
    """Give a command."""
    head = bytes([wire.COMMAND]) + number.to_bytes(2, "big")
    return head + len(payload).to_bytes(2, "big") + payload


def vmdesc(text: bytes) -> bytes:
    """Give a vmdesc with its type and length."""
    return bytes([wire.VMDESCRIPTION]) + len(text).to_bytes(4, "big") + text


def whole(parts: bytes, text: bytes) -> bytes:
    """Give header, configuration, `parts`, the end and a vmdesc."""
    return HEADER + configuration() + parts + bytes([wire.EOF]) + vmdesc(text)


def described(*devices: dict[str, Any]) -> bytes:
    """Give the text of a vmdesc."""
    return json.dumps({"page_size": _PAGE, "devices": list(devices)}).encode()


def device(genes: bytes, values: bytes) -> tuple[bytes, dict[str, Any]] | None:
    """Save what the genes build: its payload, and its entry in a vmdesc; None where it is large."""
    dialect = DIALECTS[DEFAULT_DIALECT]
    built = structure.build(genes, dialect)
    heap = Heap(LIMITS)
    source = state(Choices(from_bytes(values)), built.plan)
    root = Writer(built.document.layout, heap).struct(built.document.root.struct, source)
    stream, writer = structure.save(built, heap, root, dialect, Trace(recording=False))
    text = writer.text()
    if len(stream) > 200 or len(text) > 1500:
        return None
    entry = {"name": "dev", "instance_id": 0}
    # As text: in lists, keys repeat, and must go on doing so.
    return stream, {**entry, "$text": text}


def devices() -> Iterator[tuple[bytes, bytes]]:
    """Give payloads of devices, and for each the text of its vmdesc."""
    for data in structure.seeds():
        parts = structure.split(data)
        made = device(parts.document, parts.state)
        if made is not None:
            payload, entry = made
            body = entry.pop("$text")[1:]
            head = f'{{"page_size": {_PAGE}, "devices": [{{"name": "dev", "instance_id": 0, '
            yield payload, (head + body + "]}").encode()


def word(address: int, flags: int) -> bytes:
    """Give a word of the ram section."""
    return (address | flags).to_bytes(8, "big")


def ram() -> bytes:
    """Give a ram section in three pieces: zero, whole, continued and xbzrle pages."""
    sizes = counted("pc.ram") + (4 * _PAGE).to_bytes(8, "big")
    start = word(4 * _PAGE, wire.RAM_MEM_SIZE) + sizes + _EOS
    named = counted("pc.ram")
    part = word(0, wire.RAM_ZERO) + named + b"\0"
    part += word(_PAGE, wire.RAM_PAGE | wire.RAM_CONTINUE) + b"\xa5" * _PAGE
    part += word(0, wire.RAM_XBZRLE) + named + bytes([wire.XBZRLE_FLAG]) + b"\0\x03\x01\x01\x07"
    version = wire.RAM_VERSION
    return b"".join(
        (
            section(wire.SECTION_START, 1, start, "ram", version),
            section(wire.SECTION_PART, 1, part + _EOS),
            section(wire.SECTION_END, 1, _EOS),
        )
    )


def streams() -> Iterator[bytes]:
    """Give whole streams."""
    nothing = described()
    yield whole(b"", nothing)
    yield whole(ram(), nothing)
    packed = section(wire.SECTION_FULL, 2, b"\1\2", "dev") + b"\0"
    package = command(wire.CMD_PACKAGED, len(packed).to_bytes(4, "big")) + packed
    yield whole(command(11) + command(2, b"\0\0\0\1") + package, nothing)
    for at, (payload, text) in enumerate(devices()):
        one = section(wire.SECTION_FULL, 1, payload, "dev")
        before = ram() if at % 16 == 0 else b""
        yield whole(before + one, text)
