# SPDX-License-Identifier: Apache-2.0
"""Running cases: sorted by dialect, sharded over processes, each result graded as it comes."""

from __future__ import annotations

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from vmstate_conformance.cases import Case
from vmstate_conformance.runner.grade import Grade, grade
from vmstate_conformance.testees.process import TesteeError
from vmstate_conformance.testees.registry import Testee

_SHARD: Final = 64


@dataclass(frozen=True, slots=True)
class Row:
    """One case, what came back, and its grade. `seconds` is since the run began."""

    case: Case
    result: dict[str, Any]
    grade: Grade
    seconds: float


def run(testee: Testee, cases: list[Case], profile: str, jobs: int) -> Iterator[Row]:
    """Run all cases and give a row for each, in the order in which they end.

    Raises `TesteeError` where the testee cannot be used; rows given before that stand.
    """
    shards: queue.SimpleQueue[tuple[str, list[Case]]] = queue.SimpleQueue()
    count = 0
    for dialect, members in _by_dialect(cases).items():
        step = max(1, min(_SHARD, -(-len(members) // jobs))) if jobs > 1 else len(members)
        for at in range(0, len(members), step):
            shards.put((dialect, members[at : at + step]))
            count += 1
    rows: queue.SimpleQueue[Row | BaseException | None] = queue.SimpleQueue()
    stop = threading.Event()
    workers = [
        threading.Thread(target=_work, args=(testee, profile, shards, rows.put, stop), daemon=True)
        for _ in range(min(jobs, max(count, 1)))
    ]
    for worker in workers:
        worker.start()
    working = len(workers)
    try:
        while working:
            row = rows.get()
            if row is None:
                working -= 1
            elif isinstance(row, BaseException):
                raise row
            else:
                yield row
    finally:
        stop.set()
        for worker in workers:
            worker.join(5)


def _by_dialect(cases: list[Case]) -> dict[str, list[Case]]:
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.dialect].append(case)
    return groups


def _work(
    testee: Testee,
    profile: str,
    shards: queue.SimpleQueue[tuple[str, list[Case]]],
    put: Callable[[Row | BaseException | None], None],
    stop: threading.Event,
) -> None:
    begun = time.monotonic()
    try:
        for dialect, cases in _until_empty(shards):
            asked = testee.ask(dialect, profile)
            try:
                if not asked.speaks():
                    missing = {"verdict": "unsupported", "needs": f"dialects:{dialect}"}
                    results = ((case, missing) for case in cases)
                else:
                    results = asked.run(cases)  # type: ignore[assignment]
                for case, result in results:
                    put(Row(case, result, grade(case, result, profile), time.monotonic() - begun))
                    if stop.is_set():
                        return
            finally:
                asked.close()
    except TesteeError as error:
        put(error)
    except BaseException as error:  # noqa: BLE001 - the main thread decides what it is
        put(error)
    finally:
        put(None)


def _until_empty(
    shards: queue.SimpleQueue[tuple[str, list[Case]]],
) -> Iterator[tuple[str, list[Case]]]:
    while True:
        try:
            yield shards.get_nowait()
        except queue.Empty:
            return
