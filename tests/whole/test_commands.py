# SPDX-License-Identifier: Apache-2.0
"""The commands on whole streams: decode, encode, explain, diff, skeleton."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from vmstate.cli import main
from vmstate.whole import read_file

from .streams import (
    EOS,
    PAGE,
    command,
    device,
    field,
    full,
    ram_start,
    section,
    stream,
    subsection,
    vmsd,
    word,
)


@pytest.fixture
def vmstate(capsysbinary: pytest.CaptureFixture[bytes]) -> Any:
    """Runs the command: exit status, standard output and standard error."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        try:
            status = main([str(one) for one in arguments])
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = capsysbinary.readouterr()
        return status, out.decode(), err.decode()

    return run


PAGES = word(0, 8) + b"\2pc" + b"a" * PAGE + word(PAGE, 0x22) + b"\0" + EOS
DEVICES = (
    device("dev", field("x", "uint8", 1), field("b", "buffer", 4)),
    device("other", field("y", "uint32", 4), instance=3),
)


def sample(x: int = 7, y: int = 9, blob: bytes = b"\1\2\3\4") -> bytes:
    return stream(
        ram_start(("pc", 2 * PAGE)),
        section(2, 1, PAGES),
        command(11),
        section(3, 1, EOS),
        full(5, "dev", bytes((x,)) + blob),
        full(6, "other", y.to_bytes(4, "big"), instance=3),
        devices=DEVICES,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "guest.bin"
    path.write_bytes(sample())
    return path


def test_the_tree_names_every_field(vmstate: Any, file: Path) -> None:
    status, out, err = vmstate("decode", file)
    assert (status, err) == (0, "")
    assert "dev#0 v1 id 5, 5 bytes\n    x: 7\n    b: 01020304\n" in out
    assert "command SWITCHOVER_START" in out
    assert "pc: 1 page pages" in out
    assert "0 of 9 device bytes left undecoded (0.0 %)" in out


def test_json_is_encoded_back(vmstate: Any, file: Path, tmp_path: Path) -> None:
    text, again = tmp_path / "guest.json", tmp_path / "again.bin"
    assert vmstate("decode", file, "--json", "-o", text)[0] == 0
    assert vmstate("encode", text, "-o", again)[0] == 0
    assert again.read_bytes() == sample()


def test_json_can_be_edited(vmstate: Any, file: Path, tmp_path: Path) -> None:
    document = json.loads(vmstate("decode", file, "--json")[1])
    section_of = {item.get("label"): item for item in document["items"]}
    section_of["dev#0"]["state"]["x"] = 200
    edited, again = tmp_path / "edited.json", tmp_path / "again.bin"
    edited.write_text(json.dumps(document))
    assert vmstate("encode", edited, "-o", again)[0] == 0
    assert again.read_bytes() == sample(x=200)


def test_pages_can_be_left_out_of_json(vmstate: Any, file: Path, tmp_path: Path) -> None:
    text = tmp_path / "guest.json"
    assert vmstate("decode", file, "--json", "--no-pages", "-o", text)[0] == 0
    assert "61" * 16 not in text.read_text()
    status, _, err = vmstate("encode", text, "-o", tmp_path / "again.bin")
    assert status == 2
    assert "pages were left out" in err
    assert not (tmp_path / "again.bin").exists()


def test_one_section_and_one_field(vmstate: Any, file: Path) -> None:
    status, out, _ = vmstate("decode", file, "--section", "oth*")
    assert status == 0
    assert out.splitlines() == ["0x" + out[2:10] + " other#3 v1 id 6, 4 bytes", "    y: 9"]
    assert vmstate("decode", file, "--field", "other#3.y")[:2] == (0, "other#3.y: 9\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--section", "nothing"], "no section like nothing"),
        (["--field", "dev#0.z"], "no field dev#0.z"),
    ],
)
def test_what_is_not_there_is_said(
    vmstate: Any, file: Path, arguments: list[str], says: str
) -> None:
    status, _, err = vmstate("decode", file, *arguments)
    assert status == 2
    assert err.count("\n") == 1
    assert says in err


def test_a_dump_has_a_path_for_every_byte(vmstate: Any, file: Path) -> None:
    out = vmstate("decode", file, "--hex")[1]
    assert "dev#0.x (uint8)" in out
    assert "$header.magic (magic)" in out
    assert "$vmdesc.text (json)" in out
    assert "ram#0!part[0][0].page (ram-page), 4,096 bytes" in out


