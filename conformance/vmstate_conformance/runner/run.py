# SPDX-License-Identifier: Apache-2.0
"""Running cases: planned in shards, driven by one or several workers, each result graded as it comes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from vmstate_conformance.cases import Case
from vmstate_conformance.expectations.model import Entry, Expectations, apply
from vmstate_conformance.runner.grade import FacetGrade, Grade, accepted, grade, refused
from vmstate_conformance.runner.schedule import Shard, shards
from vmstate_conformance.runner.wanted import facets, wanted
from vmstate_conformance.testees.hello import Hello
from vmstate_conformance.testees.process import TesteeError
from vmstate_conformance.testees.registry import Asked, Testee

_BATCH: Final = 32


@dataclass(frozen=True, slots=True)
class Row:
    """One case, what came back, and its grade."""

    case: Case
    result: dict[str, Any]
    grade: Grade


@dataclass(slots=True)
class Run:
    """A run of cases against one testee. `hello` and `restarts` are there once it has begun.

    An empty profile is then the one that the testee offers.
    """

    testee: Testee
    profile: str = "compat"
    jobs: int = 1
    expectations: Expectations | None = None
    isolate: bool = False
    seed: int | None = None
    hello: Hello | None = None
    restarts: int = 0
    #: Why the testee could be asked no more, if so.
    broken: str = ""
    _first: tuple[str, Asked] | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def begin(self, dialect: str) -> Hello:
        """Start the testee for its hello. Raises `TesteeError`."""
        asked = self.testee.ask(dialect, self.profile)
        try:
            asked.speaks()
        except BaseException:
            asked.close()
            raise
        assert asked.hello is not None
        self.hello, self._first, self.profile = asked.hello, (dialect, asked), asked.profile
        return asked.hello

    def rows(self, cases: list[Case]) -> Iterator[Row]:
        """Give a row for each case, in the order in which they end.

        Raises `TesteeError` where the testee cannot be used from the start. One that cannot be
        started again later leaves rows that are `broken`.
        """
        if not cases:
            return
        hello = self.hello or self.begin(cases[0].dialect)
        possible = []
        known: dict[tuple[str, int], str | None] = {}
        for case in cases:
            key = case.op, id(case.request.get("document", case.request))
            if key not in known:
                known[key] = hello.missing(case.request)
            needs = known[key]
            if case.dialect not in hello.dialects:
                needs = f"dialects:{case.dialect}"
            if needs is None:
                possible.append(case)
            else:
                result = {"verdict": "unsupported", "needs": needs}
                yield Row(case, result, refused(case, self.profile, needs))
        try:
            work = self._plan(possible)
            if self.jobs == 1 or len(work) < 2:
                for shard in work:
                    yield from self._shard(shard)
            else:
                yield from self._shared(work)
        finally:
            self._stop.set()
            self.close()

    def _plan(self, cases: list[Case]) -> list[Shard]:
        kinds: dict[str, set[tuple[str, str]]] = {"crash": set(), "flaky": set()}
        for case in cases:
            for entry in self._entries(case):
                if entry.kind in kinds:
                    kinds[entry.kind].add((case.id, case.dialect))
        return shards(
            cases,
            jobs=self.jobs,
            isolate=self.isolate,
            seed=self.seed,
            last=kinds["crash"],
            flaky=kinds["flaky"] - kinds["crash"],
        )

    def _shared(self, work: list[Shard]) -> Iterator[Row]:
        """Let threads work: they mostly wait for their testees."""
        todo: queue.SimpleQueue[Shard] = queue.SimpleQueue()
        for shard in work:
            todo.put(shard)
        rows: queue.SimpleQueue[list[Row] | BaseException | None] = queue.SimpleQueue()

        def serve() -> None:
            batch: list[Row] = []
            try:
                while not self._stop.is_set():
                    for row in self._shard(todo.get_nowait()):
                        batch.append(row)
                        if len(batch) >= _BATCH:
                            rows.put(batch)
                            batch = []
                        if self._stop.is_set():
                            break
            except queue.Empty:
                pass
            except BaseException as error:  # noqa: BLE001 - the main thread decides what it is
                rows.put(error)
            finally:
                rows.put(batch)
                rows.put(None)

        workers = [
            threading.Thread(target=serve, daemon=True) for _ in range(min(self.jobs, len(work)))
        ]
        for worker in workers:
            worker.start()
        working = len(workers)
        try:
            while working:
                found = rows.get()
                if found is None:
                    working -= 1
                elif isinstance(found, BaseException):
                    raise found
                else:
                    yield from found
        finally:
            self._stop.set()
            for worker in workers:
                worker.join(5)

    def _shard(self, shard: Shard) -> Iterator[Row]:
        """Run the cases of a shard in a conversation of their own."""
        done: set[int] = set()
        try:
            if not self.broken:
                for case, results in self._results(shard):
                    done.add(id(case))
                    yield self._graded(case, results)
        except TesteeError as error:
            self.broken = self.broken or str(error)
        if len(done) == len(shard.cases):
            return
        for case in (case for case in shard.cases if id(case) not in done):
            result = {"verdict": "broken", "detail": self.broken}
            names = facets(case.op, wanted(case, self.profile))
            grades = Grade.of(FacetGrade(name, "broken", outcome="broken") for name in names)
            yield Row(case, result, grades)

    def _results(self, shard: Shard) -> Iterator[tuple[Case, list[dict[str, Any]]]]:
        asked = self._conversation(shard.dialect)
        try:
            if shard.rounds == 1:
                for case, result in asked.run(shard.cases, self.follow):
                    yield case, [result]
            else:
                for case in shard.cases:
                    rounds = [case] * shard.rounds
                    yield case, [result for _, result in asked.run(rounds, self.follow)]
        finally:
            asked.close()
            self.restarts += asked.restarts

    def _conversation(self, dialect: str) -> Asked:
        first, self._first = self._first, None
        if first is not None:
            if first[0] == dialect:
                return first[1]
            first[1].close()
        asked = self.testee.ask(dialect, self.profile)
        if self.hello is not None:
            asked.hello = self.hello
        return asked

    def close(self) -> None:
        """End the process that `begin` started, if nothing ran in it yet."""
        if self._first is not None:
            self._first[1].close()
            self._first = None

    def follow(self, case: Case, result: dict[str, Any]) -> dict[str, Any] | None:
        """Give the request to save again what the testee accepted, where that is wanted."""
        if case.hardened is None and case.expect.get("canonical") is not True:
            return None  # most cases, told apart by the least work
        if result["verdict"] != "accept" or case.op != "load":
            return None
        hello = self.hello
        assert hello is not None
        if not accepted(case, result, self.profile, hello):
            return None
        ops = hello.lists["ops"]
        if hello.state == "tree" and (ops is None or "save" in ops):
            document, state = case.request["document"], result["state"]
            return {"op": "save", "document": document, "state": state, "vmdesc": False}
        if ops is not None and "resave" in ops:
            return {**case.request, "op": "resave"}
        return None

    def _graded(self, case: Case, results: list[dict[str, Any]]) -> Row:
        if self.expectations is None:
            result = results[0]
            return Row(case, result, grade(case, result, self.profile, self.hello))
        entries = self._entries(case)
        grades = [grade(case, result, self.profile, self.hello) for result in results]
        if not entries:
            return Row(case, results[0], grades[0])
        failing = [at for at, each in enumerate(grades) if each.grade == "fail"]
        at = failing[0] if failing else 0
        found = apply(entries, results[at], grades[at])
        if len(results) > 1:
            rate = f"failed {len(failing)} of {len(results)} times"
            results[at]["rate"] = rate
        return Row(case, results[at], found)

    def _entries(self, case: Case) -> list[Entry]:
        return self.expectations.of(case, self.profile) if self.expectations else []


def run(testee: Testee, cases: list[Case], profile: str, jobs: int) -> Iterator[Row]:
    """Run all cases and give a row for each, in the order in which they end.

    Raises `TesteeError` where the testee cannot be used.
    """
    return Run(testee, profile, jobs).rows(cases)
