# SPDX-License-Identifier: Apache-2.0
"""The storage keys of s390: s390_storage_keys_load() in hw/s390x/s390-skeys.c.

    {"idstr": "s390-skeys", "handler": "s390-skeys", "destination": {"keys": "16*00"}}

`keys` has one byte for each page of the guest; they are stored as they come.
"""

from __future__ import annotations

from typing import Final

from vmstate.container.model import Machine, PayloadError
from vmstate.container.payloads import runs, words
from vmstate.errors import EINVAL
from vmstate.stream import InputStream
from vmstate.trace import Trace
from vmstate.values import mapping
from vmstate.whole import wire

#: Keys are taken over in parts of this many.
_PART: Final = 128 << 10


class StorageKeys:
    """One byte for each page of the guest."""

    version_id: Final = 1

    def __init__(self, keys: bytearray) -> None:
        self.keys: Final = keys

    def load(self, stream: InputStream, version_id: int, machine: Machine, trace: Trace) -> None:
        """Load words of address and flags up to 0x01. [RAM-SKEYS-1]"""
        while True:
            flags, page = words.word(stream, trace)
            if flags == wire.S390_EOS:
                return
            if flags == wire.S390_ERROR:
                # By clause [RAM-SKEYS-4]
                raise PayloadError("payload-reported", EINVAL, "Storage key data is incomplete")
            if flags != wire.S390_MORE:
                # By clause [RAM-SKEYS-2]
                raise PayloadError(
                    "payload-flags",
                    EINVAL,
                    f"Unexpected storage key flag data: {words.hexadecimal(flags)}",
                )
            count = words.count(stream, trace)
            start = stream.position
            self._take(stream, page, count, machine)
            trace.note(start, stream.position, "keys", f"{count} bytes")

    def _take(self, stream: InputStream, page: int, count: int, machine: Machine) -> None:
        """Store keys in parts, each of which must fit by itself. [RAM-SKEYS-3]

        What the end of the stream leaves out of a part is whatever QEMU's buffer held; 0 here.
        """
        while count:
            part = min(count, _PART)
            keys = stream.take(part).ljust(part, b"\0")
            if page + part > len(self.keys):
                machine.report(
                    "Error: Setting storage keys for pages with unallocated storage key memory: "
                    f"gfn={page:x} count={part}"
                )
                raise PayloadError("payload-offset", EINVAL, f"S390_SET_KEYS error {EINVAL}")
            self.keys[page : page + part] = keys
            page += part
            count -= part

    def state(self) -> dict[str, str]:
        """Give the keys."""
        return {"keys": runs.show(self.keys)}


def read(source: object, path: str, machine: Machine) -> StorageKeys:
    """Read a destination. Raises `CaseError`."""
    given = mapping(source, path, frozenset({"keys"}))
    return StorageKeys(runs.parse(given.get("keys", ""), f"{path}.keys"))
