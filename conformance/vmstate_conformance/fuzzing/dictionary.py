# SPDX-License-Identifier: Apache-2.0
"""Dictionaries for libFuzzer, from the tables: what its hooks cannot see, it must be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from vmstate.flags import FLAGS
from vmstate.infos import INFOS, PTR_MARKER_NULL, PTR_MARKER_VALID
from vmstate.subsections import QEMU_VM_SUBSECTION

_WORDS: Final = (0, 1, 2, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)


def markers() -> Iterator[bytes]:
    """Give pointer markers, alone and in rows, and telling numbers."""
    null, valid = bytes([PTR_MARKER_NULL]), bytes([PTR_MARKER_VALID])
    yield from (null, valid, null + valid, valid + null, valid * 4, b"\x32")
    yield from (word.to_bytes(4, "big") for word in _WORDS)
    yield (1 << 63).to_bytes(8, "big")


def subsections(document: Any) -> Iterator[bytes]:
    """Give the header of each subsection that a document has: type, length, name, version."""
    descriptions = document["descriptions"]
    for description in descriptions.values():
        for name in description.get("subsections") or ():
            encoded = name.encode()
            head = bytes([QEMU_VM_SUBSECTION, len(encoded) & 0xFF]) + encoded[: len(encoded) & 0xFF]
            version = int(descriptions[name].get("version_id", 0)) & 0xFFFF_FFFF
            yield head + version.to_bytes(4, "big")


def words() -> Iterator[bytes]:
    """Give the names that a case may use."""
    for name in (*INFOS, *FLAGS):
        yield f'"{name}"'.encode()


def render(tokens: Iterable[bytes]) -> str:
    """Write libFuzzer's dictionary format; each token once, in order."""
    lines = []
    for token in dict.fromkeys(token for token in tokens if 0 < len(token) <= 64):
        lines.append('"' + "".join(_quoted(byte) for byte in token) + '"')
    return "\n".join(lines) + "\n"


def _quoted(byte: int) -> str:
    if 0x20 <= byte < 0x7F and byte not in b'"\\':
        return chr(byte)
    return f"\\x{byte:02X}"
