# SPDX-License-Identifier: Apache-2.0
"""Reading cases: group files, and observation records as they are, line by line.

A line is a document that later lines of the file may name (`{"define": NAME, "document": …}`), or a
case. A case holds `id op tags document` and the inputs of its operation; then either `dialect` and
`observed` (an observation), or `expect`, a list of results each with its `dialects`.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Final, NoReturn, Protocol

from vmstate_conformance.cases import observed
from vmstate_conformance.cases.canonical import (
    canonical_document,
    canonical_result,
    canonical_state,
)
from vmstate_conformance.cases.groups import Group, is_group
from vmstate_conformance.cases.jsonfile import parse_json
from vmstate_conformance.cases.model import INPUTS, OPTIONAL, VERDICTS, Case, InputError

#: The longest line that is read.
_LINE: Final = 16 << 20
_NAMES: Final = (".jsonl", ".jsonl.gz", ".json")
#: Folders and files of a corpus that hold no cases.
_FOLDERS: Final = frozenset({"descriptions", "schemas", "streams"})
_TABLES: Final = frozenset({"classes.json", "clauses.json", "manifest.json", "tombstones.json"})


class Wanted(Protocol):
    """Which cases are read, by their ids; what is not wanted is parsed and looked at no further."""

    def matches(self, identity: str) -> bool:
        """Whether this case is wanted."""

    def may_begin(self, start: str) -> bool:
        """Whether some id with this beginning may be wanted."""


def read_cases(places: Iterable[Path], wanted: Wanted | None = None) -> Iterator[Case]:
    """Read the cases of files and, recursively, directories. Raises `InputError`."""
    seen: dict[tuple[str, str], str] = {}
    for file in _files(places):
        for case in _read_file(file, wanted):
            key = case.id, case.dialect
            if key in seen:
                raise InputError(f"{case.source}: '{case.id}' is also at {seen[key]} [duplicate]")
            seen[key] = case.source
            yield case


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_dir():
            found = sorted(
                file
                for file in place.rglob("*")
                if file.name.endswith(_NAMES) and file.is_file() and _holds_cases(file, place)
            )
            if not found:
                raise InputError(f"{place}: holds no {', '.join(_NAMES)} [empty]")
            yield from found
        else:
            yield place


def _holds_cases(file: Path, place: Path) -> bool:
    folders = file.relative_to(place).parts[:-1]
    return not _FOLDERS.intersection(folders) and file.name not in _TABLES


def _read_file(file: Path, wanted: Wanted | None) -> Iterator[Case]:
    documents: dict[str, Any] = {}
    table = observed.rules(file.parent)
    number = 0
    try:
        with file.open("rb") as raw:
            for number, line in enumerate(_lines(raw, file), 1):
                if line.strip():
                    record = _parse(line, file, number)
                    if is_group(record):
                        if wanted is None or wanted.may_begin(f"{record['group']}#"):
                            group = Group(parse_json(file, line.decode(), number))
                            yield from group.read(None if wanted is None else wanted.matches)
                    else:
                        yield from _record(record, documents, f"{file}:{number}", wanted, table)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error} [unreadable]") from None
    except (EOFError, zlib.error) as error:
        raise InputError(f"{file}:{number + 1}: {error} [gzip]") from None


def _lines(raw: IO[bytes], file: Path) -> Iterator[bytes]:
    data: IO[bytes] = raw
    if file.name.endswith(".gz"):
        data = gzip.GzipFile(fileobj=raw)  # type: ignore[assignment]
    if file.name.endswith(".json"):
        yield data.read(_LINE)
        return
    while line := data.readline(_LINE + 1):
        if len(line) > _LINE:
            raise InputError(f"{file}: a line of more than {_LINE >> 20} MiB [line-length]")
        yield line.rstrip(b"\r\n")


def _parse(line: bytes, file: Path, number: int) -> Any:
    try:
        return json.loads(line, parse_constant=_no_constant)
    except RecursionError:
        raise InputError(f"{file}:{number}: nested too deeply [json]") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{file}:{number}: column {error.start + 1}: no UTF-8 [json]") from None
    except json.JSONDecodeError as error:
        line_number = number + error.lineno - 1
        raise InputError(
            f"{file}:{line_number}: column {error.colno}: {error.msg} [json]"
        ) from None
    except ValueError as error:
        raise InputError(f"{file}:{number}: {error} [json]") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _record(
    record: Any,
    documents: dict[str, Any],
    source: str,
    wanted: Wanted | None,
    table: tuple[observed.Rule, ...],
) -> Iterator[Case]:
    if not isinstance(record, dict):
        raise InputError(f"{source}: a case is an object [object]")
    if isinstance(record.get("define"), str):
        documents[record["define"]] = _Raw(record.get("document"))
        return
    identity, op = record.get("id"), record.get("op")
    if not isinstance(identity, str) or not identity or not identity.isprintable():
        raise InputError(f"{source}: a case needs an id [id]")
    if wanted is not None and not wanted.matches(identity):
        return
    if not isinstance(op, str) or op not in INPUTS:
        known = ", ".join(INPUTS)
        raise InputError(f"{source}: {identity}: op is none of {known} [op]")
    tags = record.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise InputError(f"{source}: {identity}: tags are a list of strings [tags]")
    request = _request(record, op, identity, documents, source)
    for dialect, result in _expectations(record, op, f"{source}: {identity}"):
        about = observed.clauses_of(table, op, frozenset(tags), dialect, result)
        yield Case(identity, dialect, request, result, tuple(tags), source, clauses=about)


class _Raw:
    """A document that nobody has asked for yet."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _request(
    record: dict[str, Any], op: str, identity: str, documents: dict[str, Any], source: str
) -> dict[str, Any]:
    document = record.get("document")
    if isinstance(document, str):
        if document not in documents:
            raise InputError(f"{source}: {identity}: no document '{document}' above [document]")
        name, document = document, documents[document]
        if isinstance(document, _Raw):
            document = documents[name] = canonical_document(document.value)
    elif isinstance(document, dict):
        document = canonical_document(document)
    else:
        raise InputError(f"{source}: {identity}: a case needs a document [document]")
    request = {"op": op, "document": document}
    for name in INPUTS[op]:
        if name in record:
            request[name] = record[name]
        elif name not in OPTIONAL:
            raise InputError(f"{source}: {identity}: {op} needs '{name}' [input]")
    for name in ("state", "destination"):
        if name in request:
            request[name] = canonical_state(request[name])
    return request


def _expectations(
    record: dict[str, Any], op: str, where: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    expect = record.get("expect")
    if expect is None:
        expect = [{"dialects": [record.get("dialect")], **_object(record.get("observed"), where)}]
    if not isinstance(expect, list):
        raise InputError(f"{where}: expect is a list [expect]")
    for each in expect:
        result = dict(_object(each, where))
        dialects = result.pop("dialects", None)
        if not isinstance(dialects, list) or not all(isinstance(one, str) for one in dialects):
            raise InputError(f"{where}: dialects are a list of strings [dialect]")
        verdict = result.get("verdict")
        if not isinstance(verdict, str) or verdict not in VERDICTS[op]:
            raise InputError(f"{where}: the verdict is none of {op}'s [verdict]")
        result = canonical_result(result)
        for dialect in dialects:
            yield dialect, result


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: what is expected is an object [expect]")
    return value
