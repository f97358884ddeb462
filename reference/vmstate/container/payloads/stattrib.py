# SPDX-License-Identifier: Apache-2.0
"""The storage attributes of s390: cmma_load() in hw/s390x/s390-stattrib.c.

    {"idstr": "s390-storage_attributes", "handler": "s390-storage_attributes"}

Only KVM has a place for attributes: without it, which is what is here, QEMU reads them and drops them,
for pages beyond the memory as well. Destination and state are empty.
"""

from __future__ import annotations

from typing import Final

from vmstate.container.model import Machine, PayloadError
from vmstate.container.payloads import words
from vmstate.errors import EINVAL, ENOMEM
from vmstate.stream import InputStream
from vmstate.trace import Trace
from vmstate.values import mapping
from vmstate.whole import wire

#: What no process can allocate; of less, QEMU's has it or not.
_MOST: Final = 1 << 47


class StorageAttributes:
    """Attributes that nothing stores."""

    version_id: Final = 0

    def load(self, stream: InputStream, version_id: int, machine: Machine, trace: Trace) -> None:
        """Load words of address and flags up to 0x01. [RAM-STATTRIB-1]"""
        while True:
            flags, _ = words.word(stream, trace)
            if flags == wire.S390_EOS:
                return
            if flags == wire.S390_DONE:
                # By clause [RAM-STATTRIB-3]
                continue
            if flags == wire.S390_ERROR:
                # By clause [RAM-STATTRIB-4]
                raise PayloadError(
                    "payload-reported", EINVAL, "Storage attributes data is incomplete"
                )
            if flags != wire.S390_MORE:
                # By clause [RAM-STATTRIB-2]
                raise PayloadError(
                    "payload-flags",
                    EINVAL,
                    f"Unexpected storage attribute flag data: {words.hexadecimal(flags)}",
                )
            count = words.count(stream, trace)
            if not 0 < count < _MOST:
                # By clause [RAM-STATTRIB-5]
                raise PayloadError("payload-length", ENOMEM, "cmma_load could not allocate memory")
            start = stream.position
            stream.take(count)
            trace.note(start, stream.position, "attributes", f"{count} bytes")

    def state(self) -> dict[str, str]:
        """Give nothing: it has no state."""
        return {}


def read(source: object, path: str, machine: Machine) -> StorageAttributes:
    """Read a destination, which is empty. Raises `CaseError`."""
    mapping(source, path, frozenset())
    return StorageAttributes()
