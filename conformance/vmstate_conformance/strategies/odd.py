# SPDX-License-Identifier: Apache-2.0
"""States and documents that are not as they should be: odd destinations, broken rules, odd flags."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from vmstate_conformance.strategies.builder import Scope
from vmstate_conformance.strategies.choices import Choices
from vmstate_conformance.strategies.clashes import clash
from vmstate_conformance.strategies.landing import copied
from vmstate_conformance.strategies.plan import Plan, State
from vmstate_conformance.strategies.tables import BOUNDARIES, SCALARS, VARRAYS

Document = dict[str, Any]

_WILD: Final = {"wild": 1}
#: The most places of a state that are looked at.
_PLACES: Final = 512


class _Place(NamedTuple):
    """A value in a state: `holder[key]`, of a type."""

    holder: Any
    key: str | int
    kind: Any


def bent(choices: Choices, plan: Plan, state: State) -> State:
    """Change one to three values of a state: scalars to boundaries, pointers to NULL, wild, or short."""
    result: State = copied(state)
    places = list(_places(plan, {"struct": plan.root.struct}, result))[:_PLACES]
    for _ in range(choices.below(3) + 1 if places else 0):
        place = places[choices.place(len(places))]
        place.holder[place.key] = _other(choices, plan, place)
    return result


def _places(plan: Plan, kind: Any, value: Any) -> Iterator[_Place]:
    """Give the scalars and pointers inside a value."""
    if not isinstance(kind, dict) or value is None or value == _WILD:
        return
    if "struct" in kind:
        for member in plan.structs[kind["struct"]]["members"]:
            yield from _place(plan, value, member["name"], member["type"])
    elif "array" in kind:
        for at in range(len(value)):
            yield from _place(plan, value, at, kind["array"])
    elif "qtailq" in kind or "qlist" in kind:
        element = {"struct": kind.get("qtailq") or kind.get("qlist")}
        for at in range(len(value)):
            yield from _places(plan, element, value[at])
    elif "gtree" in kind:
        for node in value:
            yield from _places(plan, {"struct": kind["gtree"]["value"]}, node[1])


def _place(plan: Plan, holder: Any, key: str | int, kind: Any) -> Iterator[_Place]:
    pointer = isinstance(kind, dict) and "pointer" in kind
    if pointer or isinstance(kind, str) or "gtree" in kind:
        yield _Place(holder, key, kind)
    yield from _places(plan, kind["pointer"] if pointer else kind, holder[key])


def _other(choices: Choices, plan: Plan, place: _Place) -> Any:
    old, kind = place.holder[place.key], place.kind
    if kind == "bool":
        return "1" if old == "0" else "0"
    if isinstance(kind, str) and kind in SCALARS:
        return str(choices.pick((0, *BOUNDARIES[kind], choices.byte() & 0x7F)))
    if not isinstance(kind, dict) or "pointer" not in kind:
        return None if old is not None else ("" if kind == "gbytearray" else [])
    target = kind["pointer"]
    if old is None:
        if target == {"bytes": None}:
            return "00" * choices.below(9)
        if isinstance(target, dict) and target.keys() == {"array"}:
            return [plan.zero(target["array"]) for _ in range(choices.below(4))]
        return plan.zero(target)
    if isinstance(old, list) and choices.chance(160):
        return old[:-1] if choices.chance(128) or not old else [*old, copied(old[-1])]
    if isinstance(old, str) and target == {"bytes": None} and choices.chance(160):
        return old[:-2]
    return None if choices.chance(128) else _WILD


#: A rule of vmstate_check(), or what else kills it, and how a document comes to break it.
Breaker = Callable[[Choices, Document], bool]


def illegal(choices: Choices, document: Document, rule: str) -> Document | None:
    """Break one rule of vmstate_check() in a legal document; None where it has no place for that.

    `rule` is a key of `RULES`: the class that the check answers with, or `missing-child` and
    `circle`, which kill it.
    """
    broken: Document = copied(document)
    return broken if RULES[rule](choices, broken) else None


def _fields(document: Document, *flags: str) -> list[dict[str, Any]]:
    """Give the fields that the check reaches and that have all of the flags."""
    found: list[dict[str, Any]] = []
    todo, seen = [document["root"]], {document["root"]}
    while todo:
        description = document["descriptions"][todo.pop()]
        names = list(description.get("subsections") or ())
        for field in description["fields"]:
            has = field.get("flags", [])
            if all(flag in has for flag in flags):
                found.append(field)
            if "VMS_STRUCT" in has or "VMS_VSTRUCT" in has:
                names += [field["vmsd"]] if isinstance(field.get("vmsd"), str) else []
        todo += [name for name in names if name not in seen]
        seen.update(names)
    return found


_ARRAY: Final = "VMS_ARRAY_OF_POINTER"
_AUTO: Final = "VMS_ARRAY_OF_POINTER_AUTO_ALLOC"


def _choose(choices: Choices, fields: list[dict[str, Any]]) -> dict[str, Any] | None:
    return fields[choices.place(len(fields))] if fields else None


def _sizeless(choices: Choices, document: Document) -> bool:
    field = _choose(choices, _fields(document, _AUTO))
    if field is not None:
        field["size"] = 0
    return field is not None


def _sized(choices: Choices, document: Document) -> bool:
    fields = [field for field in _fields(document, _ARRAY) if _AUTO not in field["flags"]]
    field = _choose(choices, fields)
    if field is not None:
        field["size"] = choices.pick((8, 1, 0xFFFF_FFFF))
    return field is not None


def _arrayless(choices: Choices, document: Document) -> bool:
    field = _choose(choices, _fields(document, _ARRAY))
    if field is not None:
        lost = {"VMS_ARRAY", *VARRAYS}
        field["flags"] = [flag for flag in field["flags"] if flag not in lost]
    return field is not None


def _automatic(choices: Choices, document: Document) -> bool:
    plain = [field for field in _fields(document) if _ARRAY not in field.get("flags", [])]
    field = _choose(choices, plain)
    if field is not None:
        field["flags"] = [*field.get("flags", []), _AUTO]
    return field is not None


def _misnamed(choices: Choices, document: Document) -> bool:
    descriptions = document["descriptions"]
    parent = descriptions[document["root"]]
    root: str = document["root"]
    name = choices.pick(("other", root[:-1], root[1:] + "/a", f"x{root}", f"my/{root}/a"))
    if not name or name in descriptions or name.startswith(root):
        name = f"~{len(descriptions)}"
    version = {"version_id": 1, "minimum_version_id": 1}
    descriptions[name] = {"struct": parent["struct"], **version, "fields": []}
    parent["subsections"] = [*(parent.get("subsections") or ()), name]
    return True


def _childless(choices: Choices, document: Document) -> bool:
    structs = [*_fields(document, "VMS_STRUCT"), *_fields(document, "VMS_VSTRUCT")]
    field = _choose(choices, structs)
    if field is not None:
        del field["vmsd"]
    return field is not None


def _circle(choices: Choices, document: Document) -> bool:
    structs = [*_fields(document, "VMS_STRUCT"), *_fields(document, "VMS_VSTRUCT")]
    field = _choose(choices, structs)
    if field is not None:
        field["vmsd"] = document["root"]
    return field is not None


#: Breakers by the rule that they break.
RULES: Final = MappingProxyType[str, Breaker](
    {
        "auto-alloc-needs-size": _sizeless,
        "pointer-array-has-size": _sized,
        "pointer-array-needs-array": _arrayless,
        "auto-alloc-needs-pointer-array": _automatic,
        "subsection-name": _misnamed,
        "missing-child": _childless,
        "circle": _circle,
    }
)

#: Flags that are put on or taken off.
_TOGGLED: Final = (
    "VMS_SINGLE",
    "VMS_BUFFER",
    "VMS_POINTER",
    "VMS_ARRAY",
    _ARRAY,
    _AUTO,
    "VMS_ALLOC",
    "VMS_STRUCT",
    "VMS_VSTRUCT",
    "VMS_MUST_EXIST",
    "VMS_VBUFFER",
    "VMS_MULTIPLY",
    "VMS_MULTIPLY_ELEMENTS",
    *VARRAYS,
)
_OPAQUE: Final = frozenset({"g_byte_array", "gtree"})
_NUMBERS: Final = (0, 1, 2, 4, 8, 3, 16, 255)
_VERSIONS: Final = (0, 1, 2, 3, -1, 255, 0x7FFF_FFFF)


def odd(choices: Choices, document: Document) -> Document:
    """Change one to three things of a document's fields and descriptions, legal or not."""
    result: Document = copied(document)
    names = tuple(result["descriptions"])[:256]
    for _ in range(choices.below(3) + 1):
        if choices.chance(128) and clash(choices, result):
            continue
        description = result["descriptions"][choices.pick(names)]
        fields = description["fields"]
        if fields and choices.chance(232):
            _field(choices, fields[choices.place(len(fields))])
        elif fields and choices.chance(96):
            fields[:] = fields[::-1]
        else:
            key = choices.pick(("version_id", "minimum_version_id"))
            description[key] = choices.pick(_VERSIONS)
    return result


