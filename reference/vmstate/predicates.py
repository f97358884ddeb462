# SPDX-License-Identifier: Apache-2.0
"""The closed set of predicates that stand for C callbacks (`exists`, `needed`) in a document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vmstate.description import Exists, Needed
from vmstate.errors import CaseError
from vmstate.heap import Heap
from vmstate.layout import Layout
from vmstate.values import integer, sequence

_DEPTH = 64


def compile_exists(source: object, layout: Layout, struct: str, path: str) -> Exists:
    """Build a field_exists callback. Raises `CaseError`."""
    return _compile(source, layout, struct, path, versioned=True, depth=0)


def compile_needed(source: object, layout: Layout, struct: str, path: str) -> Needed:
    """Build a needed callback, which gets no version. Raises `CaseError`."""
    test = _compile(source, layout, struct, path, versioned=False, depth=0)
    return lambda heap, opaque: test(heap, opaque, 0)


def _compile(
    source: object, layout: Layout, struct: str, path: str, *, versioned: bool, depth: int
) -> Exists:
    if not isinstance(source, Mapping) or depth > _DEPTH:
        raise CaseError("predicate", path, "a predicate is an object, at most 64 deep")
    within: dict[str, Any] = {"versioned": versioned, "depth": depth + 1}
    match source:
        case {"const": bool(value), **rest} if not rest:
            return lambda heap, opaque, version: value
        case {"version_ge": _, **rest} if not rest and versioned:
            least = integer(source["version_ge"], f"{path}.version_ge")
            return lambda heap, opaque, version: version >= least
        case {"not": inner, **rest} if not rest:
            test = _compile(inner, layout, struct, f"{path}.not", **within)
            return lambda heap, opaque, version: not test(heap, opaque, version)
        case {"all": _, **rest} if not rest:
            tests = _parts(source["all"], layout, struct, f"{path}.all", within)
            return lambda heap, opaque, version: all(t(heap, opaque, version) for t in tests)
        case {"any": _, **rest} if not rest:
            tests = _parts(source["any"], layout, struct, f"{path}.any", within)
            return lambda heap, opaque, version: any(t(heap, opaque, version) for t in tests)
        case {"member": str(member), "eq": _, **rest} if not rest:
            return _compare(source["eq"], "eq", member, layout, struct, path)
        case {"member": str(member), "ge": _, **rest} if not rest:
            return _compare(source["ge"], "ge", member, layout, struct, path)
        case _:
            raise CaseError(
                "predicate", path, f"no predicate has the keys {sorted(map(str, source))}"
            )


def _parts(
    sources: object, layout: Layout, struct: str, path: str, within: dict[str, Any]
) -> list[Exists]:
    return [
        _compile(source, layout, struct, f"{path}[{at}]", **within)
        for at, source in enumerate(sequence(sources, path))
    ]


def _compare(
    value: object, how: str, member: str, layout: Layout, struct: str, path: str
) -> Exists:
    wanted = integer(value, f"{path}.{how}")
    try:
        offset, scalar = layout.scalar(struct, member)
    except CaseError as error:
        raise CaseError(error.rule, f"{path}.member", error.detail) from None

    def held(heap: Heap, opaque: int) -> int:
        return heap.number(opaque + offset, scalar.size, signed=scalar.signed)

    if how == "eq":
        return lambda heap, opaque, version: held(heap, opaque) == wanted
    return lambda heap, opaque, version: held(heap, opaque) >= wanted
