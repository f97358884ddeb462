# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from vmstate.whole import read_file
from vmstate_conformance.qemu.harvest import STREAM, harvest
from vmstate_conformance.qemu.provision import find
from vmstate_conformance.qemu.recipes import recipe
from vmstate_conformance.qemu.roundtrip import Difference, differences, without

Ask = Callable[..., Result]


def section(name: bytes, payload: bytes, number: int = 1) -> bytes:
    head = b"\4" + number.to_bytes(4, "big") + bytes((len(name),)) + name + bytes(7) + b"\1"
    return head + payload + b"\x7e" + number.to_bytes(4, "big")


def stream(*sections: bytes) -> bytes:
    names = []
    for each in sections:
        size = len(each) - 5 - 14 - each[5]
        field = {"name": "v", "type": "buffer", "size": size}
        names.append({"name": each[6 : 6 + each[5]].decode(), "instance_id": 0, "vmsd_name": "x",
                      "version": 1, "fields": [field]})  # fmt: skip
    text = json.dumps({"page_size": 4096, "devices": names}).encode()
    head = b"QEVM\0\0\0\3\7\0\0\0\4none"
    return head + b"".join(sections) + b"\0\6" + len(text).to_bytes(4, "big") + text


def compare(one: bytes, other: bytes) -> tuple[Difference, ...]:
    return differences(read_file(one, spans=True), read_file(other, spans=True))


def test_equal_streams_do_not_differ() -> None:
    whole = stream(section(b"a", b"12"), section(b"b", b"3"))

    assert compare(whole, whole) == ()


def test_the_order_of_sections_and_their_numbers_do_not_matter() -> None:
    one = stream(section(b"a", b"12", 7), section(b"b", b"3", 9))
    other = stream(section(b"b", b"3", 2), section(b"a", b"12", 1))

    assert compare(one, other) == ()


def test_a_changed_field_is_named() -> None:
    one, other = stream(section(b"a", b"12")), stream(section(b"a", b"13"))

    assert compare(one, other) == (Difference("a#0", "differs", ("a#0.v",)),)


def test_a_section_that_is_gone_and_one_that_is_new_are_named() -> None:
    one, other = stream(section(b"a", b"1")), stream(section(b"b", b"1"))

    assert compare(one, other) == (Difference("a#0", "gone"), Difference("b#0", "new"))


def test_what_is_ignored_is_no_difference() -> None:
    found = (
        Difference("hpet#0", "differs", ("hpet#0.counter", "hpet#0.timer[1].cmp")),
        Difference("apic#0", "gone"),
    )

    assert without(found, ["hpet#*", "apic#?"]) == ()
    assert without(found, ["apic#0", "hpet#0.timer[*].cmp"]) == (
        Difference("hpet#0", "differs", ("hpet#0.counter",)),
    )
    assert without(found, ["hpet#0.*"]) == found[1:]


@pytest.mark.qemu
@pytest.mark.parametrize("name", ["none", "q35-min", "nvme", "virtio-net", "q35-mapped-ram"])
def test_a_machine_gives_out_what_was_put_in(name: str, ask: Ask, tmp_path: Path) -> None:
    ask("harvest", name, "--into", str(tmp_path))

    result = ask("roundtrip", str(tmp_path / name / STREAM))

    assert result.exit_code == 0, result.output
    assert "sections came back as they went in" in result.output


@pytest.mark.qemu
def test_ram_that_was_changed_on_the_way_differs(ask: Ask, tmp_path: Path) -> None:
    made = harvest(recipe("q35-ram"), find(None)).stream
    page = made.index(bytes(range(256)) * 16)
    changed = made[:page] + b"\xff" + made[page + 1 :]

    found = compare(made, changed)

    assert found == (Difference("ram pc.ram", "differs"),)


@pytest.mark.qemu
def test_the_same_recipe_gives_the_same_stream_but_for_the_clocks_of_the_host() -> None:
    one, other = (harvest(recipe("pc-min"), find(None)).stream for _ in range(2))

    assert {each.section for each in compare(one, other)} <= {"timer#0"}


@pytest.mark.qemu
def test_what_is_rejected_makes_no_round_trip(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(stream(section(b"a", b"1")))

    result = ask("roundtrip", str(file), "--recipe", "none", "--json")

    assert result.exit_code == 1
    assert json.loads(result.output)["verdict"] == "rejected"
