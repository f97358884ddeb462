# SPDX-License-Identifier: Apache-2.0
"""`vmstate-conformance report` and `compare`: what logs of results say."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

import click

from vmstate_conformance.cases import InputError
from vmstate_conformance.reports.model import Results, read_results

_REGRESSED: Final = 1
_BAD_INPUT: Final = 2
_INCOMPLETE: Final = 3
_PATH: Final = click.Path(path_type=Path)


@click.command()
@click.argument("results", nargs=-1, required=True, type=_PATH)
@click.option("-o", "--html", "page", type=_PATH, help="Write one HTML file of all the runs.")
@click.option("--junit", type=_PATH, help="Write JUnit XML (of one run).")
@click.option("--badge", type=_PATH, help="Write a badge's JSON for shields.io (of one run).")
@click.option(
    "--level",
    type=click.Choice(["required", "recommended", "quirk"]),
    default="required",
    show_default=True,
    help="The level of the badge.",
)
@click.option("--failures", type=click.IntRange(0), default=20, show_default=True)
def report(
    results: tuple[Path, ...],
    page: Path | None,
    junit: Path | None,
    badge: Path | None,
    level: str,
    failures: int,
) -> None:
    r"""Make reports from RESULTS, the logs that `run --results FILE` writes.

    Without an option: the report on the terminal, as `run` gives it.

    \b
    Examples:
      vmstate-conformance report mine.jsonl
      vmstate-conformance report mine.jsonl qemu.jsonl -o report.html
      vmstate-conformance report mine.jsonl --badge badge.json

    \b
    Exit status: 0 written, 2 bad input, 3 no badge: the run was broken off or is unstable.
    """
    try:
        runs = [read_results(file) for file in results]
        if (junit or badge) and len(runs) > 1:
            raise InputError("--junit and --badge are of one run [usage]")
        if page:
            from vmstate_conformance.reports.html import write_html  # noqa: PLC0415

            write_html(runs, page)
        if junit:
            from vmstate_conformance.reports.junit import write_junit  # noqa: PLC0415

            write_junit(runs[0], junit)
        if badge:
            _badge(runs[0], level, badge)
        if not (page or junit or badge):
            for run in runs:
                _terminal(run, failures)
    except InputError as error:
        _fail(error, _BAD_INPUT)


@click.command()
@click.argument("old", type=_PATH)
@click.argument("new", type=_PATH)
def compare(old: Path, new: Path) -> None:
    r"""Compare two logs of results facet by facet: OLD, then NEW.

    \b
    Example:
      vmstate-conformance compare before.jsonl after.jsonl

    \b
    Exit status: 0 no worse, 1 something fails or is asked no more that passed, 2 bad input.
    """
    from vmstate_conformance.reports.compare import compare as compared  # noqa: PLC0415
    from vmstate_conformance.reports.compare import lines  # noqa: PLC0415

    try:
        before, after = read_results(old), read_results(new)
    except InputError as error:
        _fail(error, _BAD_INPUT)
    found = compared(before, after)
    click.echo("\n".join(lines(found, before, after)))
    sys.exit(_REGRESSED if found.regressed else 0)


def _badge(run: Results, level: str, file: Path) -> None:
    from vmstate_conformance.reports.badge import badge  # noqa: PLC0415

    try:
        text = json.dumps(badge(run, level)) + "\n"
    except InputError as error:
        _fail(error, _INCOMPLETE)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error} [unwritable]") from None


def _terminal(run: Results, most: int) -> None:
    from vmstate_conformance.reports import progress, terminal  # noqa: PLC0415

    console, summary = progress.console(), run.summary()
    terminal.failures(console, summary, most)
    terminal.table(console, summary)
    assert run.footer is not None
    terminal.verdict(console, summary, run.footer, run.name)


def _fail(message: object, status: int) -> None:
    click.echo(f"vmstate-conformance: {message}", err=True)
    sys.exit(status)
