# SPDX-License-Identifier: Apache-2.0
"""What the macros make: fields, the descriptions that hold them, and the document of it all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from vmstate import flags as bits
from vmstate.errors import CaseError
from vmstate.infos import INFOS
from vmstate.macros_ctypes import CStruct

__all__ = ["Description", "FieldSpec", "Test", "Vmsd", "document"]

#: A predicate of the case format in place of a C callback; None is C's NULL.
Test: TypeAlias = Mapping[str, Any] | None
#: A description, or the name of one that stands elsewhere in the document.
Vmsd: TypeAlias = "Description | str"

_NUMBERS: Final = (
    "offset",
    "size",
    "start",
    "num",
    "num_offset",
    "size_offset",
    "version_id",
    "struct_version_id",
)


@dataclass(frozen=True, slots=True, eq=False)
class FieldSpec:
    """One VMStateField. Offsets and sizes are bytes; `vmsd` has two items where keys are structs.

    Raises `CaseError` for an info that does not exist.
    """

    name: str
    flags: int = 0
    offset: int = 0
    size: int = 0
    start: int = 0
    num: int = 0
    num_offset: int = 0
    size_offset: int = 0
    info: str = ""
    vmsd: tuple[Vmsd, ...] = ()
    version_id: int = 0
    struct_version_id: int = 0
    field_exists: Test = None

    def __post_init__(self) -> None:
        if self.info and self.info not in INFOS:
            raise CaseError("info", self.name, f"unknown info '{self.info}'")

    def to_json(self) -> dict[str, Any]:
        """Give the field as a document has it: what is zero or unset is left out."""
        out: dict[str, Any] = {"name": self.name}
        if self.info:
            out["info"] = self.info
        names = [_name(vmsd) for vmsd in self.vmsd]
        if names:
            out["vmsd"] = names if self.info == "gtree" else names[0]
        out |= {key: number for key in _NUMBERS if (number := getattr(self, key))}
        out["flags"] = bits.names(self.flags)
        if self.field_exists is not None:
            out["exists"] = self.field_exists
        return out


class Description:
    """A VMStateDescription of `struct`. Each hook is the number that it returns; None is no hook.

    A list of fields may end in VMSTATE_END_OF_LIST(); `CaseError` is raised where more follows it.
    `subsections` None is no list, which is not the same as an empty one.
    """

    def __init__(
        self,
        name: str,
        struct: CStruct,
        fields: Iterable[FieldSpec] = (),
        *,
        version_id: int = 0,
        minimum_version_id: int = 0,
        subsections: Iterable[Vmsd] | None = None,
        needed: Test = None,
        pre_load: int | None = None,
        post_load: int | None = None,
        pre_save: int | None = None,
    ) -> None:
        self.name: Final = name
        self.struct: Final = struct
        self.fields: Final = _terminated(tuple(fields), name)
        self.version_id: Final = version_id
        self.minimum_version_id: Final = minimum_version_id
        self.subsections: Final = None if subsections is None else tuple(subsections)
        self.needed: Final = needed
        hooks = {"pre_load": pre_load, "post_load": post_load, "pre_save": pre_save}
        self.hooks: Final = {key: value for key, value in hooks.items() if value is not None}

    def refers(self) -> Iterator[Vmsd]:
        """Give the descriptions that it mentions."""
        for each in self.fields:
            yield from each.vmsd
        yield from self.subsections or ()

    def to_json(self) -> dict[str, Any]:
        """Give the description as a document has it."""
        out: dict[str, Any] = {
            "struct": self.struct.name,
            "version_id": self.version_id,
            "minimum_version_id": self.minimum_version_id,
            "fields": [each.to_json() for each in self.fields],
        }
        if self.subsections is not None:
            out["subsections"] = [_name(sub) for sub in self.subsections]
        if self.needed is not None:
            out["needed"] = self.needed
        if self.hooks:
            out["hooks"] = self.hooks
        return out


def document(
    root: Description, *others: Description, structs: Iterable[CStruct] = ()
) -> dict[str, Any]:
    """Give the whole document of `root`, for `vmstate.operations.perform` or a case.

    `others` and `structs` are those that `root` knows by name only. Children come before what
    refers to them. Raises `CaseError` where a name is missing or stands for two things.
    """
    found = _Found()
    for struct in structs:
        found.struct(struct)
    for description in (*others, root):
        found.description(description)
    found.complete()
    return {
        "structs": {
            name: struct.declaration(found.structs) for name, struct in found.structs.items()
        },
        "descriptions": {name: vmsd.to_json() for name, vmsd in found.descriptions.items()},
        "root": root.name,
    }


class _Found:
    """What a document holds, collected by following every reference."""

    def __init__(self) -> None:
        self.structs: dict[str, CStruct] = {}
        self.descriptions: dict[str, Description] = {}
        self._named: dict[str, str] = {}
        self._described: dict[str, str] = {}
        self._seen: dict[str, object] = {}

    def description(self, vmsd: Description) -> None:
        """Take a description and all that it needs."""
        if not self._new(f"descriptions.{vmsd.name}", vmsd):
            return
        self.struct(vmsd.struct)
        for other in vmsd.refers():
            if isinstance(other, str):
                self._described[other] = f"descriptions.{vmsd.name}"
            else:
                self.description(other)
        self.descriptions[vmsd.name] = vmsd

    def struct(self, struct: CStruct) -> None:
        """Take a struct and all that its members mention."""
        if not self._new(f"structs.{struct.name}", struct):
            return
        for name, (_, kind) in struct.members.items():
            for other in kind.refers():
                if isinstance(other, str):
                    self._named[other] = f"structs.{struct.name}.{name}"
                else:
                    self.struct(other)
        self.structs[struct.name] = struct

    def complete(self) -> None:
        """Raise `CaseError` where a name stands for nothing."""
        for name, path in self._named.items():
            if name not in self.structs:
                raise CaseError("struct", path, f"struct '{name}' is declared nowhere")
        for name, path in self._described.items():
            if name not in self.descriptions:
                raise CaseError("vmsd", path, f"description '{name}' stands nowhere")

    def _new(self, path: str, thing: object) -> bool:
        known = path in self._seen
        if self._seen.setdefault(path, thing) is not thing:
            raise CaseError("duplicate", path, "two different things have this name")
        return not known


def _terminated(fields: tuple[FieldSpec, ...], name: str) -> tuple[FieldSpec, ...]:
    """Take the end off a list of fields, which a document has none of."""
    ends = [at for at, field in enumerate(fields) if field.flags == bits.VMS_END]
    if ends and ends[0] != len(fields) - 1:
        raise CaseError("end-of-list", f"{name}.fields[{ends[0] + 1}]", "stands behind the end")
    return fields[: len(fields) - len(ends)]


def _name(vmsd: Vmsd) -> str:
    return vmsd if isinstance(vmsd, str) else vmsd.name
