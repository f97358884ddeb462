# SPDX-License-Identifier: Apache-2.0
"""Version skew: what the next release makes of a document, and what its states become there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, Final

from vmstate_conformance.strategies.choices import Choices
from vmstate_conformance.strategies.landing import copied
from vmstate_conformance.strategies.parts import single
from vmstate_conformance.strategies.plan import Plan, State
from vmstate_conformance.strategies.tables import SCALARS

Document = dict[str, Any]

_KINDS: Final = ("uint8", "uint16", "uint32", "int64", "bool")


def evolved(
    choices: Choices, document: Document, steps: Sequence[str] = ()
) -> tuple[tuple[str, ...], Document]:
    """Choose one to three steps of a device's history; give their names and the newer document.

    `steps` are those of `STEPS` to choose from, all by default. Steps work on the root: its struct is
    embedded nowhere, so that it can grow.
    """
    newer: Document = copied(document)
    names: list[str] = []
    for _ in range(choices.below(3) + 1):
        name = choices.pick(steps or tuple(STEPS))
        STEPS[name](choices, newer)
        names.append(name)
    return tuple(names), newer


def carried(document: Document, state: State) -> State:
    """Give a state of the older document as one of the newer: members that are new are zero."""
    plan = Plan(document)
    made: State = {}
    for member in plan.structs[plan.root.struct]["members"]:
        known = member["name"] in state
        made[member["name"]] = state[member["name"]] if known else plan.zero(member["type"])
    return made


def _root(document: Document) -> dict[str, Any]:
    root: dict[str, Any] = document["descriptions"][document["root"]]
    return root


def _grow(document: Document, kind: str) -> tuple[str, int]:
    """Add a member to the root's struct; give its name and offset."""
    struct = document["structs"][_root(document)["struct"]]
    size = SCALARS[kind][0]
    offset = -(-struct["size"] // size) * size
    name = f"n{len(struct['members'])}"
    struct["members"].append({"name": name, "offset": offset, "type": kind})
    struct["size"] = -(-(offset + size) // 8) * 8
    return name, offset


def _next(document: Document) -> int:
    """Raise the root's version and give it."""
    root = _root(document)
    root["version_id"] = min(root["version_id"] + 1, 0x7FFF_FFFF)
    return int(root["version_id"])


def _field(choices: Choices, document: Document) -> None:
    """Add a field that older streams lack, as the rules for compatible change have it."""
    kind = choices.pick(_KINDS)
    name, offset = _grow(document, kind)
    made = {"name": name, "info": kind, "offset": offset, **single(kind)}
    _root(document)["fields"].append({**made, "version_id": _next(document)})


def _unversioned(choices: Choices, document: Document) -> None:
    """Add a field and forget the version."""
    kind = choices.pick(_KINDS)
    name, offset = _grow(document, kind)
    _root(document)["fields"].append({"name": name, "info": kind, "offset": offset, **single(kind)})


def _subsection(choices: Choices, document: Document) -> None:
    """Add a subsection, sent if its member is not 0."""
    kind = choices.pick(_KINDS)
    name, offset = _grow(document, kind)
    root = _root(document)
    title = f"{document['root']}/{name}"
    document["descriptions"][title] = {
        "struct": root["struct"],
        "version_id": 1,
        "minimum_version_id": 1,
        "needed": {"not": {"member": name, "eq": "0"}},
        "fields": [{"name": name, "info": kind, "offset": offset, **single(kind)}],
    }
    root["subsections"] = [*(root.get("subsections") or ()), title]


def _gone(choices: Choices, document: Document) -> None:
    """Forget a subsection, or without one, a field's name."""
    root = _root(document)
    subs = list(root.get("subsections") or ())
    if subs:
        del subs[choices.place(len(subs))]
        root["subsections"] = subs
    elif root["fields"]:
        root["fields"][0]["name"] += "_old"


def _closed(choices: Choices, document: Document) -> None:
    """Refuse what is older than now."""
    _root(document)["minimum_version_id"] = _next(document)


def _unused(choices: Choices, document: Document) -> None:
    """Stop to look at a field of one number, but keep its bytes."""
    fields = _root(document)["fields"]
    for at, field in enumerate(fields):
        if field.get("info") in SCALARS and field.get("flags") == ["VMS_SINGLE"]:
            kept = {key: field[key] for key in ("version_id", "exists") if key in field}
            made = {"name": "unused", "info": "unused_buffer", "size": field["size"]}
            fields[at] = {**made, "flags": ["VMS_BUFFER"], **kept}
            return


def _reordered(choices: Choices, document: Document) -> None:
    """List the subsections the other way round, which may be."""
    root = _root(document)
    if root.get("subsections"):
        root["subsections"] = root["subsections"][::-1]


#: Steps of a device's history by name.
STEPS: Final = MappingProxyType[str, Callable[[Choices, Document], None]](
    {
        "field": _field,
        "subsection": _subsection,
        "closed": _closed,
        "unused": _unused,
        "gone": _gone,
        "reordered": _reordered,
        "unversioned": _unversioned,
    }
)
