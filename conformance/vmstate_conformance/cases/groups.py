# SPDX-License-Identifier: Apache-2.0
"""Group files: cases that share a document, written for people, each with a permanent id."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from vmstate.errors import CaseError
from vmstate.values import mapping, sequence
from vmstate_conformance.cases import families
from vmstate_conformance.cases.canonical import canonical_document, canonical_state
from vmstate_conformance.cases.expectation import choose, for_grader
from vmstate_conformance.cases.jsonfile import JSONFile, Where, parse_path, read_json
from vmstate_conformance.cases.model import INPUTS, OPTIONAL, Case, InputError
from vmstate_conformance.cases.mutation import mutate
from vmstate_conformance.cases.segments import join

DIALECTS: Final = ("qemu-11.1.3", "qemu-11.1.0")
LEVELS: Final = ("required", "recommended", "quirk")
_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_GROUP: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*\Z")
#: What a case takes from its base unless it says it itself.
_INHERITED: Final = ("op", "document", "dialects")


class Group:
    """A group file, read: its cases and families as they stand, and what they come to."""

    def __init__(
        self, source: JSONFile, documents: Mapping[str, dict[str, Any]] | None = None
    ) -> None:
        """Raise `InputError` where the file is no group. `documents` are those in no file yet."""
        self.source: Final = source
        self._documents: Final = documents or {}
        value = source.value
        self.name: Final = str(value.get("group"))
        if value.get("schema") != 1:
            raise source.error(["schema"], "this reads schema 1", "schema")
        if not _GROUP.match(self.name):
            raise source.error(["group"], "a group is called area/name", "group")
        self.cases: Final = self._entries("cases")
        self.families: Final = self._entries("families")
        self._inputs: dict[str, dict[str, Any]] = {}
        self._lines: dict[str | int, list[int]] = {}

    def _entries(self, key: str) -> dict[str, tuple[int, dict[str, Any]]]:
        """Give the cases or families by id, each with its index in the file."""
        entries = self.source.value.get(key, [])
        if not isinstance(entries, list):
            raise self.source.error([key], "is a list", key)
        found: dict[str, tuple[int, dict[str, Any]]] = {}
        for at, entry in enumerate(entries):
            where: Where = [key, at]
            if not isinstance(entry, dict):
                raise self.source.error(where, "is an object", key)
            identity = entry.get("id")
            if not isinstance(identity, str) or not _SLUG.match(identity):
                raise self.source.error([*where, "id"], "an id is of words-and-hyphens", "id")
            if identity in found or (key == "families" and identity in self.cases):
                raise self.source.error([*where, "id"], f"'{identity}' twice", "duplicate")
            found[identity] = at, entry
        return found

    def inputs(self, identity: str, path: str = "", *, alone: bool = False) -> dict[str, Any]:
        """Give op, document, inputs and dialects of a case, taken from its base where it has one.

        With `alone`, the base and the mutations decide, whatever the case itself holds. Raises
        `CaseError` with the path of what is wrong.
        """
        if identity not in self._inputs or alone:
            if identity not in self.cases:
                raise CaseError("base", path, f"'{identity}' is no case of {self.name}")
            at, case = self.cases[identity]
            where = f"cases[{at}]"
            self._inputs[identity] = {}  # a base that leads back here has no op
            made = self._made(case, where, alone=alone)
            if alone:
                del self._inputs[identity]
                return made
            self._inputs[identity] = made
        if not self._inputs[identity]:
            raise CaseError("base", path, f"'{identity}' is its own base")
        return self._inputs[identity]

    def _made(self, case: Mapping[str, Any], where: str, *, alone: bool) -> dict[str, Any]:
        own = {key: case[key] for key in (*_INHERITED, *_ALL_INPUTS) if key in case}
        if "base" in case:
            inherited = self.inputs(str(case["base"]), f"{where}.base")
            made = mutate(inherited, case.get("mutate", []), f"{where}.mutate")
            own = {} if alone else own
            made |= own
        else:
            made = {"document": self.source.value.get("document"), **own}
            if "dialects" in self.source.value:
                made.setdefault("dialects", self.source.value["dialects"])
        if isinstance(made.get("document"), str):
            made["document"] = self.document(made["document"], f"{where}.document")
        return made

    def document(self, name: str, path: str = "document") -> dict[str, Any]:
        """Read a document by its name. Raises `CaseError`, or `InputError` where its file is bad."""
        if name in self._documents:
            return bare(self._documents[name])
        file = root_of(self.source.file) / "descriptions" / f"{name}.json"
        if not _SLUG.match(name) or not file.is_file():
            raise CaseError("document", path, f"there is no descriptions/{name}.json")
        return read_document(file)

    def read(self, wanted: Callable[[str], bool] | None = None) -> Iterator[Case]:
        """Give all cases, families expanded, one for each dialect; or those that are wanted.

        Raises `InputError`.
        """
        for identity, (at, case) in self.cases.items():
            if wanted is not None and not wanted(f"{self.name}#{identity}"):
                continue
            where: Where = ["cases", at]
            try:
                inputs = self.inputs(identity, f"cases[{at}]")
                yield from self._cases(identity, case, inputs, case.get("expect"), where)
            except CaseError as error:
                raise self._error(error, where) from None
        for identity, (at, family) in self.families.items():
            where = ["families", at]
            try:
                for end, inputs, expect in self.expand(family, f"families[{at}]", wanted):
                    name = f"{identity}-{end}"
                    if name in self.cases:
                        raise CaseError("duplicate", f"families[{at}]", f"'{name}' is a case too")
                    for made in self._cases(name, family, inputs, expect, where):
                        other = expect is not family.get("expect")
                        yield replace(made, exception=True) if other else made
            except CaseError as error:
                raise self._error(error, where) from None

    def base_of(self, family: Mapping[str, Any], where: str = "family") -> dict[str, Any]:
        """Give the inputs of a family's base, in the family's own dialects if it names any.

        Raises `CaseError`.
        """
        base = self.inputs(str(family.get("of")), f"{where}.of")
        return {**base, "dialects": family["dialects"]} if "dialects" in family else base

    def expand(
        self,
        family: Mapping[str, Any],
        where: str,
        wanted: Callable[[str], bool] | None = None,
    ) -> Iterator[tuple[str, dict[str, Any], Any]]:
        """Give each member of a family: the end of its id, its inputs, and what it expects."""
        base = self.base_of(family, where)
        special = families.exceptions(family, where)
        seen = set()
        for end, key, value, steps in families.members(family, base, where):
            exception = special.get((key, value))
            seen.add((key, value))
            if wanted is not None and not wanted(f"{self.name}#{family['id']}-{end}"):
                continue
            if exception is not None and "expect" not in exception:
                continue
            expect = family.get("expect") if exception is None else exception["expect"]
            yield end, mutate(base, steps, where), expect
        for key, value in special.keys() - seen:
            raise CaseError("except", f"{where}.except", f"no member has {key} {value}")

    def _cases(
        self,
        identity: str,
        case: Mapping[str, Any],
        inputs: Mapping[str, Any],
        expect: Any,
        where: Where,
    ) -> Iterator[Case]:
        op = inputs.get("op")
        if not isinstance(op, str) or op not in INPUTS:
            raise CaseError("op", "op", f"is none of {', '.join(INPUTS)}")
        if case.get("level", "required") not in LEVELS:
            raise CaseError("level", "level", f"is none of {', '.join(LEVELS)}")
        request = make_request(op, inputs)
        held = before(request)
        key, at = where
        if key not in self._lines:
            self._lines[key] = self.source.lines(str(key))
        line = f"{self.source.file}:{self._lines[key][int(at)]}"
        for dialect in _texts(inputs.get("dialects", DIALECTS), "dialects"):
            chosen = [
                for_grader(choose(expect, dialect, profile), op, held)
                for profile in ("compat", "hardened")
            ]
            yield Case(
                f"{self.name}#{identity}",
                dialect,
                request,
                chosen[0],
                (),
                line,
                title=str(case.get("title", "")),
                level=str(case.get("level", "required")),
                clauses=_texts(case.get("clauses", ()), "clauses"),
                flags=_texts(case.get("flags", ()), "flags"),
                group=self.name,
                added=str(case.get("added", "")),
                hardened=None if chosen[0] == chosen[1] else chosen[1],
                scored="staging" not in self.source.file.parts,
            )

    def _error(self, error: CaseError, where: Where) -> InputError:
        """Give a `CaseError` the line that its path stands on."""
        try:
            inner = parse_path(error.path)
        except ValueError:
            inner = []
        full = inner if inner[:1] == [where[0]] else [*where, *inner]
        return self.source.error(full, error.detail, error.rule)


_ALL_INPUTS: Final = tuple(dict.fromkeys(name for names in INPUTS.values() for name in names))


def _texts(value: object, path: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise CaseError("strings", path, "is a list of strings")
    return tuple(value)


def make_request(op: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Make the request that a testee gets."""
    document = inputs.get("document")
    if not isinstance(document, dict):
        raise CaseError("document", "document", "a case needs a document")
    request: dict[str, Any] = {"op": op, "document": document}
    for name in INPUTS[op]:
        if name in inputs:
            request[name] = inputs[name]
        elif name not in OPTIONAL:
            raise CaseError("input", name, f"{op} needs it")
    for name in ("state", "destination"):
        if name in request:
            request[name] = canonical_state(request[name])
    if "devices" in request:
        request["devices"] = [_device(each) for each in sequence(request["devices"], "devices")]
    if "stream" in request:
        request["stream"] = join(request["stream"]).hex()
    return request


