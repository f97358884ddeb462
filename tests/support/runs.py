# SPDX-License-Identifier: Apache-2.0
"""Small corpora and the logs of their runs, for tests of what is made of them."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from vmstate_conformance.cli import cli

DOCUMENT: dict[str, Any] = {
    "structs": {"S": {"size": 2, "members": [{"name": "a", "offset": 0, "type": "uint16"}]}},
    "descriptions": {
        "d": {
            "struct": "S",
            "version_id": 1,
            "fields": [{"name": "a", "info": "uint16", "size": 2, "flags": ["VMS_SINGLE"]}],
        }
    },
    "root": "d",
}
_LOAD = {"op": "load", "version_id": 1, "destination": {"a": "0"}}


def case(identity: str, expect: Any, **more: Any) -> dict[str, Any]:
    """Give a load of one uint16, or what `more` makes of it."""
    stream = [{"hex": "0007", "at": "a"}, {"hex": "00"}]
    entry = {"id": identity, "title": f"Case {identity}.", "clauses": ["LOAD-FIELD-1"], **_LOAD}
    return {**entry, "stream": stream, "expect": expect, **more}


ACCEPT: dict[str, Any] = {
    "verdict": "accept",
    "consumed": 2,
    "stream_error": 0,
    "state": {"a": "7"},
    "heap": {"allocated": 0, "leaked": 0},
    "canonical": True,
}
REJECT: dict[str, Any] = {
    "verdict": "reject",
    "class": ["stream.ended"],
    "state": "*",
    "heap": {"allocated": 0, "leaked": 0},
}
CASES: list[dict[str, Any]] = [
    case("loads", ACCEPT),
    case("ends", REJECT, stream=[{"hex": "00"}]),
    case(
        "chooses",
        {"verdict": "either", "branches": [{"verdict": "accept"}, {"verdict": "reject"}]},
        flags=["Latitude"],
        level="recommended",
    ),
]


def corpus(folder: Path, *cases: dict[str, Any]) -> Path:
    """Write a corpus of one group, area/group, in one dialect."""
    group = {
        "schema": 1,
        "group": "area/group",
        "title": "A group.",
        "document": "uint16",
        "flags": {"Latitude": {"kind": "latitude", "note": "Either will do."}},
        "cases": [{**each, "dialects": ["qemu-11.1.3"]} for each in cases or CASES],
    }
    for name, value in (("area/group", group), ("descriptions/uint16", DOCUMENT)):
        file = folder / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value))
    return folder


def zoo(kind: str) -> str:
    """Give the command of a bad testee."""
    return shlex.join([sys.executable, "-m", "vmstate_conformance.testees.zoo", kind])


def run(*arguments: str | Path, places: Path | None = None) -> Result:
    """Run `vmstate-conformance run` in this process."""
    words = ["run", *map(str, arguments)]
    return command(*words, *(["--cases", str(places)] if places else []))


def command(*arguments: str | Path) -> Result:
    """Run a command in this process; what it raises is raised."""
    result = CliRunner().invoke(cli, [str(each) for each in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def rows(log: Path) -> list[dict[str, Any]]:
    """Give the rows of a log."""
    records = [json.loads(line) for line in log.read_text().splitlines()]
    return [record for record in records if record["m"] == "row"]
