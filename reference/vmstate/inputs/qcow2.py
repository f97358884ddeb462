# SPDX-License-Identifier: Apache-2.0
"""Internal snapshots in qcow2: where in the image the machine's state lies. Read only."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from vmstate.inputs.errors import InputFault

MAGIC: Final = b"QFI\xfb"
_V2: Final = struct.Struct(">IIQIIQIIQQIIQ")
_V3: Final = struct.Struct(">QQQII")
_SNAPSHOT: Final = struct.Struct(">QIHHIIQII")
#: Incompatible features: dirty, corrupt, external data file, compression type, extended L2 entries.
_CORRUPT, _EXTERNAL, _COMPRESSION, _EXTENDED = 2, 4, 8, 16
_KNOWN: Final = 31
_MOST_SNAPSHOTS: Final = 65536
_MOST_L1: Final = 4 << 20
#: Listed when none is chosen.
_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Image:
    """The header of an image, as far as a snapshot needs it."""

    cluster_bits: int
    size: int
    snapshots: int
    snapshots_at: int
    extended: bool
    compression: int
    corrupt: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot: its table, and how long the machine's state is."""

    id: str
    name: str
    l1_at: int
    l1_size: int
    disk_size: int
    state_size: int
    entry_at: int


def read_image(data: memoryview) -> Image:
    """Read the header. Raises `InputFault`."""
    try:
        (_, version, _, _, bits, size, crypt, _, _, _, _, count, at) = _V2.unpack_from(data)
        features, kind = 0, 0
        if version >= 3:
            features, _, _, _, length = _V3.unpack_from(data, _V2.size)
            if features & _COMPRESSION and length > 104:
                kind = data[104]
    except (struct.error, IndexError):
        raise InputFault("qcow2.truncated", len(data), "the header is cut") from None
    if version not in {2, 3}:
        raise InputFault("qcow2.version", 4, f"qcow2 version {version}, known are 2 and 3")
    if not 9 <= bits <= 21:
        raise InputFault("qcow2.header", 20, f"clusters of 2^{bits} bytes")
    if crypt:
        raise InputFault("qcow2.encrypted", 32, "the image is encrypted")
    if features & ~_KNOWN:
        raise InputFault("qcow2.features", 72, f"unknown features {features & ~_KNOWN:#x}")
    if features & _EXTERNAL:
        raise InputFault("qcow2.features", 72, "the data lies in another file")
    if count > _MOST_SNAPSHOTS:
        raise InputFault("qcow2.header", 60, f"{count} snapshots")
    return Image(bits, size, count, at, bool(features & _EXTENDED), kind, bool(features & _CORRUPT))


def read_snapshots(data: memoryview, image: Image) -> list[Snapshot]:
    """Read the table of snapshots. Raises `InputFault`."""
    found = []
    at = image.snapshots_at
    for number in range(image.snapshots):
        at = (at + 7) & ~7
        where = f"snapshot {number + 1} of {image.snapshots}"
        try:
            entry = _SNAPSHOT.unpack_from(data, at)
        except (struct.error, OverflowError):
            raise InputFault("qcow2.truncated", at, f"{where} is cut") from None
        l1_at, l1_size, id_size, name_size, _, _, _, state_size, extra_size = entry
        extra_at = at + _SNAPSHOT.size
        id_at = extra_at + extra_size
        end = id_at + id_size + name_size
        if end > len(data):
            raise InputFault("qcow2.truncated", at, f"{where} is cut")
        if l1_size > _MOST_L1:
            raise InputFault("qcow2.snapshot", at + 8, f"{where} has {l1_size} tables")
        extra = bytes(data[extra_at : extra_at + min(extra_size, 16)])
        found.append(
            Snapshot(
                bytes(data[id_at : id_at + id_size]).decode("utf-8", "replace"),
                bytes(data[id_at + id_size : end]).decode("utf-8", "replace"),
                l1_at,
                l1_size,
                int.from_bytes(extra[8:16], "big") if extra_size >= 16 else image.size,
                int.from_bytes(extra[:8], "big") if extra_size >= 8 else state_size,
                at,
            )
        )
        at = end
    return found


def choose(snapshots: list[Snapshot], wanted: str | None, image: Image) -> Snapshot:
    """Choose by name or id; without one, the only snapshot that has a machine's state."""
    at = image.snapshots_at
    if not snapshots:
        raise InputFault("qcow2.no-snapshot", 60, "the image has no snapshot")
    names = ", ".join(each.name or each.id for each in snapshots[:_SHOWN])
    if len(snapshots) > _SHOWN:
        names += f" and {len(snapshots) - _SHOWN} more"
    if wanted is None:
        with_state = [each for each in snapshots if each.state_size]
        if len(with_state) > 1:
            raise InputFault("qcow2.which-snapshot", at, f"choose one with --snapshot: {names}")
        chosen = (with_state or snapshots)[0]
    else:
        for each in sorted(snapshots, key=lambda one: one.name != wanted):
            if wanted in {each.name, each.id}:
                chosen = each
                break
        else:
            detail = f"there is no snapshot {wanted!r}, but {names}"
            raise InputFault("qcow2.no-snapshot", at, detail)
    if not chosen.state_size:
        detail = f"snapshot {chosen.name or chosen.id} is of the disk only"
        raise InputFault("qcow2.no-state", chosen.entry_at, detail)
    return chosen
