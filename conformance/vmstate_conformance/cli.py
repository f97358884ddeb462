# SPDX-License-Identifier: Apache-2.0
"""The command `vmstate-conformance`.

Exit status: 0 all conforms, 1 something does not, 2 bad usage or input, 3 the testee cannot be used.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from vmstate_conformance import __version__

if TYPE_CHECKING:
    from vmstate_conformance.cases import Case

CONFORMS: Final = 0
FAILED: Final = 1
BAD_INPUT: Final = 2
BROKEN: Final = 3

#: Commands that live in modules of their own, imported only when they are wanted.
_ELSEWHERE: Final = {
    "adequacy": "vmstate_conformance.adequacy.cli",
    "case": "vmstate_conformance.cases.cli",
    "compare": "vmstate_conformance.reports.cli",
    "diff": "vmstate_conformance.differential.cli",
    "expect": "vmstate_conformance.expectations.cli",
    "mutants": "vmstate_conformance.mutants.cli",
    "qemu": "vmstate_conformance.qemu.cli",
    "report": "vmstate_conformance.reports.cli",
}


class _Group(click.Group):
    """A group some of whose commands are elsewhere."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        there = [name for name, module in _ELSEWHERE.items() if _exists(module)]
        return sorted([*super().list_commands(ctx), *there])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _ELSEWHERE and _exists(_ELSEWHERE[cmd_name]):
            module = importlib.import_module(_ELSEWHERE[cmd_name])
            command: click.Command = getattr(module, cmd_name)
            return command
        return super().get_command(ctx, cmd_name)


def _exists(module: str) -> bool:
    folder = Path(__file__).parent.joinpath(*module.split(".")[1:])
    return folder.with_suffix(".py").is_file()


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vmstate-conformance")
def cli() -> None:
    r"""Check implementations of QEMU's VMState format against golden cases.

    \b
      vmstate-conformance run                            the reference, all cases
      vmstate-conformance run --testee './mine --serve'  your implementation
      vmstate-conformance show k-aa-uint8-mixed-load     one case, with its bytes
    """


_CASES = click.option(
    "--cases",
    "places",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file (.jsonl, .jsonl.gz, .json; observations as they are) or folder; default: the corpus.",
)
_DIALECT = click.option("--dialect", help="Only the cases of this dialect.")


