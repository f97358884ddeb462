# SPDX-License-Identifier: Apache-2.0
"""The cases of payloads, asked of real machines that have the handlers: verdict, words and content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vmstate.operations import perform
from vmstate.whole import read_file
from vmstate_conformance.cases.reader import read_cases
from vmstate_conformance.corpus import corpus_dir
from vmstate_conformance.qemu import payloads
from vmstate_conformance.qemu.harvest import binary
from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.streams import load, save


def _cases(idstr: str) -> dict[str, dict[str, Any]]:
    return {
        case.id: case.request
        for case in read_cases([corpus_dir() / "payloads"])
        if case.request["devices"][0].get("handler") == idstr
    }


@pytest.mark.qemu
@pytest.mark.parametrize("idstr", payloads.PLACES)
def test_qemu_says_the_same_of_every_payload(idstr: str) -> None:
    found = {
        name: payloads.differences(request, perform(request))
        for name, request in _cases(idstr).items()
    }
    assert len(found) > 5
    assert {name: facets for name, facets in found.items() if facets} == {}


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("idstr", "name", "change", "facet"),
    [
        ("s390-skeys", "payloads/s390-skeys#some", {"verdict": "reject"}, "verdict"),
        ("s390-skeys", "payloads/s390-skeys#error", {"message": "another"}, "message"),
        ("s390-skeys", "payloads/s390-skeys#error", {"printed": []}, "printed"),
        (
            "s390-skeys",
            "payloads/s390-skeys#some",
            {"devices": [{"state": {"keys": "4096*00"}}]},
            "devices",
        ),
        (
            "spapr/htab",
            "payloads/spapr-htab#entries",
            {"devices": [{"state": {"shift": "18", "entries": {}}}]},
            "devices",
        ),
        (
            "dirty-bitmap",
            "payloads/dirty-bitmap#whole",
            {"devices": [{"state": {"nodes": {}}}]},
            "devices",
        ),
    ],
)
def test_another_result_is_told_apart(
    idstr: str, name: str, change: dict[str, Any], facet: str
) -> None:
    request = _cases(idstr)[name]
    assert payloads.differences(request, perform(request) | change) == [facet]


def test_what_no_machine_has_is_not_asked() -> None:
    assert payloads.differences({"devices": [], "machine": "none", "stream": ""}, {}) is None


def _saved(machine: Machine, idstr: str, file: Path, *capabilities: str) -> str:
    """Let a machine save itself; give its sections of one handler, as a stream of a case."""
    save(machine, file, capabilities=capabilities)
    data = file.read_bytes()
    mine = (each for each in read_file(file).sections() if each.idstr == idstr)
    sections = b"".join(data[each.offset : each.end + 5] for each in mine)
    return (payloads.NONE + sections + b"\0").hex()


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("idstr", "name"),
    [
        ("s390-skeys", "payloads/s390-skeys#in-two-words"),
        ("s390-storage_attributes", "payloads/s390-storage-attributes#some"),
        ("spapr/htab", "payloads/spapr-htab#invalid-ones"),
        ("spapr/htab", "payloads/spapr-htab#no-table-later"),
    ],
)
def test_what_qemu_saves_again_is_loaded_again(idstr: str, name: str, tmp_path: Path) -> None:
    request, place = _cases(idstr)[name], payloads.PLACES[idstr]
    first = perform(request)
    destination = request["devices"][0]["destination"]
    file = tmp_path / "stream.bin"
    file.write_bytes(payloads.named(bytes.fromhex(request["stream"]), place.machine))
    arguments = ("-M", place.machine, "-nodefaults", *place.arguments(destination), "-S")
    with Machine(
        binary(None, place.arch), [*arguments, "-incoming", "defer"], arch=place.arch
    ) as machine:
        assert load(machine, file) is None
        stream = _saved(machine, idstr, tmp_path / "again.bin")
    again = perform({**request, "stream": stream})
    assert again["verdict"] == "accept"
    assert again["devices"][0]["state"] == first["devices"][0]["state"]


@pytest.mark.qemu
def test_keys_are_looked_at_in_parts() -> None:
    part = 128 << 10
    request = _cases("s390-skeys")["payloads/s390-skeys#none"]
    device = {**request["devices"][0], "destination": {"keys": f"{part}*00"}}
    at = bytes.fromhex(request["stream"]).index(bytes(7) + b"\x01\x7e")
    head = request["stream"][: 2 * at]
    keys = (2).to_bytes(8, "big") + (part + 1).to_bytes(8, "big") + bytes([16]) * (part + 1)
    request = {**request, "devices": [device], "stream": head + keys.hex()}
    result = perform(request)
    assert result["devices"][0]["state"] == {"keys": f"{part}*10"}
    assert payloads.differences(request, result) == []


@pytest.mark.qemu
def test_bitmaps_that_qemu_saves_are_loaded(tmp_path: Path) -> None:
    nodes = {"nodes": {"n0": {"size": "1048576"}, "n1": {"size": "1000000"}}}
    place = payloads.PLACES["dirty-bitmap"]
    arguments = ("-M", place.machine, "-nodefaults", *place.arguments(nodes), "-S")
    with Machine(binary(None, place.arch), arguments) as machine:
        for node, name, granularity, disabled in (
            ("n0", "a", 65536, False),
            ("n0", "b", 512, True),
            ("n1", "a", 4096, False),
        ):
            machine.qmp.execute(
                "block-dirty-bitmap-add",
                node=node,
                name=name,
                granularity=granularity,
                disabled=disabled,
            )
        for command in ('n0 "write 300k 4k"', 'n1 "write 500k 100k"'):
            machine.qmp.hmp(f"qemu-io {command}")
        there = place.seen(machine, tmp_path, True)
        stream = _saved(machine, "dirty-bitmap", tmp_path / "saved.bin", "dirty-bitmaps")
    request = next(iter(_cases("dirty-bitmap").values()))
    device = {**request["devices"][0], "destination": nodes}
    result = perform({**request, "devices": [device], "stream": stream})
    assert result["verdict"] == "accept"
    assert place.shows(result["devices"][0]["state"]) == there
    bitmaps = result["devices"][0]["state"]["nodes"]["n0"]["bitmaps"]
    # The fifth 64 KiB were written to.
    assert bitmaps["a"]["words"] == {"0": "1000000000000000"}
    assert bitmaps["b"]["words"] == {}
