# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vmstate.dumpcheck import RULES, compare, parse_dump
from vmstate.errors import CaseError

JSON = dict[str, Any]


def f(name: str, size: int = 4, version: int = 0, **more: Any) -> JSON:
    return {"field": name, "version_id": version, "field_exists": False, "size": size} | more


def d(name: str, *fields: JSON, v: int = 1, least: int = 1, subs: Any = ()) -> JSON:
    return {
        "name": name,
        "version_id": v,
        "minimum_version_id": least,
        "Fields": list(fields),
        "Subsections": list(subs),
    }


def dump(*devices: JSON, machine: str = "none", **classes: JSON) -> JSON:
    named = {each["name"]: each for each in devices} | classes
    shown = {
        name: {"Name": name, "version_id": 1, "minimum_version_id": 1, "Description": each}
        for name, each in named.items()
    }
    return {"vmschkmachine": {"Name": machine}} | shown


def found(old: JSON, new: JSON) -> list[tuple[str, str, str]]:
    findings = compare(parse_dump(old), parse_dump(new))
    return [(each.rule, each.device, each.path) for each in findings]


def rules(old: JSON, new: JSON) -> list[tuple[str, str]]:
    return [(rule, path) for rule, _, path in found(dump(old), dump(new))]


def test_a_dump_with_everything_in_it_has_no_errors_against_itself() -> None:
    inner = d("in", f("x"), f("unused", 3), subs=[d("in/s", f("y"))])
    sub = d("dev/modes", f("rw", 512))
    whole = d(
        "dev",
        f("a", num=3),
        f("s", 40, Description=inner),
        f("a", 8),
        f("late", version=3),
        subs=[sub, d("dev/modes", f("props", 4))],
    )

    assert rules(whole, whole) == [("subsection-duplicate", "dev/modes")]


def test_each_of_two_subsections_of_one_name_is_compared_with_its_own() -> None:
    old = d("dev", subs=[d("dev/m", f("rw", 512)), d("dev/m", f("props", 4))])
    new = d("dev", subs=[d("dev/m", f("rw", 512)), d("dev/m", f("props", 8))])

    assert rules(old, new) == [
        ("subsection-duplicate", "dev/m"),
        ("field-size", "dev/m#2.props"),
    ]
    assert rules(old, d("dev", subs=old["Subsections"][:1])) == [
        ("subsection-duplicate", "dev/m"),
        ("subsection-missing", "dev/m#2"),
    ]


