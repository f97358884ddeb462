# SPDX-License-Identifier: Apache-2.0
"""Dirty bitmaps: dirty_bitmap_load() in migration/block-dirty-bitmap.c.

    {"idstr": "dirty-bitmap", "handler": "dirty-bitmap",
     "destination": {"nodes": {"n0": {"size": 1048576}}, "mapping": null}}

Bitmaps are not worth a guest: most of what is wrong with them is only printed, and "cancels" them, which
removes all that the stream has begun; the rest is read and dropped. `vmstate.container.payloads.blocks`
says what nodes, bitmaps and mappings look like.

Where QEMU's own code takes granted that a range fits its bitmap, and a granularity is one, such streams
are refused here.
"""

from __future__ import annotations

from typing import Any, Final

from vmstate.container.load import counted
from vmstate.container.model import Machine, PayloadError
from vmstate.container.payloads.blocks import (
    BITS,
    GRANULARITIES,
    SECTOR,
    WORD,
    Alias,
    Bitmap,
    Node,
    NodeAlias,
    read_mapping,
    read_nodes,
    shown,
    told,
)
from vmstate.errors import EINVAL, EIO
from vmstate.stream import InputStream
from vmstate.trace import Trace
from vmstate.values import mapping
from vmstate.whole import wire

_ENABLED: Final = 0x01
_PERSISTENT: Final = 0x02
#: 0x04 is of no use any more, and taken.
_RESERVED: Final = 0xF8
#: What the sender rounds the size of a chunk up to.
_ALIGN: Final = 4 * WORD
_U64: Final = (1 << 64) - 1


