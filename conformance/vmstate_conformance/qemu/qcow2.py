# SPDX-License-Identifier: Apache-2.0
"""As much of qcow2 as is needed: making an empty image, and finding a snapshot's machine state in one."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from vmstate_conformance.qemu.provision import QemuError

_MAGIC: Final = 0x514649FB
_BITS: Final = 16
_CLUSTER: Final = 1 << _BITS
_HEADER: Final = struct.Struct(">IIQIIQIIQQIIQQQQII")
_SNAPSHOT: Final = struct.Struct(">QIHHIIQII")
_OFFSET: Final = 0x00FFFFFFFFFFFE00
_COMPRESSED: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a snapshot's machine state lies: `size` bytes in whole clusters of the image."""

    size: int
    clusters: tuple[int, ...]
    cluster: int

    def read(self, image: BinaryIO) -> bytes:
        """Give the state's bytes."""
        parts = []
        for offset in self.clusters:
            image.seek(offset)
            parts.append(image.read(self.cluster))
        return b"".join(parts)[: self.size]

    def write(self, image: BinaryIO, data: bytes) -> None:
        """Put other bytes in their place; what `data` leaves free is zeroed.

        Raises `ValueError` where `data` does not fit.
        """
        if len(data) > len(self.clusters) * self.cluster:
            raise ValueError(f"{len(data)} bytes do not fit into {len(self.clusters)} clusters")
        for at, offset in enumerate(self.clusters):
            part = data[at * self.cluster : (at + 1) * self.cluster]
            image.seek(offset)
            image.write(part.ljust(self.cluster, b"\0"))


def create(path: Path, size: int = 1 << 20) -> None:
    """Write an empty image of `size` bytes."""
    l1_size = max(1, -(-size // (_CLUSTER * _CLUSTER // 8)))
    header = _HEADER.pack(
        *(_MAGIC, 3, 0, 0, _BITS, size, 0, l1_size, 3 * _CLUSTER),
        *(_CLUSTER, 1, 0, 0, 0, 0, 0, 4, 104),
    )
    clusters = (
        header,
        struct.pack(">Q", 2 * _CLUSTER),  # the refcount table
        struct.pack(">4H", 1, 1, 1, 1),  # the refcount block
        b"",  # the L1 table
    )
    path.write_bytes(b"".join(each.ljust(_CLUSTER, b"\0") for each in clusters))


def snapshot(path: Path, name: str) -> Snapshot:
    """Find the machine state of the snapshot called `name`. Raises `QemuError`, `OSError`."""
    with path.open("rb") as image:
        try:
            return _find(image, name)
        except (struct.error, KeyError, ValueError):
            raise QemuError(f"{path}: no qcow2 image with a snapshot '{name}'") from None


def _find(image: BinaryIO, name: str) -> Snapshot:
    header = _HEADER.unpack(image.read(_HEADER.size))
    if header[0] != _MAGIC:
        raise ValueError("no qcow2")
    bits, size, count, at = header[4], header[5], header[11], header[12]
    snapshots = {}
    for _ in range(count):
        at = (at + 7) & ~7
        image.seek(at)
        entry = _SNAPSHOT.unpack(image.read(_SNAPSHOT.size))
        (l1, l1_size, id_size, name_size), extra_size = entry[:4], entry[8]
        extra = image.read(extra_size)
        image.read(id_size)
        label = image.read(name_size).decode(errors="replace")
        state = struct.unpack(">Q", extra[:8])[0] if extra_size >= 8 else entry[7]
        snapshots[label] = (l1, l1_size, state)
        at += _SNAPSHOT.size + extra_size + id_size + name_size
    l1, l1_size, state = snapshots[name]
    cluster = 1 << bits
    per_l2 = cluster // 8
    first = -(-size // (cluster * per_l2))
    image.seek(l1)
    tables = struct.unpack(f">{l1_size}Q", image.read(8 * l1_size))
    found: list[int] = []
    for table in tables[first:]:
        if len(found) * cluster >= state:
            break
        image.seek(table & _OFFSET)
        entries = struct.unpack(f">{per_l2}Q", image.read(cluster))
        if any(each & _COMPRESSED for each in entries):
            raise ValueError("compressed")
        found.extend(each & _OFFSET for each in entries)
    needed = -(-state // cluster)
    if len(found) < needed or not all(found[:needed]):
        raise ValueError("holes")
    return Snapshot(state, tuple(found[:needed]), cluster)
