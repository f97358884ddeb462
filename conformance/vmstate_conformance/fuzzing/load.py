# SPDX-License-Identifier: Apache-2.0
"""Raw bytes loaded by the descriptions of the corpus: any verdict, but a verdict, and nothing lost.

An input is a header of seven bytes (selector of the description, 24 bits; destination; version_id,
16 bits, signed; options) and the stream.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from vmstate import bulk
from vmstate.dialects import Dialect
from vmstate.errors import CaseError, Outcome
from vmstate.load import Loader
from vmstate.stream import InputStream
from vmstate.trace import Trace
from vmstate_conformance.fuzzing import dictionary
from vmstate_conformance.fuzzing.audit import Leaks, heap_holds, leak_sources, outcome_holds
from vmstate_conformance.fuzzing.catalogue import Destination, Entry, catalogue, selector
from vmstate_conformance.fuzzing.dialects import ALL
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.target import Native, Target

HEADER: Final = 7
_NAMES: Final = tuple(each.name for each in ALL)
#: Of the options byte: load twice, and take no short cut the second time.
AGAIN: Final = 0x10

_SOURCES: Final[dict[tuple[int, str], Leaks]] = {}
_TRACE: Final = Trace(recording=False)


def run(data: bytes) -> None:
    """Load one input. Raises `Finding`."""
    if len(data) < HEADER:
        return
    entry, number, version_id, dialect, options = parse(data)
    try:
        found = entry.destination(number)
    except CaseError:
        return
    stream, outcome = checked(entry, found, data[HEADER:], version_id, dialect)
    if options & AGAIN:
        _same_again(entry, found, stream, outcome, version_id, dialect)


def checked(
    entry: Entry, found: Destination, data: bytes, version_id: int, dialect: Dialect
) -> tuple[InputStream, Outcome | None]:
    """Load, and hold what comes of it to all that is promised. Raises `Finding`."""
    stream = InputStream(data)
    outcome = load(entry, found, stream, version_id, dialect)
    outcome_holds(outcome, stream, by_number=dialect.by_number)
    # Nothing can be lost where nothing was made.
    if found.heap.made(found.mark):
        key = id(entry), dialect.name
        sources = _SOURCES.get(key)
        if sources is None:
            sources = _SOURCES[key] = leak_sources(entry.document, dialect)
        heap_holds(found.heap, found.root, sources)
    return stream, outcome


def parse(data: bytes) -> tuple[Entry, int, int, Dialect, int]:
    """Read the header: entry, destination, version_id, dialect and options."""
    entry = catalogue().entry(int.from_bytes(data[:3], "big"))
    version_id = int.from_bytes(data[4:6], "big", signed=True)
    return entry, data[3], version_id, entry.dialect(data[6] & 0xF), data[6]


def load(
    entry: Entry,
    found: Destination,
    stream: InputStream,
    version_id: int,
    dialect: Dialect,
    trace: Trace = _TRACE,
) -> Outcome | None:
    """Load into a destination as it was; give what went wrong, if anything did."""
    found.heap.reset(found.mark)
    trace.clear()
    loader = Loader(stream, found.heap, dialect, trace)
    try:
        loader.load_vmsd(entry.document.root, found.root, version_id)
    except Outcome as outcome:
        return outcome
    return None


def result(found: Destination, stream: InputStream, outcome: Outcome | None) -> dict[str, Any]:
    """Give all that came of a load, memory as it is: a state may be far larger than its blocks."""
    verdict = "accept" if outcome is None else f"{type(outcome).__name__} {outcome.error}"
    memory = [
        (block.base, block.size, block.data, block.pages, block.tree and block.tree.nodes)
        for block in found.heap.blocks()
    ]
    return {
        "verdict": verdict,
        "consumed": stream.position,
        "stream_error": stream.error,
        "memory": deepcopy(memory),
    }


def observe(data: bytes) -> dict[str, Any] | None:
    """Give all that comes of an input."""
    if len(data) < HEADER:
        return None
    entry, number, version_id, dialect, _ = parse(data)
    try:
        found = entry.destination(number)
    except CaseError:
        return None
    stream = InputStream(data[HEADER:])
    return result(found, stream, load(entry, found, stream, version_id, dialect))


def _same_again(
    entry: Entry,
    found: Destination,
    stream: InputStream,
    outcome: Outcome | None,
    version_id: int,
    dialect: Dialect,
) -> None:
    """Load once more, element by element: the short cut must not show, nor what was there before."""
    first = result(found, stream, outcome)
    other = InputStream(stream.data)
    least, bulk.LEAST = bulk.LEAST, 1 << 64
    try:
        # A trace that records is another way round a short cut.
        trace = Trace(recording=True)
        second = result(found, other, load(entry, found, other, version_id, dialect, trace))
    finally:
        bulk.LEAST = least
    compare(first, second, "again")


def compare(first: dict[str, Any], second: dict[str, Any], rule: str) -> None:
    """Raise `Finding` for the first part in which two results differ."""
    for key, value in first.items():
        if second[key] != value:
            raise Finding(rule, key, f"{key}: {_brief(value)} against {_brief(second[key])}")


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def seeds() -> Iterator[bytes]:
    """Give the loads of the corpus."""
    for case in catalogue().cases:
        yield from seed(case.request, case.dialect)


def seed(request: dict[str, Any], dialect: str) -> Iterator[bytes]:
    """Give a load of the corpus as an input, if it can be one."""
    chosen = selector(request["document"])
    states = catalogue().entry(chosen).states
    version_id, state = int(request["version_id"]), request["destination"]
    if state in states and -(1 << 15) <= version_id < 1 << 15 and dialect in _NAMES:
        options = _NAMES.index(dialect)
        head = chosen.to_bytes(3, "big") + bytes([states.index(state)])
        head += version_id.to_bytes(2, "big", signed=True) + bytes([options])
        yield head + bytes.fromhex(request["stream"])


def tokens() -> Iterator[bytes]:
    """Give the words of the dictionary."""
    yield from dictionary.markers()
    for case in catalogue().cases:
        yield from dictionary.subsections(case.request["document"])
        yield selector(case.request["document"]).to_bytes(3, "big")


_TELLING: Final = bytes((0, 0, 0, 1, 2, 5, 0x30, 0x31, 0x31, 0x32, 0x7F, 0x80, 0xFF))


def mutate(data: bytes, size: int, seed: int, native: Native) -> bytes:
    """Change bytes; or choose a description anew, with a version that it takes and telling bytes."""
    if len(data) >= HEADER and seed % 4:
        return native(data, size)
    source = random.Random(seed)  # noqa: S311 - reproducible is what it must be
    head = source.randbytes(3) if len(data) < HEADER or seed & 4 else data[:3]
    entry = catalogue().entry(int.from_bytes(head, "big"))
    own = int(entry.source["descriptions"][entry.source["root"]].get("version_id", 0))
    version_id = own + source.choice((0, 0, 0, -1, 1))
    version_id = min(max(version_id, -(1 << 15)), (1 << 15) - 1)
    stream = bytearray(data[HEADER:])
    if source.randrange(2) or not stream:
        stream = bytearray(source.choices(_TELLING, k=source.randrange(1, 64)))
    words = list(dictionary.subsections(entry.source))
    if words and source.randrange(2):
        at = source.randrange(len(stream) + 1)
        made, last = _headers(source, words)
        stream[at : None if last else at] = made
    options = source.choice((0, 0, 1, 2, 3, AGAIN))
    head += bytes([source.randrange(4)]) + version_id.to_bytes(2, "big", signed=True)
    return (head + bytes([options]) + bytes(stream))[:size]


def _headers(source: random.Random, words: list[bytes]) -> tuple[bytes, bool]:
    """Choose a subsection's header, or several, or one spelt otherwise; give whether it is the end."""
    word = source.choice(words)
    name, how = word[2:-4], source.randrange(10)
    if how < 3:
        return word, False
    if how < 6:
        # Each subsection may be behind some numbers of the one before.
        return b"".join(source.choice(words) for _ in range(how - 1)), False
    if how == 6:
        return word[: source.randrange(1, len(word))], True
    name = (name[:-1], name + b"z", name + b"\0z")[how - 7]
    return bytes([word[0], len(name) & 0xFF]) + name + word[-4:], False


def case(data: bytes) -> dict[str, Any] | None:
    """Give the request that an input amounts to."""
    if len(data) < HEADER:
        return None
    entry, number, version_id, dialect, _ = parse(data)
    return {
        "op": "load",
        "dialect": dialect.name,
        "document": entry.source,
        "destination": entry.states[number % len(entry.states)],
        "version_id": version_id,
        "stream": data[HEADER:].hex(),
    }


TARGET: Final = Target("load", run, seeds, tokens, case, observe, max_len=2048, mutate=mutate)
