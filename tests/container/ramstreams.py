# SPDX-License-Identifier: Apache-2.0
"""Streams of RAM, built by hand: words, lists, sections."""

from __future__ import annotations

from typing import Any, Final

from vmstate.operations import perform

PAGE: Final = 4096
EOS: Final = (0x10).to_bytes(8, "big")
DOCUMENT: Final[dict[str, Any]] = {
    "structs": {"S": {"size": 0, "members": []}},
    "descriptions": {"dev": {"struct": "S"}},
    "root": "dev",
}
BLOCKS: Final[list[dict[str, Any]]] = [
    {"name": "pc.ram", "memory": "16384*00"},
    {"name": "rom", "memory": "4096*11", "max_length": "16384"},
]
_HEAD: Final = bytes.fromhex("5145564d0000000307000000046e6f6e65")
_END: Final = bytes.fromhex("0006000000027b7d")
_SHARED: Final = b"configuration/capabilities"


def word(number: int) -> bytes:
    return number.to_bytes(8, "big")


def named(name: str | bytes) -> bytes:
    raw = name if isinstance(name, bytes) else name.encode()
    return bytes([len(raw)]) + raw


def sizes(*blocks: tuple[str, int], total: int | None = None, after: bytes = b"") -> bytes:
    listed = b"".join(named(name) + word(length) + after for name, length in blocks)
    return word((sum(length for _, length in blocks) if total is None else total) | 4) + listed


def xbzrle(data: bytes, *, flag: int = 1, size: int | None = None) -> bytes:
    return bytes([flag]) + (len(data) if size is None else size).to_bytes(2, "big") + data


def section(kind: int, payload: bytes, version: int = 4, number: int = 2) -> bytes:
    head = b"" if kind in {2, 3} else named("ram") + bytes(4) + version.to_bytes(4, "big")
    tail = b"\x7e" + number.to_bytes(4, "big")
    return bytes([kind]) + number.to_bytes(4, "big") + head + payload + tail


def request(
    *sections: bytes, blocks: list[dict[str, Any]] | None = None, **machine: Any
) -> dict[str, Any]:
    shared = b""
    if names := machine.get("capabilities", ()):
        listed = len(names).to_bytes(4, "big") + b"".join(map(named, names))
        shared = b"\5" + named(_SHARED) + b"\0\0\0\1" + listed
    if machine.get("page_bits", 12) != 12:
        bits = machine["page_bits"].to_bytes(4, "big")
        shared += b"\5" + named("configuration/target-page-bits") + b"\0\0\0\1" + bits
    return {
        "op": "stream",
        "document": DOCUMENT,
        "devices": [
            {
                "idstr": "ram",
                "handler": "ram",
                "destination": {"blocks": BLOCKS if blocks is None else blocks},
            }
        ],
        "machine": {"name": "none", **machine},
        "stream": (_HEAD + shared + b"".join(sections) + _END).hex(),
    }


def load(*payloads: bytes, **given: Any) -> dict[str, Any]:
    """Load payloads as one section each: START, PARTs."""
    parts = [section(2 if at else 1, payload) for at, payload in enumerate(payloads)]
    return perform(request(*parts, **given))


def memory(result: dict[str, Any], name: str = "pc.ram") -> str:
    blocks = result["devices"][0]["state"]["blocks"]
    return str(next(block["memory"] for block in blocks if block["name"] == name))
