# SPDX-License-Identifier: Apache-2.0
"""Where a stream comes from: bytes, or whatever `vmstate.inputs` can open, let go behind the reading."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from typing import Final

from vmstate.inputs import open_stream
from vmstate.whole.model import Stream
from vmstate.whole.nodes import Span
from vmstate.whole.walk import Walker

#: How much of a mapped file may stay in memory behind the reading.
_BEHIND: Final = 16 << 20

Bytes = bytes | bytearray | memoryview


class _Window:
    """Gives back the pages of a mapping that have been read."""

    def __init__(self, data: memoryview) -> None:
        owner = data.obj
        self.map: Final = owner if isinstance(owner, mmap.mmap) else None
        # What is cut off a mapped file is cut off in front.
        self.start: Final = len(self.map) - len(data) if self.map is not None else 0
        self.released = 0

    def release(self, position: int) -> None:
        """Let the system take back what lies before an offset of the stream."""
        if self.map is None or position - self.released < _BEHIND:
            return
        end = (self.start + position) // mmap.PAGESIZE * mmap.PAGESIZE
        start = (self.start + self.released) // mmap.PAGESIZE * mmap.PAGESIZE
        self.map.madvise(mmap.MADV_DONTNEED, start, end - start)
        self.released = position


def open_file(
    source: str | os.PathLike[str] | Bytes,
    *,
    select: Callable[[str], bool] | None = None,
    spans: bool = False,
    snapshot: str | None = None,
) -> Walker:
    """Open a stream to be walked item by item: bytes, or the name of a file (`-`: standard input).

    `select(label)` says which sections to decode; the others are framed, and stay bytes. `snapshot`
    names one of a qcow2 image. Raises `vmstate.files.InputError` where the file cannot be opened.
    """
    traced: list[Span] | None = [] if spans else None
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Walker(memoryview(source), select, traced)
    opened = open_stream(os.fspath(source), snapshot=snapshot)
    whole = opened.data
    window = _Window(whole)
    # A snapshot may lie in the middle of its image: nothing is known of where its bytes are.
    release = window.release if "qcow2" not in opened.format else lambda position: None
    walker = Walker(whole, select, traced, release, opened.base)
    walker.stream.source = opened
    if opened.note:
        walker.stream.notes.append(opened.note)
    return walker


def read_file(
    source: str | os.PathLike[str] | Bytes,
    *,
    select: Callable[[str], bool] | None = None,
    spans: bool = False,
    snapshot: str | None = None,
) -> Stream:
    """Read a whole stream; the arguments are those of `open_file`.

    What is wrong *in* the stream stands in its `faults`, with all that could be read beside it.
    """
    walker = open_file(source, select=select, spans=spans, snapshot=snapshot)
    for _ in walker.walk():
        pass
    return walker.stream
