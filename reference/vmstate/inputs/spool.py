# SPDX-License-Identifier: Apache-2.0
"""A temporary file for what is no plain file: written once, bounded, then mapped."""

from __future__ import annotations

import mmap
from typing import Final

from vmstate.inputs.errors import InputFault

#: What is taken at once from a pipe or an unpacker.
STEP: Final = 1 << 20
_HOLE: Final = 1 << 16


class Spool:
    """Takes bytes up to `most`; runs of zeros become holes, so a bomb of them fills no disk."""

    def __init__(self, most: int) -> None:
        self.size = 0
        self._most: Final = most
        # Most inputs are plain files, and are read sooner without loading this.
        import tempfile  # noqa: PLC0415

        self._file: Final = tempfile.TemporaryFile()  # noqa: SIM115 - lives until `map`

    def write(self, data: bytes | memoryview, offset: int) -> None:
        """Append. Raises `InputFault` where it gets too much; `offset` is what was read so far."""
        if self.size + len(data) > self._most:
            raise InputFault("too-large", offset, f"holds more than {self._most} bytes")
        for at in range(0, len(data), _HOLE):
            piece = bytes(data[at : at + _HOLE])
            if piece.count(0) != len(piece):
                self._file.seek(self.size + at)
                self._file.write(piece)
        self.size += len(data)

    def skip(self, size: int, offset: int) -> None:
        """Append zeros."""
        if self.size + size > self._most:
            raise InputFault("too-large", offset, f"holds more than {self._most} bytes")
        self.size += size

    def map(self) -> mmap.mmap | bytes:
        """Give all that was written, and close."""
        with self._file:
            if not self.size:
                return b""
            self._file.truncate(self.size)
            self._file.flush()
            return mmap.mmap(self._file.fileno(), self.size, access=mmap.ACCESS_READ)

    def close(self) -> None:
        """Drop it."""
        self._file.close()
