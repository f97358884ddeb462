# SPDX-License-Identifier: Apache-2.0
"""What a container is loaded into: registered devices, and the machine's own settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Protocol, runtime_checkable

from vmstate.description import VMStateDescription
from vmstate.errors import EINVAL, Reject
from vmstate.stream import InputStream
from vmstate.trace import Trace

MAGIC: Final = 0x5145564D
VERSION: Final = 3
EOF: Final = 0x00
SECTION_START: Final = 0x01
SECTION_PART: Final = 0x02
SECTION_END: Final = 0x03
SECTION_FULL: Final = 0x04
VMDESCRIPTION: Final = 0x06
CONFIGURATION: Final = 0x07
COMMAND: Final = 0x08
FOOTER: Final = 0x7E

#: The capabilities that a configuration may name; only the last two are compared.
CAPABILITIES: Final = (
    "xbzrle rdma-pin-all auto-converge events postcopy-ram x-colo release-ram return-path "
    "pause-before-switchover multifd dirty-bitmaps postcopy-blocktime late-block-activate "
    "x-ignore-shared validate-uuid background-snapshot zero-copy-send postcopy-preempt "
    "switchover-ack dirty-limit mapped-ram"
)
KNOWN_CAPABILITIES: Final = frozenset(CAPABILITIES.split())
COMPARED: Final = ("x-ignore-shared", "mapped-ram")


class Handler(Protocol):
    """What loads the payload of a section that no description describes: QEMU's SaveVMHandlers."""

    @property
    def version_id(self) -> int:
        """The version that it is registered with."""

    def load(self, stream: InputStream, version_id: int, machine: Machine, trace: Trace) -> None:
        """Load one payload, and note its parts. Raises `PayloadError` where QEMU's returns an error."""

    def state(self) -> dict[str, Any]:
        """Give what was loaded so far, in the form of its destination."""


@runtime_checkable
class Incoming(Protocol):
    """A handler of which QEMU takes back what it loaded, where anything else refuses the stream."""

    def cancel(self) -> None:
        """Take it back."""


@runtime_checkable
class Blocks(Protocol):
    """A handler that has the machine's blocks of RAM."""

    def find(self, name: bytes) -> object | None:
        """Find a block by its name."""

    def discard(self, name: bytes, start: int, length: int) -> bool:
        """Forget what a part of a block held; whether there is such a part."""


@dataclass(slots=True, eq=False)
class Device:
    """A registered description, or handler: QEMU's SaveStateEntry.

    Beside a `handler`, `vmsd` is empty and has its version. `loaded_id` and `loaded_version` are those of
    the last header that named the device; both are 0 before one does. `compat` is the name and instance by
    which a device on a bus is also found.
    """

    idstr: str
    instance_id: int
    vmsd: VMStateDescription
    opaque: int = 0
    section_id: int = 0
    alias_id: int = -1
    compat: tuple[str, int] | None = None
    early: bool = False
    unmigratable: bool = False
    handler: Handler | None = None
    loaded_id: int = 0
    loaded_version: int = 0
    loads: int = 0


@dataclass(slots=True)
class Machine:
    """What the local side is, and what it has switched off."""

    name: str = "none"
    page_bits: int = 12
    legacy_page_bits: int = 12
    capabilities: frozenset[str] = frozenset()
    uuid: bytes | None = None
    configuration: bool = True
    footers: bool = True
    vmdesc: bool = True
    switchover_start: bool = False
    printed: list[str] = field(default_factory=list)
    """What QEMU would have written to its standard error on the way."""

    def report(self, text: str) -> None:
        """Note what is printed and goes on."""
        self.printed.append(text)


class Refusal(Reject):
    """A refusal by the container, and the number that its stream's error becomes."""

    def __init__(self, error: str, message: str, code: int = EINVAL) -> None:
        super().__init__(error, message)
        self.code: Final = code


class PayloadError(Exception):
    """What a handler returns where it refuses, and what it has printed before."""

    def __init__(self, error: str, code: int, printed: str = "") -> None:
        super().__init__(printed)
        self.error: Final = error
        self.code: Final = code
        self.printed: Final = printed


def blocked(devices: list[Device]) -> None:
    """Refuse where a device cannot be migrated at all. [CONT-BLOCK-1]"""
    for device in devices:
        if device.unmigratable:
            raise Reject("unmigratable", f"State blocked by non-migratable device '{device.idstr}'")
