# SPDX-License-Identifier: Apache-2.0
"""QEMUFile as far as it shows: end-of-file rules on reading, counting on writing (qemu-file.c)."""

from __future__ import annotations

from typing import Final

from vmstate.errors import EIO, Abort

IO_BUF_SIZE: Final = 32768


class InputStream:
    """Bytes being loaded, seen through a buffer of 32 KiB as QEMUFile sees them.

    `position` counts the bytes consumed, `error` is 0 or the first error set (-5, -22). The buffer
    holds the stream from `_base` to `_end`; it shows in one place, a read that the end cuts short.
    """

    __slots__ = ("_base", "_end", "data", "error", "position", "seekable")

    def __init__(self, data: bytes, *, seekable: bool = True) -> None:
        self.data = data
        self.seekable = seekable
        self.position = 0
        self.error = 0
        self._base = 0
        self._end = min(len(data), IO_BUF_SIZE)

    def set_error(self, error: int) -> None:
        """Note an error; the first one stays. [STREAM-ERROR-1]"""
        if not self.error:
            self.error = error

    def _fill(self) -> bool:
        """Move what is unread to the buffer's front and read on; whether more came. [STREAM-BUF-1]"""
        self._base = self.position
        if self.error:  # [STREAM-ERROR-2]
            return False
        end = min(len(self.data), self._base + IO_BUF_SIZE)
        more = end > self._end
        self._end = end
        if not more:  # [STREAM-EOF-1]
            self.error = EIO
        return more

    def take(self, size: int) -> bytes:
        """Consume up to `size` bytes as one buffer; fewer at the end, which sets the error. [STREAM-EOF-2]"""
        start = self.position
        if start + size <= self._end:
            self.position = start + size
            return self.data[start : start + size]
        parts = []
        while size > 0:
            part = self._window(min(size, IO_BUF_SIZE))
            if not part:
                break
            parts.append(part)
            self.position += len(part)
            size -= len(part)
        return b"".join(parts)

    def _window(self, size: int) -> bytes:
        """Give up to `size` bytes from the buffer without consuming them. [STREAM-EOF-4]

        A refill that fails has moved the unread bytes to the front all the same, and QEMU then
        copies from where they were: bytes that the move has overwritten come out wrong.
        """
        index = self.position - self._base
        while self._end - self.position < size:
            if not self._fill():
                break
            index = 0
        tail = self.data[self.position : min(self._end, self.position + size)]
        if self._base == self.position and index:
            return tail[index:] + tail[max(len(tail) - index, 0) :]
        return tail

    def whole(self, size: int) -> bytes | None:
        """Consume `size` bytes if the buffer holds them; give the data that they are a part of."""
        end = self.position + size
        if end > self._end:
            return None
        self.position = end
        return self.data

    def take_numbers(self, size: int) -> bytes:
        """Consume `size` bytes, known to be there, as numbers one by one would."""
        start = self.position
        end = start + size
        while self._end < end:
            self.position = self._end
            self._fill()
        self.position = end
        return self.data[start:end]

    def number(self, size: int) -> int:
        """Consume a big-endian number; missing low bytes read as 0. [STREAM-EOF-3]"""
        start = self.position
        end = start + size
        if end <= self._end:
            self.position = end
            return int.from_bytes(self.data[start:end], "big")
        value = 0
        for _ in range(size):
            value = value << 8 | self._byte()
        return value

    def _byte(self) -> int:
        if self.position >= self._end and not self._fill():
            return 0
        self.position += 1
        return self.data[self.position - 1]

    def skip(self, size: int) -> None:
        """Consume `size` bytes that have been peeked at."""
        self.position += size

    def peek_byte(self, offset: int) -> int:
        """Look at one byte ahead; 0 and an error where there is none. [STREAM-PEEK-1]"""
        at = self.position + offset
        if at < self._end:
            return self.data[at]
        self._fill()
        return self.data[at] if at < self._end else 0

    def peek(self, size: int, offset: int) -> bytes:
        """Look at up to `size` bytes ahead; fewer set the error. [STREAM-PEEK-2]"""
        start = self.position + offset
        while self._end - start < size and self._fill():
            pass
        return self.data[start : min(start + size, self._end)]

    def read_at(self, offset: int, size: int) -> bytes:
        """Read at an offset of the file; fewer bytes where it ends, which sets the error. [RAM-MAPPED-8]"""
        if self.error or not size:
            return b""
        good = self.seekable and offset < 1 << 63
        data = self.data[offset : offset + size] if good else b""
        if len(data) < size:
            self.error = EIO
        return data

    def seek(self, offset: int) -> None:
        """Go on at an offset of the file. One that is negative as 64 bits sets the error. [RAM-MAPPED-5]"""
        # What has been buffered is gone in either case, and the file stands behind it.
        if offset < 1 << 63:
            self._end = offset
        else:
            self.set_error(EIO)
        self.position = self._base = self._end

    def left(self) -> int:
        """Give how many bytes can still be consumed."""
        return (self._end if self.error else len(self.data)) - self.position


class OutputStream:
    """Bytes being saved, at most `limit` of them."""

    __slots__ = ("data", "limit")

    def __init__(self, limit: int) -> None:
        self.data = bytearray()
        self.limit = limit

    def put(self, data: bytes) -> None:
        """Append bytes."""
        self.room(len(data))
        self.data += data

    def put_number(self, value: int, size: int) -> None:
        """Append a number, big-endian, cut to `size` bytes."""
        self.put((value & ((1 << 8 * size) - 1)).to_bytes(size, "big"))

    def room(self, size: int) -> None:
        """Raise `Abort` where `size` more bytes are beyond the limit."""
        if len(self.data) + size > self.limit:
            raise Abort("oom", "allocation-failed", f"a stream of more than {self.limit} bytes")

    def transferred(self) -> int:
        """Give how many bytes have been written. [VMDESC-SIZE-1]"""
        return len(self.data)
