# SPDX-License-Identifier: Apache-2.0
"""Requests as lines. A document is written once, however many cases share it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from vmstate_conformance.testees.hello import Hello, digest

_TEXT: Final = json.encoder.encode_basestring_ascii


def _encoder() -> Callable[[Any], str]:
    """Give the function that writes a value; CPython's own encoder at once, where there is one."""
    plain = json.JSONEncoder(separators=(",", ":")).encode
    make = getattr(json.encoder, "c_make_encoder", None)
    try:
        chunks = make and make(None, plain, _TEXT, None, ":", ",", False, False, True)
        if not chunks or "".join(chunks({"a": [1, "b", None]}, 0)) != '{"a":[1,"b",null]}':
            return plain
    except TypeError:
        return plain
    return lambda value: "".join(chunks(value, 0))


ENCODE: Final = _encoder()

_KEPT: Final = 4096


class Requests:
    """Writes run messages for one testee: with documents, or with the names of compiled-in ones."""

    def __init__(self, hello: Hello) -> None:
        self._static = hello.static
        self._vmdesc = hello.vmdesc
        self._documents: dict[int, tuple[Any, str]] = {}

    def line(self, number: int, request: Mapping[str, Any]) -> bytes:
        """Give the line that asks for `request` under an id that says nothing."""
        text = f'{{"m":"run","id":{number}'
        for key, value in request.items():
            if key == "document":
                kept = self._documents.get(id(value))
                text += self._document(value) if kept is None else kept[1]
            elif type(value) is str:
                text += f',"{key}":{_TEXT(value)}'
            elif type(value) is int:
                text += f',"{key}":{value}'
            elif key != "vmdesc" or self._vmdesc:
                text += f',"{key}":{ENCODE(value)}'
        if not self._vmdesc and request["op"] == "save":
            text += ',"vmdesc":false'
        return f"{text}}}".encode()

    def _document(self, document: Any) -> str:
        if self._static is not None and isinstance(document, dict):
            text = f',"desc_ref":{ENCODE(self._static.get(digest(document), ""))}'
        else:
            text = f',"document":{ENCODE(document)}'
        if len(self._documents) >= _KEPT:
            self._documents.clear()
        # The document is held with its text: its id() cannot become another's.
        self._documents[id(document)] = document, text
        return text
