# SPDX-License-Identifier: Apache-2.0
"""The command `vmstate-conformance`.

Exit status: 0 all conforms, 1 something does not, 2 bad usage or input, 3 the testee cannot be used.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Final

import click

from vmstate_conformance import __version__

CONFORMS: Final = 0
BAD_INPUT: Final = 2

#: Commands that live in modules of their own, imported only when they are wanted.
_ELSEWHERE: Final = {
    "adequacy": "vmstate_conformance.adequacy.cli",
    "case": "vmstate_conformance.cases.cli",
    "compare": "vmstate_conformance.reports.cli",
    "documents": "vmstate_conformance.runner.documents",
    "diff": "vmstate_conformance.differential.cli",
    "expect": "vmstate_conformance.expectations.cli",
    "kit": "vmstate_conformance.kits.cli",
    "mutants": "vmstate_conformance.mutants.cli",
    "qemu": "vmstate_conformance.qemu.cli",
    "report": "vmstate_conformance.reports.cli",
    "run": "vmstate_conformance.runner.cli",
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
            return _unescaped(command)
        command_ = super().get_command(ctx, cmd_name)
        return command_ and _unescaped(command_)


def _unescaped(command: click.Command) -> click.Command:
    """Let click see its mark for lines that it must not wrap, which raw docstrings spell out."""
    if command.help:
        command.help = command.help.replace("\\b\n", "\b\n")
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        _unescaped(each)
    return command


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
@click.argument("identity", metavar="ID")
@_CASES
@_DIALECT
def show(identity: str, places: tuple[Path, ...], dialect: str | None) -> None:
    """Show one case: its document, inputs, annotated bytes and what is expected."""
    import json  # noqa: PLC0415

    from vmstate_conformance.cases import InputError  # noqa: PLC0415
    from vmstate_conformance.reports.dump import dump_lines  # noqa: PLC0415
    from vmstate_conformance.runner.select import read, select  # noqa: PLC0415

    try:
        cases = select(read(places, f"={identity}"), dialect=dialect, pattern=f"={identity}")
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


def _fail(message: object, status: int) -> None:
    click.echo(f"vmstate-conformance: {message}", err=True)
    sys.exit(status)


_unescaped(cli)


def main() -> None:
    """Run the command line."""
    try:
        cli(prog_name="vmstate-conformance")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(CONFORMS)


if __name__ == "__main__":
    main()
