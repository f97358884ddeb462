# SPDX-License-Identifier: Apache-2.0
"""The payloads of commands whose length varies: what is wrong with one by itself."""

from __future__ import annotations

from typing import Final

from vmstate.whole import wire

_DISCARD: Final = "CMD_POSTCOPY_RAM_DISCARD"
#: Version, length of a name of one byte, the name, a zero, and one pair of start and length.
_SHORTEST: Final = 1 + 1 + 1 + 1 + 16
_PAIR: Final = 16


def complaint(number: int, payload: bytes) -> str:
    """Give what QEMU says to a payload, "" where it says nothing."""
    size = len(payload)
    if number == wire.CMD_POSTCOPY_ADVISE and size not in {0, 16}:
        return f"CMD_POSTCOPY_ADVISE invalid length ({size})"
    if number == wire.CMD_RECV_BITMAP:
        if not size or not payload[0] or payload[0] >= size:
            return "failed to read block name"
        return f"invalid payload length ({size})" if size != payload[0] + 1 else ""
    return _discard(payload) if number == wire.CMD_POSTCOPY_RAM_DISCARD else ""


def _discard(payload: bytes) -> str:
    size = len(payload)
    if size < _SHORTEST:
        return f"{_DISCARD} invalid length ({size})"
    if payload[0]:
        return f"{_DISCARD} invalid version ({payload[0]})"
    name = payload[1]
    if not name or size < name + 3:
        return f"{_DISCARD} Failed to read RAMBlock ID"
    if payload[2 + name]:
        return f"{_DISCARD} missing nil ({payload[2 + name]})"
    left = size - name - 3
    return f"{_DISCARD} invalid length ({left})" if left % _PAIR else ""
