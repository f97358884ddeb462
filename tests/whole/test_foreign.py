# SPDX-License-Identifier: Apache-2.0
"""What real machines write and nobody would think of."""

from __future__ import annotations

import json

from vmstate.whole import Stream, read_file
from vmstate.whole.fromjson import encode
from vmstate.whole.source import open_file
from vmstate.whole.tojson import write

from .streams import HEADER, command, configuration, counted, full, ram_start, section, stream, word


def sound(data: bytes) -> Stream:
    """Read a stream without faults, which encodes back as it was."""
    text: list[str] = []
    write(open_file(data), text.append)
    out: list[bytes] = []
    encode(json.loads("".join(text)), out.append)
    assert b"".join(out) == data
    read = read_file(data)
    assert read.faults == []
    return read


def test_a_package_that_starts_the_machine_needs_no_end() -> None:
    inner = command(4) + full(5, "dev", b"\7") + command(5)
    package = command(7, len(inner).to_bytes(4, "big")) + inner
    behind = section(2, 1, word(0, 0x10)) + section(3, 1, word(0, 0x10))

    read = sound(stream(ram_start(("pc.ram", 0x1000)), package, behind))

    assert [one.kind for one in read.sections()] == ["start", "full", "part", "end"]


def test_mapped_ram_has_neither_bitmap_nor_pages_of_a_block_that_both_sides_share() -> None:
    names = counted("x-ignore-shared") + counted("mapped-ram")
    capabilities = b"\5" + counted("configuration/capabilities") + b"\0\0\0\1\0\0\0\2" + names
    block = counted("ram") + (0x1000).to_bytes(8, "big") + bytes(8)
    header = b"\0\0\0\1" + (4096).to_bytes(8, "big") + bytes(16)
    start = section(1, 1, word(0x1000, 4) + block + header + word(0, 0x10), "ram", version=4)

    read = sound(HEADER + configuration("none", capabilities) + start + b"\0")

    assert list(read.blocks) == ["ram"]


def test_a_flag_that_says_nothing_is_kept() -> None:
    start = section(
        1, 1, word(0x1000, 0x24) + counted("pc.ram") + (0x1000).to_bytes(8, "big") + word(0, 0x30),
        "ram", version=4,
    )  # fmt: skip

    read = sound(stream(start, section(2, 1, word(0, 0x220) + word(0x5000, 0x30))))

    assert list(read.blocks) == ["pc.ram"]
