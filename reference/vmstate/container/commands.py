# SPDX-License-Identifier: Apache-2.0
"""Commands inside a stream: loadvm_process_command() in migration/savevm.c."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vmstate.container.model import Blocks, Refusal
from vmstate.errors import EINVAL, Reject
from vmstate.stream import InputStream

if TYPE_CHECKING:
    from vmstate.container.load import ContainerLoader

#: Number to name and length; -1 where the length varies.
COMMANDS: Final = {
    1: ("OPEN_RETURN_PATH", 0),
    2: ("PING", 4),
    3: ("POSTCOPY_ADVISE", -1),
    4: ("POSTCOPY_LISTEN", 0),
    5: ("POSTCOPY_RUN", 0),
    6: ("POSTCOPY_RAM_DISCARD", -1),
    7: ("PACKAGED", 4),
    9: ("POSTCOPY_RESUME", 0),
    10: ("RECV_BITMAP", -1),
    11: ("SWITCHOVER_START", 0),
}
_DEPRECATED: Final = 8
_EPERM: Final = -1
_EAGAIN: Final = -11
_ERANGE: Final = -34
_LAST: Final = 11

#: The states of postcopy on the receiving side, as QEMU numbers them in its messages.
_NONE, _ADVISE, _DISCARD, _LISTENING, _RUNNING = range(5)
#: Packages inside packages that are followed; each takes its bytes from the outer stream.
_DEEPEST: Final = 64


class Quit(Exception):  # noqa: N818 - RUN is no error
    """The guest runs from here on."""


class Commands:
    """Runs commands and keeps what they change: the way back, and the state of postcopy.

    postcopy-ram is off on this side, as it is unless somebody switches it on.
    """

    def __init__(self, loader: ContainerLoader) -> None:
        self.loader: Final = loader
        self.return_path = False
        self.postcopy = _NONE
        self.depth = 0

    def run(self, stream: InputStream) -> None:
        """Run one command, from behind its type byte. [CMD-HEADER-1]"""
        number, length = stream.number(2), stream.number(2)
        if stream.error:
            # By clause [CMD-HEADER-4]
            raise Reject(
                "truncated", f"Failed to load VM process command: stream error: {stream.error}"
            )
        if number not in COMMANDS:
            # By clause [CMD-HEADER-2]
            word = "deprecated" if number == _DEPRECATED else "unknown"
            raise _bad(f"MIG_CMD 0x{number:x} {word} (len 0x{length:x})", EINVAL)
        name, wanted = COMMANDS[number]
        if wanted not in {-1, length}:
            # By clause [CMD-HEADER-3]
            raise _bad(
                f"{name} received with bad length - expecting {wanted}, got {length}", _ERANGE
            )
        getattr(self, f"_{name.lower()}")(stream, length)

    def _open_return_path(self, stream: InputStream, length: int) -> None:
        """By clause [CMD-RETURN-1]."""
        if self.return_path:
            self.loader.machine.report("CMD_OPEN_RETURN_PATH called when RP already open")
        self.return_path = True

    def _ping(self, stream: InputStream, length: int) -> None:
        """By clause [CMD-PING-1]."""
        number = stream.number(4)
        if not self.return_path:
            raise _bad(f"CMD_PING (0x{number:x}) received with no return path")

    def _postcopy_advise(self, stream: InputStream, length: int) -> None:
        """By clause [CMD-ADVISE-1]."""
        before, self.postcopy = self.postcopy, _ADVISE
        if before != _NONE:
            raise _bad(f"CMD_POSTCOPY_ADVISE in wrong postcopy state ({before})")
        if length == 16:
            raise _bad("RAM postcopy is disabled but have 16 byte advise", EINVAL)
        if length:
            raise _bad(f"CMD_POSTCOPY_ADVISE invalid length ({length})", EINVAL)

    def _postcopy_listen(self, stream: InputStream, length: int) -> None:
        """By clause [CMD-LISTEN-1]."""
        before, self.postcopy = self.postcopy, _LISTENING
        if before not in {_ADVISE, _DISCARD}:
            raise _bad(f"CMD_POSTCOPY_LISTEN in wrong postcopy state ({before})")

    def _postcopy_run(self, stream: InputStream, length: int) -> None:
        """By clause [CMD-RUN-1]."""
        before, self.postcopy = self.postcopy, _RUNNING
        if before != _LISTENING:
            raise _bad(f"CMD_POSTCOPY_RUN in wrong postcopy state ({before})")
        raise Quit

    def _postcopy_ram_discard(self, stream: InputStream, length: int) -> None:
        """By clause [CMD-DISCARD-1]."""
        if self.postcopy not in {_ADVISE, _DISCARD}:
            raise _bad(f"CMD_POSTCOPY_RAM_DISCARD in wrong postcopy state ({self.postcopy})")
        self.postcopy = _DISCARD
        if length < 1 + 1 + 1 + 1 + 2 * 8:
            raise _bad(f"CMD_POSTCOPY_RAM_DISCARD invalid length ({length})")
        version = stream.number(1)
        if version:
            raise _bad(f"CMD_POSTCOPY_RAM_DISCARD invalid version ({version})")
        name = self._counted(stream)
        if not name:
            raise _bad("CMD_POSTCOPY_RAM_DISCARD Failed to read RAMBlock ID")
        name = name.split(b"\0", 1)[0]  # and only that much counts below
        nil = stream.number(1)
        if nil:
            raise _bad(f"CMD_POSTCOPY_RAM_DISCARD missing nil ({nil})")
        left = length - 3 - len(name)
        if left % 16:
            raise _bad(f"CMD_POSTCOPY_RAM_DISCARD invalid length ({left})")
        for _ in range(left // 16):
            start, size = stream.number(8), stream.number(8)
            if not any(each.discard(name, start, size) for each in self._blocks()):
                # By clause [CMD-DISCARD-2]
                raise _bad(f"Failed to discard RAM range {name.decode(errors='replace')}: -1")

    def _packaged(self, stream: InputStream, length: int) -> None:
        """Load a package. [CMD-PACKAGED-1]

        Length and bytes come from the outermost stream, wherever the command stood. [CMD-PACKAGED-2]
        """
        outer = self.loader.stream
        size = outer.number(4)
        data = outer.take(size)
        if len(data) < size:
            raise Refusal(
                "truncated",
                f"CMD_PACKAGED: Buffer receive fail ret={len(data)} length={size}",
                _EAGAIN,
            )
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _bad(f"more than {_DEEPEST} packages inside each other")
        self.loader.sections(InputStream(data, seekable=False))
        self.depth -= 1

    def _postcopy_resume(self, stream: InputStream, length: int) -> None:
        """By clause [CMD-RESUME-1]."""
        self.loader.machine.report("loadvm_postcopy_handle_resume: illegal resume received")

    def _recv_bitmap(self, stream: InputStream, length: int) -> None:
        """By clause [CMD-BITMAP-1]."""
        name = self._counted(stream)
        if not name:
            raise _bad("failed to read block name", EINVAL)
        if length != len(name) + 1:
            raise _bad(f"invalid payload length ({length})", EINVAL)
        name = name.split(b"\0", 1)[0]
        if not any(each.find(name) for each in self._blocks()):
            raise _bad(f"block '{name.decode(errors='replace')}' not found", EINVAL)

    def _blocks(self) -> Iterator[Blocks]:
        for device in self.loader.devices:
            if isinstance(device.handler, Blocks):
                yield device.handler

    def _switchover_start(self, stream: InputStream, length: int) -> None:
        """By clause [CMD-SWITCHOVER-1]."""

    @staticmethod
    def _counted(stream: InputStream) -> bytes:
        size = stream.number(1)
        raw = stream.take(size)
        return raw if len(raw) == size else b""


def _bad(message: str, code: int = _EPERM) -> Refusal:
    return Refusal("bad-command", message, code)
