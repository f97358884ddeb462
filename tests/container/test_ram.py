# SPDX-License-Identifier: Apache-2.0
"""RAM: the words of a stream, applied to memory as QEMU applies them."""

from __future__ import annotations

from typing import Any

import pytest

from vmstate.errors import CaseError
from vmstate.operations import perform
from vmstate_conformance.cases.witness import disagreement
from vmstate_conformance.strategies.ram import requests

from .ramstreams import (
    BLOCKS,
    EOS,
    PAGE,
    load,
    memory,
    named,
    request,
    section,
    sizes,
    word,
    xbzrle,
)

LIST = sizes(("pc.ram", 4 * PAGE), ("rom", PAGE))


def refused(result: dict[str, Any]) -> tuple[str, str, list[str]]:
    assert result["verdict"] == "reject"
    return result["error"], result["message"].rpartition(", ")[2], result["printed"]


def test_pages_of_all_kinds_go_where_their_words_say() -> None:
    result = load(
        LIST + EOS,
        word(PAGE | 8) + named("pc.ram") + b"\xaa" * PAGE + EOS,
        word(2 * PAGE | 0x28) + b"\xbb" * PAGE + word(PAGE | 0x22) + b"\0" + EOS,
        word(2 * PAGE | 0x60)
        + xbzrle(bytes((5, 2, 1, 2)))
        + word(8)
        + named("rom")
        + bytes(PAGE)
        + EOS,
    )
    assert result["verdict"] == "accept"
    assert memory(result) == "8192*00 5*bb 1*01 1*02 4089*bb 4096*00"
    assert memory(result, "rom") == "4096*00"
    assert result["devices"][0]["loads"] == 4


def test_what_has_no_payload_is_passed_over() -> None:
    assert load(word(0x80) + word(0x200) + word(0x2A0) + word(0x30))["verdict"] == "reject"
    assert load(word(0x80) + word(0x200) + word(0x220) + word(0x30))["verdict"] == "accept"


@pytest.mark.parametrize("flags", [0, 0x20, 1, 0x100, 0x14, 0x90, 0x210, 0x400, 0x800])
def test_flags_that_make_no_sense_are_refused(flags: int) -> None:
    told = f"Unknown combination of migration flags: 0x{flags:x}"
    assert refused(load(word(flags))) == ("payload-flags", "ret: -22", [told])


def test_of_two_kinds_of_page_the_block_is_looked_for_first() -> None:
    assert refused(load(word(0x0A) + named("none")))[0] == "payload-block"
    assert refused(load(word(4 * PAGE | 0x0A) + named("pc.ram")))[0] == "payload-offset"
    assert refused(load(word(0x0A) + named("pc.ram")))[0] == "payload-flags"


def test_a_length_is_rounded_up_to_pages_before_it_is_compared() -> None:
    assert load(sizes(("pc.ram", 3 * PAGE + 1), total=PAGE) + EOS)["verdict"] == "reject"
    # The total counts what was sent: what does not add up goes on until something is wrong.
    listed = sizes(("pc.ram", 3 * PAGE + 1), ("rom", PAGE - 1))
    assert load(listed + EOS)["verdict"] == "accept"


def test_a_block_that_can_be_resized_grows_with_zeros_and_keeps_what_it_shrank_by() -> None:
    grown = load(sizes(("rom", 3 * PAGE)) + EOS)
    assert memory(grown, "rom") == "4096*11 8192*00"
    again = load(
        sizes(("rom", 2 * PAGE)) + word(PAGE | 8) + named("rom") + b"\x22" * PAGE + EOS,
        sizes(("rom", PAGE)) + sizes(("rom", 3 * PAGE)) + EOS,
    )
    assert memory(again, "rom") == "4096*11 4096*22 4096*00"


def test_a_length_that_overflows_is_none() -> None:
    result = load(sizes(("rom", 0xFFFF_FFFF_FFFF_F001), total=0))
    assert result["verdict"] == "reject"
    result = load(sizes(("rom", 0xFFFF_FFFF_FFFF_F001), ("pc.ram", 4 * PAGE), total=3 * PAGE))
    assert memory(result, "rom") == ""