def _field(choices: Choices, field: dict[str, Any]) -> None:
    what = choices.below(8)
    if field.get("info") in _OPAQUE:
        # What lies behind such a member is not the description's to say.
        what = 3
    if what < 3:
        flags, flag = field.get("flags", []), choices.pick(_TOGGLED)
        field["flags"] = (
            [each for each in flags if each != flag] if flag in flags else [*flags, flag]
        )
    elif what == 3:
        key = choices.pick(("version_id", "struct_version_id"))
        field[key] = choices.pick(_VERSIONS)
    elif what == 4:
        field["size"] = choices.pick(_NUMBERS)
    elif what == 5:
        field["num"] = choices.pick((0, 1, 2, 3, 5, 64, -1))
    elif what == 6:
        key = choices.pick(("offset", "num_offset", "size_offset", "start"))
        field[key] = choices.pick(_NUMBERS)
    else:
        _codec(choices, field)


def _codec(choices: Choices, field: dict[str, Any]) -> None:
    infos = ("uint8", "uint16", "int32", "uint64", "buffer", "bitmap", "unused_buffer", "bool")
    if "info" in field and isinstance(field.get("vmsd"), str) and choices.chance(64):
        del field["vmsd"]
    else:
        field["info"] = choices.pick(infos)


#: How documents look that nothing promises about.
def loose(scope: Scope) -> Scope:
    """Give the scope without the promise that what is saved loads again."""
    return replace(scope, lookalikes=True, failing_hooks=True)
