# SPDX-License-Identifier: Apache-2.0
"""Texts that people and testees send: files of cases, requests, messages of the protocol.

The first byte of an input says what the rest is. Whatever it holds, there is an answer or an error
that says what is wrong in one line.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from vmstate.dialects import DIALECTS
from vmstate.errors import CaseError
from vmstate.operations import perform
from vmstate_conformance.cases import InputError, read_cases
from vmstate_conformance.cases.model import INPUTS
from vmstate_conformance.fuzzing import dictionary, structure
from vmstate_conformance.fuzzing.catalogue import LIMITS, corpus_cases
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.target import Native, Target
from vmstate_conformance.testees.reference import Reference

_VERDICTS: Final = frozenset({"valid", "invalid", "ok", "error", "accept", "reject", "abort"})
_LONGEST: Final = 1000


def run(data: bytes) -> None:
    """Read one text. Raises `Finding`."""
    observe(data)


def observe(data: bytes) -> Any:
    """Give the answer to a text, or the error. Raises `Finding`."""
    return _KINDS[data[0] % len(_KINDS)](data[1:]) if data else None


def request(text: bytes) -> Any:
    """Perform a text as a request: a result, or one line that says what is wrong with it."""
    message = _json(text)
    try:
        result = perform(message, limits=LIMITS)
    except CaseError as error:
        return _one_line(str(error))
    if result.get("verdict") not in _VERDICTS:
        raise Finding("verdict", str(result.get("verdict")), "no verdict of the case format")
    return json.dumps(result)


def protocol(text: bytes) -> Any:
    """Answer a text as a message of the protocol: an answer, or `ValueError`."""
    message = _json(text)
    if not isinstance(message, dict):
        return None
    reference = Reference()
    reference.config = {"dialect": next(iter(DIALECTS)), "profile": "hardened"}
    try:
        answer = reference.answer(message)
    except ValueError as error:
        return _one_line(str(error))
    if answer is not None:
        answer.pop("us", None)
    if answer is not None and not isinstance(answer.get("m"), str):
        raise Finding("protocol", "m", f"an answer without m: {answer}")
    return json.dumps(answer)


def cases(text: bytes) -> Any:
    """Read a text as a file of cases: cases, or one line with file and rule."""
    found: list[Any] = []
    file = os.memfd_create("cases")
    try:
        os.write(file, text)
        for case in read_cases([Path(f"/proc/self/fd/{file}")]):
            if not case.id or case.op not in INPUTS:
                raise Finding("case", "id", f"a case with id {case.id!r} and op {case.op!r}")
            found.append((case.id, case.dialect, case.request, case.expect, case.tags))
    except InputError as error:
        found.append(_one_line(str(error)).replace(str(file), "N"))
    finally:
        os.close(file)
    return found


_KINDS: Final[tuple[Callable[[bytes], Any], ...]] = (request, protocol, cases)


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _one_line(message: str) -> str:
    if not message or len(message.splitlines()) != 1 or len(message) > _LONGEST:
        raise Finding("message", "lines", f"an error that is not one line: {message[:200]!r}")
    return message


def seeds() -> Iterator[bytes]:
    """Give requests, messages and lines of the corpus, the short ones."""
    given = [{"m": "hello", "protocol": [1]}, {"m": "config", "dialect": "rfc"}, {"m": "bye"}]
    for message in given:
        yield b"\1" + json.dumps(message).encode()
    yield from (b"\0" + json.dumps(asked).encode() for asked in _savevms())
    for at, case in enumerate(corpus_cases()):
        text = json.dumps(case.request, separators=(",", ":")).encode()
        if len(text) < TARGET.max_len and (at % 5 == 0 or case.op in ("stream", "savevm")):
            yield b"\0" + text
            yield b"\1" + json.dumps({"m": "run", "id": at, **case.request}).encode()
            record = {"id": case.id, **case.request}
            record |= {"dialect": case.dialect, "observed": case.expect, "tags": list(case.tags)}
            yield b"\2" + json.dumps(record).encode()


def _savevms() -> Iterator[dict[str, Any]]:
    """Give saves of whole machines whose configuration says much, with and without a vmdesc."""
    document: dict[str, Any] = {
        "structs": {"S": {"size": 1, "members": []}},
        "descriptions": {"d": {"struct": "S"}},
        "root": "d",
    }
    device = {"idstr": "d", "state": {}}
    capabilities = ["mapped-ram", "postcopy-ram", "x-ignore-shared"]
    for count in range(4):
        for vmdesc in (True, False):
            machine: dict[str, Any] = {"name": "none", "capabilities": capabilities[:count]}
            machine["vmdesc"] = vmdesc
            machine |= {"page_bits": 13, "uuid": "00" * 16}
            yield {"op": "savevm", "document": document, "devices": [device], "machine": machine}


_HOSTILE: Final[tuple[Any, ...]] = (
    None, True, -1, 0, 1, 1 << 31, 1 << 63, 1 << 64, -(1 << 63), 1 << 200, 0.5, "", "0", "-1",
    "18446744073709551616", "\0", "\ud800", "x" * 300, [], {}, [[]], {"": None}, {"wild": 1},
)  # fmt: skip


def mutate(data: bytes, size: int, seed: int, native: Native) -> bytes:
    """Change a value of the JSON, or where the text is none, its bytes."""
    value = _json(data[1:]) if seed & 7 else None
    source = random.Random(seed)  # noqa: S311 - reproducible is what it must be
    if not data or seed & 0xF8 == 8:
        return fresh(source)[:size]
    if value is None:
        return native(data, size)
    places = list(_places(value))
    if places:
        holder, key = source.choice(places)
        _change(source, holder, key)
    # A surrogate is no text, but JSON has it.
    text = json.dumps(value, separators=(",", ":")).encode()
    return (data[:1] + text)[:size]


def fresh(source: random.Random) -> bytes:
    """Give a text of each kind, small and sound."""
    kind = source.randrange(len(_KINDS))
    messages = (
        {"m": "hello"},
        {"m": "config", "dialect": "rfc", "profile": "compat"},
        {"m": "bye"},
    )
    if kind == 1 and source.randrange(2):
        return b"\1" + json.dumps(source.choice(messages)).encode()
    how = source.choice((0, structure.ANY | structure.BROKEN))
    parts = structure.Parts(source.randbytes(32), source.randbytes(16), how, source.randbytes(16))
    made = structure.case(parts.join()) or {}
    dialect = made.pop("dialect", "rfc")
    if source.randrange(3) == 0 and made["op"] == "load":
        state = made["destination"]
        made = {"op": "save", "document": made["document"], "state": state, "vmdesc": True}
    if kind == 1:
        made = {"m": "run", "id": 1, **made}
    if kind == 2:
        verdict = source.choice(sorted(_VERDICTS))
        made = {"id": "x", "tags": ["a"], **made, "dialect": dialect}
        made["observed"] = {"verdict": verdict}
    return bytes([kind]) + json.dumps(made, separators=(",", ":")).encode()


def _change(source: random.Random, holder: Any, key: Any) -> None:
    match source.randrange(6):
        case 0 if isinstance(holder, dict):
            holder[source.choice([*holder, "", "x"])] = holder.pop(key)
        case 0 | 1 if isinstance(holder, list):
            holder.insert(key, holder[source.randrange(len(holder))])
        case 1 | 2:
            del holder[key]
        case 3 if isinstance(holder[key], int):
            holder[key] += source.choice((-1, 1, 256, 1 << 32))
        case _:
            holder[key] = source.choice(_HOSTILE)


def _places(value: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    if depth > 40 or not isinstance(value, dict | list):
        return
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key], depth + 1)


def case(data: bytes) -> dict[str, Any] | None:
    """Give the request, where the text is one."""
    message = _json(data[1:])
    usual = ("op", "document", "state", "destination", "version_id", "stream")
    if data[:1] in (b"\0", b"\1") and isinstance(message, dict) and "op" in message:
        return {key: message[key] for key in usual if key in message}
    return {"text": data[1:].decode(errors="replace")}


TARGET: Final = Target(
    "document", run, seeds, dictionary.words, case, observe, max_len=6144, mutate=mutate
)
