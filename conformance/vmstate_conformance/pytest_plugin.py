# SPDX-License-Identifier: Apache-2.0
"""The suite inside pytest: `pytest --vmstate-testee './mine --serve'`.

A thin front end: cases are selected, run and graded as by `vmstate-conformance run`. There is an item for
each area of the corpus and dialect; nothing happens without the option.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from vmstate_conformance.cases import Case
    from vmstate_conformance.runner.run import Row

_GOOD: Final = frozenset({"pass", "pass-coarse", "free", "xfail"})
_SHOWN: Final = 5


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("vmstate", "conformance to QEMU's VMState format")
    group.addoption("--vmstate-testee", metavar="CMD", help="run the suite against this testee")
    group.addoption("--vmstate-profile", default="compat", choices=["compat", "hardened"])
    group.addoption("--vmstate-dialect", help="only the cases of this dialect")
    group.addoption("--vmstate-cases", action="append", default=[], metavar="PATH")
    group.addoption("--vmstate-expect", metavar="FILE", help="the testee's expectations file")


@pytest.hookimpl(tryfirst=True)  # before -k and -m choose
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add an item for each area and dialect."""
    if config.getoption("--vmstate-testee"):
        items.extend(_areas(session, config))


def _areas(session: pytest.Session, config: pytest.Config) -> Iterator[Area]:
    from vmstate_conformance.cases import InputError  # noqa: PLC0415 - pytest starts without us
    from vmstate_conformance.runner.select import read, select  # noqa: PLC0415

    try:
        places = [Path(place) for place in config.getoption("--vmstate-cases")]
        cases = select(read(places), dialect=config.getoption("--vmstate-dialect"))
    except InputError as error:
        raise pytest.UsageError(str(error)) from None
    groups: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.area, case.dialect].append(case)
    for (area, dialect), members in sorted(groups.items()):
        yield Area.from_parent(session, name=f"vmstate/{area}[{dialect}]", cases=members)


class Area(pytest.Item):
    """All cases of an area in one dialect."""

    def __init__(self, *, cases: list[Case], **rest: Any) -> None:
        super().__init__(**rest)
        self.cases = cases

    def runtest(self) -> None:
        """Run the cases. An area of which the testee can do nothing is skipped."""
        rows = self._rows()
        failed = [row for row in rows if row.grade.grade not in (*_GOOD, "unsupported")]
        self.user_properties.append(("cases", str(len(rows))))
        if failed:
            raise NonConformance(failed, len(rows))
        if all(row.grade.grade == "unsupported" for row in rows):
            needs = sorted({str(row.result.get("needs", "")) for row in rows})
            pytest.skip(f"unsupported: {', '.join(needs[:_SHOWN])}")

    def _rows(self) -> list[Row]:
        from vmstate_conformance.cases import InputError  # noqa: PLC0415
        from vmstate_conformance.expectations.model import Expectations  # noqa: PLC0415
        from vmstate_conformance.runner.run import Run  # noqa: PLC0415
        from vmstate_conformance.testees.process import TesteeError  # noqa: PLC0415
        from vmstate_conformance.testees.registry import Testee, expectations  # noqa: PLC0415
        from vmstate_conformance.testees.session import Timing  # noqa: PLC0415

        option = self.config.getoption
        expected = option("--vmstate-expect")
        try:
            run = Run(
                Testee(option("--vmstate-testee"), Timing()),
                option("--vmstate-profile"),
                expectations=Expectations.read(expectations(expected)) if expected else None,
            )
            return list(run.rows(self.cases))
        except (InputError, TesteeError) as error:
            pytest.fail(str(error), pytrace=False)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_: Any) -> str:
        """Show the first failures as the runner does."""
        error = excinfo.value
        return (
            str(error) if isinstance(error, NonConformance) else str(super().repr_failure(excinfo))
        )

    def reportinfo(self) -> tuple[Path, None, str]:
        """Say where the item is: nowhere in a file."""
        return self.config.rootpath, None, self.name


class NonConformance(Exception):  # noqa: N818 - what a testee shows, no error of ours
    """Cases that a testee fails."""

    def __init__(self, failed: list[Row], of: int) -> None:
        super().__init__(failed, of)
        self.failed = failed
        self.of = of

    def __str__(self) -> str:
        lines = [f"{len(self.failed)} of {self.of} cases fail"]
        for row in self.failed[:_SHOWN]:
            lines.append(f"{row.grade.grade} {row.case.id}: {row.case.title}".rstrip(": "))
            lines += [
                f"  {each.path}: wanted {each.wanted!r}, got {each.got!r}"[:300]
                for each in row.grade.differences[:_SHOWN]
            ]
        if len(self.failed) > _SHOWN:
            lines.append(f"... and {len(self.failed) - _SHOWN} more")
        return "\n".join(lines)
