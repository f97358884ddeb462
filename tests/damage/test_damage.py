# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from vmstate_conformance.damage import Anatomy, damage, mutations, small_stream, truncations
from vmstate_conformance.qemu.harvest import harvest
from vmstate_conformance.qemu.judge import feed
from vmstate_conformance.qemu.made import machinery
from vmstate_conformance.qemu.provision import find
from vmstate_conformance.qemu.recipes import recipe

STREAM = small_stream()


def test_the_small_stream_has_every_place_that_can_be_damaged() -> None:
    anatomy = Anatomy(STREAM)

    assert [each.idstr for each in anatomy.sections] == ["timer", "0000:00:04.0/dev"]
    assert anatomy.end + 1 == anatomy.vmdesc
    assert anatomy.json["page_size"] == 4096
    places = (anatomy.configuration, anatomy.zero, anatomy.page, anatomy.xbzrle, anatomy.command)
    assert min(places) > 0
    assert len(anatomy.blocks) == 1


def test_kinds_have_names_of_their_own_and_each_is_another_stream() -> None:
    kinds = list(damage(STREAM))
    names = Counter(each.name for each in kinds)

    assert max(names.values()) == 1
    assert len(kinds) > 250
    assert all(each.data != STREAM for each in kinds)
    areas = ("block-", "command-", "configuration-", "cut-", "package", "section-", "vmdesc-")
    assert all(any(name.startswith(area) for name in names) for area in areas)


def test_a_description_is_damaged_without_a_byte_of_the_rest() -> None:
    end = Anatomy(STREAM).end
    for each in damage(STREAM):
        if each.name.startswith("vmdesc-"):
            assert each.data[: end + 1] == STREAM[: end + 1]
            assert each.rejected is False


def test_a_stream_with_less_in_it_gives_fewer_kinds() -> None:
    bare = small_stream(pages=False)
    names = {each.name for each in damage(bare[: Anatomy(bare).vmdesc])}

    assert "zero-outside" in names
    assert not {"page-outside", "xbzrle-flag", "vmdesc-length-huge"} & names


def test_what_has_no_ram_is_no_stream_to_damage() -> None:
    with pytest.raises(ValueError, match="RAM"):
        next(damage(b"QEVM\0\0\0\3\0"))


def test_cuts_are_everywhere_or_spread_evenly() -> None:
    assert [len(each.data) for each in truncations(STREAM[:50])] == list(range(50))
    spread = [len(each.data) for each in truncations(STREAM, 100)]
    assert len(spread) <= 100
    assert max(spread) > len(STREAM) - len(STREAM) // 50


def test_mutations_come_out_the_same_again_and_differ_by_seed() -> None:
    first, again = list(mutations(STREAM, 300, 1)), list(mutations(STREAM, 300, 1))

    assert first == again
    assert first != list(mutations(STREAM, 300, 2))
    assert len({each.data for each in first}) > 250
    assert [each.name for each in mutations(b"no stream", 2)] == ["mutation-0-0", "mutation-0-1"]


def test_mutations_spoil_sections_and_description_more_than_pages() -> None:
    anatomy = Anatomy(STREAM)
    pages = 0
    for each in mutations(STREAM, 400):
        at = next((i for i, (a, b) in enumerate(zip(each.data, STREAM, strict=False)) if a != b), 0)
        pages += anatomy.page + 8 < at < anatomy.xbzrle
    assert pages < 120


@pytest.mark.qemu
def test_qemu_does_with_each_kind_what_is_said_of_it(tmp_path: Path) -> None:
    qemu = find(None)
    got = harvest(recipe("none"), qemu)
    file = tmp_path / "stream.bin"
    there = machinery(file, "none", [], None, None)
    wrong = {}
    for each in damage(got.stream):
        file.write_bytes(each.data)
        verdict = feed(there, file, timeout=30).verdict
        if each.rejected is not None and verdict != ("rejected" if each.rejected else "accepted"):
            wrong[each.name] = verdict
    assert wrong == {}


def test_the_vmdesc_of_the_small_stream_keeps_the_keys_of_each_element() -> None:
    text = STREAM[Anatomy(STREAM).vmdesc + 5 :]
    seen: list[int] = []

    def count(members: list[tuple[str, object]]) -> None:
        seen.append(Counter(key for key, _ in members)["vmsd_name"])

    json.loads(text, object_pairs_hook=count)
    assert max(seen) == 2
