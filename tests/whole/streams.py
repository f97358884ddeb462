# SPDX-License-Identifier: Apache-2.0
"""Streams built by hand, byte by byte, for the tests of whole files."""

from __future__ import annotations

import json
from typing import Any

HEADER = bytes.fromhex("5145564d00000003")
PAGE = 4096


def counted(name: str) -> bytes:
    """A counted string."""
    raw = name.encode()
    return bytes((len(raw),)) + raw


def configuration(machine: str = "none", *subsections: bytes) -> bytes:
    """The configuration section."""
    raw = machine.encode()
    return b"\7" + len(raw).to_bytes(4, "big") + raw + b"".join(subsections)


def subsection(name: str, payload: bytes, version: int = 1) -> bytes:
    """A subsection."""
    return b"\5" + counted(name) + version.to_bytes(4, "big") + payload


def section(
    kind: int, section_id: int, payload: bytes, name: str = "", instance: int = 0, version: int = 1
) -> bytes:
    """A section with its footer; PART and END have no name."""
    out = bytes((kind,)) + section_id.to_bytes(4, "big")
    if kind in {1, 4}:
        out += counted(name) + instance.to_bytes(4, "big") + version.to_bytes(4, "big")
    return out + payload + b"\x7e" + section_id.to_bytes(4, "big")


def full(section_id: int, name: str, payload: bytes, version: int = 1, instance: int = 0) -> bytes:
    """A FULL section."""
    return section(4, section_id, payload, name, instance, version)


def command(number: int, payload: bytes = b"") -> bytes:
    """A command."""
    return b"\x08" + number.to_bytes(2, "big") + len(payload).to_bytes(2, "big") + payload


def word(address: int, flags: int) -> bytes:
    """A word of the ram section."""
    return (address | flags).to_bytes(8, "big")


EOS = word(0, 0x10)


def ram_start(*blocks: tuple[str, int], extra: bytes = b"") -> bytes:
    """The START of ram with its list of blocks."""
    total = sum(size for _, size in blocks)
    listed = b"".join(counted(name) + size.to_bytes(8, "big") + extra for name, size in blocks)
    return section(1, 1, word(total, 4) + listed + EOS, "ram", version=4)


def field(name: str, kind: str, size: int, **more: Any) -> dict[str, Any]:
    """An entry of a vmdesc."""
    return {"name": name, **more, "type": kind, "size": size}


def struct(name: str, inner: dict[str, Any], size: int, **more: Any) -> dict[str, Any]:
    """An entry of a nested struct."""
    return {"name": name, **more, "type": "struct", "struct": inner, "size": size}


def vmsd(name: str, *fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A description inside a vmdesc."""
    return {"vmsd_name": name, "version": 1, "fields": list(fields), **more}


def device(name: str, *fields: dict[str, Any], instance: int = 0, **more: Any) -> dict[str, Any]:
    """A device of a vmdesc."""
    return {"name": name, "instance_id": instance, **vmsd(name, *fields, **more)}


def vmdesc(*devices: dict[str, Any], page_size: int = PAGE) -> bytes:
    """The vmdesc with its type and length."""
    raw = json.dumps({"page_size": page_size, "devices": list(devices)}).encode()
    return b"\6" + len(raw).to_bytes(4, "big") + raw


def stream(*parts: bytes, devices: tuple[dict[str, Any], ...] = ()) -> bytes:
    """A whole stream: header and configuration before the parts, EOF and vmdesc behind."""
    return HEADER + configuration() + b"".join(parts) + b"\0" + vmdesc(*devices)
