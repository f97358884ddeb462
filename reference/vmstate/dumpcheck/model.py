# SPDX-License-Identifier: Apache-2.0
"""A `-dump-vmstate` file as values, every fault of its shape named by its path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vmstate.errors import CaseError

#: QEMU's deepest description has some 10 levels.
DEEPEST: Final = 60
_MACHINE: Final = "vmschkmachine"
#: The name that VMSTATE_UNUSED gives to bytes which nobody reads.
_UNUSED: Final = "unused"


@dataclass(frozen=True, slots=True)
class Field:
    """A field. `num` is None unless it is an array of fixed length, `description` unless a struct.

    [DUMP-FIELD-1] [DUMP-FIELD-2]
    """

    name: str
    version_id: int
    field_exists: bool
    num: int | None
    size: int
    description: Description | None

    @property
    def extent(self) -> int:
        """The bytes of all its elements in memory; those of a plain value in the stream, too."""
        return self.size * (1 if self.num is None else self.num)

    @property
    def padding(self) -> bool:
        """Whether nobody reads its bytes."""
        return self.name == _UNUSED and self.description is None

    def read_at(self, version_id: int) -> bool:
        """Whether it is in a state of that version; a predicate may still say no."""
        return self.field_exists or self.version_id <= version_id


@dataclass(frozen=True, slots=True)
class Description:
    """A VMStateDescription as far as a dump shows it. [DUMP-DESC-1]"""

    name: str
    version_id: int
    minimum_version_id: int
    fields: tuple[Field, ...]
    subsections: tuple[Description, ...]


@dataclass(frozen=True, slots=True)
class Dump:
    """A whole file: the machine type, and each device class with its description. [DUMP-TOP-1]"""

    machine: str
    devices: Mapping[str, Description]

    @property
    def counted(self) -> bool:
        """Whether it shows how long arrays are; QEMU 7.2 shows it for one field in hundreds."""
        fields = counted = 0
        left = list(self.devices.values())
        while left:
            one = left.pop()
            fields += len(one.fields)
            counted += sum(each.num is not None for each in one.fields)
            left += one.subsections
            left += [each.description for each in one.fields if each.description is not None]
        return 100 * counted >= fields


def parse_dump(value: Any) -> Dump:
    """Read the JSON of a dump. Raises `CaseError` where its shape is not that of QEMU's."""
    top = _object(value, "")
    machine = _object(_member(top, _MACHINE, ""), _MACHINE)
    devices = {
        name: _description(_member(_object(device, name), "Description", name), name, 1)
        for name, device in top.items()
        if name != _MACHINE
    }
    return Dump(_text(machine, "Name", _MACHINE), devices)


def _description(value: Any, path: str, depth: int) -> Description:
    if depth > DEEPEST:
        raise CaseError("dump-depth", path, f"descriptions nest deeper than {DEEPEST}")
    given = _object(value, path)
    return Description(
        _text(given, "name", path),
        _number(given, "version_id", path),
        _number(given, "minimum_version_id", path),
        tuple(
            _field(each, f"{path}.Fields[{at}]", depth)
            for at, each in enumerate(_array(given, "Fields", path))
        ),
        tuple(
            _description(each, f"{path}.Subsections[{at}]", depth + 1)
            for at, each in enumerate(_array(given, "Subsections", path))
        ),
    )


def _field(value: Any, path: str, depth: int) -> Field:
    given = _object(value, path)
    exists = _member(given, "field_exists", path)
    if not isinstance(exists, bool):
        raise CaseError("dump-shape", f"{path}.field_exists", "true or false is wanted")
    inner = given.get("Description")
    return Field(
        _text(given, "field", path),
        _number(given, "version_id", path),
        exists,
        _number(given, "num", path) if "num" in given else None,
        _number(given, "size", path),
        None if inner is None else _description(inner, path, depth + 1),
    )


def _member(given: dict[str, Any], key: str, path: str) -> Any:
    if key not in given:
        raise CaseError("dump-shape", path, f"has no {key!r}; is it a file of -dump-vmstate?")
    return given[key]


def _object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CaseError("dump-shape", path or "top", "an object is wanted")
    return value


def _array(given: dict[str, Any], key: str, path: str) -> list[Any]:
    value = given.get(key, [])
    if not isinstance(value, list):
        raise CaseError("dump-shape", f"{path}.{key}", "an array is wanted")
    return value


def _text(given: dict[str, Any], key: str, path: str) -> str:
    value = _member(given, key, path)
    if not isinstance(value, str):
        raise CaseError("dump-shape", f"{path}.{key}", "a string is wanted")
    return value


def _number(given: dict[str, Any], key: str, path: str) -> int:
    value = _member(given, key, path)
    if not isinstance(value, int) or isinstance(value, bool):
        raise CaseError("dump-shape", f"{path}.{key}", "an integer is wanted")
    return value
