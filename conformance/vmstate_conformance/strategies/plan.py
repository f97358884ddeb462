# SPDX-License-Identifier: Apache-2.0
"""A document as those see it who make states for it: structs by offset, fields by what they need.

Nothing here knows streams or memory. Only fields that begin where a member begins are understood;
others leave the member as if nothing described it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vmstate_conformance.strategies.tables import HOLDING, SCALARS, VARRAYS

State = dict[str, Any]
_SLOTS: Final = {"VMS_ARRAY_OF_POINTER"}
_DEPTH: Final = 32


@dataclass(slots=True, eq=False)
class Field:
    """A field of a description, with its flags taken apart."""

    name: str
    info: str | None
    offset: int
    size: int
    fixed: int | None
    """The count where VMS_ARRAY says it."""
    num_offset: int | None
    """Where the count is, where a VMS_VARRAY flag says so."""
    size_offset: int | None
    """Where the size is, where VMS_VBUFFER says so."""
    multiply: bool
    pointer: bool
    alloc: bool
    slots: bool
    auto: bool
    struct: bool
    """Whether an element is described, by VMS_STRUCT or VMS_VSTRUCT."""
    vmsd: tuple[str, ...]
    version_id: int
    child_version: int | None
    """The version of the element's description, where it is not that description's own."""
    exists: Mapping[str, Any] | None
    must_exist: bool

    @property
    def placed(self) -> bool:
        """Whether it speaks of a member at `offset`."""
        return not self.must_exist and self.info not in ("unused_buffer", "tmp")

    def bytes(self, size: int) -> int:
        """Give the bytes that a run-time size means."""
        if self.info == "bitmap":
            return (size + 63) // 64 * 8
        return size * self.size if self.multiply else size


@dataclass(slots=True, eq=False)
class VMSD:
    """A description."""

    name: str
    struct: str
    version_id: int
    fields: tuple[Field, ...]
    subsections: tuple[str, ...]
    needed: Mapping[str, Any] | None


class Plan:
    """The structs and descriptions of a document in the case format, which has been checked."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.structs: Mapping[str, Any] = document["structs"]
        self.descriptions = {
            name: _vmsd(name, given) for name, given in document["descriptions"].items()
        }
        self.root = self.descriptions[document["root"]]
        self._paths: dict[str, dict[int, tuple[tuple[str, ...], Any]]] = {}
        self._groups: dict[tuple[str, ...], Group] = {}
        self._held: dict[str, set[int]] = {}

    def size(self, kind: Any) -> int:
        """Give the bytes of a type in place."""
        if isinstance(kind, str):
            return SCALARS[kind][0] if kind in SCALARS else 8
        if "bytes" in kind:
            return int(kind["bytes"])
        if "array" in kind:
            return self.size(kind["array"]) * int(kind["count"])
        if "struct" in kind:
            return int(self.structs[kind["struct"]]["size"])
        return 16 if "qtailq" in kind else 8

    def paths(self, struct: str) -> dict[int, tuple[tuple[str, ...], Any]]:
        """Give path and type of each member by offset, members of embedded structs included."""
        found = self._paths.get(struct)
        if found is None:
            found = self._paths[struct] = {}
            self._collect(struct, 0, (), found)
        return found

    def _collect(
        self, struct: str, base: int, path: tuple[str, ...], found: dict[int, Any]
    ) -> None:
        for member in self.structs[struct]["members"]:
            at, inner = base + member["offset"], (*path, member["name"])
            found.setdefault(at, (inner, member["type"]))
            if isinstance(member["type"], dict) and "struct" in member["type"] and len(path) < 32:
                self._collect(member["type"]["struct"], at, inner, found)

    def zero(self, kind: Any) -> Any:
        """Give the value that memory of zeros has."""
        if isinstance(kind, str):
            return None if kind == "gbytearray" else "0"
        if "bytes" in kind:
            return "00" * kind["bytes"]
        if "array" in kind:
            return [self.zero(kind["array"]) for _ in range(kind["count"])]
        if "struct" in kind:
            members = self.structs[kind["struct"]]["members"]
            return {member["name"]: self.zero(member["type"]) for member in members}
        return [] if kind.keys() & {"qtailq", "qlist"} else None

    def held(self, struct: str) -> set[int]:
        """Give the offsets in a struct whose values matter before something is loaded into them."""
        found = self._held.get(struct)
        if found is None:
            found = self._held[struct] = set()
            asked: set[str] = set()
            for vmsd in self.descriptions.values():
                if vmsd.struct == struct:
                    found |= {field.offset for field in vmsd.fields if field.info in HOLDING}
                    for field in vmsd.fields:
                        asked.update(_members(field.exists or {}))
            paths = self.paths(struct).items()
            found |= {at for at, (path, _) in paths if ".".join(path) in asked}
        return found

    def group(self, names: Sequence[str]) -> Group:
        """Give all that is described by descriptions of one object, their subsections included."""
        key = tuple(names)
        found = self._groups.get(key)
        if found is None:
            found = self._groups[key] = Group(self, key)
        return found

    def sent(self, vmsd: VMSD, state: State, version: int) -> Iterator[Field]:
        """Give the fields that a save of `state` sends, those of subsections included, in order."""
        for field in vmsd.fields:
            if field.exists is None:
                there = field.version_id <= version
            else:
                there = holds(field.exists, state, version)
            if there and field.placed:
                yield field
        for name in vmsd.subsections:
            sub = self.descriptions[name]
            if sub.needed is None or holds(sub.needed, state, 0):
                yield from self.sent(sub, state, sub.version_id)


