# SPDX-License-Identifier: Apache-2.0
"""XBZRLE: a page as the difference to the page that was sent before it."""

from __future__ import annotations

from collections.abc import Iterator

from vmstate.whole.errors import StreamFault


def runs(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Give the runs of new bytes: how many old ones to keep before them, and they. [RAM-XBZRLE-1]

    `offset` is where the data is in the file. Raises `StreamFault`. [RAM-XBZRLE-3] [RAM-XBZRLE-4]
    """
    at = 0
    while at < len(data):
        start = at
        keep, at = _uleb128(data, at, offset)
        if not keep and start:
            raise _fault(offset + start, "two runs of new bytes without old ones between them")
        size, at = _uleb128(data, at, offset)
        if not size or size > len(data) - at:
            raise _fault(offset + at, f"a run of {size} bytes, {len(data) - at} left")
        yield keep, data[at : at + size]
        at += size


def _uleb128(data: bytes, at: int, offset: int) -> tuple[int, int]:
    """Read a length: seven bits a byte, at most two bytes, lowest first. Something follows it."""
    if len(data) - at < 2:
        raise _fault(offset + at, "it ends in a length, or behind one")
    if data[at] < 0x80:
        return data[at], at + 1
    if data[at + 1] >= 0x80:
        raise _fault(offset + at, "a length of more than two bytes")
    return data[at] & 0x7F | data[at + 1] << 7, at + 2


def apply(data: bytes, page: bytearray | memoryview, offset: int) -> None:
    """Change a page in place, as far as the data is good. Raises `StreamFault`. [RAM-XBZRLE-5]"""
    at = 0
    for keep, new in runs(data, offset):
        at += keep
        if at + len(new) > len(page):
            raise _fault(offset, f"it writes up to {at + len(new)} in a page of {len(page)}")
        page[at : at + len(new)] = new
        at += len(new)


def _fault(offset: int, detail: str) -> StreamFault:
    says = "Failed to load XBZRLE page - decode error!"
    return StreamFault("ram.xbzrle", offset, detail, says=says)
