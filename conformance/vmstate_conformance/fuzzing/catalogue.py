# SPDX-License-Identifier: Apache-2.0
"""Descriptions to load raw bytes by: those of the corpus, each compiled once and its heap reused."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from vmstate.dialects import Dialect, Limits
from vmstate.document import Document
from vmstate.heap import Heap, Mark
from vmstate.state import Writer
from vmstate_conformance.cases import Case, read_cases
from vmstate_conformance.corpus import corpus_dir
from vmstate_conformance.fuzzing.dialects import ALL, suited

#: What one run may use: enough for any case of the corpus, and soon used up by a blow-up.
LIMITS: Final = Limits(
    block=1 << 46, stored=2 << 20, blocks=1 << 12, depth=64, work=1 << 12, output=1 << 18
)
#: Destinations kept of one document.
_DESTINATIONS: Final = 8


@dataclass(slots=True, eq=False)
class Destination:
    """The state that a load finds, in a heap of its own: go back to `mark` before each load."""

    state: Any
    heap: Heap
    root: int
    mark: Mark


@dataclass(slots=True, eq=False)
class Entry:
    """A document with the destinations that the corpus has for it; compiled when first used."""

    source: dict[str, Any]
    states: list[Any]
    _document: Document | None = None
    _made: dict[int, Destination] = field(default_factory=dict)
    _dialects: tuple[Dialect, ...] = ()

    @property
    def document(self) -> Document:
        """Give the compiled document."""
        if self._document is None:
            self._document = Document.from_json(self.source)
        return self._document

    def dialect(self, number: int) -> Dialect:
        """Give one of the dialects that have all that the document needs; any number means one."""
        if not self._dialects:
            self._dialects = tuple(suited(at, self.document) for at in range(len(ALL)))
        return self._dialects[number % len(ALL)]

    def destination(self, number: int) -> Destination:
        """Give one of the destinations; any number means one."""
        number %= len(self.states)
        found = self._made.get(number)
        if found is None:
            found = self._made[number] = destination(self.document, self.states[number])
        return found


def destination(document: Document, state: Any, limits: Limits = LIMITS) -> Destination:
    """Put a state into a heap of its own. Raises `CaseError` where it is none of the document's."""
    heap = Heap(limits)
    root = Writer(document.layout, heap).struct(document.root.struct, state)
    heap.step = 1
    return Destination(state, heap, root, heap.mark())


class Catalogue:
    """Entries by 24-bit selectors.

    A selector means the entry whose document's hash comes next, so that an input goes on meaning
    what it meant when documents are added.
    """

    __slots__ = ("_entries", "_hashes", "cases")

    def __init__(self, cases: Iterable[Case]) -> None:
        self.cases = [case for case in cases if case.op == "load"]
        found: dict[int, Entry] = {}
        for case in self.cases:
            entry = found.setdefault(
                selector(case.request["document"]), Entry(case.request["document"], [])
            )
            state = case.request["destination"]
            if state not in entry.states and len(entry.states) < _DESTINATIONS:
                entry.states.append(state)
        self._hashes = sorted(found)
        self._entries = [found[each] for each in self._hashes]

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, chosen: int) -> Entry:
        """Give the entry that a selector means."""
        return self._entries[bisect_left(self._hashes, chosen) % len(self._entries)]


def selector(document: Any) -> int:
    """Give the 24 bits that stand for a document."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:3], "big")


@cache
def corpus_cases() -> list[Case]:
    """Give the cases of the corpus. Raises `FileNotFoundError`, `InputError`."""
    return list(read_cases([corpus_dir()]))


@cache
def catalogue() -> Catalogue:
    """Give the catalogue of the corpus. Raises `FileNotFoundError`, `InputError`."""
    return Catalogue(corpus_cases())
