# SPDX-License-Identifier: Apache-2.0
"""One process of a testee: lines in, lines out, nothing it writes trusted.

One thread does it all with poll(2): what waits to be written, what was answered and what was logged
are moved whenever a line is waited for, so no full pipe can hold both sides up.
"""

from __future__ import annotations

import contextlib
import enum
import os
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

#: The longest line that either side may send, in bytes.
MAX_LINE: Final = 4 << 20
_STDERR: Final = 64 << 10
_GRACE: Final = 2.0
_PART: Final = 1 << 18
#: Seconds between two looks at how much memory the testee has.
_LOOK: Final = 0.05
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class TesteeError(Exception):
    """The testee cannot be used at all: not started, no hello, no configuration."""


class End(enum.Enum):
    """Why there is no line: nothing in time, output at its end, and lines that are none."""

    LATE = "no answer in time"
    EOF = "the end of its output"
    HALF = "a line without its end"
    LONG = f"a line of more than {MAX_LINE} bytes"
    MEMORY = "more memory than it may have"


class Process:
    """A running testee in its own process group.

    `memory` is the number of bytes that it and what it started may have resident; 0: no limit.
    """

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str] | None = None, memory: int = 0
    ) -> None:
        """Start it. Raises `TesteeError` where that fails."""
        try:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise TesteeError(f"'{command[0]}' cannot be started: {reason}") from None
        except ValueError as error:
            raise TesteeError(f"{command!r} cannot be started: {error}") from None
        self._memory = memory
        self._in, self._out, self._err = (
            self._fd(pipe) for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr)
        )
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self._poll.register(self._err, select.POLLIN)
        self._requests: list[bytes] = []
        self._unsent = b""
        self._full = False
        #: Lines that came already, without their ends.
        self.lines: deque[bytes] = deque()
        self._part: list[bytes] = []
        self._size = 0
        self._end: End | None = None
        self._log: deque[bytes] = deque()
        self._logged = 0

    def send(self, line: bytes) -> None:
        """Queue one line, without its end; it leaves with the next `flush` or `receive`."""
        self._requests.append(line)

    def flush(self) -> None:
        """Write what is queued, as far as the pipe takes it."""
        if self._requests:
            self._requests.append(b"")
            waiting = bool(self._unsent)
            self._unsent += b"\n".join(self._requests)
            self._requests.clear()
            if not waiting:
                self._write()

    @property
    def queued(self) -> int:
        """How many lines wait for the next `flush`."""
        return len(self._requests)

    def receive(self, deadline: float) -> bytes | End:
        """Give the next line, without its end; LATE at `deadline` (time.monotonic)."""
        if self.lines:
            return self.lines.popleft()
        self.flush()
        if self._end is None:
            self._read()  # mostly it has answered while we were busy
        look = time.monotonic() + _LOOK if self._memory else deadline
        while not self.lines:
            if self._end is not None:
                return self._end
            now = time.monotonic()
            if now >= look and self._memory and self._resident() > self._memory:
                return End.MEMORY
            if now >= look:
                look = now + _LOOK
            if now >= deadline:
                return End.LATE
            self._move(min(deadline, look) - now)
        return self.lines.popleft()

    def half(self) -> bytes:
        """Give what there is of a line that has not ended."""
        return b"".join(self._part)

    def finish(self) -> None:
        """Let it end by itself, or end it."""
        deadline = time.monotonic() + _GRACE
        self.flush()
        while self._end is None and (left := deadline - time.monotonic()) > 0:
            if not self._unsent:
                self._hang_up()
            self.lines.clear()
            self._move(left)
        try:
            self._popen.wait(max(deadline - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            self.kill()
        self._close()

    def kill(self) -> int:
        """End it and all that it started; give the exit status, negative for a signal."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            # It may be dying already: its own status says more than ours.
            self._popen.wait(0.05)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        status = self._popen.wait()
        self._close()
        return status

    def abort(self) -> None:
        """Ask a process that hangs for a trace before it is killed."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGABRT)
        deadline = time.monotonic() + 0.2
        while self._end is None and (left := deadline - time.monotonic()) > 0:
            self.lines.clear()
            self._move(left)

    def log(self) -> str:
        """Give the last 64 KiB that it wrote to stderr."""
        return b"".join(self._log).decode(errors="replace")[-_STDERR:]

    def _move(self, seconds: float) -> None:
        for fd, _ in self._poll.poll(max(seconds, 0) * 1000):
            if fd == self._out:
                self._read()
            elif fd == self._err:
                self._drain()
            else:
                self._write()

    def _write(self) -> None:
        waited = False
        try:
            while self._unsent:
                done = os.write(self._in, self._unsent)
                self._unsent = self._unsent[done:]
        except BlockingIOError:
            waited = True
        except OSError:
            self._unsent = b""  # it reads no more; its end comes through the other pipe
        if waited != self._full:
            self._full = waited
            if waited:
                self._poll.register(self._in, select.POLLOUT)
            else:
                self._poll.unregister(self._in)

    def _read(self) -> None:
        try:
            data = os.read(self._out, _PART)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._stop(End.HALF if self._size else End.EOF)
            return
        if b"\n" not in data:
            self._part.append(data)
            self._size += len(data)
        else:
            lines = data.split(b"\n")
            if self._part:
                lines[0] = b"".join([*self._part, lines[0]])
            self._part = [lines.pop()]
            self._size = len(self._part[0])
            self.lines.extend(lines)
        if self._size > MAX_LINE or (self.lines and len(self.lines[-1]) > MAX_LINE):
            self._stop(End.LONG)

    def _stop(self, end: End) -> None:
        self._end = end
        if end is End.LONG and self.lines and len(self.lines[-1]) > MAX_LINE:
            self.lines.pop()
        self._poll.unregister(self._out)

    def _drain(self) -> None:
        try:
            part = os.read(self._err, 1 << 16)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        if not part:
            self._poll.unregister(self._err)
            return
        self._log.append(part)
        self._logged += len(part)
        while self._logged - len(self._log[0]) > _STDERR:
            self._logged -= len(self._log.popleft())

    def _hang_up(self) -> None:
        if self._popen.stdin is not None:
            with contextlib.suppress(OSError):
                self._popen.stdin.close()
            self._popen.stdin = None

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            # What it said last is in the pipe still.
            while part := os.read(self._err, 1 << 16):
                self._log.append(part)
        self._hang_up()
        for pipe in (self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._err = self._out = -1

    def _resident(self) -> int:
        """Bytes resident of the process and of what it started."""
        pages, pids = 0, [self._popen.pid]
        for pid in pids:
            proc = Path("/proc", str(pid))
            with contextlib.suppress(OSError, ValueError, IndexError):
                pages += int((proc / "statm").read_text().split()[1])
                children = (proc / "task" / str(pid) / "children").read_text()
                pids.extend(int(child) for child in children.split())
        return pages * _PAGE

    @staticmethod
    def _fd(pipe: IO[bytes] | None) -> int:
        assert pipe is not None
        os.set_blocking(pipe.fileno(), False)
        return pipe.fileno()
