# SPDX-License-Identifier: Apache-2.0
"""Iterative sections other than ram, and old-style ones that say their own length.

Each is read into a list of pieces (objects whose `op` says which) and written back from it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from vmstate.whole import wire
from vmstate.whole.cursor import Cursor, untext
from vmstate.whole.errors import StreamFault
from vmstate.whole.nodes import Span, bad_value, expect_list, short, unhex

Pieces = list[dict[str, Any]]


class Tracer:
    """Notes leaves under the path of the piece that is being read."""

    __slots__ = ("path", "spans")

    def __init__(self, spans: list[Span] | None, path: str) -> None:
        self.spans: Final = spans
        self.path = path

    def leaf(self, name: str, at: int, size: int, kind: str) -> None:
        """Note one leaf of `size` bytes at `at`."""
        if self.spans is not None:
            self.spans.append(Span(f"{self.path}.{name}", at, size, kind))


class Handler(NamedTuple):
    """How one idstr's payload is read and written, in the versions that QEMU takes."""

    versions: range
    read: Callable[[Cursor, str, Pieces, Tracer], None]
    write: Callable[[dict[str, Any], bytearray], None]


def read(
    handler: Handler, cursor: Cursor, kind: str, spans: list[Span] | None, path: str
) -> Pieces:
    """Read a payload. Raises `StreamFault`; `partial` has the pieces before it."""
    pieces: Pieces = []
    try:
        handler.read(cursor, kind, pieces, Tracer(spans, path))
    except StreamFault as fault:
        fault.partial = pieces
        raise
    return pieces


def write(handler: Handler, pieces: Any, out: bytearray) -> None:
    """Write a payload. Raises `StreamFault` (rule `bad-value`)."""
    expect_list(pieces)
    for i, piece in enumerate(pieces):
        try:
            handler.write(piece, out)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise bad_value(f"no piece of this section: {short(piece)}").within(f"[{i}]") from None


# Dirty bitmaps (migration/block-dirty-bitmap.c)

_NAMES: Final = ((wire.BITMAP_DEVICE_NAME, "device"), (wire.BITMAP_BITMAP_NAME, "bitmap"))
#: COMPLETE goes before BITS.
_BITS: Final = wire.BITMAP_COMPLETE | wire.BITMAP_BITS


def _read_bitmap(cursor: Cursor, kind: str, pieces: Pieces, trace: Tracer) -> None:
    """By clause [RAM-BITMAP-1]."""
    outer = trace.path
    while True:
        trace.path = f"{outer}[{len(pieces)}]"
        at = cursor.position
        flags = wire.bitmap_flags(
            lambda size: int.from_bytes(cursor.take(size, "the flags of a dirty bitmap"), "big")
        )
        trace.leaf("flags", at, cursor.position - at, "flags")
        piece: dict[str, Any] = {"op": "bitmap", "flags": flags}
        if cursor.position > at + 1:
            piece["extra"] = cursor.data[at : cursor.position - 1].hex()
        for flag, name in _NAMES:
            if flags & flag:
                start = cursor.position
                piece[name] = cursor.counted(f"the name of a {name}")
                if not piece[name]:
                    # By clause [RAM-BITMAP-4]
                    raise StreamFault("dirty-bitmap.name", start, f"the name of a {name} is empty")
                trace.leaf(name + ".length", start, 1, "length")
                trace.leaf(name, start + 1, cursor.position - start - 1, "name")
        pieces.append(piece)
        if flags & wire.BITMAP_START:
            trace.leaf("granularity", cursor.position, 4, "uint32")
            piece["granularity"] = cursor.u32("the granularity")
            trace.leaf("bitmap_flags", cursor.position, 1, "flags")
            piece["bitmap_flags"] = cursor.u8("the flags of a bitmap")
        elif flags & _BITS == wire.BITMAP_BITS:
            trace.leaf("first_sector", cursor.position, 8, "uint64")
            piece["first_sector"] = cursor.u64("the first sector")
            trace.leaf("sectors", cursor.position, 4, "uint32")
            piece["sectors"] = cursor.u32("the count of sectors")
            if not flags & wire.BITMAP_ZEROES:
                trace.leaf("size", cursor.position, 8, "length")
                size = cursor.u64("the size of the bits")
                if size > wire.BITMAP_MOST:
                    # By clause [RAM-BITMAP-9]
                    detail = f"{size} bytes of bits"
                    raise StreamFault("dirty-bitmap.too-large", cursor.position - 8, detail)
                trace.leaf("data", cursor.position, size, "buffer")
                piece["data"] = cursor.take(size, "the bits").hex()
        if flags & wire.BITMAP_EOS:
            return


