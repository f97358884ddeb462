# SPDX-License-Identifier: Apache-2.0
"""The protocol as its schemas have it, held against conversations that were really had."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from runs import command, corpus, run, zoo

import vmstate_conformance
from vmstate_conformance.testees.hello import Hello
from vmstate_conformance.testees.reference import HELLO
from vmstate_conformance.testees.session import configuration, greeting
from vmstate_conformance.testees.wire import Requests

SCHEMAS = Path(vmstate_conformance.__file__).with_name("schemas")

#: Writes down both directions of a conversation with the reference.
TEE = """
import subprocess, sys, threading
log = open(sys.argv[1], "ab", buffering=0)
child = subprocess.Popen([sys.executable, "-m", "vmstate_conformance.testees.reference"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def back():
    for line in child.stdout:
        log.write(b"<" + line); sys.stdout.buffer.write(line); sys.stdout.buffer.flush()
thread = threading.Thread(target=back); thread.start()
for line in sys.stdin.buffer:
    log.write(b">" + line); child.stdin.write(line); child.stdin.flush()
child.stdin.close(); thread.join(); sys.exit(child.wait())
"""


def schema(name: str) -> Draft202012Validator:
    value = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(value)
    return Draft202012Validator(value)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Any]]:
    """A conversation about a part of the corpus, direction by direction."""
    folder = tmp_path_factory.mktemp("spoken")
    (folder / "tee.py").write_text(TEE)
    log = folder / "log"
    testee = shlex.join([sys.executable, str(folder / "tee.py"), str(log)])
    done = run("--testee", testee, "-k", "k-*", "--dialect", "qemu-11.1.3", "--no-smoke")
    assert done.exit_code == 0, done.output
    lines = log.read_text().splitlines()
    return [(line[0], json.loads(line[1:])) for line in lines]


def test_both_sides_speak_as_the_schemas_say(spoken: list[tuple[str, Any]]) -> None:
    sides = {">": schema("protocol-1-runner"), "<": schema("protocol-1-testee")}

    assert {(side, message["m"]) for side, message in spoken} == {
        (">", "hello"),
        ("<", "hello"),
        (">", "config"),
        ("<", "config"),
        (">", "run"),
        ("<", "result"),
        (">", "bye"),
    }
    for side, message in spoken:
        sides[side].validate(message)


def test_nothing_of_what_is_expected_is_told(spoken: list[tuple[str, Any]]) -> None:
    known = {"m", "id", "op", "document", "state", "destination", "version_id", "stream", "vmdesc"}
    runs = [message for side, message in spoken if side == ">" and message["m"] == "run"]

    assert [message["id"] for message in runs] == list(range(len(runs)))
    assert all(message.keys() <= known for message in runs)


@pytest.mark.parametrize(
    ("side", "message"),
    [
        ("runner", {"m": "run", "id": 0, "op": "load"}),
        ("runner", {"m": "run", "id": -1, "op": "check", "desc_ref": "d"}),
        ("runner", {"m": "run", "id": 0, "op": "save", "desc_ref": "d", "state": {"a": 7}}),
        ("runner", {"m": "run", "id": 0, "op": "save", "desc_ref": "d"}),
        ("runner", {"m": "config", "dialect": "x", "profile": "odd", "abi": "lp64-le"}),
        ("runner", {"m": "other"}),
        ("testee", {"m": "hello", "protocol": 2, "dialects": [], "profiles": []}),
        ("testee", {**HELLO, "window": 65}),
        ("testee", {**HELLO, "descriptions": {"static": {"d": "d"}}}),
        ("testee", {"m": "result", "id": 0, "verdict": "fine"}),
        ("testee", {"m": "result", "id": 0, "verdict": "ok"}),
        ("testee", {"m": "result", "id": 0, "verdict": "unsupported"}),
        ("testee", {"m": "result", "verdict": "accept"}),
    ],
)
def test_the_schemas_refuse_what_is_no_message(side: str, message: dict[str, Any]) -> None:
    assert not schema(f"protocol-1-{side}").is_valid(message)


def test_a_static_request_and_a_resave_are_messages() -> None:
    hello = Hello.read({**HELLO, "descriptions": {"static": {}}, "caps": {"vmdesc": False}})
    requests, valid = Requests(hello), schema("protocol-1-runner")
    load = {"destination": {}, "version_id": 1, "stream": "00"}

    for request in (
        {"op": "resave", "document": {}, **load},
        {"op": "save", "document": {}, "state": {}},
    ):
        line = json.loads(requests.line(3, request))
        valid.validate(line)
        assert line["desc_ref"] == ""
    valid.validate(greeting())
    valid.validate(configuration("qemu-11.1.3", "compat"))


@pytest.mark.parametrize("testee", ["reference", "reject-all", "crash", "lying", "changing"])
def test_logs_are_as_their_schema_says(tmp_path: Path, testee: str) -> None:
    log = tmp_path / "log"
    words = [] if testee == "reference" else ["--testee", zoo(testee)]
    run(*words, "--results", log, places=corpus(tmp_path / "c"))
    valid = schema("results-1")

    for line in log.read_text().splitlines():
        valid.validate(json.loads(line))


def test_the_documents_that_a_static_testee_could_have_are_listed(tmp_path: Path) -> None:
    place = corpus(tmp_path / "c")
    listed = command("documents", "--cases", place, "--write", tmp_path / "out")

    assert listed.exit_code == 0
    digest, cases, root = listed.output.split()[:3]
    assert (cases, root) == ("3", "d")
    (file,) = (tmp_path / "out").iterdir()
    assert file.name == f"{digest.removeprefix('sha256:')[:16]}.json"
    assert json.loads(file.read_text())["root"] == "d"
