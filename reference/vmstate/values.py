# SPDX-License-Identifier: Apache-2.0
"""Taking values out of JSON with one clear error where they are not what they should be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from vmstate.errors import CaseError

_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]{0,19})\Z", re.ASCII)
_INT64: Final = range(-(1 << 63), 1 << 64)
#: Nearly all are the first, which is seen at once.
_OBJECTS: Final = (dict, Mapping)


def integer(value: object, path: str, within: range = _INT64) -> int:
    """Take an integer, also as a decimal string. Raises `CaseError`."""
    if type(value) is int and value in within:
        return value
    if isinstance(value, str) and _DECIMAL.match(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise CaseError("integer", path, f"{brief(value)} is no integer")
    if value not in within:
        shown = f"{brief(value)} is not from {within.start} to {within.stop - 1}"
        raise CaseError("range", path, shown)
    return value


def mapping(value: object, path: str, known: frozenset[str] | None = None) -> Mapping[str, Any]:
    """Take an object, which may have no key besides `known`. Raises `CaseError`."""
    if not isinstance(value, _OBJECTS):
        raise CaseError("object", path, f"{brief(value)} is no object")
    if known is not None and not known.issuperset(value):
        odd = sorted(str(key) for key in value if key not in known)
        raise CaseError("unknown-key", path, f"unknown key {brief(odd[0])}")
    return value


def flag(holder: Mapping[str, Any], key: str, path: str, *, default: bool = False) -> bool:
    """Take a member that is true or false, `default` where it is absent. Raises `CaseError`."""
    value = holder.get(key, default)
    if not isinstance(value, bool):
        raise CaseError("boolean", f"{path}.{key}", f"{brief(value)} is no boolean")
    return value


def sequence(value: object, path: str) -> Sequence[Any]:
    """Take a list. Raises `CaseError`."""
    if not isinstance(value, list | tuple):
        raise CaseError("list", path, f"{brief(value)} is no list")
    return value


def text(value: object, path: str) -> str:
    """Take a string without NUL. Raises `CaseError`."""
    if not isinstance(value, str):
        raise CaseError("string", path, f"{brief(value)} is no string")
    if "\0" in value:
        raise CaseError("string", path, "a C string holds no NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise CaseError("string", path, "a lone surrogate is no text") from None
    return value


def hexadecimal(value: object, path: str) -> bytes:
    """Take bytes as lower-case hex without spaces. Raises `CaseError`."""
    if isinstance(value, str) and value == value.lower() and not value.translate(_NO_HEX):
        try:
            return bytes.fromhex(value)
        except ValueError:
            pass
    raise CaseError("hex", path, f"{brief(value)} is no lower-case hex of whole bytes")


_NO_HEX: Final = str.maketrans("", "", "0123456789abcdef")


def brief(value: object) -> str:
    """Show a value in at most some 40 characters."""
    if isinstance(value, Mapping | list | tuple):
        return f"{'an object' if isinstance(value, Mapping) else 'a list'} of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return f"an integer of {value.bit_length()} bits"
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."
