# SPDX-License-Identifier: Apache-2.0
"""A campaign: recipes one after the other, in so many workers, for so long."""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vmstate_conformance.qemu.build import adapter
from vmstate_conformance.qemu.fuzz.arena import Arena, Range, disk
from vmstate_conformance.qemu.fuzz.faults import signature
from vmstate_conformance.qemu.fuzz.findings import keys, known, write
from vmstate_conformance.qemu.fuzz.minimise import confirm
from vmstate_conformance.qemu.fuzz.mutate import Mutant, Mutator
from vmstate_conformance.qemu.fuzz.seeds import plant
from vmstate_conformance.qemu.harvest import binary, harvest, program
from vmstate_conformance.qemu.judge import Machinery, Verdict
from vmstate_conformance.qemu.machine import die_with_parent
from vmstate_conformance.qemu.provision import Qemu, QemuError
from vmstate_conformance.qemu.recipes import recipe as recipe_of
from vmstate_conformance.qemu.recipes.model import Recipe

#: A good load after so many inputs.
_GOOD: Final = 16
#: Of a thousand inputs, how many go to a fresh process although there is an arena.
_FRESH: Final = 10
#: What seems to hang gets so many times as long to come to an end, once.
_PATIENCE: Final = 4
_REPORT: Final = 2.0


