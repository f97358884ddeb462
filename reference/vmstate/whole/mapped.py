# SPDX-License-Identifier: Apache-2.0
"""mapped-ram: every block has a header, a bitmap and a place of its own in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from vmstate.whole import mapbits
from vmstate.whole.cursor import Cursor
from vmstate.whole.errors import StreamFault
from vmstate.whole.model import Block

_CHUNK: Final = 1 << 20
_PAGE: Final = 4096


def read(
    cursor: Cursor, block: Block, base: int, path: str, span: Callable[[str, int, int, str], None]
) -> None:
    """Read the header of a block and step over its pages. Raises `StreamFault`. [RAM-MAPPED-1]

    Its offsets count from `base` bytes before the data; those of `Block.mapped` do not.
    """
    at = block.mapped_at = cursor.position
    version = cursor.u32("the version of mapped-ram")
    page_size = cursor.u64("the page size of mapped-ram")
    bitmap = cursor.u64("the offset of the bitmap") - base
    pages = cursor.u64("the offset of the pages") - base
    block.mapped = (version, page_size, bitmap, pages)
    span(path + ".mapped.version", at, 4, "version")
    for i, name in enumerate(("page_size", "bitmap_offset", "pages_offset")):
        span(f"{path}.mapped.{name}", at + 4 + 8 * i, 8, "uint64")
    if version != 1:
        raise StreamFault("ram.mapped", at, f"mapped-ram header of version {version}")
    if page_size < 1024 or page_size & (page_size - 1):
        raise StreamFault("ram.mapped", at + 4, f"page size {page_size}")
    if not absent(block):
        _region(cursor, block, at, path, span)


def absent(block: Block) -> bool:
    """Whether the block has a header only: both sides share its memory, and the offsets are 0."""
    return block.mapped is not None and block.mapped[3] < block.mapped_at


def _region(
    cursor: Cursor, block: Block, at: int, path: str, span: Callable[[str, int, int, str], None]
) -> None:
    assert block.mapped is not None
    _, _, bitmap, pages = block.mapped
    end = pages + block.used_length
    size = bitmap_size(block)
    if not cursor.position <= bitmap <= bitmap + size <= pages or end > cursor.end:
        detail = f"bitmap at {bitmap:#x} and pages at {pages:#x}, in {cursor.end:#x} bytes"
        raise StreamFault("ram.mapped", at + 12, detail)
    span(path + ".padding[0]", cursor.position, bitmap - cursor.position, "padding")
    span(path + ".bitmap", bitmap, size, "bitmap")
    span(path + ".padding[1]", bitmap + size, pages - bitmap - size, "padding")
    span(path + ".pages", pages, block.used_length, "ram-pages")
    cursor.position = end


def bitmap_size(block: Block) -> int:
    """How many bytes the bitmap takes."""
    return mapbits.size(_pages(block))


def _pages(block: Block) -> int:
    assert block.mapped is not None
    return -(-block.used_length // block.mapped[1])


def present(block: Block, data: memoryview) -> Iterator[tuple[int, int]]:
    """Give the runs of pages that the bitmap says are there: first page and how many."""
    assert block.mapped is not None
    if absent(block):
        return
    at = block.mapped[2]
    yield from mapbits.runs(data[at : at + bitmap_size(block)], _pages(block))


def chunks(data: memoryview, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Give the pieces of a region that are not zero, each with its offset in the file."""
    zero = bytes(_PAGE)
    for low in range(start, end, _CHUNK):
        window = bytes(data[low : min(end, low + _CHUNK)])
        if not window.strip(b"\0"):
            continue
        run = -1
        for at in range(0, len(window), _PAGE):
            empty = window[at : at + _PAGE] == zero[: len(window) - at]
            if run < 0 and not empty:
                run = at
            elif run >= 0 and empty:
                yield low + run, window[run:at]
                run = -1
        if run >= 0:
            yield low + run, window[run:]
