# SPDX-License-Identifier: Apache-2.0
"""One process of a testee: lines in, lines out, nothing it writes trusted."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import IO, Final

#: The longest line that either side may send, in bytes.
MAX_LINE: Final = 4 << 20
_STDERR: Final = 64 << 10
_GRACE: Final = 2.0
_EOF: Final = b""


class TesteeError(Exception):
    """The testee cannot be used at all: not started, no hello, no configuration."""


class Process:
    """A running testee in its own process group, with a writer, a reader and a log thread."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Start it. Raises `TesteeError` where that fails."""
        try:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise TesteeError(f"'{command[0]}' cannot be started: {reason}") from None
        except ValueError as error:
            raise TesteeError(f"{command!r} cannot be started: {error}") from None
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._log: deque[bytes] = deque()
        self._logged = 0
        self._threads = [
            threading.Thread(target=target, daemon=True)
            for target in (self._write, self._read, self._drain)
        ]
        for thread in self._threads:
            thread.start()

    def send(self, line: bytes) -> None:
        """Queue one line, without its end."""
        self._requests.put(line + b"\n")

    def receive(self, deadline: float) -> bytes | None:
        """Give the next line; None at `deadline` (time.monotonic); empty at the end of output.

        A line without an end, or longer than `MAX_LINE`, comes as it is: no JSON, or too long.
        """
        try:
            return self._answers.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            return None

    def finish(self) -> None:
        """Let it end by itself, or end it."""
        self._requests.put(None)
        try:
            self._popen.wait(_GRACE)
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
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(0.2)

    def log(self) -> str:
        """Give the last 64 KiB that it wrote to stderr."""
        self._threads[2].join(0.2)
        return b"".join(self._log).decode(errors="replace")[-_STDERR:]

    def _close(self) -> None:
        self._requests.put(None)
        for thread in self._threads:
            thread.join(0.5)
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _write(self) -> None:
        pipe = self._pipe(self._popen.stdin)
        with contextlib.suppress(OSError, ValueError):
            while (line := self._requests.get()) is not None:
                pipe.write(line)
                if self._requests.empty():
                    pipe.flush()
            pipe.close()

    def _read(self) -> None:
        pipe = self._pipe(self._popen.stdout)
        with contextlib.suppress(OSError, ValueError):
            while line := pipe.readline(MAX_LINE + 1):
                self._answers.put(line)
                if not line.endswith(b"\n"):
                    break
        self._answers.put(_EOF)

    def _drain(self) -> None:
        pipe = self._pipe(self._popen.stderr)
        with contextlib.suppress(OSError, ValueError):
            while part := os.read(pipe.fileno(), 1 << 14):
                self._log.append(part)
                self._logged += len(part)
                while self._logged - len(self._log[0]) > _STDERR:
                    self._logged -= len(self._log.popleft())

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe
