# SPDX-License-Identifier: Apache-2.0
"""Where a stream comes from: a file, mapped and let go behind the reading, or bytes."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from vmstate.whole.model import Stream
from vmstate.whole.nodes import Span
from vmstate.whole.walk import Walker

#: How much of a mapped file may stay in memory behind the reading.
_BEHIND: Final = 16 << 20
#: A pipe is kept in memory, up to this much.
_MOST_PIPED: Final = 4 << 30


class Source:
    """The bytes of a file as `data`; `release(position)` gives up what lies before."""

    def __init__(self, source: str | os.PathLike[str] | bytes | bytearray | memoryview) -> None:
        self._map: mmap.mmap | None = None
        self._released = 0
        if isinstance(source, (bytes, bytearray, memoryview)):
            self.data = memoryview(source)
        elif os.fspath(source) == "-":
            self.data = memoryview(sys.stdin.buffer.read(_MOST_PIPED))
        else:
            self.data = self._open(Path(source))

    def _open(self, path: Path) -> memoryview:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not size:  # a pipe, or nothing
                return memoryview(file.read(_MOST_PIPED))
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return memoryview(self._map)

    def release(self, position: int) -> None:
        """Let the system take back the pages of the file before `position`."""
        if self._map is None or position - self._released < _BEHIND:
            return
        end = position // mmap.PAGESIZE * mmap.PAGESIZE
        self._map.madvise(mmap.MADV_DONTNEED, self._released, end - self._released)
        self._released = end


def open_file(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview,
    *,
    select: Callable[[str], bool] | None = None,
    spans: bool = False,
) -> Walker:
    """Open a stream to be walked item by item. Raises `OSError` where the file cannot be read.

    `select(label)` says which sections to decode; the others are framed, and stay bytes.
    """
    opened = Source(source)
    traced: list[Span] | None = [] if spans else None
    return Walker(opened.data, select, traced, opened.release)


def read_file(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview,
    *,
    select: Callable[[str], bool] | None = None,
    spans: bool = False,
) -> Stream:
    """Read a whole stream. Raises `OSError` where the file cannot be read.

    What is wrong *in* the file stands in the stream's `faults`, with all that could be read beside.
    """
    walker = open_file(source, select=select, spans=spans)
    for _ in walker.walk():
        pass
    return walker.stream
