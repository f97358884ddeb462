# SPDX-License-Identifier: Apache-2.0
"""Making a request smaller as long as something about it stays true."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from vmstate.annotate import annotate
from vmstate.errors import CaseError

Request = dict[str, Any]
Keeps = Callable[[Request], bool]

#: Members of a description or field that may go, the most telling ones last.
_OPTIONAL: Final = ("hooks", "needed", "subsections", "exists", "version_id", "start")
_NUMBERS: Final = ("num", "size", "version_id", "minimum_version_id", "struct_version_id")
_STATES: Final = ("state", "destination")


def reduce(request: Request, keeps: Keeps, seconds: float = 20.0) -> Request:
    """Give the smallest request found within `seconds` for which `keeps` holds.

    `keeps` must hold for the request itself, and answer no for what is ill-formed.
    """
    deadline = time.monotonic() + seconds
    before: Request | None = None
    while before is not request:
        before = request
        for step in _STEPS:
            failed = 0
            while True:
                # Those that failed before stand in front again; the next one is new.
                for candidate in islice(step(request), failed, None):
                    if time.monotonic() > deadline:
                        return request
                    if keeps(candidate):
                        request = candidate
                        break
                    failed += 1
                else:
                    break
    return request


def _without_stream_bytes(request: Request) -> Iterator[Request]:
    wire = bytes.fromhex(request.get("stream", ""))
    size = len(wire)
    while size:
        for at in range(0, len(wire), size):
            yield {**request, "stream": (wire[:at] + wire[at + size :]).hex()}
        size //= 2


def _with_zero_bytes(request: Request) -> Iterator[Request]:
    wire = bytes.fromhex(request.get("stream", ""))
    for at, byte in enumerate(wire):
        if byte:
            yield {**request, "stream": (wire[:at] + b"\0" + wire[at + 1 :]).hex()}


def _without_fields(request: Request) -> Iterator[Request]:
    """Leave out a field, with the bytes that the reference takes for it, and without them."""
    for name, vmsd in request["document"]["descriptions"].items():
        fields = vmsd.get("fields") or ()
        for at in range(len(fields)):
            for end in {len(fields), at + 1}:
                smaller = copy.deepcopy(request)
                del smaller["document"]["descriptions"][name]["fields"][at:end]
                gone = frozenset(str(field.get("name")) for field in fields[at:end])
                shorter = _stream_without(request, gone)
                if shorter is not None:
                    yield {**smaller, "stream": shorter}
                yield smaller


def _stream_without(request: Request, names: frozenset[str]) -> str | None:
    """Give the stream less the bytes of the fields of these names; None where there are none."""
    if request["op"] != "load":
        return None
    try:
        _, segments, wire = annotate(request)
    except CaseError:
        return None
    gone: set[int] = set()
    for segment in segments:
        if not names.isdisjoint(part.partition("[")[0] for part in segment.path.split(".")):
            gone.update(range(segment.start, segment.end))
    left = bytes(byte for at, byte in enumerate(wire) if at not in gone)
    return left.hex() if gone else None


def _without_parts(request: Request) -> Iterator[Request]:
    """Leave out what a description or a field may do without, one thing at a time."""
    for place, given in _places(request):
        for key in _OPTIONAL:
            if key in given:
                yield _changed(request, place, key, None)
        for key in ("flags", "subsections"):
            for each in given.get(key) or ():
                left = [other for other in given[key] if other != each]
                yield _changed(request, place, key, left)


def _with_small_numbers(request: Request) -> Iterator[Request]:
    for place, given in _places(request):
        for key in _NUMBERS:
            for small in (0, 1, 2):
                if isinstance(given.get(key), int) and given[key] > small:
                    yield _changed(request, place, key, small)


#: A description's name, and the number of one of its fields.
_Place = tuple[str, int | None]


def _places(request: Request) -> Iterator[tuple[_Place, dict[str, Any]]]:
    for name, vmsd in request["document"]["descriptions"].items():
        yield (name, None), vmsd
        for at, field in enumerate(vmsd.get("fields") or ()):
            yield (name, at), field


def _changed(request: Request, place: _Place, key: str, value: Any) -> Request:
    smaller = copy.deepcopy(request)
    name, at = place
    given = smaller["document"]["descriptions"][name]
    if at is not None:
        given = given["fields"][at]
    if value is None:
        del given[key]
    else:
        given[key] = value
    return smaller


def _without_descriptions(request: Request) -> Iterator[Request]:
    for kind in ("descriptions", "structs"):
        for name in request["document"][kind]:
            document = request["document"]
            left = {key: value for key, value in document[kind].items() if key != name}
            yield {**request, "document": {**document, kind: left}}


def _without_members(request: Request) -> Iterator[Request]:
    """Leave out a member of a struct, and its value wherever a state holds one."""
    for name, struct in request["document"]["structs"].items():
        for at, member in enumerate(struct["members"]):
            smaller = copy.deepcopy(request)
            structs = smaller["document"]["structs"]
            for key in _STATES:
                if key in smaller:
                    root = smaller["document"]["descriptions"].get(smaller["document"]["root"], {})
                    _forget(smaller[key], {"struct": root.get("struct")}, structs, name, member)
            del structs[name]["members"][at]
            yield smaller


def _forget(state: Any, kind: Any, structs: Any, struct: str, member: Any) -> None:
    """Take the member's value out of every value of the struct below."""
    if isinstance(state, list):
        inner = kind
        if isinstance(kind, dict):
            inner = kind.get("array") or {"struct": kind.get("qtailq") or kind.get("qlist")}
            if "gtree" in kind:
                tree = kind["gtree"]
                for key, value in state:
                    _forget(key, {"struct": tree.get("key")}, structs, struct, member)
                    _forget(value, {"struct": tree["value"]}, structs, struct, member)
                return
            if "pointer" in kind:
                inner = kind["pointer"]
                inner = inner.get("array", inner) if isinstance(inner, dict) else inner
        for item in state:
            _forget(item, inner, structs, struct, member)
    elif isinstance(state, dict) and isinstance(kind, dict):
        if "pointer" in kind:
            _forget(state, kind["pointer"], structs, struct, member)
            return
        name = kind.get("struct")
        for each in structs.get(name, {}).get("members", ()):
            if each["name"] in state:
                _forget(state[each["name"]], each["type"], structs, struct, member)
        if name == struct:
            state.pop(member["name"], None)


def _with_small_values(request: Request) -> Iterator[Request]:
    for key in _STATES:
        if key in request:
            for smaller in _smaller(request[key]):
                yield {**request, key: smaller}


def _smaller(state: Any) -> Iterator[Any]:
    match state:
        case dict():
            for key, value in state.items():
                for smaller in _smaller(value):
                    yield {**state, key: smaller}
            if state.keys() != {"wild"}:
                yield None
        case list():
            for at in range(len(state)):
                yield state[:at] + state[at + 1 :]
            for at, value in enumerate(state):
                for smaller in _smaller(value):
                    yield [*state[:at], smaller, *state[at + 1 :]]
        case str() if state not in ("0", "1", ""):
            yield from ("0", "1", state[: len(state) // 4 * 2], "00" * (len(state) // 2))


_STEPS: Final = (
    _without_stream_bytes,
    _without_fields,
    _without_descriptions,
    _without_members,
    _without_parts,
    _with_small_values,
    _with_small_numbers,
    _with_zero_bytes,
)
