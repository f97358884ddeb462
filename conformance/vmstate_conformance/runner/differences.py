# SPDX-License-Identifier: Apache-2.0
"""Where what came differs from what was wanted. Equal values are found equal at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from vmstate_conformance.cases import classes
from vmstate_conformance.cases.canonical import canonical_state

#: Differences that are told of one facet.
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as wanted. `path` names the value, or a path into it."""

    path: str
    wanted: Any
    got: Any


def plain(path: str, want: Any, got: Any) -> list[Difference]:
    """Compare values that are no trees; `"*"` is any."""
    if want == got and isinstance(want, bool) == isinstance(got, bool):
        return []
    return [] if want == "*" and got is not None else [Difference(path, want, got)]


def of_class(path: str, want: Any, got: Any) -> tuple[list[Difference], bool]:
    """Compare classes of errors; also say whether only an ancestor came."""
    names = [want] if isinstance(want, str) else sorted(want)
    if got in names:
        return [], False
    matches = {classes.match(name, got) for name in names}
    if "exact" in matches:
        return [], False
    if "coarse" in matches:
        return [], True
    return [Difference(path, " or ".join(names), got)], False


def of_heap(want: dict[str, Any], got: Any) -> list[Difference]:
    """Compare the balance of the heap, as far as something is wanted of it."""
    if not isinstance(got, dict):
        return [Difference("heap", want, got)]
    found = []
    for key, value in want.items():
        found += plain(f"heap.{key}", value, got.get(key))
    return found


def of_state(want: Any, got: Any, path: str = "state") -> list[Difference]:
    """Compare states: `"*"` is any value, `?` any digit of a string of hex or decimal digits."""
    found: list[Difference] = []
    if want != got:
        _walk(path, want, canonical_state(got), found)
    return found


def of_devices(want: list[dict[str, Any]], got: Any) -> list[Difference]:
    """Compare what became of the devices of a whole stream, as far as something is wanted of each."""
    if not isinstance(got, list) or len(got) != len(want):
        return [Difference("devices", len(want), len(got) if isinstance(got, list) else got)]
    found: list[Difference] = []
    for at, (one, other) in enumerate(zip(want, got, strict=True)):
        path = f"devices[{at}]"
        if not isinstance(other, dict):
            found.append(Difference(path, one, other))
            continue
        for key, value in one.items():
            if key == "loads" and key not in other:
                continue  # not everyone counts
            if key == "state":
                found += of_state(value, other.get(key), f"{path}.state")
            else:
                found += plain(f"{path}.{key}", value, other.get(key))
    return found[:_SHOWN]


def _walk(path: str, want: Any, got: Any, found: list[Difference]) -> None:
    if want == got or len(found) >= _SHOWN or (want == "*" and got is not None):
        return
    if isinstance(want, dict) and isinstance(got, dict):
        for key in [*want, *(key for key in got if key not in want)]:
            if want.get(key) != got.get(key):
                _walk(f"{path}.{key}", want.get(key), got.get(key), found)
    elif isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        for at, (one, other) in enumerate(zip(want, got, strict=True)):
            _walk(f"{path}[{at}]", one, other, found)
    elif not _fits(want, got):
        found.append(Difference(path, want, got))


def _fits(want: Any, got: Any) -> bool:
    return (
        isinstance(want, str)
        and isinstance(got, str)
        and "?" in want
        and len(want) == len(got)
        and all(one in (other, "?") for one, other in zip(want, got, strict=True))
    )
