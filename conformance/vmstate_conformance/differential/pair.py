# SPDX-License-Identifier: Apache-2.0
"""Two testees side by side, and what it means that they differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from vmstate.dialects import PROFILES
from vmstate.errors import CaseError
from vmstate.operations import perform
from vmstate_conformance.cases import Case
from vmstate_conformance.runner.grade import Difference, grade
from vmstate_conformance.testees.process import TesteeError
from vmstate_conformance.testees.registry import Asked, Testee
from vmstate_conformance.testees.session import Timing

#: Where else the model's addresses may begin; each puts other bytes into a pointer.
_ELSEWHERE: Final = (0x7FF9_4A6B_5000, 0x7E31_C0DD_A000)
#: What one side cannot do, or not read, is no difference between the two.
_NO_ANSWER: Final = frozenset({"unsupported", "failure"})


@dataclass(frozen=True, slots=True)
class Differing:
    """A request that the two answer otherwise. `kind` tells one sort of difference from another."""

    request: dict[str, Any]
    first: dict[str, Any]
    second: dict[str, Any]
    differences: tuple[Difference, ...]

    @property
    def spun(self) -> bool:
        """Whether one of the two did not come to an end in time; how long it has is its own affair."""
        return "hang" in (self.first.get("abort"), self.second.get("abort"))

    @property
    def kind(self) -> tuple[str, ...]:
        """The facet that differs first; where it is the verdict, both verdicts."""
        facet = self.differences[0].path.partition(".")[0].partition("[")[0]
        if facet == "verdict":
            return facet, str(self.first["verdict"]), str(self.second["verdict"])
        return (facet,)


class Pair:
    """Asks two testees. Use it in a `with` block; raises `TesteeError` where one cannot be used."""

    def __init__(
        self, words: tuple[str, str], dialect: str, profile: str, timing: Timing | None = None
    ) -> None:
        self.dialect = dialect
        self.profile = profile
        self._asked: list[Asked] = [
            Testee(word, timing or Timing()).ask(dialect, profile) for word in words
        ]
        for word, asked in zip(words, self._asked, strict=True):
            if not asked.speaks():
                self.close()
                raise TesteeError(f"'{word}' does not speak {dialect}")

    def __enter__(self) -> Self:
        """Keep both running until the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End both."""
        self.close()

    def close(self) -> None:
        """End both."""
        for asked in self._asked:
            asked.close()

    def compare(self, requests: Iterable[dict[str, Any]]) -> Iterator[Differing | None]:
        """Give, for each request in order, how the two differ on it, or None."""
        cases = [
            Case(str(number), self.dialect, request, {}, (), "generated")
            for number, request in enumerate(requests)
        ]
        answers = [{case.id: result for case, result in asked.run(cases)} for asked in self._asked]
        for case in cases:
            first, second = (found[case.id] for found in answers)
            yield self._differing(case, first, second)

    def _differing(
        self, case: Case, first: dict[str, Any], second: dict[str, Any]
    ) -> Differing | None:
        if first.get("verdict") in _NO_ANSWER or second.get("verdict") in _NO_ANSWER:
            return None
        # The first is what the second is graded by, as it stands: the profile is both sides' own.
        heap = first.get("heap")
        if isinstance(heap, dict):  # whose leaks they are is told in each one's own words
            heap = {key: value for key, value in heap.items() if key != "leaks"}
        wanted = replace(case, expect={**first, **({"heap": heap} if heap else {})})
        found = grade(wanted, second, "compat").differences
        return Differing(case.request, first, second, tuple(found)) if found else None


def hangs_on_addresses(request: dict[str, Any], dialect: str) -> bool:
    """Whether the reference's own answer changes with where memory happens to lie.

    A description may take a pointer for a number; two processes then rightly differ.
    """
    limits = PROFILES["compat"].limits
    try:
        usual, *others = (
            _bare(perform(request, dialect=dialect, limits=replace(limits, addresses=first)))
            for first in (limits.addresses, *_ELSEWHERE)
        )
    except CaseError:
        return False
    return any(other != usual for other in others)


def _bare(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in ("message", "path")}
