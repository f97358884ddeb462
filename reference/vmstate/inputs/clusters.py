# SPDX-License-Identifier: Apache-2.0
"""The clusters that hold a snapshot's state, in order, through its L1 and L2 tables."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vmstate.inputs.errors import InputFault
from vmstate.inputs.packed import errors, zstd
from vmstate.inputs.qcow2 import Image, Snapshot
from vmstate.inputs.spool import Spool

_OFFSET: Final = 0x00FFFFFFFFFFFE00
_COMPRESSED: Final = 1 << 62
_ZERO: Final = 1
_SUBCLUSTERS: Final = 32


@dataclass(frozen=True, slots=True)
class Run:
    """`size` bytes of the state, at `offset` of the image; zeros if that is -1.

    `packed` is where the compressed bytes end, of which they come out; 0 if they are plain.
    """

    offset: int
    size: int
    packed: int = 0


def state_runs(data: memoryview, image: Image, snapshot: Snapshot) -> list[Run]:
    """Give where the state lies, neighbours joined. Raises `InputFault`.

    QEMU puts it behind the end of the disk: at the first L1 entry that the disk does not need.
    """
    runs: list[Run] = []
    left = snapshot.state_size
    for run in _clusters(data, image, snapshot):
        size = min(run.size, left)
        left -= size
        last = runs[-1] if runs else None
        if run.packed:
            runs.append(Run(run.offset, size, run.packed))
        elif last is not None and not last.packed and _follows(last, run):
            runs[-1] = Run(last.offset, last.size + size)
        else:
            runs.append(Run(run.offset, size))
        if not left:
            return runs
    raise InputFault(
        "qcow2.truncated", snapshot.entry_at, f"its tables leave out {left} bytes of the state"
    )


def _follows(last: Run, run: Run) -> bool:
    if last.offset < 0 or run.offset < 0:
        return last.offset == run.offset
    return last.offset + last.size == run.offset


def _clusters(data: memoryview, image: Image, snapshot: Snapshot) -> Iterator[Run]:
    cluster = 1 << image.cluster_bits
    width = 16 if image.extended else 8
    entries = cluster // width
    first = -(-snapshot.disk_size // (cluster * entries))
    tables = 0
    for index in range(first, snapshot.l1_size):
        at = snapshot.l1_at + 8 * index
        table = _number(data, at, "an L1 entry") & _OFFSET
        if not table:
            yield Run(-1, cluster * entries)
            continue
        if table + cluster > len(data):
            raise InputFault("qcow2.truncated", at, f"an L2 table at {table:#x} is cut")
        # Each table is a cluster of its own: more than fit into the image go round in circles.
        tables += 1
        if tables * cluster > len(data):
            raise InputFault("qcow2.overlap", at, "L2 tables are used more than once")
        for place in range(table, table + cluster, width):
            entry = _number(data, place, "an L2 entry")
            if entry & _COMPRESSED:
                yield _packed(data, image, entry, place)
            elif image.extended:
                bitmap = _number(data, place + 8, "an L2 entry")
                yield from _subclusters(data, entry & _OFFSET, bitmap, cluster, place)
            elif entry & _ZERO or not entry & _OFFSET:
                yield Run(-1, cluster)
            else:
                yield _plain(data, entry & _OFFSET, cluster, place)


def _plain(data: memoryview, offset: int, size: int, place: int) -> Run:
    if offset >= len(data):
        raise InputFault("qcow2.truncated", place, f"a cluster at {offset:#x} is not there")
    return Run(offset, size)


def _subclusters(
    data: memoryview, offset: int, bitmap: int, cluster: int, place: int
) -> Iterator[Run]:
    size = cluster // _SUBCLUSTERS
    for number in range(_SUBCLUSTERS):
        if bitmap >> number & 1 and offset:
            yield _plain(data, offset + number * size, size, place)
        else:
            yield Run(-1, size)


def _packed(data: memoryview, image: Image, entry: int, place: int) -> Run:
    """Give a compressed cluster; the last of its sectors may hold others' bytes, too."""
    shift = 62 - (image.cluster_bits - 8)
    offset = entry & ((1 << shift) - 1)
    sectors = (entry & (_COMPRESSED - 1)) >> shift
    if offset >= len(data):
        raise InputFault("qcow2.truncated", place, f"a cluster at {offset:#x} is not there")
    return Run(offset, 1 << image.cluster_bits, (offset | 511) + 1 + 512 * sectors)


def _number(data: memoryview, at: int, what: str) -> int:
    try:
        number: int = struct.unpack_from(">Q", data, at)[0]
    except (struct.error, OverflowError):
        raise InputFault("qcow2.truncated", at, f"{what} is cut") from None
    return number


def copy_runs(data: memoryview, image: Image, runs: list[Run], spool: Spool, at: int) -> None:
    """Write the runs into the spool. Raises `InputFault`."""
    for run in runs:
        if run.packed:
            spool.write(_unpack(data, image, run), run.offset)
        elif run.offset < 0:
            spool.skip(run.size, at)
        else:
            there = data[run.offset : run.offset + run.size]
            spool.write(there, run.offset)
            # The last cluster of an image need not be there as a whole.
            spool.skip(run.size - len(there), run.offset)


def _unpack(data: memoryview, image: Image, run: Run) -> bytes:
    cluster = 1 << image.cluster_bits
    packed = bytes(data[run.offset : run.packed])
    try:
        if image.compression == 0:
            whole = zlib.decompressobj(wbits=-15).decompress(packed, cluster)
        else:
            make = zstd() if image.compression == 1 else None
            if make is None:
                detail = f"a cluster packed by method {image.compression} needs backports.zstd"
                raise InputFault("zstd.missing", run.offset, detail)
            whole = make().decompress(packed, cluster)
    except errors() as error:
        raise InputFault("corrupt", run.offset, f"a compressed cluster: {error}") from None
    if len(whole) != cluster:
        detail = f"a compressed cluster has {len(whole)} bytes"
        raise InputFault("corrupt", run.offset, detail)
    return whole[: run.size]
