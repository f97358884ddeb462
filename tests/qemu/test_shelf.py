# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from vmstate_conformance.corpus import corpus_dir
from vmstate_conformance.damage import Anatomy, small_stream
from vmstate_conformance.qemu.harvest import Harvest, binary, program
from vmstate_conformance.qemu.judge import Machinery, feed
from vmstate_conformance.qemu.provision import QemuError
from vmstate_conformance.qemu.recipes import RECIPES, recipe
from vmstate_conformance.qemu.shelf import LIST, SUFFIX, entries, has, label, shelve

SHELF = corpus_dir() / "streams"


def got(name: str = "none") -> Harvest:
    return Harvest(recipe(name), "11.1.3", small_stream(), None)


def test_what_is_put_on_the_shelf_has_no_pages_and_is_listed(tmp_path: Path) -> None:
    file = shelve(got(), "11.1", tmp_path)

    data = gzip.decompress(file.read_bytes())
    anatomy = Anatomy(data)
    assert (anatomy.zero, anatomy.page, anatomy.xbzrle) == (-1, -1, -1)
    assert [each.idstr for each in anatomy.sections] == ["timer", "0000:00:04.0/dev"]
    (entry,) = entries(tmp_path)
    assert entry["name"] == "none"
    assert entry["arguments"] == ["-M", "none"]
    assert entry["skeleton"]["bytes"] == len(data)
    assert entry["whole"]["bytes"] == len(small_stream())


def test_a_stream_is_put_there_once_for_each_release_and_the_list_is_in_order(
    tmp_path: Path,
) -> None:
    for name, release in (("q35-min", "11.1"), ("none", "7.2"), ("none", "11.1"), ("none", "7.2")):
        shelve(got(name), release, tmp_path)

    assert [each["name"] for each in entries(tmp_path)] == ["none", "none@7.2", "q35-min"]
    files = sorted(each.name for each in tmp_path.glob("*.gz"))
    assert files == ["none.bin.gz", "none@7.2.bin.gz", "q35-min.bin.gz"]


def test_what_cannot_be_read_and_a_damaged_list_are_refused(tmp_path: Path) -> None:
    cut = Harvest(recipe("none"), "11.1.3", small_stream()[:300], None)
    with pytest.raises(QemuError, match="cannot be read: offset"):
        shelve(cut, "11.1", tmp_path)
    for text in ("", "[]", '{"streams": [{}]}', '{"streams": 5}'):
        (tmp_path / LIST).write_text(text)
        with pytest.raises(QemuError, match="no list of streams"):
            shelve(got(), "11.1", tmp_path)


def test_what_is_on_the_shelf_can_be_made_again() -> None:
    for each in entries(SHELF):
        found = RECIPES[each["recipe"]]
        release = each["qemu"].rpartition(".")[0]
        assert has(release, found.name, found.arch)
        assert each["name"] == label(found.name, release)


OLDER = sorted(
    name
    for name in (each["name"] for each in json.loads((SHELF / LIST).read_bytes())["streams"])
    if "@" in name and name.partition("@")[0].split("-")[-1][0].isdigit()
)


@pytest.mark.qemu
@pytest.mark.parametrize(
    "name", [*OLDER, "none", "nvme", "q35-many", "s390x-many", "q35-mapped-ram"]
)
def test_qemu_loads_a_skeleton_of_its_own_and_of_older_releases(name: str, tmp_path: Path) -> None:
    each = recipe(name.partition("@")[0])
    file = tmp_path / "stream.bin"
    file.write_bytes(gzip.decompress((SHELF / f"{name}{SUFFIX}").read_bytes()))
    qemu = binary(None, each.arch, program(each))

    verdict = feed(Machinery(qemu, each.arguments, each.arch, each.capabilities), file, timeout=60)

    assert verdict.verdict == "accepted", verdict.message
