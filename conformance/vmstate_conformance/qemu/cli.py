# SPDX-License-Identifier: Apache-2.0
"""`vmstate-conformance qemu …`: the real QEMU.

Exit status: 0 all went well, 1 something did not, 2 bad usage or input, 3 QEMU cannot be used.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final, NoReturn

import click

from vmstate_conformance.qemu.provision import ARCHS, QemuError, cache_dir
from vmstate_conformance.qemu.provision import provision as provision_archs

_FAILED: Final = 1
_BAD_INPUT: Final = 2
_BROKEN: Final = 3

_QEMU = click.option("--qemu", "path", help="Your own binary; default: the provisioned one.")
_TIMEOUT = click.option(
    "--timeout", type=click.FloatRange(0.1, 600), default=20, show_default=True, help="Seconds."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
_RECIPE = click.option("--recipe", "name", help="The machine: a recipe's; see harvest --list.")
_ARCH = click.option("--arch", type=click.Choice(list(ARCHS)), help="Of QEMU's arguments after --.")


@click.group()
def qemu() -> None:
    """Have the real QEMU, and ask it."""


@qemu.command()
@click.option("--arch", "archs", default="x86_64", show_default=True, help="Comma-separated list.")
@click.option("--cache", type=click.Path(path_type=Path), help="Default: the user's cache.")
def provision(archs: str, cache: Path | None) -> None:
    """Put Debian's QEMU 11.1 into the cache; nothing on the machine is changed."""
    wanted = [arch.strip() for arch in archs.split(",")]
    odd = [arch for arch in wanted if arch not in ARCHS]
    if odd:
        raise click.BadParameter(f"'{odd[0]}' is none of {', '.join(ARCHS)}", param_hint="--arch")
    try:
        packages = provision_archs(wanted, cache)
    except (QemuError, OSError) as error:
        _fail(error, _BAD_INPUT)
    for name, version in sorted(packages.items()):
        click.echo(f"{name} {version}")
    click.echo(f"in {cache or cache_dir()}")


@qemu.command()
@click.argument("names", nargs=-1, metavar="RECIPE…")
@click.option("--all", "everything", is_flag=True, help="Every recipe.")
@click.option("--list", "listing", is_flag=True, help="Say which recipes there are.")
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), help="Folder to write to."
)
@_QEMU
def harvest(
    names: tuple[str, ...], *, everything: bool, listing: bool, into: Path | None, path: str | None
) -> None:
    """Start machines, bring their devices into a state, and keep their streams.

    Each recipe gets a folder: stream.bin, vmdesc.json, dump-vmstate.json.gz and made.json.
    """
    from vmstate_conformance.qemu.harvest import binary, keep, program  # noqa: PLC0415
    from vmstate_conformance.qemu.harvest import harvest as run  # noqa: PLC0415
    from vmstate_conformance.qemu.recipes import RECIPES, recipe  # noqa: PLC0415

    if listing:
        for each in RECIPES.values():
            click.echo(f"{each.name:<20} {each.arch:<8} {each.summary}")
        return
    if not names and not everything:
        raise click.UsageError("name a recipe, or --all; --list shows them")
    try:
        wanted = list(RECIPES.values()) if everything else [recipe(name) for name in names]
    except QemuError as error:
        _fail(error, _BAD_INPUT)
    failed = False
    for each in wanted:
        try:
            found = binary(path, each.arch, program(each))
        except QemuError as error:
            _fail(f"{each.name}: {error}", _BROKEN)
        try:
            got = run(each, found)
            folder = keep(got, found, into or Path())
        except QemuError as error:
            failed = True
            click.echo(f"vmstate-conformance: {each.name}: {error}", err=True)
        except OSError as error:
            _fail(f"{error.filename}: {error.strerror} [unwritable]", _BAD_INPUT)
        else:
            sections = len(got.vmdesc["devices"]) if got.vmdesc else 0
            click.echo(f"{folder}: {len(got.stream)} bytes, {sections} devices described")
    sys.exit(_FAILED if failed else 0)


@qemu.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE… [-- QEMU ARGUMENTS]")
@_RECIPE
@_ARCH
@_QEMU
@_TIMEOUT
@_JSON
@click.option("--drive", is_flag=True, help="After an accept: let the machine go on, and reset it.")
def feed(
    files: tuple[str, ...],
    *,
    name: str | None,
    arch: str | None,
    path: str | None,
    timeout: float,
    as_json: bool,
    drive: bool,
) -> None:
    """Give streams to fresh processes: accepted, rejected, crashed, hung or blown-up.

    The machine is the --recipe's, that of QEMU's arguments after --, or what the made.json beside the
    file says. Exit status 0: all accepted.
    """
    from vmstate_conformance.qemu.judge import feed as run  # noqa: PLC0415
    from vmstate_conformance.qemu.made import MadeError, machinery  # noqa: PLC0415

    streams, arguments = _split(files)
    bad = False
    for stream in streams:
        try:
            there = machinery(stream, name, arguments, path, arch)
            verdict = run(there, stream.resolve(), timeout=timeout, drive=drive)
        except MadeError as error:
            _fail(error, _BAD_INPUT)
        except QemuError as error:
            _fail(error, _BROKEN)
        bad |= verdict.verdict != "accepted"
        if as_json:
            click.echo(json.dumps({"file": str(stream), **verdict.row()}))
        else:
            after = "" if verdict.stage == "load" else f" after it was accepted, in {verdict.stage}"
            told = f": {verdict.message}" if verdict.message else ""
            click.echo(f"{stream}: {verdict.verdict}{after}{told}")
    sys.exit(_FAILED if bad else 0)


def _split(files: tuple[str, ...]) -> tuple[list[Path], list[str]]:
    """Part the files from QEMU's arguments, which begin at the first with a dash."""
    at = next((at for at, each in enumerate(files) if each.startswith("-")), len(files))
    streams = [Path(each) for each in files[:at]]
    if not streams:
        raise click.UsageError("name at least one file")
    for stream in streams:
        try:
            with stream.open("rb"):
                pass
        except OSError as error:
            _fail(f"{stream}: {error.strerror} [unreadable]", _BAD_INPUT)
    return streams, list(files[at:])


def _fail(message: object, status: int) -> NoReturn:
    click.echo(f"vmstate-conformance: {message}", err=True)
    sys.exit(status)
