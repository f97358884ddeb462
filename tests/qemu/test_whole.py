# SPDX-License-Identifier: Apache-2.0
"""Whole streams as they come from QEMU, RAM and all, through the decoder and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vmstate.inputs import open_stream
from vmstate.whole import Section
from vmstate.whole.fromjson import encode
from vmstate.whole.source import open_file
from vmstate.whole.tojson import write
from vmstate_conformance.qemu import qcow2
from vmstate_conformance.qemu.harvest import binary, harvest, program
from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.provision import find
from vmstate_conformance.qemu.recipes import recipe
from vmstate_conformance.qemu.streams import savevm

pytestmark = pytest.mark.qemu

#: Recipes that are about RAM, with the record that only they have.
RAM = {
    "q35-ram": "page",
    "q35-xbzrle": "xbzrle",
    "q35-multifd": "flush",
    "q35-postcopy": "zero",
    "q35-mapped-ram": "mem-size",
    "q35-ignore-shared": "mem-size",
    "q35-no-zero-pages": "page",
}


@pytest.mark.parametrize("name", RAM)
def test_ram_of_every_format_is_read_and_written_back(name: str) -> None:
    each = recipe(name)
    data = harvest(each, binary(None, each.arch, program(each))).stream
    text: list[str] = []
    walker = open_file(data)
    write(walker, text.append)
    out: list[bytes] = []
    encode(json.loads("".join(text)), out.append)

    assert walker.stream.faults == []
    assert b"".join(out) == data
    assert RAM[name] in ram_records(data)


def ram_records(data: bytes) -> set[str]:
    return {
        record.op
        for item in open_file(data).walk()
        if isinstance(item, Section) and item.idstr == "ram"
        for record in item.state
    }


def test_a_snapshot_that_qemu_makes_is_found_in_its_image(tmp_path: Path) -> None:
    image = tmp_path / "disk.qcow2"
    qcow2.create(image)
    with Machine(find(None), ["-M", "none", "-drive", f"if=none,id=d,file={image}"]) as machine:
        stream = savevm(machine, image)
        assert machine.qmp.hmp("savevm second") == ""

    with open_stream(str(image), snapshot="vmstate") as opened:
        assert bytes(opened.data) == stream
        assert opened.format == "qcow2"
    with open_stream(str(image), snapshot="2") as opened:
        assert bytes(opened.data[:8]) == stream[:8]
