# SPDX-License-Identifier: Apache-2.0
"""What frames a whole stream, byte by byte: header, configuration, sections, the vmdesc behind the end."""

from __future__ import annotations

from typing import Final

from vmstate.whole import wire

HEADER: Final = wire.MAGIC.to_bytes(4, "big") + wire.VERSION.to_bytes(4, "big")
_U64: Final = (1 << 64) - 1


def counted(name: str) -> bytes:
    """Give a counted string."""
    raw = name.encode()
    return bytes([len(raw)]) + raw


def configuration(machine: str = "none") -> bytes:
    """Give a configuration section."""
    raw = machine.encode()
    return bytes([wire.CONFIGURATION]) + len(raw).to_bytes(4, "big") + raw


def subsection(name: str, payload: bytes) -> bytes:
    """Give a subsection of version 1."""
    return bytes([wire.SUBSECTION]) + counted(name) + (1).to_bytes(4, "big") + payload


def section(kind: int, number: int, payload: bytes, name: str = "", version: int = 1) -> bytes:
    """Give a section with its footer; PART and END have no name."""
    out = bytes([kind]) + number.to_bytes(4, "big")
    if kind in (wire.SECTION_START, wire.SECTION_FULL):
        out += counted(name) + bytes(4) + version.to_bytes(4, "big")
    return out + payload + footer(number)


def footer(number: int) -> bytes:
    """Give the footer of a section."""
    return bytes([wire.SECTION_FOOTER]) + number.to_bytes(4, "big")


def word(address: int, flags: int) -> bytes:
    """Give a word of address and flags, cut to 8 bytes."""
    return ((address | flags) & _U64).to_bytes(8, "big")


def vmdesc(text: bytes) -> bytes:
    """Give a vmdesc with its type and length."""
    return bytes([wire.VMDESCRIPTION]) + len(text).to_bytes(4, "big") + text