def _write_bitmap(piece: dict[str, Any], out: bytearray) -> None:
    flags = piece["flags"]
    out += unhex(piece.get("extra", ""))
    out.append(flags)
    for flag, name in _NAMES:
        if flags & flag:
            raw = untext(piece[name])
            out.append(len(raw))
            out += raw
    if flags & wire.BITMAP_START:
        out += piece["granularity"].to_bytes(4, "big")
        out.append(piece["bitmap_flags"])
    elif flags & _BITS == wire.BITMAP_BITS:
        out += piece["first_sector"].to_bytes(8, "big") + piece["sectors"].to_bytes(4, "big")
        if not flags & wire.BITMAP_ZEROES:
            data = unhex(piece["data"])
            out += len(data).to_bytes(8, "big") + data


# s390 storage keys and attributes (hw/s390x/s390-skeys.c, s390-stattrib.c): words of address and flag


def _read_keys(cursor: Cursor, kind: str, pieces: Pieces, trace: Tracer) -> None:
    """By clause [RAM-SKEYS-1]."""
    _read_words(cursor, pieces, trace, frozenset({wire.S390_EOS}))


def _read_attributes(cursor: Cursor, kind: str, pieces: Pieces, trace: Tracer) -> None:
    """By clause [RAM-STATTRIB-1]."""
    _read_words(cursor, pieces, trace, frozenset({wire.S390_EOS, wire.S390_DONE}))


def _read_words(cursor: Cursor, pieces: Pieces, trace: Tracer, known: frozenset[int]) -> None:
    outer = trace.path
    while True:
        trace.path = f"{outer}[{len(pieces)}]"
        at = cursor.position
        word = cursor.u64("a word of keys or attributes")
        trace.leaf("word", at, 8, "uint64")
        flags = word % wire.S390_PAGE
        piece: dict[str, Any] = {"op": "word", "address": word - flags, "flags": flags}
        if flags == wire.S390_MORE:
            at = cursor.position
            count = cursor.u64("a count of pages")
            trace.leaf("count", at, 8, "count")
            trace.leaf("data", cursor.position, count, "buffer")
            piece["data"] = cursor.take(count, "one byte for each page").hex()
        elif flags == wire.S390_ERROR:
            # By clauses [RAM-SKEYS-4] and [RAM-STATTRIB-4]
            raise StreamFault("s390.reported", at, "the source says that its data is incomplete")
        elif flags not in known:
            raise StreamFault("s390.bad-flags", at, f"flags {flags:#x}")
        pieces.append(piece)
        if flags == wire.S390_EOS:
            return


def _write_attributes(piece: dict[str, Any], out: bytearray) -> None:
    out += (piece["address"] | piece["flags"]).to_bytes(8, "big")
    if piece["flags"] == wire.S390_MORE:
        data = unhex(piece["data"])
        out += len(data).to_bytes(8, "big") + data


# The hash page table of pseries (hw/ppc/spapr.c)


def _read_htab(cursor: Cursor, kind: str, pieces: Pieces, trace: Tracer) -> None:
    """By clause [RAM-HTAB-1]."""
    outer = trace.path
    trace.path = f"{outer}[0]"
    trace.leaf("header", cursor.position, 4, "uint32")
    header = cursor.u32("the header of htab")
    pieces.append({"op": "header", "value": header})
    if header:
        # A shift or no table at all, in a section of any kind [RAM-HTAB-2]
        return
    while True:
        trace.path = f"{outer}[{len(pieces)}]"
        at = cursor.position
        index, valid = cursor.u32("an index of htab"), cursor.u16("a count of entries")
        invalid = cursor.u16("a count of entries")
        trace.leaf("index", at, 4, "uint32")
        trace.leaf("valid", at + 4, 2, "count")
        trace.leaf("invalid", at + 6, 2, "count")
        trace.leaf("data", cursor.position, valid * wire.HTAB_ENTRY, "buffer")
        data = cursor.take(valid * wire.HTAB_ENTRY, "entries of htab").hex()
        pieces.append({"op": "chunk", "index": index, "invalid": invalid, "data": data})
        if not index and not valid and not invalid:
            return


def _write_htab(piece: dict[str, Any], out: bytearray) -> None:
    if piece["op"] == "header":
        out += piece["value"].to_bytes(4, "big")
        return
    data = unhex(piece["data"])
    out += piece["index"].to_bytes(4, "big") + (len(data) // wire.HTAB_ENTRY).to_bytes(2, "big")
    out += piece["invalid"].to_bytes(2, "big") + data


HANDLERS: Final = MappingProxyType(
    {
        "dirty-bitmap": Handler(range(1, 2), _read_bitmap, _write_bitmap),
        "s390-skeys": Handler(range(2), _read_keys, _write_attributes),
        "s390-storage_attributes": Handler(range(1), _read_attributes, _write_attributes),
        "spapr/htab": Handler(range(1, 2), _read_htab, _write_htab),
    }
)
