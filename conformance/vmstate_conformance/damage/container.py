# SPDX-License-Identifier: Apache-2.0
"""Damage of the framing: header, configuration, sections, footers, commands, the end."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from vmstate_conformance.damage.anatomy import Anatomy, Damage

_HUGE: Final = b"\xff\xff\xff\xff"


def container(a: Anatomy) -> Iterator[Damage]:
    """Give the damages of the framing."""
    yield Damage("empty", b"", rejected=True)
    yield Damage("one-byte", a.cut(1), rejected=True)
    yield Damage("header-only", a.cut(8), rejected=True)
    yield Damage("magic-wrong", a.patch(3, b"X"), rejected=True)
    yield Damage("magic-reversed", a.patch(0, b"MVEQ"), rejected=True)
    yield Damage("version-2", a.patch(4, b"\0\0\0\2"), rejected=True)
    yield Damage("version-4", a.patch(4, b"\0\0\0\4"), rejected=True)
    yield Damage("version-little-endian", a.patch(4, b"\3\0\0\0"), rejected=True)
    yield Damage("twice", a.stream + a.stream, rejected=False)
    yield Damage("garbage-behind", a.stream + b"\xde\xad\xbe\xef" * 40, rejected=False)
    yield Damage("zeros-behind", a.stream + bytes(100_000), rejected=False)
    yield Damage("zeros-only", bytes(len(a.stream)), rejected=True)
    if a.configuration >= 0:
        yield from _configuration(a)
    yield from _ram_section(a)
    if a.sections:
        yield from _sections(a)
    yield from _commands(a)
    if a.vmdesc >= 0:
        yield Damage("cut-before-eof", a.cut(a.end), rejected=True)
        yield Damage("cut-behind-eof", a.cut(a.end + 1), rejected=False)
        yield Damage("eof-twice", a.patch(a.end, b"\0\0", 1), rejected=False)


def _configuration(a: Anatomy) -> Iterator[Damage]:
    at = a.configuration
    size = struct.unpack_from(">I", a.stream, at + 1)[0]
    yield Damage("configuration-missing", a.patch(at, b"", 5 + size), rejected=True)
    yield Damage("configuration-type", a.patch(at, b"\x55"), rejected=True)
    yield Damage("configuration-length-huge", a.patch(at + 1, _HUGE), rejected=True)
    yield Damage("configuration-length-4096", a.patch(at + 1, b"\0\0\x10\0"), rejected=True)
    yield Damage("configuration-length-0", a.patch(at + 1, b"\0\0\0\0", 4 + size), rejected=False)
    yield Damage("configuration-name-other", a.patch(at + 5, b"Z" * size), rejected=True)
    yield Damage("configuration-name-odd", a.patch(at + 5, b"\x1b" * size), rejected=True)
    yield Damage("cut-in-configuration", a.cut(at + 5 + size // 2), rejected=True)
    yield Damage("configuration-subsection", a.patch(at + 5 + size, b"\5\x03abc", 0), rejected=True)
    for name, payload in (
        ("page-bits-0", b"\x1econfiguration/target-page-bits\0\0\0\1\0\0\0\0"),
        ("page-bits-huge", b"\x1econfiguration/target-page-bits\0\0\0\1\xff\xff\xff\xff"),
        ("capabilities-huge", b"\x1aconfiguration/capabilities\0\0\0\1\xff\xff\xff\xff"),
        ("capability-unknown", b"\x1aconfiguration/capabilities\0\0\0\1\0\0\0\1\5never"),
        ("uuid-cut", b"\x12configuration/uuid\0\0\0\1\1\2\3"),
        ("version-9", b"\x12configuration/uuid\0\0\0\x09" + bytes(16)),
    ):
        data = a.patch(at + 5 + size, b"\5" + payload, 0)
        # A huge count and a short UUID do not end well for a loader, but not always alike.
        unsure = name in {"capabilities-huge", "uuid-cut"}
        yield Damage(f"configuration-{name}", data, rejected=None if unsure else True)


def _ram_section(a: Anatomy) -> Iterator[Damage]:
    yield Damage("section-type-55", a.patch(a.ram, b"\x55"), rejected=True)
    yield Damage("section-type-5", a.patch(a.ram, b"\x05"), rejected=True)
    yield Damage("section-type-footer", a.patch(a.ram, b"\x7e"), rejected=True)
    yield Damage("section-name-empty", a.patch(a.ram + 5, b"\0", 4), rejected=True)
    yield Damage("section-name-255", a.patch(a.ram + 5, b"\xff"), rejected=True)
    yield Damage("section-version-huge", a.patch(a.ram + 13, _HUGE), rejected=True)
    if a.part >= 0:
        yield Damage("part-unknown", a.patch(a.part + 1, b"\0\0\xff\xff"), rejected=True)
        part = a.stream[a.part : a.part + 5] + b"\0\0\0\0\0\0\0\x10\x7e" + a.ram_id
        yield Damage("part-before-start", a.patch(a.ram, part, 0), rejected=True)
    for name, at in (("start", a.ram), ("part", a.part), ("end", a.finish)):
        if at >= 0:
            yield Damage(f"cut-in-{name}", a.cut(at + 3), rejected=True)
            yield Damage(f"cut-behind-{name}-id", a.cut(at + 5), rejected=True)


def _sections(a: Anatomy) -> Iterator[Damage]:
    last = a.sections[-1]
    first = a.sections[0]
    whole = a.stream[last.start : last.footer + 5]
    name = last.content - 8 - len(last.idstr.encode())
    yield Damage("cut-in-section-header", a.cut(last.content - 3), rejected=True)
    yield Damage("cut-in-section", a.cut((last.content + last.footer + 1) // 2), rejected=True)
    yield Damage("cut-before-footer", a.cut(last.footer), rejected=True)
    yield Damage("cut-in-footer", a.cut(last.footer + 2), rejected=True)
    yield Damage("footer-missing", a.patch(last.footer, b"", 5), rejected=True)
    yield Damage("footer-of-another", a.patch(last.footer + 1, b"\0\0\xff\xfe"), rejected=True)
    yield Damage("footer-doubled", a.patch(last.footer, b"\x7e\0\0\0\0", 0), rejected=True)
    yield Damage("section-unknown", a.patch(name, b"?"), rejected=True)
    yield Damage("section-name-odd", a.patch(name, b"\x1b"), rejected=True)
    yield Damage("section-no-utf-8", a.patch(name, b"\xff"), rejected=True)
    yield Damage("section-instance", a.patch(last.content - 8, b"\0\0\x12\x34"), rejected=True)
    # -1 is the alias of whoever has none of its own.
    yield Damage("section-instance-negative", a.patch(last.content - 8, _HUGE), rejected=False)
    yield Damage("section-version-99", a.patch(last.content - 4, b"\0\0\0\x63"), rejected=True)
    yield Damage("section-version-negative", a.patch(last.content - 4, _HUGE), rejected=True)
    yield Damage("section-version-0", a.patch(last.content - 4, b"\0\0\0\0"))
    yield Damage("section-twice", a.patch(last.start, whole, 0))
    yield Damage("section-gone", a.patch(last.start, b"", len(whole)), rejected=False)
    yield Damage("section-byte-more", a.patch(last.footer, b"\0", 0), rejected=True)
    yield Damage("section-byte-less", a.patch(last.footer - 1, b"", 1), rejected=True)
    yield Damage("section-one-byte-in", a.patch(first.content, b"\5", 0), rejected=True)
    swapped = a.stream[: first.start] + whole + a.stream[first.start : last.start]
    yield Damage("sections-swapped", swapped + a.stream[last.footer + 5 :])
    huge = b"\4\0\0\x12\x34\xff" + b"x" * 255 + bytes(8)
    yield Damage("section-name-long", a.patch(last.start, huge, 0), rejected=True)
    begun = a.patch(last.footer, b"\5\xff" + b"x" * 40, 0)
    yield Damage("subsection-of-nobody", begun, rejected=True)


def _commands(a: Anatomy) -> Iterator[Damage]:
    at = a.command if a.command >= 0 else a.finish
    if at < 0:
        return

    def command(number: int, length: int, payload: bytes = b"") -> bytes:
        return a.patch(at, b"\x08" + struct.pack(">HH", number, length) + payload, 0)

    yield Damage("command-0", command(0, 0), rejected=True)
    yield Damage("command-unknown", command(0x63, 0), rejected=True)
    yield Damage("command-huge", command(0xFFFF, 0xFFFF), rejected=True)
    yield Damage("command-old", command(8, 0), rejected=True)
    yield Damage("command-ping-without-payload", command(2, 0), rejected=True)
    yield Damage("command-long", command(11, 9, bytes(9)), rejected=True)
    yield Damage("command-advise-odd", command(3, 5, bytes(5)), rejected=True)
    yield Damage("command-bitmap-of-nobody", command(10, 8, b"\x07\x1b[31mxx"), rejected=True)
    yield Damage("package-past-end", command(7, 4, b"\x7f\xff\xff\xff"), rejected=True)
    yield Damage("package-empty", command(7, 4, bytes(4)), rejected=True)
    yield Damage(
        "package-without-eof", command(7, 4, b"\0\0\0\5" + b"\x08\0\x0b\0\0"), rejected=True
    )
    inner = b"\0"
    for _ in range(3000):
        inner = b"\x08\0\x07\0\4" + struct.pack(">I", len(inner)) + inner
    yield Damage("packages-nested", command(7, 4, struct.pack(">I", len(inner)) + inner))
    yield Damage("commands-by-the-thousand", a.patch(at, b"\x08\0\x0b\0\0" * 20_000, 0))
    yield Damage("cut-in-command", a.cut(at) + b"\x08\0\x0b\0", rejected=True)
