# SPDX-License-Identifier: Apache-2.0
"""The hash page table of pseries: htab_load() in hw/ppc/spapr.c.

    {"idstr": "spapr/htab", "handler": "spapr/htab",
     "destination": {"shift": 18, "entries": {"5": "0000000000000001aaaaaaaaaaaaaaaa"}}}

The table has 2 to the `shift` bytes, null (or nothing) is no table. `entries` are those of its entries, 16
bytes each, that are not zero, by their index. A table of KVM, which QEMU has no pointer to, is not here.
"""

from __future__ import annotations

from typing import Any, Final

from vmstate.container.model import Machine, PayloadError
from vmstate.container.payloads import sparse
from vmstate.errors import EINVAL
from vmstate.stream import InputStream
from vmstate.trace import Trace
from vmstate.values import integer, mapping
from vmstate.whole import wire

#: Architecture and memory allow no larger table.
_SHIFTS: Final = range(1, 47)


class HashTable:
    """A table, or none."""

    version_id: Final = 1

    def __init__(self, shift: int | None, entries: sparse.Cells) -> None:
        self.shift = shift
        self.entries = entries

    def load(self, stream: InputStream, version_id: int, machine: Machine, trace: Trace) -> None:
        """Load a header, and behind 0 chunks. [RAM-HTAB-1]"""
        if version_id != self.version_id:
            # By clause [RAM-HTAB-5]
            raise PayloadError("payload-version", EINVAL, "htab_load() bad version")
        start = stream.position
        header = stream.number(4)
        trace.note(start, stream.position, "header", f"{header:#x}")
        if header:
            self._allocate(None if header == wire.HTAB_NONE else header)
        elif self.shift is None:
            raise PayloadError("payload-content", EINVAL, "there is no table to fill")
        else:
            while self._chunk(stream, trace):
                pass

    def _allocate(self, shift: int | None) -> None:
        """Begin with a table of zeros, or with none. [RAM-HTAB-2]"""
        if shift is not None and shift not in _SHIFTS:
            raise PayloadError("payload-length", EINVAL, f"a table of 2^{shift} bytes")
        self.shift = shift
        self.entries = sparse.Cells(wire.HTAB_ENTRY)

    def _chunk(self, stream: InputStream, trace: Trace) -> bool:
        """Load one chunk; whether it was not the one of zeros, the last. [RAM-HTAB-3]"""
        start = stream.position
        index, valid, invalid = stream.number(4), stream.number(2), stream.number(2)
        trace.note(start, stream.position, "chunk", f"{index}: {valid} and {invalid}")
        if not (index or valid or invalid):
            return False
        if index + valid + invalid > room(self.shift):
            # By clause [RAM-HTAB-4]
            raise PayloadError(
                "payload-offset",
                EINVAL,
                f"htab_load() bad index {_signed(index, 32)} ({_signed(valid, 16)}+"
                f"{_signed(invalid, 16)} entries) in htab stream (htab_shift={self.shift})",
            )
        if valid:
            start = stream.position
            self.entries.set(index, stream.take(valid * wire.HTAB_ENTRY))
            trace.note(start, stream.position, "entries", f"{valid} entries")
        self.entries.clear(index + valid, invalid)
        return True

    def state(self) -> dict[str, Any]:
        """Give the table's shift, and its entries that are not zero."""
        shift = None if self.shift is None else str(self.shift)
        return {"shift": shift, "entries": self.entries.state()}


def room(shift: int | None) -> int:
    """Give how many entries a table has."""
    return 0 if shift is None else (1 << shift) // wire.HTAB_ENTRY


def _signed(value: int, bits: int) -> int:
    return value - ((value & 1 << bits - 1) << 1)


def read(source: object, path: str, machine: Machine) -> HashTable:
    """Read a destination. Raises `CaseError`."""
    given = mapping(source, path, frozenset({"shift", "entries"}))
    shift = given.get("shift")
    if shift is not None:
        shift = integer(shift, f"{path}.shift", _SHIFTS)
    entries = given.get("entries", {})
    cells = sparse.read(entries, f"{path}.entries", wire.HTAB_ENTRY, range(room(shift)))
    return HashTable(shift, cells)
