# SPDX-License-Identifier: Apache-2.0
"""The records of the ram section, written from their JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vmstate.whole import wire
from vmstate.whole.cursor import untext
from vmstate.whole.errors import StreamFault
from vmstate.whole.nodes import bad_value, expect_list, short, unhex

Put = Callable[[bytes], object]


def write_records(records: Any, page_size: int, put: Put, position: Callable[[], int]) -> None:
    """Write all records of a section. Raises `StreamFault` (rule `bad-value`)."""
    expect_list(records)
    for i, record in enumerate(records):
        try:
            _record(record, page_size, put, position)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise bad_value(f"no record of ram: {short(record)}").within(f"[{i}]") from None
        except StreamFault as fault:
            raise fault.within(f"[{i}]") from None


def _record(record: Any, page_size: int, put: Put, position: Callable[[], int]) -> None:
    op, address = record["op"], record.get("address", 0)
    if op == "mem-size":
        put((address | wire.RAM_MEM_SIZE).to_bytes(8, "big"))
        for block in record["blocks"]:
            _block(block, put, position)
    elif op == "eos":
        put((address | wire.RAM_EOS).to_bytes(8, "big"))
    elif op == "flush":
        put((address | wire.RAM_MULTIFD_FLUSH).to_bytes(8, "big"))
    elif op == "xbzrle":
        data = unhex(record["data"])
        put(_word(record, address, wire.RAM_XBZRLE))
        put(bytes((wire.XBZRLE_FLAG,)) + len(data).to_bytes(2, "big") + data)
    elif op == "zero":
        put(_word(record, address, wire.RAM_ZERO) + b"\0")
        _run(b"", record["count"], address, page_size, wire.RAM_ZERO, b"\0", put)
    elif op == "page":
        data = unhex(record["data"])
        if len(data) != record["count"] * page_size:
            raise bad_value(f"{len(data)} bytes for {record['count']} pages of {page_size}")
        put(_word(record, address, wire.RAM_PAGE) + data[:page_size])
        _run(data, record["count"], address, page_size, wire.RAM_PAGE, b"", put)
    else:
        raise bad_value(f"no record of ram: {short(op)}")


def _word(record: dict[str, Any], address: int, flags: int) -> bytes:
    if "block" not in record:
        return (address | flags | wire.RAM_CONTINUE).to_bytes(8, "big")
    name = untext(record["block"])
    return (address | flags).to_bytes(8, "big") + bytes((len(name),)) + name


def _run(
    data: bytes, count: int, address: int, page_size: int, flags: int, tail: bytes, put: Put
) -> None:
    """Write the pages of a run behind its first."""
    if count < 1 or address + count * page_size > 1 << 64:
        raise ValueError
    flags |= wire.RAM_CONTINUE
    for first in range(1, count, 4096):
        out = bytearray()
        for i in range(first, min(count, first + 4096)):
            out += (address + i * page_size | flags).to_bytes(8, "big")
            out += data[i * page_size : (i + 1) * page_size] if data else tail
        put(bytes(out))


def _block(block: dict[str, Any], put: Put, position: Callable[[], int]) -> None:
    name = untext(block["name"])
    out = bytearray((len(name),)) + name + block["used_length"].to_bytes(8, "big")
    for key in ("page_size", "address"):
        if key in block:
            out += block[key].to_bytes(8, "big")
    if "mapped" not in block:
        put(bytes(out))
        return
    header = block["mapped"]
    out += header["version"].to_bytes(4, "big")
    for key in ("page_size", "bitmap_offset", "pages_offset"):
        out += header[key].to_bytes(8, "big")
    put(bytes(out))
    if not header["pages_offset"]:
        return
    for at, chunk in block["chunks"]:
        _fill(at - position(), put)
        put(unhex(chunk))
    _fill(header["pages_offset"] + block["used_length"] - position(), put)


def _fill(size: int, put: Put) -> None:
    if size < 0:
        raise ValueError
    zeroes = bytes(min(size, 1 << 20))
    while size:
        put(zeroes[: min(size, len(zeroes))])
        size -= min(size, len(zeroes))
