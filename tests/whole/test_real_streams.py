# SPDX-License-Identifier: Apache-2.0
"""Streams of real machines: all that is in them is read, and written back as it was."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vmstate.inputs import open_stream
from vmstate.whole import Command, Item, Section
from vmstate.whole.fromjson import encode
from vmstate.whole.source import open_file
from vmstate.whole.tojson import write
from vmstate_conformance.corpus import corpus_dir

SHELF = corpus_dir() / "streams"
LISTED = {
    each["name"]: each for each in json.loads((SHELF / "streams.json").read_bytes())["streams"]
}
#: Those that have no vmdesc, by which alone devices can be decoded.
BARE = ("-no-vmdesc", "-no-config", "-postcopy", "-devices-only")


def stream(name: str) -> bytes:
    return gzip.decompress((SHELF / f"{name}.bin.gz").read_bytes())


def described(name: str) -> bool:
    return not name.partition("@")[0].endswith(BARE)


def sections(items: list[Item]) -> Iterator[Section]:
    for item in items:
        if isinstance(item, Section):
            yield item
        elif isinstance(item, Command):
            yield from sections(item.items)


def share(items: list[Item]) -> tuple[int, int]:
    """Give the bytes of devices that stayed bytes, and all of them."""
    bare = total = 0
    for each in sections(items):
        if each.kind == "full":
            size = each.end - each.payload
            total += size
            bare += size if each.raw else sum(size for _, size, _ in each.opaque)
    return bare, total


def pages(document: dict[str, Any]) -> set[str]:
    """Give the kinds of pages that are there."""
    ram = [each for each in document["items"] if each.get("label", "").startswith("ram#")]
    return {record["op"] for each in ram for record in each["state"]} & {"page", "zero", "xbzrle"}


def test_the_shelf_holds_what_its_list_says() -> None:
    files = {file.name.removesuffix(".bin.gz") for file in SHELF.glob("*.gz")}

    assert files == LISTED.keys()
    assert len(files) > 250
    assert {each["qemu"].rpartition(".")[0] for each in LISTED.values()} == {"11.1", "10.0", "7.2"}
    assert {each["arch"] for each in LISTED.values()} == {
        "x86_64",
        "s390x",
        "aarch64",
        "riscv64",
        "ppc64",
    }


@pytest.mark.parametrize("name", LISTED)
def test_a_real_stream_is_read_to_its_last_byte_and_encodes_back(name: str) -> None:
    data = stream(name)
    assert hashlib.sha256(data).hexdigest() == LISTED[name]["skeleton"]["sha256"]
    text: list[str] = []
    walker = open_file(data)
    write(walker, text.append)
    out: list[bytes] = []
    document = json.loads("".join(text))
    encode(document, out.append)

    assert walker.stream.faults == []
    assert b"".join(out) == data
    bare, total = share(walker.stream.items)
    assert total > 0
    assert not described(name) or bare < 0.05 * total
    assert pages(document) == set()


@pytest.mark.parametrize("name", [name for name in LISTED if "@" not in name])
def test_every_byte_of_a_real_stream_has_one_path(name: str) -> None:
    data = stream(name)
    walker = open_file(data, spans=True)
    for _ in walker.walk():
        pass

    at = 0
    for span in sorted(walker.spans or (), key=lambda each: each.offset):
        assert span.offset == at, span.path
        assert span.path
        at += span.size
    assert at == len(data)


def test_nvme_with_outstanding_events_has_lists_of_queues_and_not_of_markers() -> None:
    walker = open_file(stream("nvme"))
    (nvme,) = [
        each for item in walker.walk() for each in sections([item]) if each.idstr.endswith("/nvme")
    ]

    assert [len(nvme.state[key]) for key in ("sq", "cq")] == [65, 65]
    assert sum(queue is not None for queue in nvme.state["sq"]) == 3
    assert all(isinstance(each, dict) for each in nvme.state["aer_reqs"])
    assert len(nvme.state["aer_reqs"]) == nvme.state["outstanding_aers"] > 1


def test_s390x_has_a_null_for_each_channel_that_is_not_there() -> None:
    walker = open_file(stream("s390x"))
    (css,) = [
        each for item in walker.walk() for each in sections([item]) if each.idstr == "s390_css"
    ]

    assert len(css.state["css"]) == 256
    assert css.state["css"].count(None) == 255


def test_the_files_of_the_shelf_are_read_as_they_are() -> None:
    with open_stream(str(SHELF / "none.bin.gz")) as opened:
        assert bytes(opened.data) == stream("none")
        assert opened.format == "gzip"


def test_the_list_names_files_of_this_folder_only() -> None:
    assert all(Path(name).name == name for name in LISTED)