@pytest.mark.parametrize(
    ("listed", "error"),
    [
        (sizes(("pc.ram", 5 * PAGE)), "payload-length"),
        (sizes(("pc.ram", 3 * PAGE)), "payload-length"),
        (sizes(("rom", 5 * PAGE)), "payload-length"),
        (sizes(("other", PAGE)), "payload-block"),
        (sizes(("", PAGE)), "payload-block"),
        (sizes(("hidden", PAGE)), "payload-block"),
        (sizes(("rom", PAGE), total=2 * PAGE), "payload-block"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(listed: bytes, error: str) -> None:
    hidden = {"name": "hidden", "memory": "4096*00", "migratable": False}
    assert refused(load(listed + bytes(16) + EOS, blocks=[*BLOCKS, hidden]))[0] == error


def test_a_name_ends_at_a_nul() -> None:
    assert load(word(8) + named(b"rom\0x") + bytes(PAGE) + EOS)["verdict"] == "accept"


def test_a_page_that_is_cut_short_is_stored_as_far_as_it_goes() -> None:
    whole = request(section(1, word(8) + named("pc.ram") + b"\xaa" * PAGE))
    result = perform({**whole, "stream": whole["stream"][: 2 * (17 + 17 + 8 + 7 + 100)]})
    assert refused(result)[:2] == ("payload-ended", "ret: -5")
    assert memory(result) == "100*aa 16284*00"


def test_a_wrong_version_reads_nothing() -> None:
    result = perform(request(section(1, LIST + EOS, version=3)))
    assert refused(result) == ("payload-version", "ret: -22", [])
    assert result["consumed"] == 17 + 5 + 4 + 8


@pytest.mark.parametrize(
    ("data", "page"),
    [
        (b"", "4096*11"),
        (bytes((0, 1, 7)), "1*07 4095*11"),
        (bytes((0xFF, 0x1F, 1, 7)), "4095*11 1*07"),
        (bytes((0x83, 0, 1, 7)), "3*11 1*07 4092*11"),
        (bytes((0, 1, 7, 1, 1, 9)), "1*07 1*11 1*09 4093*11"),
    ],
)
def test_xbzrle_changes_a_page(data: bytes, page: str) -> None:
    result = load(word(0x40) + named("rom") + xbzrle(data) + EOS)
    assert (result["verdict"], memory(result, "rom")) == ("accept", page)


@pytest.mark.parametrize(
    ("payload", "page"),
    [
        (xbzrle(b"", flag=0), "4096*11"),
        (xbzrle(b"", flag=2), "4096*11"),
        (xbzrle(b"", size=4097), "4096*11"),
        (xbzrle(bytes((0,))), "4096*11"),
        (xbzrle(bytes((0, 1))), "4096*11"),
        (xbzrle(bytes((0, 0, 7))), "4096*11"),
        (xbzrle(bytes((0, 2, 7))), "4096*11"),
        (xbzrle(bytes((0, 1, 7, 0, 1, 9))), "1*07 4095*11"),
        (xbzrle(bytes((0, 1, 7, 5))), "1*07 4095*11"),
        (xbzrle(bytes((0x80, 0x20, 1, 7))), "4096*11"),
        (xbzrle(bytes((0x80, 0x80, 1, 1, 7))), "4096*11"),
        (xbzrle(bytes((0, 1, 7, 0xFE, 0x1F, 2, 7, 7))), "1*07 4095*11"),
    ],
)
def test_xbzrle_that_is_wrong_is_refused_behind_what_was_right(payload: bytes, page: str) -> None:
    result = load(word(0x40) + named("rom") + payload + bytes(5000))
    assert refused(result)[0] == "payload-content"
    assert memory(result, "rom") == page


def test_shared_blocks_have_an_address_and_no_pages() -> None:
    blocks = [{"name": "sh", "memory": "4096*00", "shared": True, "address": "8192"}]
    given: dict[str, Any] = {"blocks": blocks, "capabilities": ["x-ignore-shared"]}
    assert load(sizes(("sh", PAGE), after=word(8192)) + EOS, **given)["verdict"] == "accept"
    wrong = load(sizes(("sh", PAGE), after=word(4096)) + EOS, **given)
    assert refused(wrong)[2] == ["Mismatched GPAs for block sh 4096!= 8192"]
    page = load(word(8) + named("sh") + bytes(PAGE) + EOS, **given)
    assert refused(page)[0] == "payload-block"
    given["capabilities"] = []
    assert load(word(8) + named("sh") + bytes(PAGE) + EOS, **given)["verdict"] == "accept"


def test_pages_are_as_large_as_the_machines() -> None:
    payload = sizes(("b", 65536)) + word(8) + named("b") + b"\xaa" * 65536 + EOS
    blocks = [{"name": "b", "memory": "65536*00"}]
    result = load(payload, blocks=blocks, page_bits=16, legacy_page_bits=12)
    assert (result["verdict"], memory(result, "b")) == ("accept", "65536*aa")


@pytest.mark.parametrize(
    ("block", "rule"),
    [
        ({"name": "x", "memory": "100*00"}, "pages"),
        ({"name": "x", "memory": ""}, "pages"),
        ({"name": "x", "memory": "4096*0"}, "runs"),
        ({"name": "x", "memory": "999999999*00"}, "too-large"),
        ({"name": "x", "memory": "4096*00", "max_length": 100}, "range"),
        ({"name": "x", "memory": "4096*00", "max_length": 5000}, "pages"),
        ({"name": "x", "memory": "4096*00", "migratable": 1}, "boolean"),
        ({"name": "x", "memory": "4096*00", "address": -1}, "range"),
        ({"name": "", "memory": "4096*00"}, "name"),
        ({"name": "x" * 256, "memory": "4096*00"}, "name"),
        ({"name": 5, "memory": "4096*00"}, "string"),
        ({"name": "pc.ram", "memory": "4096*00"}, "duplicate"),
        ({"name": "x", "memory": "16777216*00"}, "too-large"),
        ({"name": "x", "memory": "4096*00", "odd": 1}, "unknown-key"),
    ],
)
def test_a_wrong_block_is_told_in_one_line(block: dict[str, Any], rule: str) -> None:
    with pytest.raises(CaseError) as caught:
        load(EOS, blocks=[*BLOCKS, block])
    assert caught.value.rule == rule
    assert caught.value.path.startswith("devices[0].destination.blocks")


def test_too_many_blocks_and_too_large_pages_are_told() -> None:
    blocks = [{"name": str(at), "memory": "4096*00"} for at in range(65)]
    with pytest.raises(CaseError, match="more than 64"):
        load(EOS, blocks=blocks)
    with pytest.raises(CaseError, match="at most 16 bits"):
        load(EOS, page_bits=17)


@pytest.mark.qemu
def test_qemu_does_the_same_with_generated_streams() -> None:
    from vmstate_conformance.qemu.engine import Engine  # noqa: PLC0415 - needs a QEMU
    from vmstate_conformance.qemu.provision import find  # noqa: PLC0415

    engine = Engine(find(None))
    wrong, accepted, asked = [], 0, 0
    for one in requests(seed=1, count=400):
        mine, its = perform(one), engine.ask(one)
        if its["verdict"] != "unsupported":
            asked += 1
            accepted += mine["verdict"] == "accept"
            told = mine["verdict"] != "reject" or mine["message"] == its["message"]
            if disagreement(mine, its) or not told:
                wrong.append((one, mine, its))
    engine.close()
    assert wrong == []
    assert asked > 390
    assert 100 < accepted < 300


PLACED = {"capabilities": ["mapped-ram"]}
#: Configuration, the capability, and the header of the section stand before a payload.
BEFORE = 17 + 47 + 17


def header(
    version: int = 1, page_size: int = PAGE, bitmap: int = PAGE - 8, at: int = PAGE
) -> bytes:
    return version.to_bytes(4, "big") + word(page_size) + word(bitmap) + word(at)


def placed(bits: int, pages: bytes, **given: int) -> bytes:
    """Give a list with one block of two pages, which are at 4096 of the file."""
    start = (sizes(("pc.ram", 2 * PAGE)) + header(**given)).ljust(PAGE - 8 - BEFORE, b"\0")
    return start + bits.to_bytes(8, "little") + pages.ljust(2 * PAGE, b"\0")


def test_pages_are_read_from_their_places() -> None:
    pages = b"\xaa" * PAGE + b"\xbb" * PAGE
    assert memory(load(placed(2, pages) + EOS, **PLACED)) == "4096*00 4096*bb 8192*00"
    assert memory(load(placed(7, pages) + EOS, **PLACED)) == "4096*aa 4096*bb 8192*00"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"version": 2}, "payload-version"),
        ({"page_size": 8192}, "payload-content"),
        ({"at": 4097}, "payload-offset"),
        ({"bitmap": 1 << 40}, "payload-ended"),
        ({"bitmap": 1 << 63}, "payload-ended"),
        ({"at": 1 << 40}, "payload-ended"),
    ],
)
def test_a_header_that_leads_nowhere_is_refused(given: dict[str, int], error: str) -> None:
    assert refused(load(placed(3, b"", **given) + EOS, **PLACED))[0] == error


def test_words_of_pages_are_refused_where_pages_have_their_places() -> None:
    result = load(placed(0, b"") + word(8) + named("pc.ram"), **PLACED)
    assert refused(result) == ("payload-flags", "ret: -22", ["Unexpected RAM flags: 8"])


def test_a_list_that_leads_back_to_itself_comes_to_an_end() -> None:
    # The pages, none, end where the entry stands: it is read again and again.
    entry = named("pc.ram") + word(BEFORE + 8) + header(at=0)
    result = load(word(2 * PAGE | 4) + entry + EOS, **PLACED)
    assert (result["verdict"], result["abort"]) == ("abort", "hang")