def test_ram_is_summed_up_and_extracted(vmstate: Any, file: Path, tmp_path: Path) -> None:
    out = vmstate("decode", file, "--ram")[1]
    assert "pc: 0x2000 bytes, pages: 1 page, 1 zero" in out
    status, out, _ = vmstate("decode", file, "--extract-ram", tmp_path / "ram")
    assert status == 0
    assert (tmp_path / "ram" / "00-pc.bin").read_bytes() == b"a" * PAGE + bytes(PAGE)


def test_changed_bytes_are_applied_to_the_page_before(vmstate: Any, tmp_path: Path) -> None:
    changes = word(0, 0x60) + b"\1\0\3" + bytes((4, 1, 0x55)) + EOS
    file = tmp_path / "guest.bin"
    parts = (ram_start(("pc", 2 * PAGE)), section(2, 1, PAGES), section(2, 1, changes))
    file.write_bytes(stream(*parts, section(3, 1, EOS)))
    assert vmstate("decode", file, "--extract-ram", tmp_path / "ram")[0] == 0
    page = (tmp_path / "ram" / "00-pc.bin").read_bytes()[:PAGE]
    assert page == b"aaaa\x55" + b"a" * (PAGE - 5)


def test_a_damaged_file_gives_what_can_be_had_and_one_line(vmstate: Any, tmp_path: Path) -> None:
    file = tmp_path / "cut.bin"
    file.write_bytes(sample()[:-400].replace(b"\x7e\0\0\0\5", b"\x7e\0\0\0\6"))
    status, out, err = vmstate("decode", file)
    assert status == 2
    assert "ram#0!end" in out
    assert err.startswith(f"vmstate: {file}: offset 0x")
    assert err.count("\n") == 1


def test_another_streams_vmdesc_serves_one_without(
    vmstate: Any, file: Path, tmp_path: Path
) -> None:
    bare, text, again = (tmp_path / name for name in ("bare.bin", "bare.json", "again.bin"))
    data = sample(x=55)
    bare.write_bytes(data[: data.rindex(b"\0\6") + 1])
    assert "x: 55" not in vmstate("decode", bare)[1]
    status, out, _ = vmstate("decode", bare, "--vmdesc", file)
    assert status == 0
    assert "x: 55" in out
    assert "note: described by the vmdesc of another stream" in out
    assert vmstate("decode", bare, "--vmdesc", file, "--json", "-o", text)[0] == 0
    assert vmstate("encode", text, "-o", again)[0] == 0
    assert again.read_bytes() == bare.read_bytes()
    status, _, err = vmstate("decode", file, "--vmdesc", bare)
    assert status == 2
    assert "no vmdesc that can be read" in err


def test_explain_says_what_a_loader_would_say(vmstate: Any, tmp_path: Path) -> None:
    file = tmp_path / "bad.bin"
    file.write_bytes(sample().replace(b"\x7e\0\0\0\5", b"\x7e\0\0\0\6"))
    status, out, _ = vmstate("explain", file)
    assert status == 1
    assert "QEMU would say: Section footer error, section_id: 5" in out
    assert "[footer-mismatch]" in out
    assert "a loader would refuse this stream" in out


def test_explain_finds_nothing_wrong_in_a_sound_stream(vmstate: Any, file: Path) -> None:
    status, out, _ = vmstate("explain", file)
    assert status == 0
    assert "nothing in this stream is wrong by itself" in out


