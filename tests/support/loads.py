# SPDX-License-Identifier: Apache-2.0
"""Requests of loads and saves, and one load seen from inside, for the property tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from vmstate.dialects import DIALECTS, Limits
from vmstate.document import Document
from vmstate.errors import Outcome
from vmstate.heap import Block, Heap
from vmstate.load import Loader
from vmstate.state import Writer
from vmstate.stream import InputStream
from vmstate_conformance.strategies import (
    FIELD_KINDS,
    destinations,
    documents,
    migrations,
    states,
    streams,
    successors,
)
from vmstate_conformance.strategies.wire import Wire

#: What follows in a real stream: no subsection's name can reach beyond it.
AFTER = b"\0" * 260

# Elements of an array that is described in short all have the size of the first, if none of these is in
# it (arrays of VMS_VSTRUCT are, whatever is inside); and the first run of an ordinary array of pointers claims the length of all.
EVEN = [
    kind
    for kind in FIELD_KINDS
    if "-member-" not in kind
    and "-pointers-" not in kind
    and not (kind.startswith("vstruct") and "-one-" not in kind)
    and kind not in ("unused", "vbuffer", "bitmap", "qtailq", "qlist", "g-byte-array")
    and not kind.startswith("gtree")
]


def version(document: Mapping[str, Any]) -> int:
    """The version of the root."""
    return int(document["descriptions"][document["root"]]["version_id"])


def save(document: Any, state: Any) -> dict[str, Any]:
    """A save."""
    return {"op": "save", "document": document, "state": state}


def load(
    document: Any, destination: Any, stream: bytes, version_id: int | None = None
) -> dict[str, Any]:
    """A load, of the root's version by default."""
    asked = version(document) if version_id is None else version_id
    head = {"op": "load", "document": document, "destination": destination}
    return {**head, "version_id": asked, "stream": stream.hex()}


@dataclass(frozen=True, repr=False)
class Sent:
    """A document, a state of it, its stream, and a destination. A failure prints it as a case."""

    document: Any
    state: Any
    wire: Wire
    destination: Any

    def request(self, stream: bytes) -> dict[str, Any]:
        """The load of a stream into the destination."""
        return load(self.document, self.destination, stream)


@st.composite
def sent(draw: st.DrawFn, *, odd_ones: bool = False, **scope: Any) -> Sent:
    """What a save has sent, and where it shall go."""
    document = draw(documents(**scope))
    state = draw(states(document))
    wire = draw(streams(document, state))
    return Sent(document, state, wire, draw(destinations(document, state, odd_ones=odd_ones)))


@st.composite
def migrated(draw: st.DrawFn) -> dict[str, Any]:
    """A load into the next release of what the last one has saved."""
    old = draw(documents())
    return draw(migrations(old, draw(successors(old)).document))


@dataclass(frozen=True)
class Inside:
    """A load from inside: what it did, and what became of the heap."""

    outcome: Outcome | None
    steps: int
    stored: int
    blocks: list[Block]
    lost: list[Block]


def inside(request: Mapping[str, Any], limits: Limits, dialect: str = "qemu-11.1.3") -> Inside:
    """Do a load within limits and look at its loader and heap."""
    document = Document.from_json(request["document"])
    heap = Heap(limits)
    root = Writer(document.layout, heap).struct(document.root.struct, request["destination"])
    before = heap._stored
    heap.step = 1
    loader = Loader(InputStream(bytes.fromhex(request["stream"])), heap, DIALECTS[dialect])
    outcome = None
    try:
        loader.load_vmsd(document.root, root, request["version_id"])
    except Outcome as stopped:
        outcome = stopped
    reached = heap.reachable(root)
    blocks = list(heap.blocks())
    lost = [block for block in blocks if block not in reached]
    return Inside(outcome, loader.steps, heap._stored - before, blocks, lost)
