# SPDX-License-Identifier: Apache-2.0
"""`vmstate-conformance run`: cases against a testee, and every report of it."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import click

from vmstate_conformance.cases import InputError
from vmstate_conformance.runner.execute import Execution, Options
from vmstate_conformance.runner.select import read, select
from vmstate_conformance.testees.process import TesteeError

_CONFORMS: Final = 0
_FAILED: Final = 1
_BAD_INPUT: Final = 2
_BROKEN: Final = 3
#: Cases below which nobody doubts the adapter.
_FEW: Final = 25
_PATH: Final = click.Path(path_type=Path)


@click.command()
@click.option(
    "--testee",
    default="reference",
    show_default=True,
    help="reference, qemu, qemu:PATH, volatility3, or the command that starts yours.",
)
@click.option(
    "--cases",
    "places",
    multiple=True,
    type=_PATH,
    help="A file (.jsonl, .jsonl.gz, .json; observations as they are) or folder; default: the corpus.",
)
@click.option(
    "--profile",
    type=click.Choice(["compat", "hardened"]),
    help="Default: compat, or hardened if the testee offers only that.",
)
@click.option("--dialect", help="Only the cases of this dialect.")
@click.option("-k", "pattern", help="Only ids that hold PATTERN, match it (*, ?), or are =ID.")
@click.option("--area", "areas", multiple=True, help="Only cases of this area; may be repeated.")
@click.option("--as-of", metavar="VERSION", help="Only cases that this version of the suite had.")
@click.option(
    "-j", "jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes."
)
@click.option(
    "--expect", type=_PATH, help="The testee's expectations file (TOML); volatility3: its own."
)
@click.option("--results", "--json", "log", type=_PATH, help="Write all rows here (JSON Lines).")
@click.option("--junit", type=_PATH, help="Write JUnit XML here.")
@click.option("--html", type=_PATH, help="Write one HTML file here.")
@click.option("--replay", type=_PATH, help="Folder for replay files; default: the user's cache.")
@click.option("--isolate", is_flag=True, help="A fresh process for each case: slow, for diagnosis.")
@click.option("--seed", type=int, help="Shuffle the order of the cases by this number.")
@click.option(
    "--timeout-factor",
    type=click.FloatRange(0.05, 1000),
    default=1.0,
    show_default=True,
    help="Times 2 s a case and 30 s a start; more for sanitizers.",
)
@click.option(
    "--memory-limit",
    metavar="MIB",
    type=click.IntRange(0),
    default=2048,
    show_default=True,
    help="Resident memory of the testee; 0: no limit.",
)
@click.option("--in-process", is_flag=True, help="Run the reference without a pipe.")
@click.option("--smoke/--no-smoke", default=True, help="Ask the simplest requests first.")
@click.option(
    "--enforce-recommended", "recommended", is_flag=True, help="Recommended cases decide as well."
)
@click.option(
    "--failures",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Failures shown in full.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show the last lines only.")
def run(**options: Any) -> None:
    r"""Run cases against a testee and report what differs.

    \b
    Examples:
      vmstate-conformance run                                   the reference, all cases
      vmstate-conformance run --testee './mine --serve' -j 2    yours, two processes
      vmstate-conformance run --testee ./mine -k =ID            one case
      vmstate-conformance run --testee ./mine --expect mine.toml --junit junit.xml
      vmstate-conformance run --testee ./mine --results mine.jsonl --html report.html
      vmstate-conformance run --testee ./mine-asan --timeout-factor 10 --memory-limit 0

    \b
    Exit status: 0 it conforms, 1 it does not, 2 bad usage or input,
    3 the testee cannot be used, or the run is incomplete or unstable.
    """
    chosen = Options(**options)
    try:
        sys.exit(_run(chosen))
    except InputError as error:
        _fail(error, _BAD_INPUT)
    except TesteeError as error:
        _fail(f"testee '{chosen.testee}': {error}", _BROKEN)
    except KeyboardInterrupt:
        _fail("interrupted; the report is incomplete", _BROKEN)


def _run(options: Options) -> int:
    from vmstate_conformance.reports import progress, terminal  # noqa: PLC0415
    from vmstate_conformance.runner.smoke import smoke  # noqa: PLC0415

    if options.in_process and options.testee != "reference":
        raise InputError("--in-process is for the reference alone [usage]")
    begun = time.monotonic()
    # The expectations are of all cases, whatever is run.
    everything = read(options.places, None if options.expect else options.pattern)
    cases = select(
        everything,
        dialect=options.dialect,
        pattern=options.pattern,
        areas=options.areas,
        as_of=options.as_of,
    )
    if not cases:
        raise InputError("no case is left by --cases, --dialect, --area, --as-of, -k [selection]")
    execution = Execution(options, everything)
    console = progress.console(quiet=options.quiet)
    trial = execution.run
    trial.begin(cases[0].dialect)
    with ExitStack() as stack:
        stack.callback(trial.close)
        if options.smoke and len(cases) >= _FEW:
            for line in smoke(trial, cases[0].dialect):
                click.echo(f"vmstate-conformance: smoke: {line}", err=True)
        results = stack.enter_context(execution.log(len(cases), {case.dialect for case in cases}))
        for row in progress.track(console, trial.rows(cases), len(cases)):
            execution.add(results, row)
        footer = execution.end(results, time.monotonic() - begun)
    execution.derive()
    if not options.quiet:
        terminal.failures(console, execution.summary, options.failures)
        terminal.table(console, execution.summary)
    name = f"{options.testee} ({trial.profile})"
    terminal.verdict(progress.console(), execution.summary, footer, name)
    return {"conforms": _CONFORMS, "fails": _FAILED}.get(footer["verdict"], _BROKEN)


def _fail(message: object, status: int) -> None:
    click.echo(f"vmstate-conformance: {message}", err=True)
    sys.exit(status)