@dataclass(slots=True)
class Tally:
    """What a recipe's slice came to."""

    recipe: str
    seconds: float = 0.0
    inputs: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    known: int = 0
    unconfirmed: int = 0
    found: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""

    def row(self) -> dict[str, Any]:
        """Give it as a JSON object."""
        return {
            "recipe": self.recipe,
            "seconds": round(self.seconds, 1),
            "inputs": self.inputs,
            "verdicts": dict(self.verdicts),
            "restarts": self.restarts,
            "known": self.known,
            "unconfirmed": self.unconfirmed,
            "found": self.found,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign is to do; the same seed gives each recipe the same mutants."""

    recipes: tuple[str, ...]
    seconds: float
    jobs: int
    seed: int
    into: Path
    path: str | None = None
    timeout: float = 6.0


def run(plan: Plan) -> Iterator[Tally]:
    """Run a campaign; gives a tally for each slice of a recipe's time, as it ends.

    Raises `QemuError` where no machine can be started, `OSError` where nothing can be written.
    """
    adapter("faults")
    plan.into.mkdir(parents=True, exist_ok=True)
    for name in plan.recipes:
        each = recipe_of(name)
        binary(plan.path, each.arch, program(each))
    context = multiprocessing.get_context("spawn")
    share = plan.seconds * plan.jobs / len(plan.recipes)
    tasks: multiprocessing.queues.Queue[tuple[str, int, float]] = context.Queue()
    # With more workers than recipes, several work on one, each with its own mutants.
    pieces = max(1, -(-plan.jobs // len(plan.recipes)))
    for piece in range(pieces):
        for name in plan.recipes:
            tasks.put((name, piece, share / pieces))
    tallies: multiprocessing.queues.Queue[Tally | BaseException] = context.Queue()
    started = time.monotonic()
    workers = [
        context.Process(target=_work, args=(plan, started, tasks, tallies), daemon=True)
        for _ in range(plan.jobs)
    ]
    for worker in workers:
        worker.start()
    try:
        left = pieces * len(plan.recipes)
        while left:
            with contextlib.suppress(queue.Empty):
                came = tallies.get(timeout=_REPORT)
                left -= 1
                if isinstance(came, BaseException):
                    raise came
                yield came
                continue
            if not any(worker.is_alive() for worker in workers):
                raise QemuError("the workers have ended before their time")
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join(5)


def _work(
    plan: Plan,
    started: float,
    tasks: multiprocessing.queues.Queue[tuple[str, int, float]],
    tallies: multiprocessing.queues.Queue[Tally | BaseException],
) -> None:
    die_with_parent()
    # The one who started us ends us, by SIGTERM, and what we have made is cleared away.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    while True:
        try:
            name, piece, seconds = tasks.get(timeout=1)
        except queue.Empty:
            return
        try:
            tallies.put(slice_of(plan, name, piece, seconds, started))
        except (QemuError, OSError) as error:
            tallies.put(Tally(name, note=f"{error}"))


def slice_of(plan: Plan, name: str, piece: int, seconds: float, started: float) -> Tally:
    """Fuzz one recipe for so many seconds."""
    found = recipe_of(name)
    qemu = binary(plan.path, found.arch, program(found))
    return _Slice(plan, found, qemu, piece, started).run(seconds)


class _Slice:
    """One recipe's time in one worker."""

    def __init__(self, plan: Plan, recipe: Recipe, qemu: Qemu, piece: int, started: float) -> None:
        self._plan = plan
        self._recipe = recipe
        self._started = started
        self._library = adapter("faults")
        self._tally = Tally(recipe.name)
        self._known = known(plan.into)
        self._random = random.Random(f"{plan.seed}/{recipe.name}/{piece}")  # noqa: S311 - no secret
        self._machinery = Machinery(qemu, disk(recipe.arguments), recipe.arch, recipe.capabilities)
        self._range = Range(self._machinery, self._library, plan.timeout)
        self._arena: Arena | None = None

    def run(self, seconds: float) -> Tally:
        """Make mutants and try them until the time is over."""
        begun = time.monotonic()
        try:
            seed = plant(self._stream(), self._recipe.focus)
            mutator = Mutator(seed, self._random)
            while time.monotonic() - begun < seconds:
                mutant = mutator.next()
                verdict = self._try(mutant)
                self._tally.inputs += 1
                self._tally.verdicts[verdict.verdict] += 1
                if verdict.bad:
                    mutator.tire(mutant.edits)
                    self._look(mutant, verdict)
        except QemuError as error:
            # What was counted up to here stands.
            self._tally.note = str(error)
        finally:
            if self._arena is not None:
                self._arena.close()
        self._tally.seconds = time.monotonic() - begun
        return self._tally

    def _stream(self) -> bytes:
        """Give the seed: from the arena, else from a harvest and each input goes to a fresh process."""
        try:
            self._arena = self._open()
        except QemuError as error:
            self._tally.note = f"one process for each input: {error}"
            return harvest(self._recipe, self._machinery.qemu).stream
        return self._arena.stream

    def _open(self) -> Arena:
        return Arena(self._machinery, self._recipe.steps, self._library, self._plan.timeout)

    def _try(self, mutant: Mutant) -> Verdict:
        data = mutant.bytes()
        arena = self._arena
        if (
            arena is None
            or mutant.truncated
            or len(data) > arena.room
            or self._random.randrange(1000) < _FRESH
        ):
            return self._range.attempt(data)
        verdict = arena.attempt(data)
        good = self._tally.inputs % _GOOD or arena.attempt(arena.stream).verdict == "accepted"
        if verdict.bad or not good:
            self._tally.restarts += 1
            arena.close()
            self._arena = self._open()
        return verdict

    def _look(self, mutant: Mutant, verdict: Verdict) -> None:
        """Confirm what was found, make it small, and write it, once for each signature."""
        told = keys(signature(verdict, verdict.said), verdict.verdict, mutant.edits)
        if not self._known.isdisjoint(told):
            self._tally.known += 1
            return
        self._known.add(told[0])
        at = time.monotonic() - self._started
        ways: list[tuple[str, Callable[[bytes], Verdict]]] = [("incoming", self._range.attempt)]
        if self._arena is not None:
            ways.append(("loadvm", self._once))
        # A machine that is slow today is no finding.
        patient = Range(self._machinery, self._library, _PATIENCE * self._plan.timeout)
        if verdict.verdict == "hung" and not patient.attempt(mutant.bytes()).bad:
            ways = ways[1:]
        confirmed = confirm(mutant, ways)
        if confirmed is None:
            self._tally.unconfirmed += 1
            return
        self._known.update(
            keys(confirmed.signature, confirmed.verdict.verdict, confirmed.mutant.edits)
        )
        facts = {
            "seed": self._plan.seed,
            "inputs": self._tally.inputs + 1,
            "seconds": round(at, 1),
        }
        folder = write(confirmed, self._recipe, self._machinery, self._plan.into, facts)
        if folder is None:
            self._tally.known += 1
            return
        self._tally.found.append(
            {"folder": folder.name, "verdict": confirmed.verdict.verdict, "seconds": round(at, 1)}
        )

    def _once(self, data: bytes) -> Verdict:
        """Try a stream by `loadvm` in a process of its own."""
        arena = self._open()
        try:
            return (
                arena.attempt(data) if len(data) <= arena.room else Verdict("rejected", "no room")
            )
        finally:
            arena.close()


def summary(tallies: Sequence[Tally]) -> dict[str, Any]:
    """Give a campaign's tallies as one JSON object."""
    verdicts: Counter[str] = Counter()
    for each in tallies:
        verdicts.update(each.verdicts)
    return {
        "inputs": sum(each.inputs for each in tallies),
        "verdicts": dict(verdicts),
        "findings": sum(len(each.found) for each in tallies),
        "recipes": [each.row() for each in tallies],
    }
