# SPDX-License-Identifier: Apache-2.0
"""Reading whole streams: devices by their vmdesc, and every byte accounted for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vmstate.whole import Section, read_file
from vmstate.whole.fromjson import encode
from vmstate.whole.source import open_file
from vmstate.whole.tojson import write

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
    struct,
    subsection,
    vmsd,
    word,
)


def only(data: bytes) -> Section:
    """The one device section of a sound stream."""
    read = read_file(data)
    assert read.faults == []
    (found,) = [one for one in read.sections() if one.kind == "full"]
    return found


def again(data: bytes) -> bytes:
    """Decode to JSON and encode that."""
    text: list[str] = []
    write(open_file(data), text.append)
    out: list[bytes] = []
    encode(json.loads("".join(text)), out.append)
    return b"".join(out)


MARKER = field("sq", "ptr-marker", 1)
QUEUE = struct("sq", vmsd("nvme-sq", field("head", "uint16", 2)), 2)
ARRAYS: dict[str, tuple[list[dict[str, Any]], str, Any]] = {
    "numbers": ([field("a", "uint16", 2, array_len=3)], "000100020003", {"a": [1, 2, 3]}),
    "a bool that is no bool stays what it was": ([field("b", "bool", 1)], "02", {"b": 2}),
    "int32 le is big-endian": ([field("n", "int32 le", 4)], "00000005", {"n": 5}),
    "markers are paired with their elements": (
        [MARKER, QUEUE, MARKER, MARKER, QUEUE],
        "310007303100 09".replace(" ", ""),
        {"sq": [{"head": 7}, None, {"head": 9}]},
    ),
    "NULLs first": (
        [{**MARKER, "array_len": 2}, {**QUEUE, "array_len": 2}],
        "303000070009",
        {"sq": [None, None, {"head": 7}, {"head": 9}]},
    ),
    "a first run claims the whole array": (
        [{**QUEUE, "array_len": 4}, {**MARKER, "array_len": 2}],
        "000700093030",
        {"sq": [{"head": 7}, {"head": 9}, None, None]},
    ),
    "a last NULL that the vmdesc leaves out": (
        [{**QUEUE, "array_len": 3}],
        "0007000930",
        {"sq": [{"head": 7}, {"head": 9}, None]},
    ),
    "a last element that the vmdesc leaves out": (
        [{**QUEUE, "array_len": 4}, {**MARKER, "array_len": 2}],
        "000730300009",
        {"sq": [{"head": 7}, None, None, {"head": 9}]},
    ),
    "a last element behind NULLs only": (
        [{**MARKER, "array_len": 3}, field("n", "uint8", 1)],
        "303030" + "11",
        {"sq": [None, None, None], "n": 0x11},
    ),
    "a queue": (
        [{"name": "q", "type": "qtailq", **vmsd("e", field("x", "uint8", 1)), "size": 3}],
        "010500",
        {"q": [{"x": 5}]},
    ),
    "an empty queue": ([field("q", "qlist", 1)], "00", {"q": []}),
    "a vstruct stands inline": (
        [{"name": "s", "type": "vstruct", **vmsd("i", field("x", "uint8", 1)), "size": 1}],
        "07",
        {"s": {"x": 7}},
    ),
    "a private info stays bytes, with the reason": (
        [field("p", "secret", 2)],
        "abcd",
        {"p": {"$bytes": "abcd", "$why": "no known layout of 'secret'"}},
    ),
    "one name twice keeps both": (
        [field("x", "uint8", 1), field("y", "uint8", 1), field("x", "uint8", 1)],
        "010203",
        {"x": 1, "y": 2, "x#2": 3},
    ),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_fields_are_read_and_written_back(name: str) -> None:
    fields, payload, state = ARRAYS[name]
    data = stream(full(5, "dev", bytes.fromhex(payload)), devices=(device("dev", *fields),))
    found = only(data)
    assert found.state == state
    assert again(data) == data


def test_duplicate_subsection_names_are_both_kept() -> None:
    inner = [vmsd("dev/s", field("a", "uint8", 1)), vmsd("dev/s", field("b", "uint16", 2))]
    payload = b"\1" + subsection("dev/s", b"\2") + subsection("dev/s", b"\0\3")
    described = device("dev", field("x", "uint8", 1), subsections=inner)
    data = stream(full(5, "dev", payload), devices=(described,))
    kept = only(data).state["$subsections"]
    assert [one["state"] for one in kept] == [{"a": 2}, {"b": 3}]
    assert again(data) == data


def test_sections_of_one_name_differ_by_instance() -> None:
    devices = tuple(device("cpu", field("x", "uint8", 1), instance=i) for i in range(3))
    parts = [full(9 + i, "cpu", bytes((i,)), instance=i) for i in range(3)]
    read = read_file(stream(*parts, devices=devices))
    assert {one.label: one.state["x"] for one in read.sections()} == {
        "cpu#0": 0,
        "cpu#1": 1,
        "cpu#2": 2,
    }


def ram() -> bytes:
    """RAM with a zero page, a run of pages, and one out of order."""
    pages = word(0, 2) + b"\2pc" + b"\0"
    pages += word(PAGE, 0x28) + b"a" * PAGE + word(2 * PAGE, 0x28) + b"b" * PAGE
    pages += word(7 * PAGE, 0x28) + b"c" * PAGE
    pages += word(4 * PAGE, 0x60) + b"\1\0\4" + bytes((4, 1, 0x55, 9)) + EOS
    return ram_start(("pc", 8 * PAGE)) + section(2, 1, pages) + command(11) + section(3, 1, EOS)


def test_pages_are_counted_in_runs() -> None:
    read = read_file(stream(ram()))
    assert read.faults == []
    part = next(one for one in read.sections() if one.kind == "part")
    shape = [(one.op, one.address // PAGE, one.count, one.named) for one in part.state]
    assert shape == [
        ("zero", 0, 1, True),
        ("page", 1, 2, False),
        ("page", 7, 1, False),
        ("xbzrle", 4, 1, False),
        ("eos", 0, 1, False),
    ]
    assert again(stream(ram())) == stream(ram())


@pytest.mark.parametrize("count", [1, 7, 8, 9, 64, 65, 600])
def test_runs_of_any_length_are_found_whole(count: int) -> None:
    pages = b"".join(
        word(i * PAGE, 0x22 if i else 2) + b"\2pc" * (not i) + b"\0" for i in range(count)
    )
    data = stream(ram_start(("pc", (count + 1) * PAGE)), section(2, 1, pages + EOS))
    part = next(one for one in read_file(data).sections() if one.kind == "part")
    assert [(one.op, one.count) for one in part.state] == [("zero", count), ("eos", 1)]


def test_spans_cover_every_byte_once() -> None:
    fields = [field("x", "uint8", 1), MARKER, QUEUE, field("b", "buffer", 3)]
    described = device("dev", *fields, subsections=[vmsd("dev/s", field("a", "uint8", 1))])
    payload = b"\1\x31\0\7abc" + subsection("dev/s", b"\2")
    data = stream(ram(), full(5, "dev", payload), devices=(described,)) + b"tail"
    spans = read_file(data, spans=True).spans
    assert spans is not None
    at = 0
    for span in spans:
        assert span.offset == at, span.path
        at += span.size
    assert at == len(data)
    assert ("dev#0.sq[0].head", "uint16") in {(span.path, span.kind) for span in spans}


def test_a_package_is_a_stream_inside_the_stream() -> None:
    inner = full(5, "dev", b"\7") + b"\0"
    data = stream(
        command(7, len(inner).to_bytes(4, "big")) + inner,
        devices=(device("dev", field("x", "uint8", 1)),),
    )
    assert only(data).state == {"x": 7}
    assert again(data) == data


def test_without_vmdesc_sections_are_framed_by_their_footers() -> None:
    data = stream(full(5, "dev", b"\x7e\0\0\0\5 not yet"), full(6, "other", b"xyz"))
    bare = data[: data.rindex(b"\0\6")] + b"\0"
    read = read_file(bare)
    assert read.faults == []
    assert [(one.label, one.end - one.payload) for one in read.sections()] == [
        ("dev#0", 13),
        ("other#0", 3),
    ]
    assert again(bare) == bare


def test_only_what_is_asked_for_is_decoded() -> None:
    devices = (device("a", field("x", "uint8", 1)), device("b", field("x", "uint8", 1)))
    data = stream(full(1, "a", b"\1"), full(2, "b", b"\2"), devices=devices)
    read = read_file(data, select=lambda label: label == "b#0")
    assert [(one.label, one.state) for one in read.sections()] == [("a#0", None), ("b#0", {"x": 2})]
