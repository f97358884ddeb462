# SPDX-License-Identifier: Apache-2.0
"""As much of qcow2 as is needed: making an empty image, and other bytes in place of a snapshot's."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

from vmstate.inputs import qcow2
from vmstate.inputs.clusters import Run, state_runs
from vmstate.inputs.errors import InputFault
from vmstate_conformance.qemu.provision import QemuError

_BITS: Final = 16
_CLUSTER: Final = 1 << _BITS
_HEADER: Final = struct.Struct(">4sIQIIQIIQQIIQQQQII")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a snapshot's machine state lies: `size` bytes at the start of whole clusters of the image."""

    size: int
    runs: tuple[Run, ...]

    @property
    def room(self) -> int:
        """How many bytes can be put there."""
        return sum(run.size for run in self.runs)

    def read(self, image: BinaryIO) -> bytes:
        """Give the state's bytes."""
        parts = []
        for run in self.runs:
            image.seek(run.offset)
            parts.append(image.read(run.size))
        return b"".join(parts)[: self.size]

    def write(self, image: BinaryIO, data: bytes) -> None:
        """Put other bytes in their place; what `data` leaves free is zeroed.

        Raises `ValueError` where `data` does not fit.
        """
        if len(data) > self.room:
            raise ValueError(f"{len(data)} bytes do not fit into {self.room}")
        at = 0
        for run in self.runs:
            image.seek(run.offset)
            image.write(data[at : at + run.size].ljust(run.size, b"\0"))
            at += run.size


def create(path: Path, size: int = 1 << 20) -> None:
    """Write an empty image of `size` bytes."""
    l1_size = max(1, -(-size // (_CLUSTER * _CLUSTER // 8)))
    header = _HEADER.pack(
        *(qcow2.MAGIC, 3, 0, 0, _BITS, size, 0, l1_size, 3 * _CLUSTER),
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
    try:
        with path.open("rb") as file, _mapped(file) as data:
            image = qcow2.read_image(data)
            chosen = qcow2.choose(qcow2.read_snapshots(data, image), name, image)
            # There is room up to the end of the last cluster.
            cluster = 1 << image.cluster_bits
            rounded = replace(chosen, state_size=-(-chosen.state_size // cluster) * cluster)
            runs = state_runs(data, image, rounded)
    except InputFault as fault:
        raise QemuError(f"{path}: no qcow2 image with a snapshot '{name}': {fault}") from None
    if any(run.packed or run.offset < 0 for run in runs):
        raise QemuError(f"{path}: the state of '{name}' is packed, or has holes")
    return Snapshot(chosen.state_size, tuple(runs))


@contextmanager
def _mapped(file: BinaryIO) -> Iterator[memoryview]:
    if not os.fstat(file.fileno()).st_size:
        raise InputFault("qcow2.truncated", 0, "an empty file")
    with (
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole,
        memoryview(whole) as data,
    ):
        yield data
