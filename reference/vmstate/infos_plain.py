# SPDX-License-Identifier: Apache-2.0
"""Codecs without structure: numbers, comparisons, timers, bytes, bitmaps (migration/vmstate-types.c).

None looks at the end of the stream: missing bytes are zeros, and the core notices afterwards.
[INFO-EOF-1]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vmstate.description import VMStateField
from vmstate.errors import EIO, Abort, Reject, assertion, out_of_bounds
from vmstate.extent import U64, int32, int64
from vmstate.info import Info

if TYPE_CHECKING:
    from vmstate.load import Loader
    from vmstate.save import Saver

_WORD: Final = 8


def failed(message: str) -> Reject:
    """Refuse because the codec says so."""
    return Reject("field-load-failed", message)


@dataclass(frozen=True, slots=True)
class Number(Info):
    """A number of `size` bytes, big-endian in the stream. [INFO-INT-1]"""

    size: int
    boolean: bool = False
    """Any byte but 0 loads as 1; saving writes what memory holds. [INFO-BOOL-1]"""

    @property
    def plain(self) -> bool:
        """Whether loading never refuses, so that many can be loaded at once."""
        return type(self) is Number

    def load(self, loader: Loader, element: int, size: int, field: VMStateField) -> None:
        """Store what was sent."""
        value = loader.stream.number(self.size)
        if self.boolean:
            value = int(value != 0)
        loader.heap.write(element, value.to_bytes(self.size, "little"))

    def save(self, saver: Saver, element: int, size: int, field: VMStateField) -> None:
        """Send what is held. [INFO-BOOL-2]"""
        saver.stream.put(saver.heap.read(element, self.size)[::-1])


@dataclass(frozen=True, slots=True)
class Equal(Number):
    """A number that must be the one already held. [INFO-EQUAL-1]"""

    def load(self, loader: Loader, element: int, size: int, field: VMStateField) -> None:
        """Refuse a difference; store nothing. At the end of the stream 0 was sent. [INFO-EQUAL-3]"""
        received = loader.stream.number(self.size)
        held = loader.heap.number(element, self.size)
        if held != received:
            raise failed(f"{held:x} != {received:x}")


@dataclass(frozen=True, slots=True)
class Int32LE(Number):
    """An int32 that may be no larger than the one held, and not negative. [INFO-INT32-LE-1]"""

    def load(self, loader: Loader, element: int, size: int, field: VMStateField) -> None:
        """Store a value in the range; refuse any other. [INFO-INT32-LE-2]"""
        value = int32(loader.stream.number(4))
        held = loader.heap.number(element, 4, signed=True)
        if not 0 <= value <= held:
            raise failed(f"Invalid value {value} expecting positive value <= {held}")
        loader.heap.write(element, value.to_bytes(4, "little"))


@dataclass(frozen=True, slots=True)
class Timer(Info):
    """A timer's expiry in ns; all ones where it is not pending. [INFO-TIMER-1]"""

    def load(self, loader: Loader, element: int, size: int, field: VMStateField) -> None:
        """Arm the timer, at 0 for a negative time, or stop it. [INFO-TIMER-2]"""
        expiry = int64(loader.stream.number(8))
        held = expiry if expiry == -1 else max(expiry, 0)
        loader.heap.write(element, held.to_bytes(8, "little", signed=True))

    def save(self, saver: Saver, element: int, size: int, field: VMStateField) -> None:
        """Send the expiry of a pending timer."""
        saver.stream.put_number(max(saver.heap.number(element, 8, signed=True), -1), 8)


@dataclass(frozen=True, slots=True)
class Buffer(Info):
    """`size` raw bytes. [INFO-BUFFER-1]"""

    def load(self, loader: Loader, element: int, size: int, field: VMStateField) -> None:
        """Store what is there; the tail of a short read stays as it was. [INFO-BUFFER-2]"""
        loader.heap.write(element, loader.stream.take(size))

    def save(self, saver: Saver, element: int, size: int, field: VMStateField) -> None:
        """Send all bytes."""
        saver.heap.check(element, size, "read")
        saver.stream.room(size)
        saver.stream.put(saver.heap.read(element, size))


@dataclass(frozen=True, slots=True)
class UnusedBuffer(Info):
    """`size` bytes that nobody looks at: zeros when sent, anything when loaded. [INFO-UNUSED-1]"""

    def load(self, loader: Loader, element: int, size: int, field: VMStateField) -> None:
        """Pass over them."""
        loader.stream.take(size)

    def save(self, saver: Saver, element: int, size: int, field: VMStateField) -> None:
        """Send zeros."""
        saver.stream.room(size)
        saver.stream.put(bytes(size))


@dataclass(frozen=True, slots=True)
class Bitmap(Info):
    """`size` bits as 64-bit words, unused high bits and all. [INFO-BITMAP-1]"""

    def load(self, loader: Loader, element: int, size: int, field: VMStateField) -> None:
        """Store each word; words that are missing become 0."""
        count, heap, stream = _words(size), loader.heap, loader.stream
        whole = min(count, stream.left() // _WORD)
        for index in range(whole):
            heap.write(element + _WORD * index, stream.take(_WORD)[::-1])
        if whole < count:
            last = stream.number(_WORD)
            heap.write(element + _WORD * whole, last.to_bytes(_WORD, "little"))
            heap.clear(element + _WORD * (whole + 1), _WORD * (count - whole - 1))

    def save(self, saver: Saver, element: int, size: int, field: VMStateField) -> None:
        """Send each word."""
        length = _WORD * _words(size)
        saver.heap.check(element, length, "read")
        saver.stream.room(length)
        for index in range(_words(size)):
            saver.stream.put(saver.heap.read(element + _WORD * index, _WORD)[::-1])


def _words(bits: int) -> int:
    # The rounding wraps: a size of -1 is no word at all [INFO-BITMAP-2].
    return ((bits + 63) & U64) // 64


@dataclass(frozen=True, slots=True)
class PtrMarker(Info):
    """The marker before an element of an array of pointers; only the core may use it. [INFO-MARKER-1]"""

    def load(self, loader: Loader, element: int, size: int, field: VMStateField) -> None:
        """Abort: the core reads markers itself."""
        raise self._unreachable("load_ptr_marker")

    def save(self, saver: Saver, element: int, size: int, field: VMStateField) -> None:
        """Send what the pointer at `element` is: the core calls this with the slot's own pointer."""
        saver.put_marker(element)

    @staticmethod
    def _unreachable(function: str) -> Abort:
        return assertion(function, "code should not be reached", "unexpected-valid-marker")


@dataclass(frozen=True, slots=True)
class Fd(Info):
    """A file descriptor, which travels beside the bytes: a channel of bytes carries none.

    [INFO-FD-2] [INFO-FD-3]
    """

    def load(self, loader: Loader, element: int, size: int, field: VMStateField) -> None:
        """Refuse before anything is read, and without a word of why."""
        if loader.dialect.by_number:
            loader.heap.write(element, b"\xff\xff\xff\xff")
        loader.stream.set_error(EIO)
        message = "a channel of bytes" if loader.dialect.by_number else ""
        raise Reject("field-load-failed", message, EIO)

    def save(self, saver: Saver, element: int, size: int, field: VMStateField) -> None:
        """Fail without an error object, which the core then puts its prefix on."""
        if saver.dialect.by_number:
            raise failed("put failed")
        raise out_of_bounds("read through a wild pointer")
