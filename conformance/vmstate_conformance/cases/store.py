# SPDX-License-Identifier: Apache-2.0
"""A corpus being worked on: groups and documents in memory, written back in canonical form."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from vmstate_conformance.cases.groups import Group, is_group, read_document
from vmstate_conformance.cases.jsonfile import JSONFile, read_json
from vmstate_conformance.cases.layout import (
    canonical_description,
    canonical_group,
    replace_file,
    text,
)
from vmstate_conformance.cases.model import InputError

#: Folders of a corpus that hold no groups.
_OTHERS: Final = frozenset({"descriptions", "schemas", "streams", "observed"})


class Corpus:
    """The groups and documents under a folder. Raises `InputError` where a file is none."""

    def __init__(self, root: Path) -> None:
        self.root: Final = root
        self._groups: dict[str, dict[str, Any]] = {}
        self._changed: dict[str, None] = {}
        self._added: dict[str, dict[str, Any]] = {}

    def files(self) -> Iterator[Path]:
        """Give the files of all groups, staged ones too."""
        for file in sorted(self.root.glob("*/*.json")) + sorted(self.root.glob("*/*/*.json")):
            if file.relative_to(self.root).parts[0] not in _OTHERS:
                yield file

    def names(self) -> Iterator[str]:
        """Name all groups but the staged ones."""
        for file in self.files():
            folders = file.relative_to(self.root).parts
            if folders[0] != "staging":
                yield "/".join(folders).removesuffix(".json")

    def file(self, name: str) -> Path:
        """Give the file of a group."""
        return self.root / f"{name}.json"

    def group(self, name: str) -> dict[str, Any] | None:
        """Give a group's JSON, to be changed in place; None where there is none."""
        if name not in self._groups:
            file = self.file(name)
            if not file.is_file():
                return None
            source = read_json(file)
            if not is_group(source.value):
                raise source.error([], "is no group of cases", "group")
            self._groups[name] = source.value
        return self._groups[name]

    def ensure(self, name: str, title: str, document: str | None) -> dict[str, Any]:
        """Give a group, made where there is none."""
        group = self.group(name)
        if group is None:
            group = {"schema": 1, "group": name, "title": title}
            if document is not None:
                group["document"] = document
            group |= {"source": {"name": "hand"}, "cases": []}
            self._groups[name] = group
        return group

    def read(self, name: str, group: dict[str, Any] | None = None) -> Group:
        """Read a group as it stands in memory."""
        value = group if group is not None else self.group(name)
        if value is None:
            raise InputError(f"{self.file(name)}: there is no such group [group]")
        shown = text(canonical_group(value))
        return Group(JSONFile(self.file(name), shown, value), self._added)

    @property
    def documents(self) -> list[str]:
        """Name the documents that are in no file yet."""
        return list(self._added)

    def document(self, name: str) -> dict[str, Any] | None:
        """Give a document by name, if there is one."""
        if name in self._added:
            return self._added[name]
        file = self.root / "descriptions" / f"{name}.json"
        return read_document(file) if file.is_file() else None

    def add_document(self, name: str, document: dict[str, Any]) -> None:
        """Take a new document."""
        self._added[name] = document

    def forget_document(self, name: str) -> None:
        """Take one back that has not been written."""
        self._added.pop(name, None)

    def tombstones(self) -> dict[str, Any]:
        """Give what was retired, by id."""
        file = self.root / "tombstones.json"
        buried: dict[str, Any] = read_json(file).value if file.is_file() else {}
        return buried

    def changed(self, name: str) -> None:
        """Note that a group is to be written."""
        self._changed[name] = None

    def snapshot(self, name: str) -> dict[str, Any] | None:
        """Give a copy of a group to fall back to."""
        return copy.deepcopy(self.group(name))

    def restore(self, name: str, group: dict[str, Any] | None) -> None:
        """Fall back."""
        if group is None:
            self._groups.pop(name, None)
        else:
            self._groups[name] = group

    def write(self) -> list[Path]:
        """Write what has changed; give the files. Raises `InputError`; originals then stay."""
        written = []
        todo = [
            (self.root / "descriptions" / f"{name}.json", text(canonical_description(document)))
            for name, document in self._added.items()
        ]
        for name in self._changed:
            group = self.group(name)
            assert group is not None
            todo.append((self.file(name), text(canonical_group(group))))
        for file, content in todo:
            try:
                replace_file(file, content)
            except OSError as error:
                raise InputError(f"{file}: {error.strerror or error} [unwritable]") from None
            written.append(file)
        self._changed.clear()
        self._added.clear()
        return written
