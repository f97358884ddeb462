# SPDX-License-Identifier: Apache-2.0
"""The classes of errors: a closed, dotted registry, each with its flat name in the case format."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from vmstate_conformance.cases.jsonfile import read_json
from vmstate_conformance.corpus import corpus_dir


@cache
def registry(file: Path | None = None) -> Mapping[str, str]:
    """Give the flat name of each dotted class, from `classes.json`. Raises `InputError`."""
    source = read_json(file or corpus_dir() / "classes.json")
    if not isinstance(source.value, dict):
        raise source.error([], "the registry is an object", "classes")
    flat = {}
    for name, entry in source.value.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("flat"), str):
            raise source.error([name], "a class has a flat name and a sentence", "classes")
        flat[name] = entry["flat"]
    return MappingProxyType(flat)


@cache
def _dotted() -> Mapping[str, str]:
    return MappingProxyType({flat: name for name, flat in registry().items()})


def dotted(name: str) -> str:
    """Give the dotted name of a class, which may be flat already; unknown ones stay as they are."""
    return _dotted().get(name, name)


def match(wanted: str, got: object) -> str:
    """Compare two classes: `exact`, `coarse` where `got` is an ancestor of the wanted one, or ``."""
    if not isinstance(got, str) or not got:
        return ""
    want, have = dotted(wanted), dotted(got)
    if want == have:
        return "exact"
    return "coarse" if want.startswith(f"{have}.") else ""
