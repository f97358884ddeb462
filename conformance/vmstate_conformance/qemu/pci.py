# SPDX-License-Identifier: Apache-2.0
"""PCI through qtest: configuration space, base addresses, capabilities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from vmstate_conformance.qemu.provision import QemuError
from vmstate_conformance.qemu.qtest import Qtest

_COMMAND: Final = 0x04
_CLASS: Final = 0x0A
_HEADER: Final = 0x0E
_BAR: Final = 0x10
_CAPABILITIES: Final = 0x34
_BUSES: Final = 0x18
#: Base addresses of 64 bits, in I/O space, of memory: as the bits of a BAR say it.
_IO: Final = 1
_WIDE: Final = 4


class _Space(Protocol):
    def read(self, bdf: int, offset: int, width: int) -> int: ...
    def write(self, bdf: int, offset: int, value: int, width: int) -> None: ...


@dataclass(frozen=True, slots=True)
class _Ports:
    """The configuration ports of a PC, 0xcf8 and 0xcfc."""

    qtest: Qtest

    def read(self, bdf: int, offset: int, width: int) -> int:
        self.qtest.out(0xCF8, 1 << 31 | bdf << 8 | offset & 0xFC, 4)
        return self.qtest.inp(0xCFC + (offset & 3), width)

    def write(self, bdf: int, offset: int, value: int, width: int) -> None:
        self.qtest.out(0xCF8, 1 << 31 | bdf << 8 | offset & 0xFC, 4)
        self.qtest.out(0xCFC + (offset & 3), value, width)


@dataclass(frozen=True, slots=True)
class _Ecam:
    """Configuration space in memory, 4 KiB a function."""

    qtest: Qtest
    base: int

    def read(self, bdf: int, offset: int, width: int) -> int:
        return self.qtest.peek(self.base + (bdf << 12) + offset, width)

    def write(self, bdf: int, offset: int, value: int, width: int) -> None:
        self.qtest.poke(self.base + (bdf << 12) + offset, value, width)


class Pci:
    """The buses of a machine; hands out addresses for BARs from two windows."""

    def __init__(self, space: _Space, qtest: Qtest, memory: int, ports: int, pio: int = 0) -> None:
        """Windows start at `memory` and `ports`; `pio`: where ports lie in memory, if they do."""
        self._space = space
        self._qtest = qtest
        self._memory = memory
        self._ports = ports
        self._pio = pio

    def function(self, device: int, function: int = 0, bus: int = 0) -> Function:
        """Give one function. Raises `QemuError` where there is none."""
        found = Function(self, bus << 8 | device << 3 | function)
        if found.read(0, 2) == 0xFFFF:
            raise QemuError(f"no PCI function at {bus:02x}:{device:02x}.{function}")
        return found

    def find(self, vendor: int, device: int) -> Function:
        """Give the first function of that kind, bridges opened on the way."""
        for function in self.scan():
            if function.read(0, 4) == device << 16 | vendor:
                return function
        raise QemuError(f"no PCI function is {vendor:04x}:{device:04x}")

    def scan(self, bus: int = 0) -> Iterator[Function]:
        """Give all functions; a bridge without a number gets one."""
        for bdf in range(bus << 8, (bus << 8) + 256):
            function = Function(self, bdf)
            if function.read(0, 2) == 0xFFFF:
                continue
            yield function
            if function.read(_CLASS, 2) == 0x0604:
                if not function.read(_BUSES + 1, 1):
                    function.write(_BUSES, (bus + 1 + (bdf >> 3 & 31)) << 8 | bus, 2)
                    function.write(_BUSES + 2, function.read(_BUSES + 1, 1), 1)
                    # Everything that is not ours goes through, and it may be a master.
                    function.write(0x20, 0xF000_E000, 4)
                    function.write(0x1C, 0xF0C0, 2)
                    function.write(_COMMAND, 7, 2)
                yield from self.scan(function.read(_BUSES + 1, 1))

    def window(self, size: int, *, io: bool) -> int:
        """Hand out an address of `size` bytes, aligned to them."""
        if io:
            at = -(-self._ports // size) * size
            self._ports = at + size
        else:
            size = max(size, 4096)
            at = -(-self._memory // size) * size
            self._memory = at + size
        return at

    def config(self) -> _Space:
        """Give the way to configuration space."""
        return self._space

    def memory(self) -> Qtest:
        """Give the way to memory and ports."""
        return self._qtest

    def port_base(self) -> int:
        """Give where I/O ports lie in memory, 0 where they are ports."""
        return self._pio


class Function:
    """One function of a device: its configuration space and the registers behind its BARs."""

    def __init__(self, pci: Pci, bdf: int) -> None:
        self._pci = pci
        self._bdf = bdf
        self._bars: dict[int, tuple[int, bool]] = {}

    def read(self, offset: int, width: int = 4) -> int:
        """Read configuration space."""
        return self._pci.config().read(self._bdf, offset, width)

    def write(self, offset: int, value: int, width: int = 4) -> None:
        """Write configuration space."""
        self._pci.config().write(self._bdf, offset, value, width)

    def enable(self) -> None:
        """Give each BAR an address and let the function answer and be a master."""
        at = 0
        while at < 6:
            old = self.read(_BAR + 4 * at)
            self.write(_BAR + 4 * at, 0xFFFFFFFF)
            mask = self.read(_BAR + 4 * at)
            io = bool(old & _IO)
            size = -(mask & (~3 if io else ~15)) & (0xFFFF if io else 0xFFFFFFFF)
            wide = not io and bool(mask & _WIDE)
            if size and mask:
                address = self._pci.window(size, io=io)
                self.write(_BAR + 4 * at, address)
                if wide:
                    self.write(_BAR + 4 * at + 4, 0)
                self._bars[at] = address, io
            at += 1 + wide
        self.write(_COMMAND, self.read(_COMMAND, 2) | 7, 2)

    def base(self, bar: int) -> int:
        """Give the address of a BAR. Raises `QemuError` where it has none."""
        try:
            return self._bars[bar][0]
        except KeyError:
            raise QemuError(f"PCI function {self._bdf:#x} has no BAR {bar}") from None

    def peek(self, bar: int, offset: int, width: int = 4) -> int:
        """Read a register."""
        address, io = self._place(bar, offset)
        qtest = self._pci.memory()
        return qtest.inp(address, width) if io else qtest.peek(address, width)

    def poke(self, bar: int, offset: int, value: int, width: int = 4) -> None:
        """Write a register."""
        address, io = self._place(bar, offset)
        qtest = self._pci.memory()
        if io:
            qtest.out(address, value, width)
        else:
            qtest.poke(address, value, width)

    def capabilities(self) -> Iterator[tuple[int, int]]:
        """Give each capability: its id and offset."""
        at = self.read(_CAPABILITIES, 1)
        for _ in range(64):
            if not at:
                return
            yield self.read(at, 1), at
            at = self.read(at + 1, 1)

    def msix(self) -> None:
        """Switch MSI-X on, every vector masked."""
        for kind, at in self.capabilities():
            if kind == 0x11:
                self.write(at + 2, self.read(at + 2, 2) | 0xC000, 2)

    def _place(self, bar: int, offset: int) -> tuple[int, bool]:
        self.base(bar)
        address, io = self._bars[bar]
        pio = self._pci.port_base()
        return (address + offset + (pio if io else 0)), io and not pio


def pci_of(arch: str, qtest: Qtest) -> Pci:
    """Give the PCI buses of the usual machine of an architecture."""
    match arch:
        case "x86_64":
            return Pci(_Ports(qtest), qtest, 0xE0000000, 0xC000)
        case "aarch64":
            return Pci(_Ecam(qtest, 0x40_1000_0000), qtest, 0x10000000, 0x1000, 0x3EFF0000)
        case "riscv64":
            return Pci(_Ecam(qtest, 0x30000000), qtest, 0x40000000, 0x1000, 0x3000000)
    raise QemuError(f"the PCI bus of {arch} is not known")
