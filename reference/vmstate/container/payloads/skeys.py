# SPDX-License-Identifier: Apache-2.0
"""The storage keys of s390: s390_storage_keys_load() in hw/s390x/s390-skeys.c.

    {"idstr": "s390-skeys", "handler": "s390-skeys", "destination": {"keys": "16*00"}}

`keys` has one byte for each page of the guest.
"""

from __future__ import annotations

from typing import Final

from vmstate.container.model import Machine, PayloadError
from vmstate.container.payloads import runs
from vmstate.errors import EINVAL
from vmstate.stream import InputStream
from vmstate.trace import Trace
from vmstate.values import mapping

_EOS: Final = 0x01
_SKEYS: Final = 0x02
_ERROR: Final = 0x04
#: Pages are always of 4 KiB here, and so are the flags of a word.
_PAGE: Final = 4096
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
            start = stream.position
            word = stream.number(8)
            trace.note(start, stream.position, "word", f"{word:#x}")
            flags, page = word % _PAGE, word // _PAGE
            if flags == _EOS:
                break
            if flags == _ERROR:
                raise PayloadError("payload-reported", EINVAL, "Storage key data is incomplete")
            if flags != _SKEYS:
                raise PayloadError(
                    "payload-flags", EINVAL, f"Unexpected storage key flag data: {flags:#x}"
                )
            start = stream.position
            count = stream.number(8)
            trace.note(start, stream.position, "count", str(count))
            start = stream.position
            self._take(stream, page, count)
            trace.note(start, stream.position, "keys", f"{count} bytes")

    def _take(self, stream: InputStream, page: int, count: int) -> None:
        while count:
            part = min(count, _PART)
            keys = stream.take(part).ljust(part, b"\0")
            if page + part > len(self.keys):
                raise PayloadError("payload-offset", EINVAL, "Setting storage keys beyond memory")
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
