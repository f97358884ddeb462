# SPDX-License-Identifier: Apache-2.0
"""JSON files that people read: strict when read, and every complaint names the line."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias

from vmstate_conformance.cases.model import InputError

#: Where in a JSON value: keys and indices from the outside in.
Where: TypeAlias = Sequence[str | int]

#: The largest file that is read.
_MOST: Final = 16 << 20
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_PLAIN: Final = re.compile(r"[^\s,\]}]*")
#: What stands before the next string or bracket, and that; brackets in groups of their own.
_JUMP: Final = re.compile(r'[^"{}\[\]]*(?:"(?:[^"\\]|\\.)*"|([{\[])|([}\]]))')
_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class JSONFile:
    """A file's value, and its text for the sake of line numbers."""

    file: Path
    text: str
    value: Any
    first: int = 1
    """The number of the text's first line in the file."""

    def error(self, where: Where, detail: str, rule: str) -> InputError:
        """Make the error of the value at `where`: one line with file, line, path and rule."""
        line = self.first + line_of(self.text, where) - 1
        path = path_text(where)
        return InputError(f"{self.file}:{line}: {f'{path}: ' if path else ''}{detail} [{rule}]")

    def lines(self, key: str) -> list[int]:
        """Find the lines of the items of a list that is a member of the file's object."""
        at = _member(self.text, _skip(self.text, 0), key)
        if at is None or self.text[at : at + 1] != "[":
            return []
        found, line, counted = [], self.first, 0
        at = _skip(self.text, at + 1)
        while self.text[at : at + 1] not in ("]", ""):
            line += self.text.count("\n", counted, at)
            counted = at
            found.append(line)
            at = _skip(self.text, _end(self.text, at))
            at = _skip(self.text, at + 1) if self.text[at : at + 1] == "," else at
            if found and counted == at:
                break
        return found


def read_json(file: Path) -> JSONFile:
    """Read a file. Raises `InputError`."""
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST + 1)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error} [unreadable]") from None
    return parse_json(file, decoded(str(file), data, _MOST))


def decoded(name: str, data: bytes, most: int) -> str:
    """Take a file's bytes for text, unless there are more than `most`. Raises `InputError`."""
    if len(data) > most:
        raise InputError(f"{name}: more than {most >> 20} MiB [file-size]")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}:{line}: no UTF-8 [json]") from None


def parse_json(file: Path, text: str, first: int = 1) -> JSONFile:
    """Parse a text that stands in a file from line `first` on. Raises `InputError`."""
    try:
        value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
    except RecursionError:
        raise InputError(f"{file}:{first}: nested too deeply [json]") from None
    except json.JSONDecodeError as error:
        where = f"{file}:{first + error.lineno - 1}: column {error.colno}"
        raise InputError(f"{where}: {error.msg} [json]") from None
    except _TwiceError as twice:
        line = _line_of_twice(text, twice.key)
        raise InputError(f"{file}:{first + line - 1}: '{twice.key}' twice [json]") from None
    except ValueError as error:
        raise InputError(f"{file}:{first}: {error} [json]") from None
    return JSONFile(file, text, value, first)


class _TwiceError(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = ascii(key)[1:-1]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        raise _TwiceError(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return made


def _line_of_twice(text: str, key: str) -> int:
    at = text.rfind(json.dumps(key))
    return text.count("\n", 0, max(at, 0)) + 1


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def line_of(text: str, where: Where) -> int:
    """Find the line (from 1) of the value at `where`, or of the innermost part that is there."""
    at = _skip(text, 0)
    for step in where:
        found = _member(text, at, step) if isinstance(step, str) else _item(text, at, step)
        if found is None:
            break
        at = found
    return text.count("\n", 0, at) + 1


def _member(text: str, at: int, name: str) -> int | None:
    if text[at : at + 1] != "{":
        return None
    at = _skip(text, at + 1)
    while text[at : at + 1] == '"':
        start, at = at, _end(text, at)
        key = json.loads(text[start:at], strict=False)
        at = _skip(text, _skip(text, at) + 1)
        if key == name:
            return at
        at = _skip(text, _end(text, at))
        at = _skip(text, at + 1)
    return None


def _item(text: str, at: int, index: int) -> int | None:
    if text[at : at + 1] != "[":
        return None
    at = _skip(text, at + 1)
    for _ in range(index):
        at = _skip(text, _end(text, at))
        if text[at : at + 1] != ",":
            return None
        at = _skip(text, at + 1)
    return at if text[at : at + 1] not in ("]", "") else None


def _end(text: str, at: int) -> int:
    """Find the end of the value at `at`."""
    if text[at] not in "{[":
        match = (_STRING if text[at] == '"' else _PLAIN).match(text, at)
        return match.end() if match else at
    depth = 0
    for match in _JUMP.finditer(text, at):
        if match[1]:
            depth += 1
        elif match[2]:
            depth -= 1
            if not depth:
                return match.end()
    return len(text)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def path_text(where: Where) -> str:
    """Write a place as people do: `cases[3].expect`."""
    out = ""
    for step in where:
        out += f"[{step}]" if isinstance(step, int) else f".{step}" if out else str(step)
    return out


def parse_path(path: str) -> list[str | int]:
    """Read what `path_text` writes. Raises `ValueError`."""
    steps: list[str | int] = []
    at = 0
    while at < len(path):
        if steps and path[at] == ".":
            at += 1
        match = _STEP.match(path, at)
        if match is None or match.end() == at:
            raise ValueError(f"'{path}' is no path")
        steps.append(match[1] if match[1] is not None else int(match[2]))
        at = match.end()
    return steps
