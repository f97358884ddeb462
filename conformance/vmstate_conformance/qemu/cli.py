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

from vmstate_conformance.qemu.provision import ARCHS, RELEASE, RELEASES, QemuError, cache_dir
from vmstate_conformance.qemu.provision import provision as provision_archs

_FAILED: Final = 1
_BAD_INPUT: Final = 2
_BROKEN: Final = 3
#: So many paths of a section are shown in a line.
_SHOWN: Final = 8

_QEMU = click.option("--qemu", "path", help="Your own binary; default: the provisioned one.")
_TIMEOUT = click.option(
    "--timeout", type=click.FloatRange(0.1, 600), default=20, show_default=True, help="Seconds."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
_RECIPE = click.option("--recipe", "name", help="The machine: a recipe's; see harvest --list.")
_RELEASE = click.option(
    "--release", type=click.Choice(list(RELEASES)), default=RELEASE, show_default=True
)
_ARCH = click.option("--arch", type=click.Choice(list(ARCHS)), help="Of QEMU's arguments after --.")


@click.group()
def qemu() -> None:
    """Have the real QEMU, and ask it."""


@qemu.command()
@click.option("--arch", "archs", default="x86_64", show_default=True, help="Comma-separated list.")
@click.option("--cache", type=click.Path(path_type=Path), help="Default: the user's cache.")
@_RELEASE
def provision(archs: str, cache: Path | None, release: str) -> None:
    """Put Debian's QEMU into the cache; nothing on the machine is changed."""
    wanted = [arch.strip() for arch in archs.split(",")]
    odd = [arch for arch in wanted if arch not in ARCHS]
    if odd:
        raise click.BadParameter(f"'{odd[0]}' is none of {', '.join(ARCHS)}", param_hint="--arch")
    try:
        packages = provision_archs(wanted, cache, release)
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
@click.option("--skeleton", is_flag=True, help="NAME.bin.gz without RAM, and a list of them.")
@click.option(
    "--release",
    type=click.Choice([*RELEASES, "all"]),
    default=RELEASE,
    show_default=True,
    help="'all' with --all --skeleton.",
)
@_QEMU
def harvest(
    names: tuple[str, ...],
    *,
    everything: bool,
    listing: bool,
    into: Path | None,
    skeleton: bool,
    release: str,
    path: str | None,
) -> None:
    """Start machines, bring their devices into a state, and keep their streams.

    Each recipe gets a folder: stream.bin, vmdesc.json, dump-vmstate.json.gz and made.json. With
    --skeleton, all go into one: what corpus/streams is made with.
    """
    from vmstate_conformance.qemu.harvest import binary, keep, program  # noqa: PLC0415
    from vmstate_conformance.qemu.harvest import harvest as run  # noqa: PLC0415
    from vmstate_conformance.qemu.recipes import RECIPES, recipe  # noqa: PLC0415
    from vmstate_conformance.qemu.shelf import has, shelve  # noqa: PLC0415

    if release == "all" and not (everything and skeleton):
        raise click.UsageError("--release all wants --all --skeleton")
    releases = list(RELEASES) if release == "all" else [release]
    offered = [
        (each, one)
        for one in releases
        for each in RECIPES.values()
        if has(one, each.name, each.arch)
    ]
    if listing:
        for each, _ in offered:
            click.echo(f"{each.name:<20} {each.arch:<8} {each.summary}")
        return
    if not names and not everything:
        raise click.UsageError("name a recipe, or --all; --list shows them")
    try:
        wanted = offered if everything else [(recipe(name), release) for name in names]
    except QemuError as error:
        _fail(error, _BAD_INPUT)
    failed = False
    target = into or Path()
    for each, one in wanted:
        try:
            found = binary(path, each.arch, program(each), one)
        except QemuError as error:
            _fail(f"{each.name}: {error}", _BROKEN)
        try:
            got = run(each, found)
            place = shelve(got, one, target) if skeleton else keep(got, found, target)
        except QemuError as error:
            failed = True
            click.echo(f"vmstate-conformance: {each.name}: {error}", err=True)
        except OSError as error:
            _fail(f"{error.filename}: {error.strerror} [unwritable]", _BAD_INPUT)
        else:
            sections = len(got.vmdesc["devices"]) if got.vmdesc else 0
            click.echo(f"{place}: {len(got.stream)} bytes, {sections} devices described")
    sys.exit(_FAILED if failed else 0)


@qemu.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE… [-- QEMU ARGUMENTS]")
@_RECIPE
@_ARCH
@_QEMU
@_TIMEOUT
@_JSON
@click.option("--drive", is_flag=True, help="After an accept: let the machine go on, and reset it.")
@click.option(
    "--memory", type=click.IntRange(16), help="MiB that it may use beyond what it starts with."
)
def feed(
    files: tuple[str, ...],
    *,
    name: str | None,
    arch: str | None,
    path: str | None,
    timeout: float,
    as_json: bool,
    drive: bool,
    memory: int | None,
) -> None:
    """Give streams to fresh processes: accepted, rejected, crashed, hung or blown-up.

    The machine is the --recipe's, that of QEMU's arguments after --, or what the made.json beside the
    file says. Exit status 0: all accepted.
    """
    from vmstate_conformance.qemu.judge import feed as run  # noqa: PLC0415
    from vmstate_conformance.qemu.machine import Limits  # noqa: PLC0415
    from vmstate_conformance.qemu.made import MadeError, machinery  # noqa: PLC0415

    streams, arguments = _split(files)
    limits = Limits(growth=memory << 20 if memory else None)
    bad = False
    for stream in streams:
        try:
            there = machinery(stream, name, arguments, path, arch)
            verdict = run(there, stream.resolve(), timeout=timeout, drive=drive, limits=limits)
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


@qemu.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE… [-- QEMU ARGUMENTS]")
@_RECIPE
@_ARCH
@_QEMU
@_TIMEOUT
@_JSON
def roundtrip(
    files: tuple[str, ...],
    *,
    name: str | None,
    arch: str | None,
    path: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Give streams to fresh processes, migrate out again, and compare section by section.

    Devices are compared by their bytes, RAM by what it holds in the end. Exit status 0: the same.
    """
    from vmstate_conformance.qemu.made import MadeError, machinery  # noqa: PLC0415
    from vmstate_conformance.qemu.roundtrip import roundtrip as run  # noqa: PLC0415

    streams, arguments = _split(files)
    bad = False
    for stream in streams:
        try:
            there = machinery(stream, name, arguments, path, arch)
            trip = run(there, stream.resolve(), timeout=timeout)
        except MadeError as error:
            _fail(error, _BAD_INPUT)
        except QemuError as error:
            _fail(f"{stream}: {error}", _BROKEN)
        bad |= trip.verdict.verdict != "accepted" or bool(trip.differences)
        if as_json:
            differences = [
                {"section": each.section, "change": each.change, "paths": list(each.paths)}
                for each in trip.differences
            ]
            row = {**trip.verdict.row(), "sections": trip.sections, "differences": differences}
            click.echo(json.dumps({"file": str(stream), **row}))
            continue
        if trip.verdict.verdict != "accepted":
            click.echo(f"{stream}: {trip.verdict.verdict}: {trip.verdict.message}")
        elif not trip.differences:
            click.echo(f"{stream}: {trip.sections} sections came back as they went in")
        for each in trip.differences:
            where = ", ".join(each.paths[:_SHOWN])
            more = f" and {len(each.paths) - _SHOWN} more" if len(each.paths) > _SHOWN else ""
            click.echo(
                f"{stream}: {each.section} {each.change}{': ' if where else ''}{where}{more}"
            )
    sys.exit(_FAILED if bad else 0)


@qemu.command()
@click.option(
    "--recipe",
    "names",
    multiple=True,
    required=True,
    help="The machine; given more than once, each gets its share of the time.",
)
@click.option("--minutes", type=click.FloatRange(0.05, 60 * 24 * 7), default=10, show_default=True)
@click.option("-j", "jobs", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="The same gives the same mutants."
)
@click.option(
    "--into",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for what is found: your own, and nobody else's yet.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.5, 600),
    default=6,
    show_default=True,
    help="Seconds after which an input hangs.",
)
@_QEMU
@_JSON
def fuzz(
    *,
    names: tuple[str, ...],
    minutes: float,
    jobs: int,
    seed: int,
    into: Path,
    timeout: float,
    path: str | None,
    as_json: bool,
) -> None:
    """Change fields of real streams, load them, and see whether the real devices survive.

    What does not is brought down to the one field, confirmed in a fresh process and written to the
    folder. It may be a security problem: docs/reporting-qemu-bugs.md says whom to tell.
    Exit status 0: nothing found.
    """
    from vmstate_conformance.qemu.fuzz.campaign import Plan, run, summary  # noqa: PLC0415
    from vmstate_conformance.qemu.recipes import recipe  # noqa: PLC0415

    try:
        for name in names:
            recipe(name)
    except QemuError as error:
        _fail(error, _BAD_INPUT)
    plan = Plan(names, minutes * 60, jobs, seed, into, path, timeout)
    tallies = []
    try:
        for tally in run(plan):
            tallies.append(tally)
            if as_json:
                click.echo(json.dumps(tally.row()))
                continue
            counts = ", ".join(f"{count} {kind}" for kind, count in tally.verdicts.most_common())
            rate = tally.inputs / tally.seconds if tally.seconds else 0
            click.echo(f"{tally.recipe}: {tally.inputs} inputs, {rate:.0f}/s: {counts or 'none'}")
            if tally.note:
                click.echo(f"  {tally.note}")
            for each in tally.found:
                click.echo(f"  new: {each['verdict']}, {into / each['folder']}")
    except QemuError as error:
        _fail(error, _BROKEN)
    except OSError as error:
        _fail(f"{error.filename or into}: {error.strerror or error} [unwritable]", _BAD_INPUT)
    except KeyboardInterrupt:
        click.echo("vmstate-conformance: interrupted; what was found is kept", err=True)
    total = summary(tallies)
    if as_json:
        click.echo(json.dumps({"summary": total}))
    else:
        click.echo(f"{total['inputs']} inputs, {total['findings']} new findings in {into}")
    if tallies and not total["inputs"]:
        _fail("no machine could be fuzzed", _BROKEN)
    sys.exit(_FAILED if total["findings"] else 0)


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
