# SPDX-License-Identifier: Apache-2.0
"""The engine of QEMU 10.0: what it does otherwise, and that its dialect of the reference does it too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from vmstate.operations import perform
from vmstate_conformance.differential.pair import Pair, hangs_on_addresses
from vmstate_conformance.differential.search import scope_for
from vmstate_conformance.qemu.engine import Engine
from vmstate_conformance.qemu.provision import QemuError, find
from vmstate_conformance.runner.cli import run
from vmstate_conformance.strategies.generate import cases
from vmstate_conformance.testees.registry import Testee
from vmstate_conformance.testees.session import Timing

pytestmark = pytest.mark.qemu

DIALECT = "qemu-10.0"
SHARED = ("verdict", "state", "consumed", "stream_error", "error", "rule", "abort", "stream")

Ask = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    try:
        qemu = find(None, release="10.0")
    except QemuError as error:
        pytest.skip(str(error))
    made = Engine(qemu)
    yield made
    made.close()


@pytest.fixture
def ask(engine: Engine) -> Ask:
    """Asks the engine and the reference, which must agree, and gives the answer."""

    def both(request: dict[str, Any]) -> dict[str, Any]:
        theirs, ours = engine.ask(request), perform(request, dialect=DIALECT)
        if theirs["verdict"] == "abort":  # the reference adds a class
            ours.pop("error")
        for key in SHARED:
            assert theirs.get(key) == ours.get(key), (key, theirs, ours)
        assert theirs.get("vmdesc") == ours.get("vmdesc")
        return theirs

    return both


def document(*fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Describe a device of a count, a byte and three pointers to bytes."""
    pointers = {"array": {"pointer": {"struct": "Elem"}}, "count": 3}
    return {
        "structs": {
            "Elem": {"size": 1, "members": [{"name": "v", "offset": 0, "type": "uint8"}]},
            "Dev": {
                "size": 40,
                "members": [
                    {"name": "n", "offset": 0, "type": "int32"},
                    {"name": "b", "offset": 4, "type": "uint8"},
                    {"name": "c", "offset": 5, "type": {"array": "uint8", "count": 6}},
                    {"name": "p", "offset": 16, "type": pointers},
                ],
            },
        },
        "descriptions": {
            "dev": {"struct": "Dev", "version_id": 1, "fields": list(fields), **more},
            "elem": {
                "struct": "Elem",
                "version_id": 1,
                "fields": [{**field("v", 0), "exists": {"const": True}}],
            },
        },
        "root": "dev",
    }


def field(name: str, offset: int, *flags: str, **more: Any) -> dict[str, Any]:
    """Describe a byte, or an array of them."""
    flags = flags or ("VMS_SINGLE",)
    return {
        "name": name, "info": "uint8", "offset": offset, "size": 1, "flags": list(flags), **more
    }  # fmt: skip


POINTERS = {
    "name": "p",
    "vmsd": "elem",
    "offset": 16,
    "size": 8,
    "num": 3,
    "flags": ["VMS_ARRAY", "VMS_STRUCT", "VMS_ARRAY_OF_POINTER"],
}
EMPTY = {"n": "0", "b": "0", "c": ["0"] * 6, "p": [None] * 3}


def load(fields: tuple[dict[str, Any], ...], stream: str, **more: Any) -> dict[str, Any]:
    """Make a request of a load into zeros."""
    request = {"op": "load", "document": document(*fields, **more), "destination": EMPTY}
    return {**request, "version_id": 1, "stream": stream}


def test_a_marker_of_a_null_says_null_or_is_refused(ask: Ask) -> None:
    assert ask(load((POINTERS,), "30303000"))["verdict"] == "accept"

    refused = ask(load((POINTERS,), "30310700"))

    assert (refused["error"], refused["consumed"]) == ("unexpected-ptr-marker", 2)


def test_a_null_is_a_field_of_its_own_in_the_description(ask: Ask) -> None:
    state = {**EMPTY, "p": [{"v": "5"}, None, {"v": "6"}]}

    saved = ask({"op": "save", "document": document(POINTERS), "state": state})

    assert saved["stream"] == "053006"
    assert '"index": 0, "type": "struct"' in saved["vmdesc"]
    assert '"name": "p", "type": "nullptr", "size": 1' in saved["vmdesc"]


def test_a_count_is_multiplied_by_num(ask: Ask) -> None:
    flags = ("VMS_VARRAY_INT32", "VMS_MULTIPLY_ELEMENTS")
    both = (
        {**field("n", 0), "info": "int32", "size": 4},
        field("c", 5, *flags, num=2, num_offset=0),
    )

    loaded = ask(load(both, "000000020102030400"))

    assert loaded["state"]["c"] == ["1", "2", "3", "4", "0", "0"]


