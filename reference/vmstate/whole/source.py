# SPDX-License-Identifier: Apache-2.0
"""Where a stream comes from: bytes, or whatever `vmstate.inputs` can open, let go behind the reading."""

from __future__ import annotations

import io
import mmap
import os
import stat
import sys
import time
from collections.abc import Callable
from typing import Final

from vmstate.whole.model import Stream
from vmstate.whole.nodes import Span
from vmstate.whole.vmdesc import Vmdesc
from vmstate.whole.walk import Walker

#: How much of a mapped file may stay in memory behind the reading.
_BEHIND: Final = 16 << 20

#: What is looked at in one read, and the least for which a read is worth its while.
_WINDOW: Final = 5 << 18
_SMALL: Final = 1 << 13

#: How often the two ways take turns before one is chosen.
_TURNS: Final = 32
_MADV_POPULATE_READ: Final = 22

Bytes = bytes | bytearray | memoryview


class _Window:
    """Keeps little of a mapped file in memory: gives back what was read, and reads pages past the map.

    Of a run of RAM pages only the eight bytes before each are looked at. Whether it costs less to map
    it for that, or to read it into one buffer, depends on how the system holds the file: both ways
    take turns for a while, and then the cheaper one is used.
    """

    def __init__(self, data: memoryview, name: str) -> None:
        self.data: Final = data
        owner = data.obj
        self.map: Final = owner if isinstance(owner, mmap.mmap) else None
        # What is cut off a mapped file is cut off in front.
        self.start: Final = len(self.map) - len(data) if self.map is not None else 0
        self.released = 0
        self.buffer: Final = bytearray(_WINDOW)
        self.file: Final = -1 if self.map is None else _reopen(name, len(self.map))
        self.costs = [0, 0]
        self.turns = 0
        self.held = (0, 0)

    def __del__(self) -> None:
        if self.file >= 0:
            os.close(self.file)

    def release(self, position: int) -> None:
        """Let the system take back what lies before an offset of the stream."""
        if self.map is None or position - self.released < _BEHIND:
            return
        end = (self.start + position) // mmap.PAGESIZE * mmap.PAGESIZE
        start = (self.start + self.released) // mmap.PAGESIZE * mmap.PAGESIZE
        self.map.madvise(mmap.MADV_DONTNEED, start, end - start)
        self.released = position

    def read(self, position: int, size: int) -> memoryview:
        """Give bytes of the stream, until the next read."""
        if self.file < 0 or not _SMALL < size <= _WINDOW:
            return self.data[position : position + size]
        if self.turns == _TURNS:
            return self._ways[self.costs[0] > self.costs[1]](self, position, size)
        way = self.turns % 2
        self.turns += 1
        before = time.process_time_ns()
        view = self._ways[way](self, position, size)
        self.costs[way] += time.process_time_ns() - before
        return view

    def _mapped(self, position: int, size: int) -> memoryview:
        """Map bytes in one go, rather than at the first touch of each page, and the last ones no more."""
        assert self.map is not None
        start = (self.start + position) // mmap.PAGESIZE * mmap.PAGESIZE
        held, self.held = self.held, (start, self.start + position + size - start)
        try:
            if held[1]:
                self.map.madvise(mmap.MADV_DONTNEED, *held)
            self.map.madvise(_MADV_POPULATE_READ, *self.held)
        except OSError:
            # Linux before 5.14; other systems have no such advice.
            self.costs[0] = sys.maxsize
        return self.data[position : position + size]

    def _copied(self, position: int, size: int) -> memoryview:
        """Read bytes into the buffer."""
        view = memoryview(self.buffer)[:size]
        if os.preadv(self.file, [view], self.start + position) < size:
            return self.data[position : position + size]
        return view

    _ways: Final = (_mapped, _copied)


def _reopen(name: str, size: int) -> int:
    """Open a file once more, if it is the one that was mapped as far as its size tells; else -1."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, ValueError):
        return -1
    if os.fstat(file).st_size == size:
        return file
    os.close(file)
    return -1


def open_file(
    source: str | os.PathLike[str] | Bytes,
    *,
    select: Callable[[str], bool] | None = None,
    spans: bool = False,
    snapshot: str | None = None,
    described: Vmdesc | None = None,
) -> Walker:
    """Open a stream to be walked item by item: bytes, or the name of a file (`-`: standard input).

    `select(label)` says which sections to decode; the others are framed, and stay bytes. `snapshot`
    names one of a qcow2 image, and `described` is the vmdesc of another stream, for one without.
    Raises `vmstate.files.InputError` where the file cannot be opened.
    """
    traced: list[Span] | None = [] if spans else None
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Walker(memoryview(source), select, traced, described=described)
    name = os.fspath(source)
    plain = _plain(name) if snapshot is None else None
    if plain is not None:
        return Walker(plain, select, traced, _Window(plain, name), described=described)
    # Most files are plain, and are read sooner without loading what knows the others.
    from vmstate.inputs import open_stream  # noqa: PLC0415

    opened = open_stream(name, snapshot=snapshot)
    whole = opened.data
    # A snapshot may lie in the middle of its image: nothing is known of where its bytes are.
    plain_inside = opened.format in {"raw", "libvirt"} and name != "-"
    window = _Window(whole, name) if plain_inside else None
    walker = Walker(whole, select, traced, window, opened.base, described)
    walker.stream.source = opened
    if opened.note:
        walker.stream.notes.append(opened.note)
    return walker


def _plain(name: str) -> memoryview | None:
    """Map a plain file that begins as a stream does; None for everything else."""
    try:
        with io.FileIO(name) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode) or file.read(4) != b"QEVM":
                return None
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError):
        return None  # which is told by who opens the others


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
