# SPDX-License-Identifier: Apache-2.0
"""Raw bytes as a whole stream into the machines of the corpus, in both profiles.

An input is a header of four bytes (selector of the machine, 24 bits; dialect) and the stream.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from vmstate.document import Document
from vmstate.errors import CaseError
from vmstate.operations import perform
from vmstate_conformance.cases import Case
from vmstate_conformance.fuzzing import container, profile, streams
from vmstate_conformance.fuzzing.catalogue import LIMITS, corpus_cases, selector
from vmstate_conformance.fuzzing.dialects import COMPLETE
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.target import Native, Target
from vmstate_conformance.strategies import framing

HEADER: Final = 4
_DIALECTS: Final = tuple(each.name for each in COMPLETE)
_Machine = tuple[int, dict[str, Any]]


def run(data: bytes) -> None:
    """Load a stream in both profiles. Raises `Finding`."""
    both = observe(data)
    if both is not None:
        orderly(_machine(data), len(data) - HEADER, *both)


def observe(data: bytes) -> profile.Both | None:
    """Give the results of both profiles."""
    if len(data) < HEADER:
        return None
    asked = {**_machine(data), "stream": data[HEADER:].hex()}
    return profile.performed(asked, COMPLETE[data[3] % len(COMPLETE)])


def orderly(
    asked: dict[str, Any], size: int, compat: dict[str, Any], hardened: dict[str, Any]
) -> None:
    """Hold what came of a stream of so many bytes to what is promised. Raises `Finding`."""
    profile.agree(compat, hardened)
    # With mapped-ram, a stream goes on wherever it says in its file, and behind that too.
    end = 1 << 63 if _placed(asked) else size
    for result in (compat, hardened):
        if not 0 <= result.get("consumed", 0) <= end:
            raise Finding("position", "outside", f"{result['consumed']} of {size}")


def _placed(asked: dict[str, Any]) -> bool:
    machine = asked.get("machine", "none")
    return isinstance(machine, dict) and "mapped-ram" in machine.get("capabilities", ())


@cache
def _machines() -> list[_Machine]:
    """Give the machines of the corpus by their selectors, documents compiled."""
    found: dict[int, dict[str, Any]] = {}
    for case in _cases():
        asked = {key: value for key, value in case.request.items() if key != "stream"}
        chosen = selector(asked)
        if chosen not in found:
            found[chosen] = {**asked, "document": Document.from_json(asked["document"])}
    return sorted(found.items(), key=lambda each: each[0])


def _cases() -> Iterator[Case]:
    return (case for case in corpus_cases() if case.op == "stream")


def _machine(data: bytes) -> dict[str, Any]:
    machines = _machines()
    at = bisect_left(machines, int.from_bytes(data[:3], "big"), key=lambda each: each[0])
    return machines[at % len(machines)][1]


def seeds() -> Iterator[bytes]:
    """Give the streams of the corpus."""
    for case in _cases():
        if case.dialect in _DIALECTS:
            asked = {key: value for key, value in case.request.items() if key != "stream"}
            head = selector(asked).to_bytes(3, "big") + bytes([_DIALECTS.index(case.dialect)])
            yield head + bytes.fromhex(case.request["stream"])
    yield from spoken()


def spoken() -> Iterator[bytes]:
    """Give commands to the first machine that asks for nothing special."""
    chosen = next(
        (chosen for chosen, asked in _machines() if asked.get("machine", "none") == "none"), 0
    )
    head = chosen.to_bytes(3, "big") + b"\0" + framing.HEADER + framing.configuration()
    yield from (head + commands + b"\0" for commands in streams.conversations())


def tokens() -> Iterator[bytes]:
    """Give what frames a stream, and the machines."""
    yield from container.tokens()
    yield from (chosen.to_bytes(3, "big") for chosen, _ in _machines())


def mutate(data: bytes, size: int, seed: int, native: Native) -> bytes:
    """Change a stream as `container` does; where there is none, save one of a machine's own."""
    if len(data) > HEADER and seed % 16:
        return data[:HEADER] + container.mutate(data[HEADER:], size - HEADER, seed >> 4, native)
    source = random.Random(seed)  # noqa: S311 - reproducible is what it must be
    chosen, _ = source.choice(_machines())
    head = chosen.to_bytes(3, "big") + bytes([source.choice((0, 0, 1, 2))])
    return (head + _saved(chosen))[:size]


@cache
def _saved(chosen: int) -> bytes:
    """Give what a machine saves in the state that the corpus has for it, or what any stream begins with."""
    asked = dict(_machine(chosen.to_bytes(3, "big")))
    devices = [
        {"state" if key == "destination" else key: value for key, value in device.items()}
        for device in asked["devices"]
    ]
    try:
        saved = perform({**asked, "op": "savevm", "devices": devices}, limits=LIMITS)
    except CaseError:  # a machine that can only load
        return framing.HEADER + framing.configuration()
    return bytes.fromhex(saved.get("stream", ""))


def case(data: bytes) -> dict[str, Any] | None:
    """Give the request that an input amounts to."""
    if len(data) < HEADER:
        return None
    chosen = _machine(data)["document"]
    for each in _cases():
        asked = {key: value for key, value in each.request.items() if key != "stream"}
        if chosen.root.name == asked["document"]["root"] and _machine(
            selector(asked).to_bytes(3, "big")
        ) is _machine(data):
            dialect = _DIALECTS[data[3] % len(_DIALECTS)]
            return {**asked, "dialect": dialect, "stream": data[HEADER:].hex()}
    return None


TARGET: Final = Target("loadvm", run, seeds, tokens, case, observe, max_len=4096, mutate=mutate)
