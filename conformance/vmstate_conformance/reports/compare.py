# SPDX-License-Identifier: Apache-2.0
"""Two runs side by side: what fails now and did not, what is mended, what else changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from vmstate_conformance.reports.model import Results

_GOOD: Final = frozenset({"pass", "pass-coarse", "free"})
_BAD: Final = frozenset({"fail", "xpass", "broken"})

Row = dict[str, Any]


@dataclass(slots=True)
class Comparison:
    """Pairs of rows (old, new) of the same facet by what became of them, and those without a pair."""

    failing: list[tuple[Row, Row]] = field(default_factory=list)
    lost: list[tuple[Row, Row]] = field(default_factory=list)
    fixed: list[tuple[Row, Row]] = field(default_factory=list)
    otherwise: list[tuple[Row, Row]] = field(default_factory=list)
    changed: list[tuple[Row, Row]] = field(default_factory=list)
    added: list[Row] = field(default_factory=list)
    gone: list[Row] = field(default_factory=list)

    @property
    def regressed(self) -> bool:
        """Whether something was better before."""
        return bool(self.failing or self.lost)


def compare(old: Results, new: Results) -> Comparison:
    """Compare facet by facet."""
    found = Comparison()
    before = {_key(row): row for row in old.rows}
    for row in new.rows:
        was = before.pop(_key(row), None)
        if was is None:
            found.added.append(row)
        elif row["grade"] in _BAD:
            if was["grade"] not in _BAD:
                found.failing.append((was, row))
            elif _how(was) != _how(row):
                found.otherwise.append((was, row))
        elif was["grade"] in _BAD and row["grade"] in _GOOD:
            found.fixed.append((was, row))
        elif was["grade"] in _GOOD and row["grade"] not in _GOOD:
            found.lost.append((was, row))
        elif was["grade"] != row["grade"]:
            found.changed.append((was, row))
    found.gone = list(before.values())
    return found


def lines(found: Comparison, old: Results, new: Results) -> Iterator[str]:
    """Give the comparison for people."""
    yield f"{old.name} -> {new.name}"
    if old.header["manifest"] != new.header["manifest"]:
        yield "the cases are not the same: their manifests differ"
    for title, pairs in (
        ("newly failing", found.failing),
        ("passing no more", found.lost),
        ("failing in another way", found.otherwise),
        ("fixed", found.fixed),
        ("other changes", found.changed),
    ):
        if pairs:
            yield f"\n{title}: {len(pairs)}"
            for was, row in pairs:
                yield f"  {_name(row)}: {_said(was)} -> {_said(row)}"
    failing = [row for row in found.added if row["grade"] in _BAD]
    if found.added:
        yield f"\nonly in the second: {len(found.added)}, of which {len(failing)} fail"
        yield from (f"  {_name(row)}: {_said(row)}" for row in failing)
    if found.gone:
        yield f"\nonly in the first: {len(found.gone)}"
    yield ""
    yield "worse" if found.regressed else "no worse"


def _key(row: Row) -> tuple[str, str, str]:
    return row["id"], row["dialect"], row["facet"]


def _how(row: Row) -> tuple[Any, ...]:
    paths = tuple(each["path"] for each in row.get("differences", ()))
    return row["grade"], row.get("outcome"), row.get("error"), row.get("verdict"), paths


def _name(row: Row) -> str:
    return f"{row['id']} [{row['facet']}, {row['dialect']}]"


def _said(row: Row) -> str:
    more = row.get("outcome") or row.get("error") or row.get("needs")
    return f"{row['grade']} ({more})" if more and row["grade"] not in _GOOD else str(row["grade"])