def dump(**change: Any) -> dict[str, Any]:
    """A `-dump-vmstate` of a QEMU that knows `dev`."""
    fields = [
        {"field": name, "version_id": 0, "field_exists": False, "size": size}
        for name, size in (("x", 1), ("b", 4))
    ]
    description = {"name": "dev", "version_id": 1, "minimum_version_id": 1, "Fields": fields}
    description |= change
    return {
        "vmschkmachine": {"Name": "none"},
        "dev": {"Name": "dev", "version_id": 1, "Description": description},
    }


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version_id": 0}, "unsupported version 1 for 'dev' v0"),
        ({"minimum_version_id": 2, "version_id": 2}, "is too old for local minimum version_id 2"),
        ({"Fields": []}, "dev#0.x is sent, and the loader has no such field here"),
        (
            {"Fields": [{"field": "x", "version_id": 0, "field_exists": False, "size": 2}]},
            "dev#0.x has 1 bytes in the stream and 2 in the loader",
        ),
    ],
)
def test_explain_compares_with_the_loader(
    vmstate: Any, file: Path, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    local = tmp_path / "dump.json"
    local.write_text(json.dumps(dump(**change)))
    status, out, _ = vmstate("explain", file, "--dump-vmstate", local)
    assert status == 1
    assert says in out


def test_explain_knows_a_subsection_that_the_loader_does_not(vmstate: Any, tmp_path: Path) -> None:
    described = device("dev", field("x", "uint8", 1), subsections=[vmsd("dev/s")])
    file, local = tmp_path / "guest.bin", tmp_path / "dump.json"
    file.write_bytes(stream(full(5, "dev", b"\1" + subsection("dev/s", b"")), devices=(described,)))
    local.write_text(json.dumps(dump(Fields=dump()["dev"]["Description"]["Fields"][:1])))
    status, out, _ = vmstate("explain", file, "--dump-vmstate", local)
    assert status == 1
    assert "VM subsection 'dev/s' in 'dev' does not exist" in out


def test_explain_wants_a_dump(vmstate: Any, file: Path, tmp_path: Path) -> None:
    local = tmp_path / "dump.json"
    local.write_text("[]")
    status, _, err = vmstate("explain", file, "--dump-vmstate", local)
    assert status == 2
    assert "no output of -dump-vmstate" in err


def test_streams_are_compared_by_path(vmstate: Any, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.bin"
    other.write_bytes(sample(x=8, blob=b"\1\2\3\5"))
    status, out, _ = vmstate("diff", file, other)
    assert status == 1
    assert out == "~ dev#0.x: 7 -> 8\n~ dev#0.b: 01020304 -> 01020305\n"
    assert vmstate("diff", file, other, "--ignore", "dev#0.*")[:2] == (0, "")
    assert vmstate("diff", file, file)[:2] == (0, "")
    line = json.loads(vmstate("diff", file, other, "--json")[1].splitlines()[0])
    assert line == {"path": "dev#0.x", "kind": "value", "left": 7, "right": 8}


def test_a_section_on_one_side_only_is_a_difference(
    vmstate: Any, file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.bin"
    other.write_bytes(stream(full(5, "dev", b"\7\1\2\3\4"), devices=DEVICES))
    out = vmstate("diff", file, other)[1]
    assert "- other#3\n" in out
    assert "~ $commands.length: 1 -> 0\n" in out


def test_a_skeleton_has_all_but_the_pages(vmstate: Any, file: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.bin"
    status, _, err = vmstate("skeleton", file, "-o", small)
    assert status == 0
    assert "2 pages" in err
    read = read_file(small.read_bytes())
    assert read.faults == []
    assert [one.label for one in read.sections()] == [
        "ram#0!start",
        "ram#0!end",
        "dev#0",
        "other#3",
    ]
    assert vmstate("diff", file, small, "--ignore", "ram*")[:2] == (0, "")
    assert len(small.read_bytes()) < len(sample()) - PAGE


@pytest.mark.parametrize("name", ["decode", "explain", "skeleton", "encode"])
def test_a_missing_file_is_one_line(vmstate: Any, tmp_path: Path, name: str) -> None:
    status, _, err = vmstate(name, tmp_path / "nothing")
    assert status == 2
    assert err.count("\n") == 1
    assert "No such file" in err


def test_streams_come_through_pipes(
    vmstate: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = tmp_path / "guest.bin"
    source.write_bytes(sample())
    with source.open("rb") as opened:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(opened))
        status, out, _ = vmstate("decode", "-", "--field", "dev#0.x")
    assert (status, out) == (0, "dev#0.x: 7\n")


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "nonsense",
        '{"format": "vmstate-stream 1"}',
        '{"format": "vmstate-stream 1", "page_size": 4096, "version": 3, "items": [5]}',
        '{"format": "vmstate-stream 1", "page_size": 4096, "version": 3, "items": [{"kind": []}]}',
        '{"format": "vmstate-stream 1", "page_size": 4096, "vmdesc": "{"}',
        "[" * 100_000,
    ],
)
def test_json_that_is_no_stream_is_one_line(vmstate: Any, tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    status, _, err = vmstate("encode", file, "-o", tmp_path / "out.bin")
    assert status == 2
    assert err.count("\n") == 1
    assert err.startswith("vmstate: ")