class DirtyBitmaps:
    """Nodes, and what of their bitmaps this stream has begun.

    A chunk that names no node or bitmap is about the last ones named, in any section.
    """

    version_id: Final = 1

    def __init__(self, nodes: dict[bytes, Node], aliases: dict[bytes, NodeAlias] | None) -> None:
        self.nodes: Final = nodes
        self.aliases: Final = aliases
        self.cancelled = False
        self._begun: dict[tuple[bytes, bytes], Bitmap] = {}
        self._begun_on: dict[bytes, Node] = {}
        self._machine = Machine()
        self._alias = b""
        self._node: Node | None = None
        self._name = b""
        self._inner: Alias | None = None
        self._bitmap: Bitmap | None = None

    def load(self, stream: InputStream, version_id: int, machine: Machine, trace: Trace) -> None:
        """Load chunks up to one with EOS. [RAM-BITMAP-1]"""
        self._machine = machine
        if version_id != self.version_id:
            # By clause [RAM-BITMAP-11]
            raise PayloadError("payload-version", EINVAL)
        while not self._chunk(stream, trace) & wire.BITMAP_EOS:
            pass

    def _chunk(self, stream: InputStream, trace: Trace) -> int:
        start = stream.position
        flags = wire.bitmap_flags(stream.number)
        trace.note(start, stream.position, "flags", f"{flags:#x}")
        start = stream.position
        self._names(stream, flags)
        if stream.position > start:
            trace.note(start, stream.position, "names", shown(self._name))
        start = stream.position
        if flags & wire.BITMAP_START:
            self._begin(stream)
            trace.note(start, stream.position, "start", stream.data[start : stream.position].hex())
        elif flags & wire.BITMAP_COMPLETE:
            self._complete()
        elif flags & wire.BITMAP_BITS:
            self._bits(stream, zeroes=bool(flags & wire.BITMAP_ZEROES))
            trace.note(start, stream.position, "bits", f"{stream.position - start} bytes")
        if stream.error:
            # By clause [RAM-BITMAP-10]
            raise PayloadError("payload-ended", stream.error)
        return flags

    def _names(self, stream: InputStream, flags: int) -> None:
        """Take the names that are there, and find what they stand for. [RAM-BITMAP-3]"""
        nothing = not flags & ~wire.BITMAP_EOS
        starts = bool(flags & wire.BITMAP_START)
        if flags & wire.BITMAP_DEVICE_NAME:
            self._alias = self._string(stream, "node")
            if not self.cancelled:
                self._find_node(starts=starts)
        elif self._node is None and not nothing:
            self._swallow("Error: block device name is not set")
        if flags & wire.BITMAP_BITMAP_NAME:
            alias = self._string(stream, "bitmap")
            if not self.cancelled:
                self._find_bitmap(alias, starts=starts)
        elif self._bitmap is None and not nothing:
            self._swallow("Error: block device name is not set")

    def _string(self, stream: InputStream, of: str) -> bytes:
        name = counted(stream)
        if name is None:
            # By clause [RAM-BITMAP-4]
            raise PayloadError("payload-content", EINVAL, f"Unable to read {of} alias string")
        return name

    def _find_node(self, *, starts: bool) -> None:
        alias = self._alias
        real = alias
        if self.aliases is not None:
            if alias not in self.aliases:
                self._swallow(f"Error: Unknown node alias '{told(alias)}'")
                return
            real = self.aliases[alias].node
        if starts:
            self._node = self.nodes.get(real)
            if self._node is None:
                device = "" if self.aliases is not None else told(real)
                self._swallow(f"Cannot find device='{device}' nor node-name='{told(real)}'")
            return
        # Without START, only what the stream itself has begun is there. [RAM-BITMAP-14]
        self._node = self._begun_on.get(alias)
        if self._node is None:
            self._swallow(f"no migrated bitmaps on node alias '{told(alias)}'")

    def _find_bitmap(self, alias: bytes, *, starts: bool) -> None:
        node = self._node
        assert node is not None
        self._name, self._inner = alias, None
        if self.aliases is not None:
            self._inner = self.aliases[self._alias].bitmaps.get(alias)
            if self._inner is None:
                self._swallow(
                    f"Error: Unknown bitmap alias '{told(alias)}' on node '{told(node.name)}' "
                    f"(alias '{told(self._alias)}')"
                )
                return
            self._name = self._inner.name
        if starts:
            self._bitmap = node.bitmaps.get(self._name)
            return
        self._bitmap = self._begun.get((node.name, self._name))
        if self._bitmap is None:
            self._swallow(
                f"Error: unknown dirty bitmap '{told(self._name)}' for block device "
                f"'{told(node.name)}'"
            )

    def _begin(self, stream: InputStream) -> None:
        """Make a bitmap, which is busy until COMPLETE. [RAM-BITMAP-6]"""
        granularity, flags = stream.number(4), stream.number(1)
        if self.cancelled:
            return
        node = self._node
        assert node is not None
        if self._bitmap is not None:
            name = told(self._bitmap.name)
            raise PayloadError(
                "payload-content",
                EINVAL,
                f"Bitmap with the same name ('{name}') already exists on destination",
            )
        if flags & _RESERVED:
            # By clause [RAM-BITMAP-7]
            raise PayloadError(
                "payload-flags",
                EINVAL,
                f"Unknown flags in migrated dirty bitmap header: {flags:x}",
            )
        persistent = bool(flags & _PERSISTENT)
        if self._inner is not None and self._inner.persistent is not None:
            persistent = self._inner.persistent
        if persistent and node.read_only:
            # By clause [RAM-BITMAP-15]
            name = told(self._name)
            raise PayloadError(
                "payload-content",
                EINVAL,
                f"Cannot make migrated bitmap '{name}' persistent on read-only node "
                f"'{told(node.name)}'",
            )
        if granularity not in GRANULARITIES:
            raise PayloadError("payload-content", EINVAL, f"a granularity of {granularity}")
        made = Bitmap(node, self._name, granularity, bool(flags & _ENABLED), persistent, busy=True)
        node.bitmaps[self._name] = self._begun[node.name, self._name] = self._bitmap = made
        self._begun_on[self._alias] = node

    def _complete(self) -> None:
        if self._bitmap is not None:
            self._bitmap.busy = False

    def _bits(self, stream: InputStream, *, zeroes: bool) -> None:
        """Take bits, in words from the lowest on, or make them zero. [RAM-BITMAP-8]"""
        first = stream.number(8) * SECTOR & _U64
        size = stream.number(4) * SECTOR
        if zeroes:
            if self._bitmap is not None:
                self._bitmap.words.clear(*self._words(self._bitmap, first, size))
            return
        length = stream.number(8)
        if length > wire.BITMAP_MOST:
            # By clause [RAM-BITMAP-9]
            raise PayloadError(
                "payload-length",
                EIO,
                "Bitmap migration stream buffer allocation request is too large",
            )
        data = stream.take(length)
        if len(data) < length:
            raise PayloadError("payload-ended", EIO, "Failed to read bitmap bits")
        bitmap = self._bitmap
        if bitmap is None:
            return
        word, count = self._words(bitmap, first, size)
        needed = count * WORD
        if not needed <= length <= -(-needed // _ALIGN) * _ALIGN:
            self._swallow(
                "Migrated bitmap granularity doesn't match the destination bitmap "
                f"'{told(bitmap.name)}' granularity"
            )
            return
        bitmap.words.set(word, data[:needed])

    def _words(self, bitmap: Bitmap, first: int, size: int) -> tuple[int, int]:
        """Give which words a range is: it must begin at a word, and end at one or the bitmap's end."""
        if not size:
            return 0, 0
        last = (first + size - 1) // bitmap.granularity
        end = bitmap.node.bits(bitmap.granularity) - 1
        unit = bitmap.granularity * BITS
        if first % unit or last > end or (last < end and size % unit):
            raise PayloadError("payload-offset", EINVAL, f"{size} bytes at {first}")
        word = first // unit
        return word, last // BITS - word + 1

    def _swallow(self, message: str) -> None:
        """Give bitmaps up, and go on. [RAM-BITMAP-5]"""
        if not self.cancelled:
            self._machine.report(message)
            self.cancel()

    def cancel(self) -> None:
        """Remove all that the stream has begun, as where it is refused. [RAM-BITMAP-12]"""
        self.cancelled = True
        self._node = self._bitmap = None
        for bitmap in self._begun.values():
            del bitmap.node.bitmaps[bitmap.name]
        self._begun.clear()
        self._begun_on.clear()

    def state(self) -> dict[str, Any]:
        """Give the nodes with their bitmaps."""
        return {"nodes": {shown(name): node.state() for name, node in self.nodes.items()}}


def read(source: object, path: str, machine: Machine) -> DirtyBitmaps:
    """Read a destination. Raises `CaseError`."""
    given = mapping(source, path, frozenset({"nodes", "mapping"}))
    nodes = read_nodes(given.get("nodes", {}), f"{path}.nodes")
    return DirtyBitmaps(nodes, read_mapping(given.get("mapping"), f"{path}.mapping"))
