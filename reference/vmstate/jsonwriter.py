# SPDX-License-Identifier: Apache-2.0
"""The text of a vmdesc: QEMU's compact JSON writer (qobject/json-writer.c), with its assertion."""

from __future__ import annotations

import re
from typing import Final

from vmstate.errors import Abort, assertion

_SHORT: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}


#: What may have to be escaped.
_CAREFUL: Final = re.compile(r"[^!#-\[\]-~]")


class JSONWriter:
    """Builds one JSON text of at most `limit` characters. Keys may repeat: nothing looks at them.

    [VMDESC-STRING-2]
    """

    __slots__ = ("_is_array", "_left", "_parts", "_separator")

    def __init__(self, limit: int) -> None:
        self._parts: list[str] = []
        self._is_array: list[bool] = []
        self._separator = ""
        self._left = limit

    def start_object(self, name: str = "") -> None:
        """Open an object, as a member `name` or an item. Names of members are never escaped."""
        self._enter(f'"{name}": {{' if name else "{", is_array=False)

    def end_object(self) -> None:
        """Close an object. Raises `Abort` where an array is open."""
        self._leave("}", is_array=False)

    def start_array(self, name: str) -> None:
        """Open an array, as a member."""
        self._enter(f'"{name}": [', is_array=True)

    def end_array(self) -> None:
        """Close an array. Raises `Abort` where an object is open."""
        self._leave("]", is_array=True)

    def string(self, name: str, value: str) -> None:
        """Write a string member."""
        self._put(f'"{name}": {quote(value)}')

    def number(self, name: str, value: int) -> None:
        """Write a number member."""
        self._put(f'"{name}": {value}')

    def text(self) -> str:
        """Give what has been written so far."""
        return "".join(self._parts)

    def _put(self, text: str) -> None:
        part = self._separator + text
        self._left -= len(part)
        if self._left < 0:
            raise Abort("oom", "allocation-failed", "a vmdesc beyond the limit")
        self._parts.append(part)
        self._separator = ", "

    def _enter(self, text: str, *, is_array: bool) -> None:
        self._put(text)
        self._is_array.append(is_array)
        self._separator = ""

    def _leave(self, bracket: str, *, is_array: bool) -> None:
        # By clause [VMDESC-ABORT-1]
        if not self._is_array or self._is_array.pop() is not is_array:
            raise assertion(
                "leave_container",
                "writer->container_is_array->data[depth - 1] == is_array",
                "hook-failed",
            )
        self._parts.append(bracket)
        self._separator = ", "


def quote(value: str) -> str:
    """Write a string as QEMU does: ASCII stands, all else is escaped in UTF-16. [VMDESC-STRING-1]"""
    return f'"{_CAREFUL.sub(_careful, value)}"'


def _careful(found: re.Match[str]) -> str:
    return _escape(found[0])


def _escape(char: str) -> str:
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if 0x20 <= code < 0x7F:
        return char
    units = char.encode("utf-16-be", "replace")
    return "".join(f"\\u{units[at]:02X}{units[at + 1]:02X}" for at in range(0, len(units), 2))