class Group:
    """Descriptions of one object: their fields by offset, and the numbers that fields share."""

    def __init__(self, plan: Plan, names: tuple[str, ...]) -> None:
        self.fields: list[Field] = []
        seen: set[str] = set()
        for name in names:
            self._add(plan, name, seen)
        self.at: dict[int, list[Field]] = {}
        self.counts: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        struct = plan.descriptions[names[0]].struct if names else ""
        paths = plan.paths(struct) if names else {}
        for field in self.fields:
            if not field.placed:
                if field.num_offset is not None:
                    self.counts.setdefault(field.num_offset, _FEW)
                continue
            self.at.setdefault(field.offset, []).append(field)
            kind = paths.get(field.offset, ((), None))[1]
            if field.num_offset is not None and field.fixed is None:
                room = kind["count"] if _is(kind, "array") else _FEW
                self.counts[field.num_offset] = min(room, self.counts.get(field.num_offset, room))
            if field.size_offset is not None:
                room = kind["bytes"] if _is(kind, "bytes") else _ROOM.get(field.info or "", _BYTES)
                room //= max(field.size, 1) if field.multiply else 1
                self.sizes[field.size_offset] = min(room, self.sizes.get(field.size_offset, room))

    def _add(self, plan: Plan, name: str, seen: set[str]) -> None:
        if name not in seen:
            seen.add(name)
            self.fields += plan.descriptions[name].fields
            for sub in plan.descriptions[name].subsections:
                self._add(plan, sub, seen)


_FEW: Final = 4
_BYTES: Final = 24
#: Bits of a bitmap where its memory does not say.
_ROOM: Final = {"bitmap": 130}


def _is(kind: Any, key: str) -> bool:
    return isinstance(kind, dict) and key in kind


def _vmsd(name: str, given: Mapping[str, Any]) -> VMSD:
    return VMSD(
        name,
        given["struct"],
        int(given.get("version_id", 0)),
        tuple(_field(each) for each in given.get("fields") or ()),
        tuple(given.get("subsections") or ()),
        given.get("needed"),
    )


def _field(given: Mapping[str, Any]) -> Field:
    flags = frozenset(given.get("flags", ()))
    vmsd = given.get("vmsd")
    return Field(
        name=given["name"],
        info=given.get("info"),
        offset=given.get("offset", 0),
        size=given.get("size", 0),
        fixed=given.get("num", 0) if "VMS_ARRAY" in flags else None,
        num_offset=given.get("num_offset", 0) if flags & VARRAYS.keys() else None,
        size_offset=given.get("size_offset", 0) if "VMS_VBUFFER" in flags else None,
        multiply="VMS_MULTIPLY" in flags,
        pointer="VMS_POINTER" in flags,
        alloc="VMS_ALLOC" in flags,
        slots="VMS_ARRAY_OF_POINTER" in flags,
        auto="VMS_ARRAY_OF_POINTER_AUTO_ALLOC" in flags,
        struct=bool(flags & {"VMS_STRUCT", "VMS_VSTRUCT"}),
        vmsd=(vmsd,) if isinstance(vmsd, str) else tuple(vmsd or ()),
        version_id=given.get("version_id", 0),
        child_version=None if "VMS_STRUCT" in flags else given.get("struct_version_id", 0),
        exists=given.get("exists"),
        must_exist="VMS_MUST_EXIST" in flags,
    )


def holds(predicate: Mapping[str, Any], state: State, version: int) -> bool:
    """Whether a predicate holds of a struct's state."""
    match predicate:
        case {"const": value}:
            return bool(value)
        case {"version_ge": least}:
            return version >= int(least)
        case {"not": inner}:
            return not holds(inner, state, version)
        case {"all": parts}:
            return all(holds(part, state, version) for part in parts)
        case {"any": parts}:
            return any(holds(part, state, version) for part in parts)
        case {"member": path, "eq": value}:
            return number(state, path) == int(value)
    return number(state, predicate["member"]) >= int(predicate["ge"])


def _members(predicate: Mapping[str, Any]) -> Iterator[str]:
    """Give the members that a predicate asks about."""
    if "member" in predicate:
        yield predicate["member"]
    inner = [predicate["not"]] if "not" in predicate else []
    for part in (*inner, *predicate.get("all", ()), *predicate.get("any", ())):
        yield from _members(part)


def force(predicate: Mapping[str, Any], state: State) -> None:
    """Change a struct's state so that a predicate holds, where comparing is all that it does."""
    match predicate:
        case {"all": parts}:
            for part in parts:
                force(part, state)
        case {"any": [first, *_]}:
            force(first, state)
        case {"member": path, **how}:
            value = int(how.get("eq", how.get("ge", 0)))
            if not holds(predicate, state, 0):
                *outer, last = path.split(".")
                for name in outer:
                    state = state[name]
                state[last] = str(value)


def number(state: State, path: str) -> int:
    """Give the scalar at a dotted path of a struct's state."""
    value: Any = state
    for name in path.split("."):
        value = value[name]
    return int(value)


def get(state: State, path: Sequence[str]) -> Any:
    """Give the value at a path."""
    value: Any = state
    for name in path:
        value = value[name]
    return value


def put(state: State, path: Sequence[str], value: Any) -> None:
    """Set the value at a path."""
    for name in path[:-1]:
        state = state[name]
    state[path[-1]] = value
