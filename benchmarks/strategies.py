# SPDX-License-Identifier: Apache-2.0
"""How fast the hypothesis strategies are, and how much they throw away: `python benchmarks/strategies.py`.

Examples per CPU second, the best of some rounds, of generation alone: no database, no shrinking. Wanted
are 500 medium examples a second of `descriptions()` and `states()` together, and of all strategies no more
than 5 % of draws that are rejected or cut off.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption

from vmstate_conformance.strategies import (
    containers,
    damages,
    descriptions,
    destinations,
    illegal_descriptions,
    layouts,
    migrations,
    mutations,
    states,
    streams,
    successors,
)

_ROUNDS: Final = 3
_EXAMPLES: Final = 1000


@st.composite
def described(draw: st.DrawFn) -> tuple[Any, Any]:
    """A document and a state."""
    document = draw(descriptions())
    return document, draw(states(document))


@st.composite
def sent(draw: st.DrawFn) -> Any:
    """A stream, and where it goes."""
    document, state = draw(described())
    draw(destinations(document, state))
    return draw(streams(document, state))


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A stream that is changed."""
    return draw(mutations(draw(sent())))


@st.composite
def migrated(draw: st.DrawFn) -> Any:
    """A load into the next release."""
    old = draw(descriptions())
    return draw(migrations(old, draw(successors(old)).document))


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A whole stream with one thing wrong."""
    return draw(damages(draw(containers())))


ROWS: Final[dict[str, tuple[Callable[[], st.SearchStrategy[Any]], int]]] = {
    "descriptions, states": (described, 500),
    "layouts": (layouts, 0),
    "streams, destinations": (sent, 0),
    "mutations": (mutated, 0),
    "illegal_descriptions": (illegal_descriptions, 0),
    "successors, migrations": (migrated, 0),
    "containers, damages": (damaged, 0),
}


def measure(strategy: st.SearchStrategy[Any], examples: int) -> tuple[float, int, int, int]:
    """Give examples per CPU second, how many draws began, were rejected, and ended for want of bytes."""
    drawn = done = rejected = 0

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def run(data: st.DataObject) -> None:
        nonlocal drawn, done, rejected
        drawn += 1
        try:
            data.draw(strategy)
        except UnsatisfiedAssumption:
            rejected += 1
            raise
        # Not reached where hypothesis wants a small example, or a change of one, and this is larger.
        done += 1

    start = time.process_time()
    run()
    speed = done / (time.process_time() - start)
    return speed, drawn, rejected, drawn - done - rejected


def main() -> None:
    """Print one line a strategy."""
    for name, (strategy, wanted) in ROWS.items():
        rounds = [measure(strategy(), _EXAMPLES) for _ in range(_ROUNDS)]
        drawn, rejected, cut = (sum(column) for column in list(zip(*rounds, strict=True))[1:])
        speed = max(each[0] for each in rounds)
        least = f" (wanted: {wanted})" if wanted else ""
        print(
            f"{name:<24} {speed:7,.0f}/s   {rejected / drawn:6.2%} rejected   {cut / drawn:6.2%} cut{least}",
            flush=True,
        )


if __name__ == "__main__":
    main()