@pytest.mark.parametrize(
    ("hook", "returns", "verdict", "error", "stream_error"),
    [
        ("pre_load", -7, "reject", "pre-load-failed", 0),
        ("pre_load", 7, "accept", None, 0),
        ("post_load", -7, "reject", "post-load-failed", 0),
        ("post_load", 7, "accept", None, 0),
    ],
)
def test_only_a_negative_number_of_a_hook_refuses_a_stream(
    ask: Ask, hook: str, returns: int, verdict: str, error: str | None, stream_error: int
) -> None:
    loaded = ask(load((field("b", 4),), "0500", hooks={hook: returns}))

    assert loaded["verdict"] == verdict
    assert loaded.get("error") == error
    assert loaded["stream_error"] == stream_error
    # What failed before the fields has read none of them.
    assert loaded["consumed"] == (0 if hook == "pre_load" else 1)


def test_any_number_of_a_hook_but_zero_stops_a_save(ask: Ask) -> None:
    described = document(field("b", 4), hooks={"pre_save": 3})

    assert ask({"op": "save", "document": described, "state": EMPTY})["error"] == "hook-failed"


@pytest.mark.parametrize(
    ("stream", "error", "stream_error"),
    [
        ("01050764" + "65762f6e6f6e" + "0000000100", "unknown-subsection", -2),
        ("", "stream-error", -5),
    ],
)
def test_what_it_says_nothing_about_is_told_by_its_number(
    ask: Ask, stream: str, error: str, stream_error: int
) -> None:
    refused = ask(load((field("b", 4),), stream))

    assert (refused["error"], refused["stream_error"]) == (error, stream_error)


def test_an_array_of_pointers_is_registered_whatever_its_size(ask: Ask) -> None:
    assert ask({"op": "check", "document": document(POINTERS)})["verdict"] == "valid"


def test_a_subsection_of_another_name_is_not_registered(ask: Ask) -> None:
    described = document(field("b", 4), subsections=["elem"])

    assert ask({"op": "check", "document": described})["rule"] == "subsection-name"


def test_what_it_does_not_have_is_unsupported(ask: Ask) -> None:
    flag = "VMS_ARRAY_OF_POINTER_AUTO_ALLOC"
    automatic = {**POINTERS, "size": 1, "flags": [*POINTERS["flags"], flag]}

    assert ask(load((automatic,), "303030"))["verdict"] == "unsupported"


def test_it_is_found_by_its_release_and_by_its_path(engine: Engine) -> None:
    path = find(None, release="10.0").binary
    for word in ("qemu-10.0", f"qemu:{path}"):
        asked = Testee(word, Timing()).ask(DIALECT, "compat")
        try:
            assert asked.speaks()
            assert asked.hello is not None
            assert asked.hello.raw["testee"]["version"] == engine.version
        finally:
            asked.close()


def test_it_agrees_with_the_reference_on_generated_requests(engine: Engine) -> None:
    requests = list(cases(20, 400, scope_for(DIALECT, "medium")))
    with Pair(("reference", "qemu-10.0"), DIALECT, "compat") as pair:
        differing = [found for found in pair.compare(requests) if found and not found.spun]

    assert engine.dialect == DIALECT
    assert [each for each in differing if not hangs_on_addresses(each.request, DIALECT)] == []


def test_it_passes_the_cases_of_its_dialect() -> None:
    found = CliRunner().invoke(
        run, ["--testee", DIALECT, "--dialect", DIALECT, "--area", "qemu-10-0"]
    )

    assert found.exit_code == 0
    assert "qemu-10.0 (compat) conforms: " in found.output
    assert ", 0 fail" in found.output
    assert "unsupported" not in found.output


def test_what_glib_prints_is_no_cause(ask: Ask) -> None:
    # A tree that is not there takes a node with a complaint, and the stream then ends.
    tree = {"name": "t", "info": "gtree", "vmsd": "elem", "size": 1, "flags": ["VMS_SINGLE"]}
    request = load(({**tree, "offset": 32},), "00000002" + "01" + "00" * 7 + "05" + "07" + "01")
    members = request["document"]["structs"]["Dev"]["members"]
    members[-1]["type"]["count"] = 2
    members.append({"name": "t", "offset": 32, "type": {"gtree": {"value": "Elem"}}})
    request["destination"] = {**EMPTY, "p": [None] * 2, "t": None}

    assert ask(request)["error"] == "stream-error"
