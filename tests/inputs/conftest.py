# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable
from typing import Any

import pytest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def build_image(
    state: bytes,
    *,
    version: int = 3,
    bits: int = 9,
    disk: int = 1 << 20,
    how: str = "plain",
    names: tuple[str, ...] = ("one",),
    state_size: int | None = None,
    features: int = 0,
    crypt: int = 0,
    extra: int = 24,
) -> bytes:
    """Write an image whose snapshots all have `state`, as QEMU lays it out."""
    cluster = 1 << bits
    wide = 16 if how == "subclusters" else 8
    entries = cluster // wide
    features |= {"subclusters": 16, "zstd": 8}.get(how, 0)
    first = -(-disk // (cluster * entries))
    pieces = [
        state[at : at + cluster].ljust(cluster, b"\0") for at in range(0, len(state), cluster)
    ]
    tables = -(-len(pieces) // entries)
    body = bytearray(2 * cluster)

    def put(data: bytes, align: int = cluster) -> int:
        body.extend(bytes(-len(body) % align))
        at = len(body)
        body.extend(data)
        return at

    l2 = []
    for number, piece in enumerate(pieces):
        packed = _pack(how, piece)
        if len(packed) < cluster:
            at = put(packed, 1)
            shift = 62 - (bits - 8)
            sectors = (at + len(packed) - 1) // 512 - at // 512
            l2.append(struct.pack(">Q", 1 << 62 | sectors << shift | at))
        elif how == "holes" and not piece.strip(b"\0"):
            l2.append(struct.pack(">Q", number % 2))
        elif how == "subclusters":
            l2.append(struct.pack(">QQ", put(piece), 0xFFFFFFFF))
        else:
            l2.append(struct.pack(">Q", put(piece) | 1 << 63))
    table = b"".join(l2).ljust(tables * cluster, b"\0")
    starts = [put(table[at : at + cluster]) for at in range(0, len(table), cluster)]
    l1 = put(b"".join(struct.pack(">Q", at) for at in [0] * first + starts))
    size = len(state) if state_size is None else state_size
    listed = b""
    for number, name in enumerate(names, 1):
        label = str(number).encode()
        listed += struct.pack(
            ">QIHHIIQII",
            l1,
            first + len(starts),
            len(label),
            len(name),
            0,
            0,
            0,
            size & 0xFFFFFFFF,
            extra,
        )
        listed += struct.pack(">QQQ", size, disk, 0)[:extra] + label + name.encode()
        listed += bytes(-len(listed) % 8)
    at = put(listed)
    body.extend(bytes(-len(body) % cluster))
    header = struct.pack(
        ">4sIQIIQIIQQIIQ", b"QFI\xfb", version, 0, 0, bits, disk, crypt, 0, 0, 0, 0, len(names), at
    )
    if version == 3:
        header += struct.pack(">QQQII", features, 0, 0, 4, 112) + bytes([how == "zstd"])
    body[: len(header)] = header
    return bytes(body)


def _pack(how: str, piece: bytes) -> bytes:
    if how == "zstd":
        return zstd.compress(piece)
    if how != "deflate":
        return piece
    packer = zlib.compressobj(9, zlib.DEFLATED, -12)
    return packer.compress(piece) + packer.flush()


@pytest.fixture
def image() -> Callable[..., bytes]:
    return build_image


@pytest.fixture
def saved() -> Callable[..., bytes]:
    """Write a libvirt save image."""

    def build(
        stream: bytes, packing: int = 0, *, order: str = "<", version: int = 2, **more: Any
    ) -> bytes:
        xml = more.get("xml", b"<domain type='kvm'>\n  <name>box</name>\n</domain>\0")
        length = more.get("length", len(xml))
        numbers = struct.pack(f"{order}5I", version, length, 1, packing, 0)
        return more.get("magic", b"LibvirtQemudSave") + numbers + bytes(56) + xml + stream

    return build
