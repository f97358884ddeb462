# SPDX-License-Identifier: Apache-2.0
"""Requests as lines. A document is written once, however many cases share it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from vmstate_conformance.testees.hello import Hello, digest

ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode
_KEPT: Final = 4096


class Requests:
    """Writes run messages for one testee: with documents, or with the names of compiled-in ones."""

    def __init__(self, hello: Hello) -> None:
        self._static = hello.static
        self._vmdesc = hello.vmdesc
        self._documents: dict[int, tuple[Any, str]] = {}

    def line(self, number: int, request: Mapping[str, Any]) -> bytes:
        """Give the line that asks for `request` under an id that says nothing."""
        parts = [f'{{"m":"run","id":{number}']
        for key, value in request.items():
            if key == "document":
                parts.append(self._document(value))
            elif key != "vmdesc" or self._vmdesc:
                parts.append(f',"{key}":{ENCODE(value)}')
        if request["op"] == "save" and not self._vmdesc:
            parts.append(',"vmdesc":false')
        parts.append("}")
        return "".join(parts).encode()

    def _document(self, document: Any) -> str:
        kept = self._documents.get(id(document))
        if kept is None:
            if self._static is not None and isinstance(document, dict):
                text = f',"desc_ref":{ENCODE(self._static.get(digest(document), ""))}'
            else:
                text = f',"document":{ENCODE(document)}'
            if len(self._documents) >= _KEPT:
                self._documents.clear()
            # The document is held with its text: its id() cannot become another's.
            kept = self._documents[id(document)] = document, text
        return kept[1]
