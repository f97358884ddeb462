# SPDX-License-Identifier: Apache-2.0
"""Documents in which two things meet that exclude each other, or differ where they usually agree.

A clash looks for a place in a document, changes it there, and says whether there was one. Nothing is
promised of the result but that it is well-formed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from vmstate_conformance.strategies.choices import Choices
from vmstate_conformance.strategies.tables import SCALARS, VARRAYS

Document = dict[str, Any]
#: Changes a document where it can; gives whether it could.
Clash = Callable[[Choices, Document], bool]

_ARRAY: Final = "VMS_ARRAY_OF_POINTER"
_AUTO: Final = "VMS_ARRAY_OF_POINTER_AUTO_ALLOC"
_STRUCTS: Final = frozenset({"VMS_STRUCT", "VMS_VSTRUCT"})
_NUMBERS: Final = ("uint8", "uint32", "int64", "buffer", "bool")
_MOST: Final = 0x7FFF_FFFF


def clash(choices: Choices, document: Document) -> bool:
    """Make one clash, the one that is chosen or the next that the document has a place for."""
    start = choices.below(len(CLASHES))
    return any(each(choices, document) for each in (*CLASHES[start:], *CLASHES[:start]))


def _all(document: Document) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give all descriptions, each with each of its fields."""
    for description in document["descriptions"].values():
        for field in description["fields"]:
            yield description, field


