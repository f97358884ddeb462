# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import bz2
import gzip
import io
import lzma
import mmap
import os
import random
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from vmstate.files import InputError
from vmstate.inputs import InputFault, open_stream
from vmstate.inputs import packed as packing
from vmstate.inputs.spool import Spool

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SAMPLE = Path(__file__).with_name("data") / "two-snapshots.qcow2"
STREAM = b"QEVM\0\0\0\3" + random.Random(1).randbytes(5000) + bytes(3000) + b"end"
Build = Callable[..., bytes]


def file(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "file"
    path.write_bytes(content)
    return str(path)


def fault(path: str, **more: object) -> str:
    with pytest.raises(InputFault) as caught:
        open_stream(path, **more)  # type: ignore[arg-type]
    line = str(caught.value)
    assert line.startswith(f"{path}: offset 0x")
    assert line.isprintable()
    return caught.value.rule


def test_a_plain_file_is_mapped_and_not_read(tmp_path: Path) -> None:
    with open_stream(file(tmp_path, STREAM)) as stream:
        assert stream.data == STREAM
        assert isinstance(stream.data.obj, mmap.mmap)
        assert (stream.format, stream.note, stream.fault, stream.base) == ("raw", "", None, 0)


def test_what_is_no_stream_at_all_is_given_as_it_is_for_a_reader_to_refuse(tmp_path: Path) -> None:
    for content in (b"", b"Q", b"Libvirt", b"hello" * 100):
        with open_stream(file(tmp_path, content)) as stream:
            assert (bytes(stream.data), stream.format) == (content, "raw")


def test_closing_leaves_the_bytes_to_whoever_still_looks_at_them(tmp_path: Path) -> None:
    stream = open_stream(file(tmp_path, STREAM))
    kept = stream.data[:8]
    stream.close()

    assert bytes(kept) == STREAM[:8]
    with pytest.raises(ValueError, match="released"):
        bytes(stream.data)


@pytest.mark.parametrize("path", ["/nonexistent/file", "/", "\0"])
def test_a_path_that_cannot_be_opened_gives_one_line(path: str) -> None:
    with pytest.raises(InputError) as caught:
        open_stream(path)

    assert str(caught.value).count("\n") == 0


def piped(content: bytes, **more: object) -> tuple[bytes, str]:
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with open_stream(f"/dev/fd/{reading}", **more) as stream:  # type: ignore[arg-type]
            return bytes(stream.data), stream.format
    finally:
        os.close(reading)
        writer.join()


def test_a_pipe_may_hold_whatever_a_file_may(image: Build, saved: Build) -> None:
    assert piped(STREAM) == (STREAM, "raw")
    assert piped(gzip.compress(STREAM)) == (STREAM, "gzip")
    assert piped(saved(STREAM)) == (STREAM, "libvirt")
    assert piped(image(STREAM)) == (STREAM, "qcow2")
    assert piped(b"") == (b"", "raw")


def test_a_pipe_of_something_else_is_not_read_to_its_end() -> None:
    with open_stream("/dev/zero") as stream:
        assert bytes(stream.data) == bytes(65536)


def test_a_pipe_is_bounded() -> None:
    with pytest.raises(InputFault, match="too-large"):
        piped(STREAM, most=8000)


def test_standard_input_is_a_file_or_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path(file(tmp_path, b"skip" + STREAM)).open("rb") as opened:
        opened.seek(4)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(opened))
        with open_stream("-") as stream:
            assert stream.data == STREAM


PACKERS = [
    (0, lambda data: data),
    (1, gzip.compress),
    (2, bz2.compress),
    (3, lzma.compress),
    (5, zstd.compress),
]


@pytest.mark.parametrize(("number", "pack"), PACKERS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [1, 2])
def test_a_libvirt_save_image_gives_its_stream(
    number: int, pack: Build, order: str, version: int, saved: Build, tmp_path: Path
) -> None:
    path = file(tmp_path, saved(pack(STREAM), number, order=order, version=version))
    with open_stream(path) as stream:
        assert stream.data == STREAM
        assert stream.format.startswith("libvirt")
        assert f"v{version}, domain box, running" in stream.note
        assert stream.base == (0 if number else 92 + 49)


def test_an_image_that_libvirt_never_finished_says_so(saved: Build, tmp_path: Path) -> None:
    with open_stream(file(tmp_path, saved(STREAM, magic=b"LibvirtQemudPart"))) as stream:
        assert "never finished" in stream.note


