# SPDX-License-Identifier: Apache-2.0
"""Which cases go together into one process: a group never leaves its own."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from vmstate_conformance.cases import Case

#: Cases of a shard at least, where there are so many: each starts a process.
_SHARD: Final = 64


@dataclass(frozen=True, slots=True)
class Shard:
    """Cases of one dialect that one process is asked, `rounds` times."""

    dialect: str
    cases: list[Case]
    rounds: int = 1


def shards(
    cases: list[Case],
    *,
    jobs: int = 1,
    isolate: bool = False,
    seed: int | None = None,
    last: Collection[tuple[str, str]] = (),
    flaky: Collection[tuple[str, str]] = (),
) -> list[Shard]:
    """Plan a run.

    `last` are (id, dialect) of cases that are known to crash: they come last, each in a process
    of its own. `flaky` ones run three times. `seed` shuffles the groups, and the cases within them.
    """
    found: list[Shard] = []
    ordinary = [case for case in cases if (case.id, case.dialect) not in {*last, *flaky}]
    for dialect, groups in _groups(ordinary, seed).items():
        if isolate:
            found += [Shard(dialect, [case]) for group in groups for case in group]
        elif jobs == 1:
            found.append(Shard(dialect, [case for group in groups for case in group]))
        else:
            found += _filled(dialect, groups, max(_SHARD, len(ordinary) // (4 * jobs)))
    for case in cases:
        key = case.id, case.dialect
        if key in flaky:
            found.append(Shard(case.dialect, [case], rounds=3))
    for case in cases:
        if (case.id, case.dialect) in last:
            found.append(Shard(case.dialect, [case]))
    return found


def _groups(cases: list[Case], seed: int | None) -> dict[str, list[list[Case]]]:
    dialects: dict[str, dict[str, list[Case]]] = defaultdict(lambda: defaultdict(list))
    for case in cases:
        dialects[case.dialect][case.group or case.area].append(case)
    found = {dialect: list(groups.values()) for dialect, groups in dialects.items()}
    if seed is not None:
        rng = random.Random(seed)  # noqa: S311 - an order, no secret
        for groups in found.values():
            rng.shuffle(groups)
            for group in groups:
                rng.shuffle(group)
    return found


def _filled(dialect: str, groups: list[list[Case]], size: int) -> list[Shard]:
    found: list[Shard] = []
    for group in groups:
        if found and len(found[-1].cases) + len(group) <= size:
            found[-1].cases.extend(group)
        else:
            found.append(Shard(dialect, list(group)))
    return found