def _device(device: object) -> dict[str, Any]:
    """Give a device of a whole stream with its state in canonical form."""
    return {
        key: canonical_state(value) if key in ("state", "destination") else value
        for key, value in mapping(device, "devices").items()
    }


def before(request: Mapping[str, Any]) -> Any:
    """Give what stood in memory before the operation: a state, or one for each device."""
    if "devices" in request:
        return [each.get("destination", each.get("state")) for each in request["devices"]]
    return request.get("destination", request.get("state"))


def is_group(value: object) -> bool:
    """Whether a JSON value is meant as a group file."""
    return isinstance(value, dict) and "group" in value and "cases" in value


def root_of(file: Path) -> Path:
    """Find the corpus that a file belongs to: the folder that holds `descriptions`."""
    for folder in file.absolute().parents:
        if (folder / "descriptions").is_dir():
            return folder
    return file.absolute().parent


def read_document(file: Path) -> dict[str, Any]:
    """Read a document's file. Raises `InputError`."""
    stat = file.stat()
    return _document(file, stat.st_mtime_ns, stat.st_size)


@lru_cache(4096)
def _document(file: Path, _changed: int, _size: int) -> dict[str, Any]:
    source = read_json(file)
    if not isinstance(source.value, dict):
        raise source.error([], "a document is an object", "document")
    return bare(source.value)


def bare(document: Mapping[str, Any]) -> dict[str, Any]:
    """Give a document as testees get it, without its note."""
    value = {key: each for key, each in document.items() if key != "note"}
    made: dict[str, Any] = canonical_document(value)
    return made