def test_a_sparse_save_image_says_where_its_offsets_count_from(
    saved: Build, tmp_path: Path
) -> None:
    whole = saved(STREAM, 6)
    with open_stream(file(tmp_path, whole)) as stream:
        assert whole[stream.base :] == stream.data


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"version": 9}, "libvirt.version"),
        ({"version": 0}, "libvirt.version"),
        ({"length": 0xFFFFFFFF}, "libvirt.truncated"),
        ({"packing": 7}, "libvirt.format"),
        ({"packing": 4}, "lzop.missing"),
        ({"packing": 1}, "corrupt"),
        ({"packing": 3}, "corrupt"),
    ],
)
def test_a_bad_libvirt_header_is_refused(
    change: dict[str, int], rule: str, saved: Build, tmp_path: Path
) -> None:
    assert fault(file(tmp_path, saved(STREAM, **change))) == rule


def test_a_cut_libvirt_header_is_refused_wherever_it_is_cut(saved: Build, tmp_path: Path) -> None:
    whole = saved(b"")
    for size in range(16, len(whole)):
        assert fault(file(tmp_path, whole[:size])) == "libvirt.truncated"


def test_lzop_says_how_to_go_on(saved: Build, tmp_path: Path) -> None:
    with pytest.raises(InputFault, match=r"tail -c \+142 FILE \| lzop -dc \| vmstate"):
        open_stream(file(tmp_path, saved(b"?", 4)))
    assert fault(file(tmp_path, b"\x89LZO\0\r\n\x1a\n")) == "lzop.missing"


def test_zstd_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def absent(name: str) -> object:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(packing.importlib, "import_module", absent)
    path = file(tmp_path, zstd.compress(STREAM))
    assert fault(path) == "zstd.missing"
    with pytest.raises(InputFault, match=r"backports\.zstd"):
        open_stream(path)


@pytest.mark.parametrize("pack", [each for _, each in PACKERS[1:]])
def test_packed_data_that_is_cut_gives_what_was_there_and_the_fault(
    pack: Build, tmp_path: Path
) -> None:
    noise = b"QEVM" + random.Random(2).randbytes(1 << 20)
    whole = pack(noise)
    with open_stream(file(tmp_path, whole[:-1000])) as stream:
        assert stream.data == noise[: len(stream.data)]
        assert stream.fault is not None
        assert (stream.fault.rule, stream.fault.offset) == ("cut", len(whole) - 1000)
        assert str(stream.fault).startswith(str(tmp_path))
    assert fault(file(tmp_path, whole[:12])) == "cut"


@pytest.mark.parametrize("pack", [each for _, each in PACKERS[1:]])
def test_packed_data_with_wrong_bytes_is_told_in_a_line(pack: Build, tmp_path: Path) -> None:
    whole = pack("".join(map(str, range(20_000))).encode())
    told = 0
    for at in range(9, len(whole), 97):
        path = file(tmp_path, whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            with open_stream(path) as stream:
                told += stream.fault is not None
        except InputFault as error:
            assert str(error).isprintable()
            told += 1
    assert told > 3


def test_members_strung_together_are_one_stream_and_zeros_behind_them_nothing(
    tmp_path: Path,
) -> None:
    parts = gzip.compress(STREAM[:99]) + gzip.compress(STREAM[99:])
    with open_stream(file(tmp_path, parts + bytes(600))) as stream:
        assert (stream.data, stream.fault) == (STREAM, None)
    with open_stream(file(tmp_path, parts + bytes(600) + b"x")) as stream:
        assert stream.data == STREAM
        assert stream.fault is not None
        assert stream.fault.rule == "trailing"


@pytest.mark.parametrize("pack", [each for _, each in PACKERS[1:]])
def test_a_bomb_is_stopped_at_the_bound(pack: Build, tmp_path: Path) -> None:
    assert fault(file(tmp_path, pack(bytes(64 << 20))), most=4 << 20) == "too-large"


def test_zeros_of_a_packed_stream_fill_no_disk() -> None:
    spool = Spool(1 << 30)
    spool.write(b"Q" + bytes(64 << 20), 0)
    taken = os.fstat(spool._file.fileno()).st_blocks * 512
    with spool.map() as content:
        assert (len(content), content[:2]) == ((64 << 20) + 1, b"Q\0")
    assert taken < 1 << 20


def test_wrappings_without_end_are_refused(saved: Build, tmp_path: Path) -> None:
    content = STREAM
    for _ in range(3):
        content = gzip.compress(content)
    with open_stream(file(tmp_path, content)) as stream:
        assert (stream.data, stream.format) == (STREAM, "gzip+gzip+gzip")
    assert fault(file(tmp_path, gzip.compress(gzip.compress(content)))) == "nested"
