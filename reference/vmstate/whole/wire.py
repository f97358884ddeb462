# SPDX-License-Identifier: Apache-2.0
"""The numbers of the stream (migration/savevm.c, migration/ram.c, migration/migration.h)."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

MAGIC: Final = 0x5145564D
VERSION: Final = 3
VERSION_COMPAT: Final = 2

EOF: Final = 0x00
SECTION_START: Final = 0x01
SECTION_PART: Final = 0x02
SECTION_END: Final = 0x03
SECTION_FULL: Final = 0x04
SUBSECTION: Final = 0x05
VMDESCRIPTION: Final = 0x06
CONFIGURATION: Final = 0x07
COMMAND: Final = 0x08
SECTION_FOOTER: Final = 0x7E

#: The kinds of section under the names that decode's JSON gives them.
KINDS: Final = MappingProxyType(
    {SECTION_START: "start", SECTION_PART: "part", SECTION_END: "end", SECTION_FULL: "full"}
)

#: Command number to its name and the length of its payload (None: any).
COMMANDS: Final = MappingProxyType(
    {
        1: ("OPEN_RETURN_PATH", 0),
        2: ("PING", 4),
        3: ("POSTCOPY_ADVISE", None),
        4: ("POSTCOPY_LISTEN", 0),
        5: ("POSTCOPY_RUN", 0),
        6: ("POSTCOPY_RAM_DISCARD", None),
        7: ("PACKAGED", 4),
        9: ("POSTCOPY_RESUME", 0),
        10: ("RECV_BITMAP", None),
        11: ("SWITCHOVER_START", 0),
    }
)
CMD_POSTCOPY_ADVISE: Final = 3
CMD_POSTCOPY_RUN: Final = 5
CMD_POSTCOPY_RAM_DISCARD: Final = 6
CMD_PACKAGED: Final = 7
CMD_ENABLE_COLO: Final = 8
CMD_RECV_BITMAP: Final = 10

RAM_VERSION: Final = 4
RAM_ZERO: Final = 0x002
RAM_MEM_SIZE: Final = 0x004
RAM_PAGE: Final = 0x008
RAM_EOS: Final = 0x010
RAM_CONTINUE: Final = 0x020
RAM_XBZRLE: Final = 0x040
RAM_HOOK: Final = 0x080
RAM_MULTIFD_FLUSH: Final = 0x200

XBZRLE_FLAG: Final = 0x01
MULTIFD_MAGIC: Final = 0x11223344

#: The pages of s390's words of address and flags (hw/s390x/s390-skeys.c, s390-stattrib.c).
S390_PAGE: Final = 4096
S390_EOS: Final = 0x01
S390_MORE: Final = 0x02
S390_ERROR: Final = 0x04
S390_DONE: Final = 0x08

#: The header of a machine that has no hash page table, and the bytes of an entry (hw/ppc/spapr.c).
HTAB_NONE: Final = 0xFFFFFFFF
HTAB_ENTRY: Final = 16

#: Flags of a chunk of dirty bitmaps (migration/block-dirty-bitmap.c).
BITMAP_EOS: Final = 0x01
BITMAP_ZEROES: Final = 0x02
BITMAP_BITMAP_NAME: Final = 0x04
BITMAP_DEVICE_NAME: Final = 0x08
BITMAP_START: Final = 0x10
BITMAP_COMPLETE: Final = 0x20
BITMAP_BITS: Final = 0x40
BITMAP_EXTRA_FLAGS: Final = 0x80
#: The most bytes that a chunk of bits may have.
BITMAP_MOST: Final = 10 << 10


def bitmap_flags(number: Callable[[int], int]) -> int:
    """Take flags of 1, 2 or 4 bytes, of which the last byte counts. [RAM-BITMAP-2]

    `number` takes a number of so many bytes.
    """
    flags = number(1)
    if flags & BITMAP_EXTRA_FLAGS:
        flags = number(1)
        if flags & BITMAP_EXTRA_FLAGS:
            flags = number(2) & 0xFF
    return flags
