# SPDX-License-Identifier: Apache-2.0
"""Small documents that the tests of the engine share."""

from __future__ import annotations

from typing import Any


def member(name: str, offset: int, kind: Any) -> dict[str, Any]:
    return {"name": name, "offset": offset, "type": kind}


def single(name: str, info: str, offset: int, size: int, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "info": info,
        "offset": offset,
        "size": size,
        "flags": ["VMS_SINGLE"],
        **more,
    }


def document(
    fields: list[dict[str, Any]],
    members: list[dict[str, Any]],
    size: int,
    *,
    structs: dict[str, Any] | None = None,
    descriptions: dict[str, Any] | None = None,
    **root: Any,
) -> dict[str, Any]:
    """A document whose root `dev` describes struct `Dev`."""
    dev = {"struct": "Dev", "version_id": 1, "minimum_version_id": 1, "fields": fields, **root}
    return {
        "structs": {"Dev": {"size": size, "members": members}, **(structs or {})},
        "descriptions": {"dev": dev, **(descriptions or {})},
        "root": "dev",
    }


def load(source: dict[str, Any], before: Any, stream: str, version_id: int = 1) -> dict[str, Any]:
    return {
        "op": "load",
        "document": source,
        "destination": before,
        "version_id": version_id,
        "stream": stream,
    }


def save(source: dict[str, Any], state: Any) -> dict[str, Any]:
    return {"op": "save", "document": source, "state": state}


#: struct Elem { uint32_t v; }, and its description.
ELEM = {"size": 4, "members": [member("v", 0, "uint32")]}
ELEM_VMSD = {"struct": "Elem", "version_id": 1, "fields": [single("v", "uint32", 0, 4)]}
POINTER_ARRAY = ["VMS_STRUCT", "VMS_ARRAY_OF_POINTER"]
AUTO = [*POINTER_ARRAY, "VMS_ARRAY_OF_POINTER_AUTO_ALLOC"]


def pointers(flags: list[str], size: int, count: int = 2) -> dict[str, Any]:
    """Dev { Elem *ar[count]; } described with the given flags."""
    field = {
        "name": "ar",
        "vmsd": "elem",
        "size": size,
        "num": count,
        "flags": ["VMS_ARRAY", *flags],
    }
    array = {"array": {"pointer": {"struct": "Elem"}}, "count": count}
    return document(
        [field],
        [member("ar", 0, array)],
        8 * count,
        structs={"Elem": ELEM},
        descriptions={"elem": ELEM_VMSD},
    )