def _one(
    choices: Choices, document: Document, fits: Callable[[dict[str, Any], set[str]], bool]
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Choose a field that fits, and give it behind its description."""
    found = [each for each in _all(document) if fits(each[1], set(each[1].get("flags", ())))]
    return found[choices.place(len(found))] if found else None


def _put(field: dict[str, Any], *flags: str) -> None:
    field["flags"] = list(dict.fromkeys((*field.get("flags", ()), *flags)))


def _number(choices: Choices, document: Document, description: dict[str, Any], size: int) -> int:
    """Give the offset of a number of at least `size` bytes in the description's struct, or 0."""
    members = document["structs"][description["struct"]]["members"]
    offsets = [
        member["offset"]
        for member in members
        if isinstance(member["type"], str) and SCALARS.get(member["type"], (0,))[0] >= size
    ]
    return choices.pick(offsets[:256]) if offsets else 0


def _child(document: Document, field: dict[str, Any]) -> dict[str, Any]:
    name = field["vmsd"]
    found: dict[str, Any] = document["descriptions"][name if isinstance(name, str) else name[0]]
    return found


def _version(choices: Choices, child: dict[str, Any]) -> int:
    """Choose a version inside of what a child takes, or right beside it."""
    low, high = child["minimum_version_id"], child["version_id"]
    chosen: int = choices.pick((low, high + 1, low - 1, (low + high) // 2, high))
    return min(chosen, _MOST)


def _both_structs(choices: Choices, document: Document) -> bool:
    found = _one(choices, document, lambda field, flags: bool(flags & _STRUCTS) and "vmsd" in field)
    if found is not None:
        _put(found[1], *sorted(_STRUCTS))
        found[1]["struct_version_id"] = _version(choices, _child(document, found[1]))
    return found is not None


def _struct_with_info(choices: Choices, document: Document) -> bool:
    found = _one(choices, document, lambda _, flags: bool(flags & _STRUCTS))
    if found is not None:
        found[1]["info"] = choices.pick(_NUMBERS)
    return found is not None


def _child_at_version(choices: Choices, document: Document) -> bool:
    found = _one(choices, document, lambda field, flags: "VMS_VSTRUCT" in flags and "vmsd" in field)
    if found is not None:
        child = _child(document, found[1])
        version = found[1]["struct_version_id"] = _version(choices, child)
        if choices.chance(96):
            _tells(choices, child, version)
    return found is not None


def _list_at_version(choices: Choices, document: Document) -> bool:
    """Load what a list holds at another version than it is saved at: one it takes, or one beside it."""
    lists = ("qtailq", "qlist", "gtree", "tmp")
    found = _one(choices, document, lambda field, _: field.get("info") in lists and "vmsd" in field)
    if found is None:
        return False
    field, child = found[1], _child(document, found[1])
    version = _version(choices, child)
    if choices.chance(128):
        _tells(choices, child, version)
    field.update(version_id=version, exists={"const": True})
    return True


def _tells(choices: Choices, child: dict[str, Any], version: int) -> None:
    """Let a description take a version and one above, and have a field that only the latter has."""
    child["minimum_version_id"] = min(child["minimum_version_id"], version)
    child["version_id"] = max(child["version_id"], min(version + 1, _MOST))
    if child["fields"]:
        field = child["fields"][choices.place(len(child["fields"]))]
        field["version_id"] = child["version_id"]
        field.pop("exists", None)


def _two(vmsd: object) -> bool:
    return isinstance(vmsd, list) and len(vmsd) > 1


def _key_and_value(choices: Choices, document: Document) -> bool:
    """Let a tree's version be beyond what its key takes, or what its value takes, or both."""
    found = _one(choices, document, lambda field, _: _two(field.get("vmsd")))
    if found is None:
        return False
    value, key = (document["descriptions"][name] for name in found[1]["vmsd"])
    version = choices.below(3) + 1
    old = {"minimum_version_id": version + 1, "version_id": version + 1}
    new = {"minimum_version_id": version - 1, "version_id": version - 1}
    how = choices.below(4)
    key.update((old, new, old, new)[how])
    value.update((new, old, {}, {})[how])
    found[1].update(version_id=version, exists={"const": True})
    return True


def _buffers_behind_pointers(choices: Choices, document: Document) -> bool:
    found = _one(choices, document, lambda _, flags: _ARRAY in flags and not flags & _STRUCTS)
    if found is not None:
        found[1].update(info="buffer", size=choices.pick((16, 12, 3, 6)))
    return found is not None


def _pointers_with_size(choices: Choices, document: Document) -> bool:
    """Give an array of pointers a size in memory, in place of its own or beside it."""
    found = _one(choices, document, lambda _, flags: _ARRAY in flags)
    if found is None:
        return False
    description, field = found
    _put(field, "VMS_VBUFFER")
    field["size"] = choices.pick((0, field.get("size", 0)))
    offset = _number(choices, document, description, 4)
    field["size_offset"] = offset if choices.chance(160) else 0
    return True


def _counted_twice(choices: Choices, document: Document) -> bool:
    found = _one(choices, document, lambda _, flags: bool(flags & {"VMS_ARRAY", *VARRAYS}))
    if found is None:
        return False
    description, field = found
    if "VMS_ARRAY" in field["flags"] or choices.chance(128):
        flag = choices.pick(tuple(VARRAYS))
        size = SCALARS[VARRAYS[flag]][0]
        field["num_offset"] = _number(choices, document, description, size)
        _put(field, flag)
    else:
        field["num"] = choices.below(4)
        _put(field, "VMS_ARRAY")
    return True


def _counts_itself(choices: Choices, document: Document) -> bool:
    """Let the elements of an array lie on the count of them."""
    found = _one(
        choices,
        document,
        lambda _, flags: bool(flags & VARRAYS.keys()) and "VMS_POINTER" not in flags,
    )
    if found is not None:
        found[1]["num_offset"] = found[1].get("offset", 0) + choices.below(2)
    return found is not None


def _multiplied(choices: Choices, document: Document) -> bool:
    found = _one(choices, document, lambda _, flags: bool(flags & {"VMS_ARRAY", *VARRAYS}))
    if found is not None:
        _put(found[1], "VMS_MULTIPLY_ELEMENTS")
        found[1]["num"] = choices.pick((2, 3, 0, -1, 1))
    return found is not None


def _fewer_than_none(choices: Choices, document: Document) -> bool:
    found = _one(choices, document, lambda _, flags: "VMS_ARRAY" in flags)
    if found is not None:
        found[1]["num"] = choices.pick((-1, -2, -(1 << 31)))
    return found is not None


def _strided(choices: Choices, document: Document) -> bool:
    """Give an array of pointers a size, which engines before 11.1 take for that of a slot."""
    found = _one(choices, document, lambda _, flags: _ARRAY in flags)
    if found is not None:
        found[1]["size"] = choices.pick((0, 16, 4, 0, 24, 8))
    return found is not None


def _far_apart(choices: Choices, document: Document) -> bool:
    """Let elements lie so far apart that a product of 32 bits loses it."""
    found = _one(
        choices,
        document,
        lambda _, flags: bool(flags & {"VMS_ARRAY", *VARRAYS}) and _ARRAY not in flags,
    )
    if found is not None:
        found[1]["size"] = found[1].get("size", 0) + (1 << choices.pick((32, 32, 32, 31)))
    return found is not None


def _weightless(choices: Choices, document: Document) -> bool:
    """Let elements behind a pointer have no bytes, so that the pointer may be NULL."""
    found = _one(choices, document, lambda _, flags: "VMS_POINTER" in flags)
    if found is not None:
        found[1]["size"] = 0
    return found is not None


def _never_a_field(choices: Choices, document: Document) -> bool:
    """Use an info that nothing can be loaded by, a marker's or a descriptor's, in a subsection first."""
    subs = {
        sub for each in document["descriptions"].values() for sub in each.get("subsections") or ()
    }
    inside = [field for sub in sorted(subs) for field in document["descriptions"][sub]["fields"]]
    plain = [field for field in inside if field.get("info") in SCALARS]
    if not plain or choices.chance(128):
        plain = [field for _, field in _all(document) if field.get("info") in SCALARS]
    if plain:
        plain[choices.place(len(plain))]["info"] = choices.pick(("ptr_marker", "fd"))
    return bool(plain)


def _other_list(choices: Choices, document: Document) -> bool:
    """Take a list of one kind for one of the other, whose head is longer or shorter."""
    found = _one(choices, document, lambda field, _: field.get("info") in ("qtailq", "qlist"))
    if found is not None:
        found[1]["info"] = "qlist" if found[1]["info"] == "qtailq" else "qtailq"
    return found is not None


def _without_fields(choices: Choices, document: Document) -> bool:
    every = list(document["descriptions"].values())
    every[choices.place(len(every))]["fields"] = []
    return True


def _own_subsection(choices: Choices, document: Document) -> bool:
    names = tuple(document["descriptions"])[:256]
    name = choices.pick(names)
    description = document["descriptions"][name]
    description["subsections"] = [*(description.get("subsections") or ()), name]
    return True


def one_name(choices: Choices, document: Document) -> bool:
    """Call a field what another of its description is called."""
    several = [each for each in document["descriptions"].values() if len(each["fields"]) > 1]
    if not several:
        return False
    fields = several[choices.place(len(several))]["fields"]
    fields[choices.place(len(fields))]["name"] = fields[choices.place(len(fields))]["name"]
    return True


def _two_rules(choices: Choices, document: Document) -> bool:
    """Break two rules of the check in one array of pointers: its size, and its count."""
    found = _one(choices, document, lambda _, flags: _ARRAY in flags)
    if found is not None:
        field = found[1]
        field["size"] = 0 if _AUTO in field["flags"] else 8
        if choices.chance(160):
            lost = {"VMS_ARRAY", *VARRAYS}
            field["flags"] = [flag for flag in field["flags"] if flag not in lost]
    return found is not None


def _unseen_by_check(choices: Choices, document: Document) -> bool:
    """Break a rule in a description of a list, which the check passes over, or of a subsection."""
    names: list[str] = []
    for description, field in _all(document):
        if field.get("info") in ("qtailq", "qlist", "gtree", "tmp"):
            given = field.get("vmsd", [])
            names += [given] if isinstance(given, str) else given
        names += description.get("subsections") or ()
    if not names:
        return False
    fields = document["descriptions"][names[choices.place(len(names))]]["fields"]
    if not fields:
        return False
    _put(fields[choices.place(len(fields))], choices.pick((_AUTO, _ARRAY)))
    return True


def _field_and_subsection(choices: Choices, document: Document) -> bool:
    """Break a rule in a field, and another in a subsection beside it."""
    found = [each for each in document["descriptions"].values() if each.get("subsections")]
    if not found:
        return False
    parent = found[choices.place(len(found))]
    inside = document["descriptions"][parent["subsections"][0]]["fields"]
    for fields in (parent["fields"], inside):
        if fields:
            _put(fields[choices.place(len(fields))], choices.pick((_AUTO, _ARRAY)))
    return True


def _failing_hook(choices: Choices, document: Document) -> bool:
    """Let a hook fail, of a description that has subsections where there is one."""
    every = list(document["descriptions"].values())
    parents = [each for each in every if each.get("subsections")]
    chosen = parents if parents and choices.chance(128) else every
    description = chosen[choices.place(len(chosen))]
    hook = choices.pick(("pre_load", "post_load", "pre_save"))
    description["hooks"] = {hook: choices.pick((-1, 1, -22, 2))}
    return True


#: All clashes; those that need most to show come more than once.
CLASHES: Final[tuple[Clash, ...]] = (
    _both_structs,
    _struct_with_info,
    _child_at_version,
    _list_at_version,
    _list_at_version,
    _list_at_version,
    _key_and_value,
    _key_and_value,
    _other_list,
    _weightless,
    _strided,
    _far_apart,
    _without_fields,
    _strided,
    _buffers_behind_pointers,
    _buffers_behind_pointers,
    _pointers_with_size,
    _pointers_with_size,
    _counted_twice,
    _counts_itself,
    _multiplied,
    _fewer_than_none,
    _far_apart,
    _never_a_field,
    _own_subsection,
    _failing_hook,
    _failing_hook,
    one_name,
    _two_rules,
    _unseen_by_check,
    _field_and_subsection,
)
