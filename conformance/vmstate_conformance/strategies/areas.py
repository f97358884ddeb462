# SPDX-License-Identifier: Apache-2.0
"""Scopes that keep to one area of the engine, where a document of all kinds comes to it seldom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from vmstate_conformance.strategies.builder import MEDIUM, Scope
from vmstate_conformance.strategies.tables import LEAVES, SHAPES, SPECIALS

_POINTER: Final = 8
_SCALAR: Final = "info-inline-one-embedded"
_STRUCT: Final = "struct-inline-one-embedded"
_SIGNED: Final = tuple(leaf for leaf in LEAVES if leaf.info.startswith(("int", "timer")))


def _shapes(*parts: str) -> tuple[str, ...]:
    """Give the names of the shapes that have all of the parts."""
    return tuple(shape.name for shape in SHAPES if all(part in shape.name for part in parts))


def older(scope: Scope) -> Scope:
    """Give the scope without what engines before 11.1 had not: arrays whose pointers the load makes."""
    kinds = tuple(kind for kind in scope.kinds if "-auto-" not in kind and kind != "g-byte-array")
    return replace(scope, kinds=kinds, automatic=False, slot_size=_POINTER)


#: Scopes by what they are about; the first is about everything.
AREAS: Final[Mapping[str, Scope]] = MappingProxyType(
    {
        "all": MEDIUM,
        "rare": replace(MEDIUM, kinds=(*SPECIALS, *_shapes("-auto-"), *_shapes("-pointers-"))),
        "held": replace(
            MEDIUM,
            kinds=(_SCALAR, _SCALAR, "info-inline-fixed-embedded", "info-inline-one-pointer"),
            leaves=tuple(leaf for leaf in LEAVES if leaf.holds or leaf.info in ("timer", "bool")),
        ),
        "buffers": replace(
            MEDIUM,
            kinds=("vbuffer", "vbuffer", "bitmap", "buffer-pointer", "g-byte-array", "unused"),
        ),
        "lists": replace(
            MEDIUM,
            kinds=("qtailq", "qlist", "gtree", "gtree", "gtree-direct", "tmp", _SCALAR),
            conditional=128,
        ),
        "pointers": replace(MEDIUM, kinds=(*_shapes("-pointers-"), *_shapes("-auto-"))),
        "structs": replace(
            MEDIUM,
            kinds=(_SCALAR, *_shapes("struct-", "inline", "embedded"), *_shapes("-inline-fixed")),
            conditional=112,
            listed=80,
            branching=112,
        ),
        "subsections": replace(
            MEDIUM,
            fields=16,
            depth=4,
            kinds=(_SCALAR, _SCALAR, _SCALAR, _STRUCT, "validate", "info-auto-fixed-embedded"),
            branching=224,
            hooked=96,
        ),
        "conditions": replace(
            MEDIUM,
            kinds=(_SCALAR, _SCALAR, _SCALAR, _STRUCT, "validate", "vstruct-inline-one-embedded"),
            leaves=(*LEAVES[:4], *_SIGNED),
            conditional=192,
            hooked=96,
        ),
        "counts": replace(
            MEDIUM,
            kinds=(*_shapes("-member-"), "vbuffer", "info-inline-fixed-alloc"),
        ),
    }
)
