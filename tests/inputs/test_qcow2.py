# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import mmap
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from vmstate.files import InputError
from vmstate.inputs import InputFault, open_stream

#: Written by QEMU 11.1.3: `-M none`, savevm one, savevm two, clusters of 512 bytes.
SAMPLE = Path(__file__).with_name("data") / "two-snapshots.qcow2"
STREAM = b"QEVM\0\0\0\3" + random.Random(1).randbytes(50_000) + bytes(60_000) + b"end"
Build = Callable[..., bytes]


def file(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "file"
    path.write_bytes(content)
    return str(path)


def fault(path: str, snapshot: str | None = None) -> str:
    with pytest.raises(InputFault) as caught:
        open_stream(path, snapshot=snapshot)
    line = str(caught.value)
    assert line.startswith(f"{path}: offset 0x")
    assert line.isprintable()
    return caught.value.rule


def test_the_snapshots_that_qemu_made_are_found_by_name_and_by_id() -> None:
    streams = []
    for wanted in ("one", "two", "2"):
        with open_stream(str(SAMPLE), snapshot=wanted) as stream:
            assert bytes(stream.data[:8]) == b"QEVM\0\0\0\3"
            assert bytes(stream.data[-1:]) == b"}"
            assert stream.format == "qcow2"
            assert f"snapshot {wanted.replace('2', 'two')}, 1368 bytes" in stream.note
            streams.append(bytes(stream.data))
    assert streams[1] == streams[2]


def test_without_a_choice_the_only_snapshot_is_taken_and_of_several_none(
    image: Build, tmp_path: Path
) -> None:
    with open_stream(file(tmp_path, image(STREAM))) as stream:
        assert stream.data == STREAM
    with pytest.raises(InputFault, match="choose one with --snapshot: one, two"):
        open_stream(str(SAMPLE))


@pytest.mark.parametrize("how", ["plain", "holes", "deflate", "zstd", "subclusters"])
@pytest.mark.parametrize("bits", [9, 16])
@pytest.mark.parametrize("version", [2, 3])
def test_every_kind_of_cluster_is_read(
    how: str, bits: int, version: int, image: Build, tmp_path: Path
) -> None:
    if version == 2 and how in {"zstd", "subclusters"}:
        how = "deflate"  # the older version knows no other
    if bits == 9 and how == "subclusters":
        bits = 14  # QEMU's smallest
    for disk in (0, 1, 1 << 20, (10 << 30) + 512):
        content = image(STREAM, how=how, bits=bits, version=version, disk=disk)
        with open_stream(file(tmp_path, content)) as stream:
            assert stream.data == STREAM


def test_a_state_that_lies_in_one_piece_is_not_copied(image: Build, tmp_path: Path) -> None:
    content = image(STREAM, bits=16)
    with open_stream(file(tmp_path, content)) as stream:
        whole = stream.data.obj
        assert isinstance(whole, mmap.mmap)
        assert len(whole) == len(content)


def test_subclusters_that_are_not_there_are_zeros(image: Build, tmp_path: Path) -> None:
    content = bytearray(image(STREAM[:16384], how="subclusters", bits=14))
    at = content.index(b"\xff\xff\xff\xff", 2 << 14)
    struct.pack_into(">I", content, at, 0xFFFFFFFE)
    with open_stream(file(tmp_path, bytes(content))) as stream:
        assert bytes(stream.data) == bytes(512) + STREAM[512:16384]


def test_a_last_cluster_may_end_with_the_file(image: Build, tmp_path: Path) -> None:
    content = image(STREAM)
    at = content.index(STREAM[:64])
    moved = bytearray(content)
    place = moved.index(struct.pack(">Q", at | 1 << 63))
    moved += STREAM[:100]
    struct.pack_into(">Q", moved, place, len(content) | 1 << 63)
    with open_stream(file(tmp_path, bytes(moved))) as stream:
        assert bytes(stream.data) == STREAM[:100] + bytes(412) + STREAM[512:]


@pytest.mark.parametrize("extra", [0, 8, 16, 24])
def test_old_entries_of_the_snapshot_table_are_understood(
    extra: int, image: Build, tmp_path: Path
) -> None:
    with open_stream(file(tmp_path, image(STREAM, extra=extra))) as stream:
        assert stream.data == STREAM


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"names": ()}, "qcow2.no-snapshot"),
        ({"names": tuple("abcdefghijkl")}, "qcow2.which-snapshot"),
        ({"state_size": 0}, "qcow2.no-state"),
        ({"state_size": 1 << 62}, "too-large"),
        ({"state_size": 200_000}, "qcow2.truncated"),
        ({"crypt": 2}, "qcow2.encrypted"),
        ({"features": 4}, "qcow2.features"),
        ({"features": 1 << 40}, "qcow2.features"),
    ],
)
def test_an_image_without_a_state_to_read_is_refused(
    change: dict[str, int], rule: str, image: Build, tmp_path: Path
) -> None:
    assert fault(file(tmp_path, image(STREAM, **{"extra": 24} | change))) == rule


