# SPDX-License-Identifier: Apache-2.0
"""Whole streams to begin from: small, sound, and with every kind of section in one or another."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, Final

from vmstate.errors import Outcome
from vmstate.trace import Trace
from vmstate.whole import wire
from vmstate_conformance.fuzzing import structure
from vmstate_conformance.strategies.framing import (
    HEADER,
    configuration,
    counted,
    section,
    subsection,
    vmdesc,
    word,
)

_PAGE: Final = 1024
_EOS: Final = wire.RAM_EOS.to_bytes(8, "big")


def command(number: int, payload: bytes = b"") -> bytes:
    """Give a command."""
    head = bytes([wire.COMMAND]) + number.to_bytes(2, "big")
    return head + len(payload).to_bytes(2, "big") + payload


def whole(parts: bytes, text: bytes) -> bytes:
    """Give header, configuration, `parts`, the end and a vmdesc."""
    return HEADER + configuration() + parts + bytes([wire.EOF]) + vmdesc(text)


def described(*devices: dict[str, Any]) -> bytes:
    """Give the text of a vmdesc."""
    return json.dumps({"page_size": _PAGE, "devices": list(devices)}).encode()


def device(genes: bytes, values: bytes) -> tuple[bytes, dict[str, Any]] | None:
    """Save what the genes build: its payload, and its entry in a vmdesc; None where it is large."""
    sent = structure.send(structure.build(genes), values)
    saved = structure.save(sent.built, sent.here, Trace(recording=False))
    if isinstance(saved, Outcome):
        return None
    stream, text = saved
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


def conversations() -> Iterator[bytes]:
    """Give sections that are commands alone, in the order in which postcopy has them, and nearly so."""
    advised = command(wire.CMD_POSTCOPY_ADVISE)
    name, span = counted("pc.ram"), bytes(16)
    for discard in (
        b"\0" + name + b"\0" + span,
        b"\0" + name + b"\0" + span + b"\0",
        b"\0" + name + b"\1" + span,
        b"\0" + b"\0" + b"\0" + span + b"\0",
        b"\1" + name + b"\0" + span,
        b"\0" + counted("x" * 17) + b"\0",
    ):
        yield advised + command(wire.CMD_POSTCOPY_RAM_DISCARD, discard)
    yield advised + command(4) + command(5)
    yield advised + command(4) + command(9)
    yield command(1) + command(1) + command(2, b"\0\0\0\1")
    yield command(wire.CMD_RECV_BITMAP, counted("pc.ram"))
    # Packages inside each other, a few more than anybody follows: each takes its length and its bytes
    # from the outermost stream.
    package = command(wire.CMD_PACKAGED, bytes(4))[:-4]
    yield package + (len(package).to_bytes(4, "big") + package) * 70


def record(source: random.Random) -> bytes:
    """Give a section, a command or a package, sound or nearly so."""
    number = source.choice((0, 1, 1, 2, 258))
    match source.randrange(8):
        case 0:
            return ram()
        case 1:
            words = b"".join(_ram_word(source) for _ in range(source.randrange(4)))
            kind = source.choice((wire.SECTION_START, wire.SECTION_PART, wire.SECTION_END))
            return section(kind, number, words + _EOS, "ram", source.choice((4, 4, 4, 3)))
        case 2:
            payload = source.randbytes(source.choice((0, 1, 4, 4, 16)))
            return command(source.choice(tuple(wire.COMMANDS)), payload)
        case 3:
            packed = record(source) + b"\0"
            return command(wire.CMD_PACKAGED, len(packed).to_bytes(4, "big")) + packed
        case 4:
            name = source.choice(("dirty-bitmap", "s390-skeys", "spapr/htab", "dev"))
            words = source.choice((b"", word(0, 1), word(1 << 40, 1), word(_PAGE, 2)))
            return section(wire.SECTION_START, number, words + word(0, 1), name)
        case 5:
            footer = section(wire.SECTION_FULL, number, b"", source.choice(("", "dev")))
            return footer[:-4] + source.choice((0, 257, number)).to_bytes(4, "big")
        case _:
            name, payload = source.choice(("dev", "dev", "cpu")), source.randbytes(8)
            return section(wire.SECTION_FULL, number, payload[: source.randrange(9)], name)


def _ram_word(source: random.Random) -> bytes:
    flags = source.choice((2, 4, 8, 0x10, 0x40, 0x80, 0x200)) | source.choice((0, 0, 0x20))
    named = counted("pc.ram") if not flags & wire.RAM_CONTINUE and flags & 0x4A else b""
    at = word(source.choice((0, _PAGE, 4 * _PAGE, 1 << 40)), flags)
    if flags & wire.RAM_PAGE:
        return at + named + bytes(_PAGE)
    if flags & wire.RAM_XBZRLE:
        return at + named + source.choice((b"\1", b"\1", b"\0")) + b"\0\3\1\1\7"
    return at + named + (source.choice((b"\0", b"\7")) if flags & wire.RAM_ZERO else b"")


def settings(source: random.Random) -> bytes:
    """Give a configuration section with subsections."""
    out = configuration()
    if source.randrange(2):
        bits = source.choice((9, 10, 12, 24, 25)).to_bytes(4, "big")
        out += subsection("configuration/target-page-bits", bits)
    if source.randrange(2):
        count = source.choice((0, 1, 1, 2, 1 << 31)).to_bytes(4, "big")
        names = counted(source.choice(("x-ignore-shared", "mapped-ram", "postcopy-ram")))
        out += subsection("configuration/capabilities", count + names)
    return out


_TYPES: Final = (
    ("bool", 1), ("uint8", 1), ("int16", 2), ("uint32", 4), ("int32 le", 4), ("timer", 8),
    ("buffer", 3), ("ptr-marker", 1), ("nullptr", 1), ("GByteArray", 5),
)  # fmt: skip


def entries(source: random.Random, depth: int = 0) -> tuple[list[dict[str, Any]], bytes]:
    """Give the entries of a vmdesc, and a payload that they may describe."""
    made: list[dict[str, Any]] = []
    payload = b""
    for at in range(source.randrange(1, 4)):
        name, data = source.choice(("a", f"m{at}")), b""
        entry: dict[str, Any] = {}
        kind, size = source.choice(_TYPES)
        if depth < 2 and source.randrange(4) == 0:
            inner, data = entries(source, depth + 1)
            kind = source.choice(("struct", "qlist", "gtree", "vstruct", "tmp"))
            described_ = {"vmsd_name": "x", "version": 1, "fields": inner}
            entry = {"struct": described_} if kind == "struct" else described_
            data = {
                "qlist": b"\1" + data + b"\0",
                "gtree": b"\0\0\0\1\1" + bytes(8) + data + b"\0",
            }.get(kind, data)
            size = len(data)
        elif kind in ("ptr-marker", "nullptr"):
            data = source.choice((b"0", b"1", b"\x31", b"\0"))
            made.append({"name": name, "type": kind, "size": 1})
            payload += data
            kind, size = source.choice(_TYPES[:6])
            data = bytes(size)
        else:
            data = source.randbytes(size) if kind != "GByteArray" else b"\0\0\0\1x"
        count = source.choice((1, 1, 1, 2, 0))
        numbered = {"array_len": count} if count != 1 else {}
        made.append({"name": name, **numbered, "type": kind, **entry, "size": size})
        payload += data * count
    return made, payload


def grown(source: random.Random) -> tuple[bytes, bytes]:
    """Give a payload of a device and the text of a vmdesc that may describe it."""
    fields, payload = entries(source)
    if source.randrange(24) == 0:
        # Structs inside each other, as many as a reader takes, and one more.
        for _ in range(100 + source.randrange(-1, 2)):
            fields = [{"name": "", "type": "struct", "size": 0, "struct": {"fields": fields}}]
    inner: dict[str, Any] = {"vmsd_name": "dev", "version": 1, "fields": fields}
    if source.randrange(2):
        subs = []
        for name in source.sample(("dev/a", "dev/b", "dev/c"), source.randrange(1, 3)):
            more, data = entries(source, 1)
            subs.append({"vmsd_name": name, "version": 1, "fields": more})
            payload += subsection(name, data)
        inner["subsections"] = subs
    return payload, described({"name": "dev", "instance_id": 0, **inner})
