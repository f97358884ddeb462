# SPDX-License-Identifier: Apache-2.0
"""The reference against another implementation, over the pipe that the runner uses.

$VMSTATE_TESTEE names the other one, as the runner's `--testee` does. The first byte of an input says
whether the rest is one of `vmstate_conformance.fuzzing.load` or of `structure`, and in its next two bits
whether a document of the latter is loaded, saved or checked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from vmstate.dialects import DEFAULT_DIALECT
from vmstate.errors import CaseError
from vmstate.operations import perform
from vmstate_conformance.cases import Case, InputError
from vmstate_conformance.fuzzing import load, structure
from vmstate_conformance.fuzzing.catalogue import catalogue
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.target import Native, Target
from vmstate_conformance.runner.grade import grade
from vmstate_conformance.testees.process import TesteeError
from vmstate_conformance.testees.registry import Asked, Testee
from vmstate_conformance.testees.session import Timing

TESTEE: Final = "VMSTATE_TESTEE"
PROFILE: Final = "VMSTATE_PROFILE"
#: A fuzzer shares its machine with others; what takes this long is stuck.
_TIMING: Final = Timing(start=60, case=20)
#: What is asked about a document of `structure`, by two bits.
_OPS: Final = ("load", "save", "check", "load")
#: Outcomes of the testee's process that are findings whatever the case was.
_BROKEN: Final = frozenset({"crash", "exit", "timeout", "protocol"})


def run(data: bytes) -> None:
    """Ask both. Raises `Finding` where they disagree, `InputError` where the testee cannot be asked."""
    asked = case(data)
    if asked is None:
        return
    dialect = asked.pop("dialect")
    try:
        ours = perform(asked, dialect=dialect, profile=_profile())
    except CaseError:
        return
    if "heap" in ours:
        # Who lost what is the reference's own; how much is everybody's.
        ours["heap"] = {key: ours["heap"][key] for key in ("allocated", "leaked")}
    posed = Case("fuzz", dialect, asked, ours, (), "fuzz")
    theirs = answer(posed)
    if theirs is None:
        return
    verdict = theirs.get("verdict")
    if verdict in _BROKEN:
        raise Finding("testee", str(verdict), str(theirs.get("detail", "")))
    if verdict == "failure":
        raise Finding("testee", "failure", f"refuses the case: {theirs.get('detail', '')}")
    for each in grade(posed, theirs, _profile()).differences[:1]:
        key = each.path.partition(".")[0].partition("[")[0]
        if key == "verdict":
            key = f"verdict {each.wanted} {each.got}"
        raise Finding("disagreement", key, f"{each.path}: {each.wanted!r} against {each.got!r}")


def answer(posed: Case) -> dict[str, Any] | None:
    """Ask the testee; None where it does not know the dialect."""
    asked = _asked(posed.dialect)
    if asked is None:
        return None
    try:
        ((_, result),) = asked.run([posed])
    except TesteeError as error:
        raise InputError(f"the testee: {error}") from None
    return result


@cache
def _asked(dialect: str) -> Asked | None:
    word = os.environ.get(TESTEE)
    if not word:
        raise InputError("--testee COMMAND says who is to be compared with the reference")
    try:
        asked = Testee(word, _TIMING).ask(dialect, _profile())
        return asked if asked.speaks() else None
    except TesteeError as error:
        raise InputError(f"--testee {word!r}: {error}") from None


def _profile() -> str:
    return os.environ.get(PROFILE) or "compat"


def _of(data: bytes) -> Target:
    return structure.TARGET if data[0] & 1 else load.TARGET


def case(data: bytes) -> dict[str, Any] | None:
    """Give the request of an input."""
    if not data:
        return None
    op = _OPS[data[0] >> 1 & 3]
    if data[0] & 1 and op != "load":
        return structure.asked(data[1:], op)
    return _of(data).case(data[1:])


def seeds() -> Iterator[bytes]:
    """Give the seeds of both."""
    for first in (b"\1", b"\3", b"\5"):
        yield from (first + seed for seed in structure.seeds())
    for seed, known in zip(load.seeds(), catalogue().cases, strict=False):
        if known.dialect == DEFAULT_DIALECT:
            yield b"\0" + seed


def mutate(data: bytes, size: int, seed: int, native: Native) -> bytes:
    """Change an input as the target whose it is does."""
    if not data:
        return bytes([seed & 7])
    own = _of(data).mutate
    rest = data[1:]
    made = native(rest, size - 1) if own is None else own(rest, size - 1, seed, native)
    first = data[:1] if seed >> 16 & 7 else bytes([seed >> 20 & 7])
    return first + made


TARGET: Final = Target(
    "differential",
    run,
    seeds,
    load.tokens,
    case,
    ready=lambda: _asked(DEFAULT_DIALECT),
    max_len=1024,
    timeout=60,
    # The testee inherits the limit, and may be an emulator.
    memory=16 << 30,
    mutate=mutate,
)
