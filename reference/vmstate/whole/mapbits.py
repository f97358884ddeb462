# SPDX-License-Identifier: Apache-2.0
"""The bitmap of mapped-ram: a bit for each page that is in the file, the lowest first."""

from __future__ import annotations

from collections.abc import Iterator

_LONG = 8


def size(pages: int) -> int:
    """Give how many bytes the bitmap takes: whole longs."""
    return -(-pages // (8 * _LONG)) * _LONG


def runs(bitmap: bytes | memoryview, pages: int) -> Iterator[tuple[int, int]]:
    """Give the runs of pages that are there: first page and how many. [RAM-MAPPED-4]

    The bitmap is of longs of the host that wrote it, which was little-endian.
    """
    bits = int.from_bytes(bitmap, "little")
    text = format(bits & ((1 << pages) - 1), f"0{pages}b")[::-1]
    start = text.find("1")
    while start >= 0:
        stop = text.find("0", start)
        stop = pages if stop < 0 else stop
        yield start, stop - start
        start = text.find("1", stop)