ABC = [f("a"), f("b", 2), f("c", 8)]


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        pytest.param(ABC, [ABC[1], ABC[0], ABC[2]], ["field-order a"], id="two-swapped"),
        pytest.param(ABC, [ABC[2], ABC[1], ABC[0]], ["field-order a", "field-order b"], id="turned"),
        pytest.param(ABC, [ABC[0], f("bb", 2), ABC[2]], ["field-renamed b"], id="renamed"),
        pytest.param(ABC, [ABC[0], ABC[2]], ["field-removed b"], id="removed"),
        pytest.param([f("n", field_exists=True), *ABC], ABC, ["field-removed-conditional n"], id="removed-with-a-predicate"),
        pytest.param(ABC, ABC[:2], ["field-removed c"], id="removed-at-the-end"),
        pytest.param(ABC, [*ABC, f("d")], ["field-added d"], id="added-at-the-end"),
        pytest.param(ABC, [ABC[0], f("n"), *ABC[1:]], ["field-added n"], id="added-in-the-middle"),
        pytest.param(ABC, [f("n", version=2), *ABC], [], id="added-for-a-later-version"),
        pytest.param(
            ABC,
            [ABC[0], f("n", field_exists=True), *ABC[1:]],
            ["field-added-conditional n"],
            id="added-with-a-predicate",
        ),
        pytest.param(ABC, [f("a", version=2), *ABC[1:]], ["field-version a"], id="read-from-later"),
        pytest.param(ABC, [f("a", 8), *ABC[1:]], ["field-size a"], id="wider"),
        pytest.param([f("a", num=2)], [f("a", num=3)], ["field-count a"], id="longer"),
        pytest.param([f("a", num=2)], [f("a", num=2)], [], id="the-same-array"),
        pytest.param([f("a", num=2)], [f("a")], ["field-array a"], id="no-array-any-more"),
        pytest.param([f("a")], [f("a", field_exists=True)], ["field-condition a"], id="predicate"),
        pytest.param([f("a")], [f("a", Description=d("s"))], ["field-kind a"], id="now-a-struct"),
        pytest.param(ABC, [f("a"), f("unused", 10)], ["field-padding b"], id="now-unused"),
        pytest.param([f("unused", 14)], ABC, ["field-padding unused"], id="no-more-unused"),
        pytest.param(ABC, [f("a"), f("unused", 9)], ["field-removed b", "field-removed c", "field-added unused"], id="too-little-unused"),
        pytest.param([f("unused", 4), f("a")], [f("unused", 1), f("unused", 3), f("a")], [], id="padding-in-two-pieces"),
        pytest.param([f("unused", 4), f("a"), f("unused", 8)], [f("a"), f("unused", 8)], ["field-removed unused"], id="the-first-padding-removed"),
        pytest.param(ABC, [f("s", 99, Description=d("s", *ABC[:2])), ABC[2]], ["field-regrouped a"], id="into-a-struct"),
        pytest.param([f("s", 99, Description=d("s", *ABC[:2])), ABC[2]], ABC, ["field-regrouped s"], id="out-of-a-struct"),
        pytest.param([f("x"), f("x", 8)], [f("x"), f("x", 2)], ["field-size x#2"], id="the-second-of-a-name"),
    ],
)  # fmt: skip
def test_what_happened_to_a_field_is_told_apart(
    old: list[JSON], new: list[JSON], wanted: list[str]
) -> None:
    got = [
        f"{rule} {path.removeprefix('dev.')}"
        for rule, path in rules(d("dev", *old), d("dev", *new))
    ]

    assert got == wanted


def test_where_a_dump_shows_no_lengths_padding_may_be_as_long_as_what_it_stands_for() -> None:
    more = [f(f"x{at}") for at in range(200)]
    old, new = d("dev", f("pending", 1), *more), d("dev", f("unused", 5), *more)
    counted = d("dev", *(f(f"n{at}", num=2) for at in range(9)))

    assert rules(old, new) == [("field-removed", "dev.pending"), ("field-added", "dev.unused")]
    assert found(dump(old), dump(new, other=counted))[0][0] == "field-padding-unsure"


def test_a_field_new_in_a_nested_version_is_an_error_since_that_version_is_not_in_the_stream() -> (
    None
):
    def outer(inner: JSON) -> JSON:
        return d("dev", f("s", 8, Description=inner))

    grown = d("s", f("x"), f("y", version=2), v=2)

    assert rules(outer(d("s", f("x"))), outer(grown)) == [("field-added", "dev.s.y")]
    assert rules(outer(grown), outer(d("s", f("x")))) == [
        ("struct-version", "dev.s"),
        ("field-removed", "dev.s.y"),
    ]
    assert rules(d("dev", f("x")), d("dev", f("x"), f("y", version=2), v=2)) == []


def test_versions_of_sections_and_subsections_are_compared_as_a_loader_does() -> None:
    assert rules(d("dev", v=3), d("dev", v=2)) == [("version-too-new", "dev")]
    assert rules(d("dev", v=1), d("dev", v=3, least=2)) == [("version-too-old", "dev")]
    assert rules(d("dev", v=2), d("dev", v=3, least=2)) == []
    subs = [d("dev", subs=[d("dev/s", v=version)]) for version in (2, 1)]
    assert rules(*subs) == [("version-too-new", "dev/s")]


def test_devices_missing_renamed_and_added_are_three_things() -> None:
    same = d("ICH9LPC", f("x"))
    old = dump(d("gone"), machine="pc", **{"ICH9 LPC": same})
    new = dump(d("fresh"), machine="q35", **{"ICH9-LPC": same})

    assert found(old, new) == [
        ("machine", "vmschkmachine", "Name"),
        ("device-missing", "gone", "gone"),
        ("device-renamed", "ICH9 LPC", "ICH9LPC"),
        ("device-added", "fresh", "fresh"),
    ]


