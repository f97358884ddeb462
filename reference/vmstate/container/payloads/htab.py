# SPDX-License-Identifier: Apache-2.0
"""The hash page table of pseries: htab_load() in hw/ppc/spapr.c.

    {"idstr": "spapr/htab", "handler": "spapr/htab",
     "destination": {"shift": 18, "entries": {"5": "0000000000000001aaaaaaaaaaaaaaaa"}}}

The table has 2 to the `shift` bytes, null (or nothing) is no table. `entries` are those of its entries, 16
bytes each, that are not zero, by their index. A table of KVM, which QEMU has no pointer to, is not here.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from typing import Any, Final

from vmstate.container.model import Machine, PayloadError
from vmstate.errors import EINVAL, CaseError
from vmstate.stream import InputStream
from vmstate.trace import Trace
from vmstate.values import brief, hexadecimal, integer, mapping
from vmstate.whole import wire

#: Architecture and memory allow no larger table.
_SHIFTS: Final = range(1, 47)
_ZERO: Final = bytes(wire.HTAB_ENTRY)


class HashTable:
    """A table of entries, of which only those that were ever set are held, their indices in order."""

    version_id: Final = 1

    def __init__(self, shift: int | None, entries: Mapping[int, bytes]) -> None:
        self.shift = shift
        self.entries = dict(entries)
        self._order = sorted(entries)

    @property
    def size(self) -> int:
        """How many entries it has room for."""
        return 0 if self.shift is None else (1 << self.shift) // wire.HTAB_ENTRY

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
        self.entries.clear()
        self._order.clear()

    def _chunk(self, stream: InputStream, trace: Trace) -> bool:
        """Load one chunk; whether it was not the one of zeros, the last. [RAM-HTAB-3]"""
        start = stream.position
        index, valid, invalid = stream.number(4), stream.number(2), stream.number(2)
        trace.note(start, stream.position, "chunk", f"{index}: {valid} and {invalid}")
        if not (index or valid or invalid):
            return False
        if index + valid + invalid > self.size:
            # By clause [RAM-HTAB-4]
            raise PayloadError(
                "payload-offset",
                EINVAL,
                f"htab_load() bad index {_signed(index, 32)} ({_signed(valid, 16)}+"
                f"{_signed(invalid, 16)} entries) in htab stream (htab_shift={self.shift})",
            )
        if valid:
            start = stream.position
            self._set(index, stream.take(valid * wire.HTAB_ENTRY))
            trace.note(start, stream.position, "entries", f"{valid} entries")
        self._clear(index + valid, invalid)
        return True

    def _set(self, index: int, data: bytes) -> None:
        """Store entries; where the stream ended in one, the rest of it stays as it is."""
        count = -(-len(data) // wire.HTAB_ENTRY)
        if short := count * wire.HTAB_ENTRY - len(data):
            data += self.entries.get(index + count - 1, _ZERO)[-short:]
        self._clear(index, count)
        at = bisect.bisect_left(self._order, index)
        self._order[at:at] = range(index, index + count)
        for number in range(count):
            first = number * wire.HTAB_ENTRY
            self.entries[index + number] = data[first : first + wire.HTAB_ENTRY]

    def _clear(self, index: int, count: int) -> None:
        first = bisect.bisect_left(self._order, index)
        last = bisect.bisect_left(self._order, index + count)
        for each in self._order[first:last]:
            del self.entries[each]
        del self._order[first:last]

    def state(self) -> dict[str, Any]:
        """Give the table's shift, and its entries that are not zero."""
        held = ((index, self.entries[index]) for index in self._order)
        return {
            "shift": None if self.shift is None else str(self.shift),
            "entries": {str(index): entry.hex() for index, entry in held if entry != _ZERO},
        }


def _signed(value: int, bits: int) -> int:
    return value - ((value & 1 << bits - 1) << 1)


def read(source: object, path: str, machine: Machine) -> HashTable:
    """Read a destination. Raises `CaseError`."""
    given = mapping(source, path, frozenset({"shift", "entries"}))
    shift = given.get("shift")
    if shift is not None:
        shift = integer(shift, f"{path}.shift", _SHIFTS)
    entries = {}
    room = range(HashTable(shift, {}).size)
    for key, value in mapping(given.get("entries", {}), f"{path}.entries").items():
        where = f"{path}.entries.{key}"
        entry = hexadecimal(value, where)
        if len(entry) != wire.HTAB_ENTRY:
            raise CaseError("entry", where, f"{brief(value)} has not {wire.HTAB_ENTRY} bytes")
        entries[integer(key, where, room)] = entry
    return HashTable(shift, entries)
