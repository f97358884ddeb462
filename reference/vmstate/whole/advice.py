# SPDX-License-Identifier: Apache-2.0
"""What a fault of each rule likely means, for people."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

#: By rule: the likely cause, and what to do.
ADVICE: Final = MappingProxyType(
    {
        "bad-magic": "This is no migration stream. A disk image, a core dump or a compressed file "
        "looks like this; so does a stream whose first bytes were lost.",
        "multifd-channel": "The migration used multifd, and this is one of its page channels. The "
        "devices are on the main channel.",
        "unsupported-version": "Only version 3 has been written since 2008; version 2 is older.",
        "bad-configuration": "The sender may have send-configuration off (`-global "
        "migration.send-configuration=off`), and the loader must then have it off too.",
        "unknown-section-type": "The section before it was read too short or too long, so a byte of "
        "device state is taken for a type: look at that section, not at this byte.",
        "unknown-section": "A section needs a name. The bytes before it were read too short or too long.",
        "unknown-section-id": "A PART or END of a section that never started: bytes are missing before "
        "it, or the section before it was read too short or too long.",
        "section-version": "The header's version is not the one by which the device was described "
        "when it was saved: these bytes were changed, or the vmdesc belongs to another stream.",
        "section-size": "The section's bytes do not fit its description. The vmdesc belongs to another "
        "stream, bytes are missing, or the device writes something that it does not describe.",
        "section-end": "The stream was cut off, or bytes in the middle were lost.",
        "missing-footer": "The device's state is longer or shorter than its loader thinks: two QEMU "
        "versions or two builds disagree about it. Or the two sides disagree about "
        "`migration.send-section-footer`.",
        "footer-mismatch": "The footer belongs to another section: bytes were lost or inserted between "
        "the header and here.",
        "bad-command": "A newer QEMU may know this command. Otherwise the section before it was read "
        "too short or too long.",
        "truncated": "The file ends too early: the disk was full, the transfer was cut off, or the "
        "migration failed half-way.",
        "unknown-subsection": "The sender has a subsection that the description does not speak of.",
        "missing-subsection": "The vmdesc speaks of a subsection that is not there: bytes were changed.",
        "unexpected-ptr-marker": "Before each pointer of such an array stands 0x30 or 0x31. What stands "
        "here is something else, so a field before it has another size than was thought.",
        "bad-count": "A count is larger than what follows it can hold.",
        "bad-marker": "A list goes on with 01 and ends with 00; a field before it has another size than "
        "was thought.",
        "undescribed": "The vmdesc does not describe as many elements as the stream has.",
        "vmdesc.json": "No QEMU reads the vmdesc: the stream loads as well without it, but devices "
        "cannot be decoded.",
        "vmdesc.shape": "No QEMU reads the vmdesc: the stream loads as well without it, but devices "
        "cannot be decoded.",
        "vmdesc.runs": "The vmdesc's runs of an array of pointers do not add up.",
        "ram.bad-flags": "RAM records were read out of step, or compression of an older QEMU (0x100) or a "
        "newer feature is on.",
        "ram.bad-offset": "A page beyond its block: the sizes of the machine's memory differ, or the "
        "records were read out of step.",
        "ram.unknown-block": "The list of blocks at the start has no such block.",
        "ram.no-block": "The first record of all must name its block: the stream's beginning is missing.",
        "ram.bad-fill": "Zero pages have been zero since 2013; another byte is damage.",
        "ram.mem-size": "The lengths of the blocks do not add up to the total.",
        "ram.xbzrle": "The compressed page is damaged.",
        "ram.mapped": "The mapped-ram header does not fit the file: it may have been copied without its "
        "holes, or cut off.",
        "ram.records": "No QEMU writes so many pieces of RAM into one section.",
        "ram.hook": "The migration went over RDMA: its RAM was never in a stream.",
    }
)


def advice(rule: str) -> str:
    """Give what is likely meant, "" where nobody knows."""
    return ADVICE.get(rule, ADVICE.get(rule.partition(".")[0], ""))