def test_a_subsection_that_no_loader_would_find_is_named() -> None:
    assert rules(d("dev", subs=[d("vde/x")]), d("dev", subs=[d("vde/x")])) == [
        ("subsection-prefix", "dev"),
    ]


def test_a_long_list_turned_round_takes_no_quadratic_time() -> None:
    fields = [f(f"x{at}") for at in range(30_000)]

    assert len(rules(d("dev", *fields), d("dev", *reversed(fields)))) == 29_999


def broken(**changes: Any) -> JSON:
    return dump(d("dev", f("a") | changes))


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([], "top"),
        ({}, "request"),
        ({"vmschkmachine": 1}, "vmschkmachine"),
        ({"vmschkmachine": {"Name": 3}}, "vmschkmachine.Name"),
        ({"vmschkmachine": {"Name": ""}, "x": {}}, "x"),
        (broken(size="4"), "dev.Fields[0].size"),
        (broken(num=True), "dev.Fields[0].num"),
        (broken(field_exists=0), "dev.Fields[0].field_exists"),
        (broken(Description=[]), "dev.Fields[0]"),
        (dump(d("dev") | {"Subsections": {}}), "dev.Subsections"),
    ],
)
def test_what_is_no_dump_is_refused_with_its_path(value: Any, path: str) -> None:
    with pytest.raises(CaseError) as caught:
        parse_dump(value)

    assert str(caught.value).startswith(f"{path}: ")


def test_descriptions_that_nest_without_end_are_refused() -> None:
    inner = d("s", f("x"))
    for _ in range(200):
        inner = d("s", f("s", Description=inner))

    with pytest.raises(CaseError, match="deeper"):
        parse_dump(dump(inner))


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vmstate", "check-dump", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_command_prints_a_line_for_each_finding_and_gives_0_1_or_2(tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(dump(d("dev", f("a"), *(f(f"x{at}") for at in range(300))))))
    new.write_text(json.dumps(dump(d("dev", f("a")), machine="q35")))

    done = command(str(old), str(new))
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 301
    assert "error   dev: dev.x0: 4 bytes that NEW does not read [field-removed]" in done.stdout

    same = command(str(old), str(old))
    assert (same.returncode, same.stdout) == (
        0,
        "0 errors, 0 warnings, 0 notes: 1 devices of OLD\n",
    )

    back = command("--reverse", "--json", str(old), str(new))
    value = json.loads(back.stdout)
    assert back.returncode == 1
    assert value["errors"] == 300
    assert {each["rule"] for each in value["findings"]} == {"machine", "field-added"}
    assert all(RULES[each["rule"]][0] == each["severity"] for each in value["findings"])


def test_a_warning_fails_only_when_asked(tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(dump(d("dev", f("a")))))
    new.write_text(json.dumps(dump(d("dev", f("b")))))

    assert command(str(old), str(new)).returncode == 0
    assert command("--strict", str(old), str(new)).returncode == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "line 1 column 1", id="empty"),
        pytest.param(b'"\xff', "no UTF-8", id="no-utf-8"),
        pytest.param(b"[" * 100_000, "nested too deeply", id="deep"),
        (b"{}", "vmschkmachine"),
        pytest.param(gzip.compress(b"{}", mtime=0), "vmschkmachine", id="gzip"),
        pytest.param(gzip.compress(b"{}", mtime=0)[:-3], "ends before", id="gzip-cut"),
        (b"\x1f\x8b\0\0", "no gzip data"),
        pytest.param(gzip.compress(bytes(65 << 20), mtime=0), "more than 64 MiB", id="bomb"),
        (b'{"vmschkmachine": {"Name": "a\\u001b[2J"}, "\\u001b]": 5}', r"\x1b]: an object"),
    ],
)
def test_a_file_that_is_no_dump_gives_one_line_and_2(
    content: bytes, said: str, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(content)

    done = command(str(bad), str(bad))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert str(bad) in done.stderr
    assert said in done.stderr


def test_a_missing_file_or_argument_gives_one_line_and_2(tmp_path: Path) -> None:
    for arguments in ([], [str(tmp_path / "no")], [str(tmp_path / "no")] * 2, ["-", "-"]):
        done = command(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
