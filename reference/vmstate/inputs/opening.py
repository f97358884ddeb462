# SPDX-License-Identifier: Apache-2.0
"""`open_stream`: finds out what a file is, and gives the stream in it."""

from __future__ import annotations

import contextlib
import io
import mmap
import os
import stat
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from vmstate.files import InputError
from vmstate.inputs import libvirt, qcow2
from vmstate.inputs.clusters import copy_runs, state_runs
from vmstate.inputs.errors import InputFault
from vmstate.inputs.packed import MAGICS, unpack
from vmstate.inputs.spool import STEP, Spool

#: The most bytes that a pipe or an unpacked stream may have.
MOST: Final = 64 << 30
#: What is kept of a pipe that holds nothing known: enough for a reader to say so.
_UNKNOWN: Final = 1 << 16
_RAW: Final = (b"QEVM", b"\x11\x22\x33\x44")
#: Wrappings in wrappings: a packed save image whose stream is packed is the most that makes sense.
_DEEPEST: Final = 4


_File = IO[bytes] | io.FileIO


class Stream:
    """The bytes of a stream, and what they came out of; a context manager that lets go of them.

    `data` is mapped, not read. `format` is `raw`, `libvirt`, `qcow2` or a packing, several joined
    with `+`. `note` is a line about the wrapping, "" if there is none. `base` is the offset of
    `data[0]` in the file that QEMU wrote: mapped-ram's offsets count from that file's start. `fault`
    is what was wrong behind the last byte of `data`: to be shown, with exit status 2.
    """

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.base = 0
        self.fault: InputFault | None = None
        self.formats: list[str] = []
        self.notes: list[str] = []
        self._kept: list[memoryview] = [data]

    @property
    def format(self) -> str:
        """What the file is, outermost first."""
        return "+".join(self.formats) or "raw"

    @property
    def note(self) -> str:
        """A line about the wrapping."""
        return "; ".join(self.notes)

    def replace(self, data: memoryview, fmt: str, *notes: str) -> None:
        """Go on with what was inside."""
        self.data = data
        self._kept.append(data)
        self.formats.append(fmt)
        self.notes += notes

    def close(self) -> None:
        """Let go of the bytes, but where someone still looks at them."""
        owners = [view.obj for view in self._kept]
        for view in self._kept:
            with contextlib.suppress(BufferError):
                view.release()
        self._kept.clear()
        for owner in owners:
            if isinstance(owner, mmap.mmap):
                with contextlib.suppress(BufferError):
                    owner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_stream(path: str, *, snapshot: str | None = None, most: int = MOST) -> Stream:
    """Open a file, or standard input for `-`, and find the stream in it.

    `snapshot` chooses one of a qcow2 image by name or id; `most` bounds what is unpacked or piped.
    Raises `InputError` (`InputFault` where it is the file's content) with one line to print.
    """
    name = "<stdin>" if path == "-" else path
    try:
        if path == "-":
            stream = _open(sys.stdin.buffer, snapshot, most)
        else:
            with Path(path).open("rb", buffering=0) as file:
                stream = _open(file, snapshot, most)
    except InputFault as fault:
        fault.file = name
        raise
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}") from None
    except ValueError as error:
        raise InputError(f"{name!r}: {error}") from None
    if stream.fault is not None:
        stream.fault.file = name
    return stream


def _open(file: _File, snapshot: str | None, most: int) -> Stream:
    stream = Stream(_content(file, most))
    try:
        for _ in range(_DEEPEST):
            if not _enter(stream, snapshot, most):
                return stream
    except BaseException:
        stream.close()
        raise
    stream.close()
    raise InputFault("nested", 0, "wrappings in wrappings without end")


def _content(file: _File, most: int) -> memoryview:
    """Map a plain file or block device; take in a pipe."""
    mode = os.fstat(file.fileno()).st_mode
    if stat.S_ISREG(mode) or stat.S_ISBLK(mode):
        start = file.seek(0, os.SEEK_CUR)
        size = file.seek(0, os.SEEK_END)
        if start >= size:
            return memoryview(b"")
        whole = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        return memoryview(whole)[start:]
    spool = Spool(most)
    try:
        head = _some(file, _UNKNOWN)
        spool.write(head, 0)
        if _known(head):
            while piece := file.read(STEP):
                spool.write(piece, spool.size)
        return memoryview(spool.map())
    finally:
        spool.close()


def _some(file: _File, size: int) -> bytes:
    head = b""
    while len(head) < size and (piece := file.read(size - len(head))):
        head += piece
    return head


def _known(head: bytes) -> bool:
    magics = (*_RAW, libvirt.SAVED, libvirt.PARTIAL, qcow2.MAGIC, *MAGICS.values())
    return head.startswith(magics)


def _enter(stream: Stream, snapshot: str | None, most: int) -> bool:
    """Go one wrapping further in; whether there was one."""
    data = stream.data
    head = bytes(data[:16])
    if head in {libvirt.SAVED, libvirt.PARTIAL}:
        header = libvirt.read_header(data)
        stream.base += header.start
        stream.replace(data[header.start :], "libvirt", header.note)
        if header.format in MAGICS:
            _unpack(stream, header.format, data, header.start, most)
        return True
    if head.startswith(qcow2.MAGIC):
        _snapshot(stream, snapshot, most)
        return True
    for kind, magic in MAGICS.items():
        if head.startswith(magic):
            _unpack(stream, kind, data, 0, most)
            return True
    if snapshot is not None and not stream.formats:
        raise InputFault("no-image", 0, "--snapshot is for qcow2 images, and this is none")
    if head.startswith(_RAW[1]):
        stream.notes.append("a multifd channel: pages only, the stream is on the main channel")
    return False


def _unpack(stream: Stream, kind: str, data: memoryview, start: int, most: int) -> None:
    spool = Spool(most)
    try:
        fault = unpack(kind, data, start, spool)
        stream.replace(memoryview(spool.map()), kind)
    finally:
        spool.close()
    stream.base = 0
    stream.fault = stream.fault or fault


def _snapshot(stream: Stream, wanted: str | None, most: int) -> None:
    data = stream.data
    image = qcow2.read_image(data)
    chosen = qcow2.choose(qcow2.read_snapshots(data, image), wanted, image)
    if chosen.state_size > most:
        detail = f"a state of {chosen.state_size} bytes"
        raise InputFault("too-large", chosen.entry_at, detail)
    note = f"snapshot {chosen.name or chosen.id}, {chosen.state_size} bytes"
    if image.corrupt:
        note += ", in an image that is marked as corrupt"
    runs = state_runs(data, image, chosen)
    only = runs[0]
    if len(runs) == 1 and not only.packed and 0 <= only.offset <= len(data) - only.size:
        stream.replace(data[only.offset : only.offset + only.size], "qcow2", note)
    else:
        spool = Spool(most)
        try:
            copy_runs(data, image, runs, spool, chosen.entry_at)
            stream.replace(memoryview(spool.map()), "qcow2", note)
        finally:
            spool.close()
    stream.base = 0