def test_a_snapshot_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(InputFault, match="no snapshot 'three', but one, two"):
        open_stream(str(SAMPLE), snapshot="three")


def test_a_snapshot_is_asked_of_images_only(tmp_path: Path) -> None:
    assert fault(file(tmp_path, STREAM), "one") == "no-image"


PATCHES = [
    pytest.param(4, ">I", 4, "qcow2.version", id="version"),
    pytest.param(20, ">I", 63, "qcow2.header", id="cluster-bits"),
    pytest.param(60, ">I", 1 << 31, "qcow2.header", id="count-of-snapshots"),
    pytest.param(64, ">Q", 1 << 60, "qcow2.truncated", id="place-of-snapshots"),
    pytest.param(64, ">Q", (1 << 64) - 8, "qcow2.truncated", id="place-beyond-every-file"),
]


@pytest.mark.parametrize(("at", "form", "value", "rule"), PATCHES)
def test_a_header_that_lies_is_refused(
    at: int, form: str, value: int, rule: str, tmp_path: Path
) -> None:
    content = bytearray(SAMPLE.read_bytes())
    struct.pack_into(form, content, at, value)
    assert fault(file(tmp_path, bytes(content)), "one") == rule


@pytest.mark.parametrize("place", [1 << 40, (1 << 63) + 512, (1 << 64) - 512])
def test_tables_that_are_nowhere_are_refused(place: int, image: Build, tmp_path: Path) -> None:
    content = bytearray(image(STREAM))
    at = struct.unpack_from(">Q", content, 64)[0]
    struct.pack_into(">Q", content, at, place)
    assert fault(file(tmp_path, bytes(content))) == "qcow2.truncated"


@pytest.mark.parametrize("how", ["deflate", "zstd"])
def test_a_packed_cluster_with_wrong_bytes_is_told_in_a_line(
    how: str, image: Build, tmp_path: Path
) -> None:
    content = bytearray(image(bytes(5000) + b"x" * 5000, how=how))
    for at in range(1024, 1100):
        content[at] ^= 0x5A
    assert fault(file(tmp_path, bytes(content))) == "corrupt"


def test_tables_that_go_round_in_circles_end(image: Build, tmp_path: Path) -> None:
    """One L2 table stands for gigabytes of state: the same few clusters over and over."""
    content = bytearray(image(STREAM[:512]))
    at = struct.unpack_from(">Q", content, 64)[0]
    l1, _ = struct.unpack_from(">QI", content, at)
    table = struct.unpack_from(">Q", content, l1 + 8 * 32)[0]
    content[table : table + 512] = content[table : table + 8] * 64
    struct.pack_into(">QI", content, at, len(content), 100_000)
    struct.pack_into(">Q", content, at + 40, 1 << 33)
    content += struct.pack(">Q", table) * 100_000
    assert fault(file(tmp_path, bytes(content))) in {"qcow2.overlap", "too-large"}


def test_an_image_cut_anywhere_gives_one_line(tmp_path: Path) -> None:
    whole = SAMPLE.read_bytes().rstrip(b"\0")
    for size in range(4, len(whole), 37):
        fault(file(tmp_path, whole[:size]), "two")


def test_an_image_with_wrong_bytes_gives_a_stream_or_one_line(tmp_path: Path) -> None:
    rng = random.Random(3)
    whole = SAMPLE.read_bytes()
    refused = 0
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            at = rng.choice([rng.randrange(112), rng.randrange(len(content))])
            content[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        try:
            with open_stream(
                file(tmp_path, bytes(content)), snapshot="one", most=1 << 24
            ) as stream:
                assert len(stream.data) <= 1 << 24
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
    assert 50 < refused < 390
