# SPDX-License-Identifier: Apache-2.0
"""`vmstate-conformance adequacy`: is the corpus sharp enough?

Exit status: 0 it is, 1 an area, a line, a branch or a mutant escapes it, 2 bad usage or input.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from vmstate_conformance.adequacy.covering import Coverage, Gap
    from vmstate_conformance.adequacy.killing import Killer


@click.command()
@click.option(
    "--corpus",
    "root",
    type=click.Path(path_type=Path, file_okay=False),
    help="The corpus to measure; default: the one beside the packages.",
)
@click.option("--area", help="Only the mutants of this area; no coverage.")
@click.option("--write", is_flag=True, help="Write docs/adequacy.md and the killers anew.")
def adequacy(root: Path | None, area: str | None, *, write: bool) -> None:
    """Measure the corpus: whom it fails, what of the reference it runs, which mutants it kills."""
    from vmstate_conformance.cases import InputError  # noqa: PLC0415 - --version is quick
    from vmstate_conformance.corpus import corpus_dir  # noqa: PLC0415
    from vmstate_conformance.mutants import StaleError  # noqa: PLC0415

    try:
        good = _measure(root or corpus_dir(), area, write=write)
    except (InputError, FileNotFoundError, RuntimeError, StaleError) as error:
        _fail(error)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror} [unwritable]")
    sys.exit(0 if good else 1)


def _measure(root: Path, area: str | None, *, write: bool) -> bool:
    from vmstate_conformance.adequacy import covering, killing, report, strawmen  # noqa: PLC0415
    from vmstate_conformance.cases import read_cases  # noqa: PLC0415
    from vmstate_conformance.mutants import MUTANTS  # noqa: PLC0415

    cases = [case for case in read_cases([root]) if case.scored]
    known = killing.remembered()
    killers: dict[str, Killer | None] = {}
    for name, mutant in MUTANTS.items():
        if area in (None, mutant.area):
            killers[name] = killing.kill(mutant, cases, known.get(name, ""))
            if killers[name] is None:
                click.echo(f"alive: {name} ({mutant.area}): {mutant.sentence}")
    alive = [name for name, killer in killers.items() if killer is None]
    click.echo(f"mutants: {len(killers) - len(alive)} of {len(killers)} die")
    if area is not None:
        return not alive

    failed = strawmen.failed(cases)
    escaped = [
        f"{name} passes {where}"
        for name, areas in failed.items()
        for where, (bad, _) in areas.items()
        if not bad
    ]
    click.echo("\n".join([*escaped, f"areas: {len(next(iter(failed.values())))}"]))

    covered = covering.measure(root)
    gaps = covering.unexplained(covered.gaps, covering.explained())
    _show(covered, gaps)
    stale = covering.stale(covered.gaps, covering.explained())
    for each in stale:
        click.echo(f"explained, but covered: vmstate/{each['module']}.py: {each['text']}")
    if write:
        killing.remember(killers)
        for file in report.write(root, failed, covered, killers):
            click.echo(file)
    return not (alive or escaped or gaps or stale)


def _show(covered: Coverage, gaps: list[Gap]) -> None:
    for gap in gaps:
        click.echo(f"uncovered: {gap.shown()}")
    total = covered.lines + covered.branches
    click.echo(
        f"coverage: {total - len(covered.gaps)} of {total} lines and branches, "
        f"{len(covered.gaps) - len(gaps)} explained, {len(gaps)} not"
    )


def _fail(message: object) -> NoReturn:
    click.echo(f"vmstate-conformance: {message}", err=True)
    sys.exit(2)
