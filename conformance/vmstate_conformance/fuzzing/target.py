# SPDX-License-Identifier: Apache-2.0
"""A fuzz target: what every engine, test and triage needs to know of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

#: The engine's own mutation: native(data, max_size).
Native: TypeAlias = Callable[[bytes, int], bytes]
#: mutate(data, max_size, seed, native) and cross(one, other, max_size, seed), as libFuzzer asks.
Mutate: TypeAlias = Callable[[bytes, int, int, Native], bytes]
Cross: TypeAlias = Callable[[bytes, bytes, int, int], bytes]


@dataclass(frozen=True, slots=True)
class Target:
    """One promise to be broken.

    `run` raises where `data` breaks it, and returns otherwise, whatever the data. `seeds` gives
    inputs made from a corpus of cases, `tokens` the words of the dictionary, `case` the request of
    the case format that an input amounts to, or None where it amounts to none.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    tokens: Callable[[], Iterable[bytes]]
    case: Callable[[bytes], dict[str, Any] | None]
    observe: Callable[[bytes], Any] | None = None
    """All that can be seen of a run, to be compared with what a wrong implementation shows."""
    ready: Callable[[], object] | None = None
    """Called once before the first run; raises `InputError` where the target cannot work."""
    max_len: int = 4096
    timeout: int = 10
    """Seconds of CPU after which one input counts as a hang."""
    memory: int = 1 << 30
    """Bytes of address space that the process may use."""
    mutate: Mutate | None = None
    cross: Cross | None = None
