# SPDX-License-Identifier: Apache-2.0
"""Names that need care: escaped in a vmdesc, cut in a stream."""

from __future__ import annotations

from typing import Any, Final

from vmstate_conformance.strategies.choices import Choices
from vmstate_conformance.strategies.clashes import one_name
from vmstate_conformance.strategies.landing import copied

#: What QEMU's JSON writer escapes, or other writers do.
TAILS: Final = ('"', "\\", "/", "\n\t", "\x7f", "\x01", "é", "\U0001f427")
_LONG: Final = "x" * 250


def renamed(choices: Choices, document: dict[str, Any], *, odd: bool) -> dict[str, Any]:
    """Give a document in which one description and one field are called something else.

    The rules hold as before; what is `odd` may have a name that the stream cuts, and not load again.
    """
    made: dict[str, Any] = copied(document)
    descriptions = made["descriptions"]
    # Whose name others begin with keeps it.
    names = [name for name, each in descriptions.items() if not each.get("subsections")]
    fields = [field for each in descriptions.values() for field in each["fields"]]
    if fields:
        fields[choices.place(len(fields))]["name"] += choices.pick(TAILS)
    parents = [name for name, each in descriptions.items() if each.get("subsections")]
    if odd and parents and choices.chance(64):
        _rename(made, parents[choices.place(len(parents))], "")
    if choices.chance(64):
        one_name(choices, made)
    if names:
        old = names[choices.place(len(names))]
        new = old + (_LONG if odd and choices.chance(96) else "") + choices.pick(TAILS)
        _rename(made, old, new)
    return made


def _rename(document: dict[str, Any], old: str, new: str) -> None:
    descriptions = document["descriptions"]
    descriptions[new] = descriptions.pop(old)
    document["root"] = new if document["root"] == old else document["root"]
    for each in descriptions.values():
        for field in each["fields"]:
            if isinstance(field.get("vmsd"), list):
                field["vmsd"] = [new if name == old else name for name in field["vmsd"]]
            elif field.get("vmsd") == old:
                field["vmsd"] = new
        if each.get("subsections"):
            each["subsections"] = [new if name == old else name for name in each["subsections"]]
