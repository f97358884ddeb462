# SPDX-License-Identifier: Apache-2.0
"""What the rows of a run come to for people: counts by area and facet, and what is worth a look."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, Final

#: The grades as reports order them.
SHOWN: Final = (
    "pass",
    "pass-coarse",
    "free",
    "fail",
    "xfail",
    "xpass",
    "unsupported",
    "notrun",
    "broken",
)
_FAILED: Final = frozenset({"fail", "xpass"})


class Summary:
    """Counts of facets by grade, and the rows that failed."""

    def __init__(self) -> None:
        self.areas: dict[str, Counter[str]] = defaultdict(Counter)
        self.facets: dict[str, Counter[str]] = defaultdict(Counter)
        self.needs: Counter[str] = Counter()
        self.failed: list[dict[str, Any]] = []
        self.unscored = 0

    def count(
        self, area: str, facet: str, grade: str, count: int = 1, *, scored: bool = True
    ) -> None:
        """Count facets of cases."""
        if scored:
            self.areas[area][grade] += count
            self.facets[facet][grade] += count
        else:
            self.unscored += count

    def note(self, row: dict[str, Any]) -> None:
        """Keep a row of the log where it is worth a look."""
        if row["grade"] in _FAILED:
            self.failed.append(row)
        elif row["grade"] == "unsupported":
            self.needs[row.get("needs") or "it did not say what"] += 1

    @property
    def total(self) -> Counter[str]:
        """The counts of all areas."""
        return sum(self.areas.values(), Counter())

    def grades(self) -> list[str]:
        """Name the grades that there are; pass and fail always."""
        total = self.total
        return [grade for grade in SHOWN if total[grade] or grade in ("pass", "fail")]