@cli.command()
@click.option("--testee", default="reference", show_default=True, help="reference, or a command.")
@_CASES
@click.option(
    "--profile", type=click.Choice(["compat", "hardened"]), default="compat", show_default=True
)
@_DIALECT
@click.option("-k", "pattern", help="Only ids that hold PATTERN, match it (*, ?), or are =ID.")
@click.option("-j", "jobs", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option("--json", "log", type=click.Path(path_type=Path), help="Write all rows to this file.")
@click.option("--timeout-factor", type=click.FloatRange(0.05, 1000), default=1.0)
@click.option("--in-process", is_flag=True, help="Run the reference without a pipe.")
def run(**options: Any) -> None:
    """Run cases against a testee and report what differs."""
    from vmstate_conformance.cases import InputError  # noqa: PLC0415 - --version is quick
    from vmstate_conformance.testees.process import TesteeError  # noqa: PLC0415

    try:
        sys.exit(_run(**options))
    except InputError as error:
        _fail(error, BAD_INPUT)
    except TesteeError as error:
        _fail(f"testee '{options['testee']}': {error}", BROKEN)
    except KeyboardInterrupt:
        _fail("interrupted; the report is incomplete", BROKEN)


def _run(
    *,
    testee: str,
    places: tuple[Path, ...],
    profile: str,
    dialect: str | None,
    pattern: str | None,
    jobs: int,
    log: Path | None,
    timeout_factor: float,
    in_process: bool,
) -> int:
    from contextlib import ExitStack  # noqa: PLC0415

    from vmstate_conformance.cases import InputError  # noqa: PLC0415
    from vmstate_conformance.reports import progress, terminal  # noqa: PLC0415
    from vmstate_conformance.runner.results import ResultLog  # noqa: PLC0415
    from vmstate_conformance.runner.run import run as run_cases  # noqa: PLC0415
    from vmstate_conformance.testees.registry import Testee  # noqa: PLC0415
    from vmstate_conformance.testees.session import Timing  # noqa: PLC0415

    if in_process and testee != "reference":
        raise InputError("--in-process is for the reference alone [usage]")
    begun = time.monotonic()
    cases = _select(_read(places), dialect, pattern)
    if not cases:
        raise InputError("no case is left by --cases, --dialect and -k [selection]")
    console = progress.console()
    chosen = Testee(
        f"{testee}:in-process" if in_process else testee,
        Timing(30 * timeout_factor, 2 * timeout_factor),
    )
    rows = []
    with ExitStack() as stack:
        header = {"m": "header", "testee": testee, "profile": profile, "cases": len(cases)}
        results = stack.enter_context(ResultLog(log, header)) if log else None
        for row in progress.track(console, run_cases(chosen, cases, profile, jobs), len(cases)):
            rows.append(row)
            if results is not None:
                results.add(row)
    rows.sort(key=lambda row: (row.case.id, row.case.dialect))
    terminal.failures(console, rows, _command(testee, places, profile, in_process=in_process))
    total = terminal.table(console, rows)
    terminal.verdict(console, total, f"{testee} ({profile})", time.monotonic() - begun)
    return FAILED if total["fail"] else CONFORMS


def _command(testee: str, places: Iterable[Path], profile: str, *, in_process: bool) -> list[str]:
    command = ["vmstate-conformance", "run"]
    if testee != "reference":
        command += ["--testee", testee]
    for place in places:
        command += ["--cases", str(place)]
    if profile != "compat":
        command += ["--profile", profile]
    return [*command, "--in-process"] if in_process else command


@cli.command()
@click.argument("identity", metavar="ID")
@_CASES
@_DIALECT
def show(identity: str, places: tuple[Path, ...], dialect: str | None) -> None:
    """Show one case: its document, inputs, annotated bytes and what is expected."""
    import json  # noqa: PLC0415

    from vmstate_conformance.cases import InputError  # noqa: PLC0415
    from vmstate_conformance.reports.terminal import dump_lines  # noqa: PLC0415

    try:
        cases = _select(_read(places), dialect, f"={identity}")
        if not cases:
            raise InputError(f"no case is called '{identity}' [id]")
    except InputError as error:
        _fail(error, BAD_INPUT)
    for case in cases:
        click.echo(f"{case.id}  [{case.dialect}, {case.op}, {case.area}]  {case.source}")
        for key, value in case.request.items():
            click.echo(f"{key}: {json.dumps(value, indent=2 if key == 'document' else None)}")
        click.echo(f"expect: {json.dumps(case.expect)}")
        click.echo("\n".join(dump_lines(case)))
        click.echo("")


@cli.command("import")
@click.argument("places", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--into", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
def import_(places: tuple[Path, ...], into: Path) -> None:
    """Convert observation records to files of the corpus, one per area."""
    from vmstate_conformance.cases import InputError, read_cases  # noqa: PLC0415
    from vmstate_conformance.cases.importer import write_corpus  # noqa: PLC0415

    try:
        for file in write_corpus(read_cases(places), into):
            click.echo(file)
    except InputError as error:
        _fail(error, BAD_INPUT)
    except OSError as error:
        _fail(f"{into}: {error.strerror or error} [unwritable]", BAD_INPUT)


def _read(places: tuple[Path, ...]) -> Iterable[Case]:
    from vmstate_conformance.cases import InputError, read_cases  # noqa: PLC0415
    from vmstate_conformance.corpus import corpus_dir  # noqa: PLC0415

    if places:
        return read_cases(places)
    try:
        return read_cases([corpus_dir()])
    except FileNotFoundError as error:
        raise InputError(f"{error} [corpus]") from None


def _select(cases: Iterable[Case], dialect: str | None, pattern: str | None) -> list[Case]:
    return [
        case
        for case in cases
        if (dialect is None or case.dialect == dialect) and _matches(case.id, pattern)
    ]


def _matches(identity: str, pattern: str | None) -> bool:
    if pattern is None:
        return True
    if pattern.startswith("="):
        return identity == pattern[1:]
    if any(char in pattern for char in "*?["):
        return fnmatchcase(identity, pattern)
    return pattern in identity


def _fail(message: object, status: int) -> None:
    click.echo(f"vmstate-conformance: {message}", err=True)
    sys.exit(status)


def main() -> None:
    """Run the command line."""
    try:
        cli(prog_name="vmstate-conformance")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(CONFORMS)


if __name__ == "__main__":
    main()
