# SPDX-License-Identifier: Apache-2.0
"""A document: structs, descriptions and the root, read from JSON with every reference resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vmstate import layout as types
from vmstate.description import VMStateDescription, VMStateField
from vmstate.errors import CaseError
from vmstate.flags import FLAGS
from vmstate.infos import INFOS
from vmstate.layout import Layout, Member, Struct
from vmstate.predicates import compile_exists, compile_needed
from vmstate.values import brief, integer, mapping, sequence, text

_INT: Final = range(-(1 << 31), 1 << 31)
_SIZE: Final = range(1 << 64)
_OFFSET: Final = range(1 << 31)
#: The most bytes of a struct, and the most items of an array in one.
_STRUCT: Final = range((1 << 24) + 1)
_TYPE_DEPTH: Final = 32

_DOCUMENT: Final = frozenset({"structs", "descriptions", "root"})
_DESCRIPTION: Final = frozenset(
    {"struct", "version_id", "minimum_version_id", "fields", "subsections", "needed", "hooks"}
)
_HOOKS: Final = frozenset({"pre_load", "post_load", "pre_save"})
_NUMBERS: Final = {
    "offset": _OFFSET,
    "size": _SIZE,
    "start": _OFFSET,
    "num": _INT,
    "num_offset": _OFFSET,
    "size_offset": _OFFSET,
    "version_id": _INT,
    "struct_version_id": _INT,
}
_FIELD: Final = frozenset({"name", "flags", "info", "vmsd", "exists", *_NUMBERS})


@dataclass(frozen=True, slots=True)
class Document:
    """A layout, the descriptions upon it by name, and the one that is saved and loaded."""

    layout: Layout
    descriptions: Mapping[str, VMStateDescription]
    root: VMStateDescription

    @classmethod
    def from_json(cls, source: object) -> Document:
        """Read a document. Raises `CaseError` with the path of what is wrong."""
        document = mapping(source, "document", _DOCUMENT)
        layout = _layout(document.get("structs", {}))
        made = {
            name: VMStateDescription(text(name, "descriptions"))
            for name in mapping(document.get("descriptions", {}), "descriptions")
        }
        for name, description in made.items():
            _fill(description, document["descriptions"][name], layout, made)
        root = document.get("root")
        if not isinstance(root, str) or root not in made:
            raise CaseError("root", "root", f"{brief(root)} names no description")
        return cls(layout, made, made[root])


def _layout(source: object) -> Layout:
    sizes = {
        text(name, "structs"): integer(
            mapping(struct, f"structs.{name}", frozenset({"size", "members"})).get("size"),
            f"structs.{name}.size",
            _STRUCT,
        )
        for name, struct in mapping(source, "structs").items()
    }
    structs = {name: Struct(name, size, ()) for name, size in sizes.items()}
    layout = Layout(structs)
    for name, struct in mapping(source, "structs").items():
        path = f"structs.{name}.members"
        members = tuple(
            _member(member, layout, sizes[name], f"{path}[{at}]")
            for at, member in enumerate(sequence(struct.get("members", []), path))
        )
        names = {member.name for member in members}
        if len(names) < len(members):
            raise CaseError("duplicate", path, "two members have one name")
        structs[name] = Struct(name, sizes[name], members)
    _bound(layout)
    return layout


def _bound(layout: Layout) -> None:
    """Refuse structs that hold themselves in place, or more numbers than anyone has."""
    counts: dict[str, int | None] = {}

    def count(kind: types.Type, path: str) -> int:
        match kind:
            case types.Array(item=item, count=items):
                return items * count(item, path)
            case types.StructRef(name=name):
                return within(name, path)
            case types.Pointer(item=item) if item is not None:
                return 1 + (count(item, path) if isinstance(item, types.Array) else 0)
            case _:
                return 1

    def within(name: str, path: str) -> int:
        if name not in counts:
            counts[name] = None
            members = layout.struct(name).members
            counts[name] = 1 + sum(count(each.type, f"structs.{name}") for each in members)
        known = counts[name]
        if known is None:
            raise CaseError("recursive-struct", path, f"'{name}' holds itself in place")
        if known > _STRUCT.stop:
            raise CaseError("too-large", f"structs.{name}", f"more than {_STRUCT.stop - 1} values")
        return known

    for name in layout.structs:
        within(name, f"structs.{name}")


def _member(source: object, layout: Layout, size: int, path: str) -> Member:
    member = mapping(source, path, frozenset({"name", "offset", "type"}))
    name = text(member.get("name"), f"{path}.name")
    offset = integer(member.get("offset"), f"{path}.offset", _OFFSET)
    kind = _type(member.get("type"), layout, f"{path}.type", 0)
    if offset + layout.size(kind) > size:
        raise CaseError("member-outside", path, f"'{name}' ends beyond the struct's {size} bytes")
    return Member(name, offset, kind)


def _type(source: object, layout: Layout, path: str, depth: int) -> types.Type:
    if depth > _TYPE_DEPTH:
        raise CaseError("depth", path, f"a type more than {_TYPE_DEPTH} deep")
    if isinstance(source, str):
        if source == "gbytearray":
            return types.GByteArray()
        if source not in types.SCALARS:
            raise CaseError("type", path, f"unknown type {brief(source)}")
        return types.SCALARS[source]
    kind = mapping(source, path)
    keys = frozenset(kind)
    if keys == {"bytes"}:
        return types.Bytes(integer(kind["bytes"], f"{path}.bytes", _STRUCT))
    if keys == {"struct"}:
        return types.StructRef(_struct(kind["struct"], layout, f"{path}.struct"))
    if keys == {"array", "count"}:
        item = _type(kind["array"], layout, f"{path}.array", depth + 1)
        return types.Array(item, integer(kind["count"], f"{path}.count", _STRUCT))
    if keys == {"pointer"}:
        return _pointer(kind["pointer"], layout, f"{path}.pointer", depth + 1)
    for queue in ("qtailq", "qlist"):
        if keys == {queue, "entry"}:
            element = _struct(kind[queue], layout, f"{path}.{queue}")
            entry = integer(kind["entry"], f"{path}.entry", _OFFSET)
            return types.Queue(element, entry, queue == "qtailq")
    if keys == {"gtree"}:
        tree = mapping(kind["gtree"], f"{path}.gtree", frozenset({"key", "value"}))
        key = tree.get("key")
        return types.GTree(
            None if key is None else _struct(key, layout, f"{path}.gtree.key"),
            _struct(tree.get("value"), layout, f"{path}.gtree.value"),
        )
    raise CaseError("type", path, f"no type has the keys {sorted(map(str, keys))}")


def _pointer(source: object, layout: Layout, path: str, depth: int) -> types.Pointer:
    if isinstance(source, Mapping):
        if source == {"bytes": None}:
            return types.Pointer(None)
        if frozenset(source) == {"array"}:
            item = _type(source["array"], layout, f"{path}.array", depth)
            return types.Pointer(item, many=True)
    return types.Pointer(_type(source, layout, path, depth))


def _struct(name: object, layout: Layout, path: str) -> str:
    if not isinstance(name, str) or name not in layout.structs:
        raise CaseError("struct", path, f"{brief(name)} names no struct")
    return name


def _fill(
    description: VMStateDescription,
    source: object,
    layout: Layout,
    made: Mapping[str, VMStateDescription],
) -> None:
    path = f"descriptions.{description.name}"
    given = mapping(source, path, _DESCRIPTION)
    description.struct = _struct(given.get("struct"), layout, f"{path}.struct")
    for key in ("version_id", "minimum_version_id"):
        setattr(description, key, integer(given.get(key, 0), f"{path}.{key}", _INT))
    for at, each in enumerate(sequence(given.get("fields") or [], f"{path}.fields")):
        field = _field(each, layout, description.struct, made, f"{path}.fields[{at}]")
        description.fields.append(field)
    if given.get("subsections") is not None:
        description.subsections = [
            _reference(name, made, f"{path}.subsections[{at}]")
            for at, name in enumerate(sequence(given["subsections"], f"{path}.subsections"))
        ]
    if given.get("needed") is not None:
        description.needed = compile_needed(
            given["needed"], layout, description.struct, f"{path}.needed"
        )
    for hook, value in mapping(given.get("hooks") or {}, f"{path}.hooks", _HOOKS).items():
        if value is not None:
            setattr(description, hook, integer(value, f"{path}.hooks.{hook}", _INT))
    description.seal()


def _reference(
    name: object, made: Mapping[str, VMStateDescription], path: str
) -> VMStateDescription:
    if not isinstance(name, str) or name not in made:
        raise CaseError("vmsd", path, f"{brief(name)} names no description")
    return made[name]


def _field(
    source: object,
    layout: Layout,
    struct: str,
    made: Mapping[str, VMStateDescription],
    path: str,
) -> VMStateField:
    given = mapping(source, path, _FIELD)
    field = VMStateField(text(given.get("name"), f"{path}.name"))
    for key in given:
        if key in _NUMBERS:
            setattr(field, key, integer(given[key], f"{path}.{key}", _NUMBERS[key]))
    field.flags = _flags(given.get("flags", []), f"{path}.flags")
    info = given.get("info")
    if info is not None and (not isinstance(info, str) or info not in INFOS):
        raise CaseError("info", f"{path}.info", f"unknown info {brief(info)}")
    field.info = info
    _children(field, given.get("vmsd"), made, f"{path}.vmsd")
    if given.get("exists") is not None:
        field.field_exists = compile_exists(given["exists"], layout, struct, f"{path}.exists")
    return field


def _flags(source: object, path: str) -> int:
    flags = 0
    for at, name in enumerate(sequence(source, path)):
        if not isinstance(name, str) or name not in FLAGS:
            raise CaseError("flag", f"{path}[{at}]", f"unknown flag {brief(name)}")
        flags |= FLAGS[name]
    return flags


def _children(
    field: VMStateField, source: Any, made: Mapping[str, VMStateDescription], path: str
) -> None:
    if source is None:
        return
    if isinstance(source, list):
        if not 1 <= len(source) <= 2:
            raise CaseError("vmsd", path, "a gtree's vmsd is [value] or [value, key]")
        found = [_reference(name, made, f"{path}[{at}]") for at, name in enumerate(source)]
        field.vmsd = found[0]
        field.key_vmsd = found[1] if len(found) > 1 else None
    else:
        field.vmsd = _reference(source, made, path)
