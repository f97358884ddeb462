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
from vmstate_conformance.fuzzing import dictionary
from vmstate_conformance.fuzzing.catalogue import LIMITS, catalogue
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.target import Native, Target
from vmstate_conformance.testees.reference import Reference

_VERDICTS: Final = frozenset({"valid", "invalid", "ok", "error", "accept", "reject", "abort"})
_LONGEST: Final = 1000


def run(data: bytes) -> None:
    """Read one text. Raises `Finding`."""
    if data:
        _KINDS[data[0] % len(_KINDS)](data[1:])


def request(text: bytes) -> None:
    """Perform a text as a request: a result, or one line that says what is wrong with it."""
    message = _json(text)
    try:
        result = perform(message, limits=LIMITS)
    except CaseError as error:
        _one_line(str(error))
        return
    if result.get("verdict") not in _VERDICTS:
        raise Finding("verdict", str(result.get("verdict")), "no verdict of the case format")
    json.dumps(result)


def protocol(text: bytes) -> None:
    """Answer a text as a message of the protocol: an answer, or `ValueError`."""
    message = _json(text)
    if not isinstance(message, dict):
        return
    reference = Reference()
    reference.config = {"dialect": next(iter(DIALECTS)), "profile": "hardened"}
    try:
        answer = reference.answer(message)
    except ValueError as error:
        _one_line(str(error))
        return
    if answer is not None and not isinstance(answer.get("m"), str):
        raise Finding("protocol", "m", f"an answer without m: {answer}")
    json.dumps(answer)


def cases(text: bytes) -> None:
    """Read a text as a file of cases: cases, or one line with file and rule."""
    file = os.memfd_create("cases")
    try:
        os.write(file, text)
        for case in read_cases([Path(f"/proc/self/fd/{file}")]):
            if not case.id or case.op not in ("check", "save", "load", "stream"):
                raise Finding("case", "id", f"a case with id {case.id!r} and op {case.op!r}")
    except InputError as error:
        _one_line(str(error))
    finally:
        os.close(file)


_KINDS: Final[tuple[Callable[[bytes], None], ...]] = (request, protocol, cases)


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _one_line(message: str) -> None:
    if not message or len(message.splitlines()) != 1 or len(message) > _LONGEST:
        raise Finding("message", "lines", f"an error that is not one line: {message[:200]!r}")


def seeds() -> Iterator[bytes]:
    """Give requests, messages and lines of the corpus, the short ones."""
    given = [{"m": "hello", "protocol": [1]}, {"m": "config", "dialect": "rfc"}, {"m": "bye"}]
    for message in given:
        yield b"\1" + json.dumps(message).encode()
    for at, case in enumerate(catalogue().cases):
        text = json.dumps(case.request, separators=(",", ":")).encode()
        if len(text) < TARGET.max_len and at % 5 == 0:
            yield b"\0" + text
            yield b"\1" + json.dumps({"m": "run", "id": at, **case.request}).encode()
            record = {"id": case.id, **case.request}
            record |= {"dialect": case.dialect, "observed": case.expect, "tags": list(case.tags)}
            yield b"\2" + json.dumps(record).encode()


_HOSTILE: Final[tuple[Any, ...]] = (
    None, True, -1, 0, 1, 1 << 31, 1 << 63, 1 << 64, -(1 << 63), 1 << 200, 0.5, "", "0", "-1",
    "18446744073709551616", "\0", "\ud800", "x" * 300, [], {}, [[]], {"": None}, {"wild": 1},
)  # fmt: skip


def mutate(data: bytes, size: int, seed: int, native: Native) -> bytes:
    """Change a value of the JSON, or where the text is none, its bytes."""
    value = _json(data[1:]) if seed & 7 else None
    if value is None:
        return native(data, size)
    source = random.Random(seed)  # noqa: S311 - reproducible is what it must be
    places = list(_places(value))
    if places:
        holder, key = source.choice(places)
        _change(source, holder, key)
    # A surrogate is no text, but JSON has it.
    text = json.dumps(value, separators=(",", ":")).encode()
    return (data[:1] + text)[:size]


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


TARGET: Final = Target("document", run, seeds, dictionary.words, case, max_len=6144, mutate=mutate)
