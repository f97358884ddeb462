# SPDX-License-Identifier: Apache-2.0
"""The commands that put streams into the real QEMU: `feed`, `roundtrip`, `fuzz`."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

import click

from vmstate_conformance.qemu.options import (
    ARCH,
    BAD_INPUT,
    BROKEN,
    FAILED,
    JSON,
    QEMU,
    RECIPE,
    SHOWN,
    TIMEOUT,
    fail,
)
from vmstate_conformance.qemu.provision import QemuError


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE… [-- QEMU ARGUMENTS]")
@RECIPE
@ARCH
@QEMU
@TIMEOUT
@JSON
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
    from vmstate_conformance.qemu.judge import PRINTING  # noqa: PLC0415
    from vmstate_conformance.qemu.judge import feed as run  # noqa: PLC0415
    from vmstate_conformance.qemu.made import MadeError, machinery  # noqa: PLC0415

    streams, arguments = _split(files)
    limits = replace(PRINTING, growth=memory << 20 if memory else None)
    bad = False
    for stream in streams:
        try:
            there = machinery(stream, name, arguments, path, arch)
            verdict = run(there, stream.resolve(), timeout=timeout, drive=drive, limits=limits)
        except MadeError as error:
            fail(error, BAD_INPUT)
        except QemuError as error:
            fail(error, BROKEN)
        bad |= verdict.verdict != "accepted"
        if as_json:
            click.echo(json.dumps({"file": str(stream), **verdict.row()}))
        else:
            after = "" if verdict.stage == "load" else f" after it was accepted, in {verdict.stage}"
            told = f": {verdict.message}" if verdict.message else ""
            click.echo(f"{stream}: {verdict.verdict}{after}{told}")
    sys.exit(FAILED if bad else 0)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE… [-- QEMU ARGUMENTS]")
@RECIPE
@ARCH
@QEMU
@TIMEOUT
@click.option(
    "--ignore", "patterns", multiple=True, help="Sections or paths with * and ?, like 'hpet#*'."
)
@JSON
def roundtrip(
    files: tuple[str, ...],
    *,
    name: str | None,
    arch: str | None,
    path: str | None,
    timeout: float,
    as_json: bool,
    patterns: tuple[str, ...],
) -> None:
    """Give streams to fresh processes, migrate out again, and compare section by section.

    Devices are compared by their bytes, RAM by what it holds in the end. Exit status 0: the same.
    """
    from vmstate_conformance.qemu.made import MadeError, machinery  # noqa: PLC0415
    from vmstate_conformance.qemu.roundtrip import roundtrip as run  # noqa: PLC0415
    from vmstate_conformance.qemu.roundtrip import without  # noqa: PLC0415

    streams, arguments = _split(files)
    bad = False
    for stream in streams:
        try:
            there = machinery(stream, name, arguments, path, arch)
            trip = run(there, stream.resolve(), timeout=timeout)
        except MadeError as error:
            fail(error, BAD_INPUT)
        except QemuError as error:
            fail(f"{stream}: {error}", BROKEN)
        differences = without(trip.differences, patterns)
        bad |= trip.verdict.verdict != "accepted" or bool(differences)
        if as_json:
            rows = [
                {"section": each.section, "change": each.change, "paths": list(each.paths)}
                for each in differences
            ]
            row = {**trip.verdict.row(), "sections": trip.sections, "differences": rows}
            click.echo(json.dumps({"file": str(stream), **row}))
            continue
        if trip.verdict.verdict != "accepted":
            click.echo(f"{stream}: {trip.verdict.verdict}: {trip.verdict.message}")
        elif not differences:
            click.echo(f"{stream}: {trip.sections} sections came back as they went in")
        for each in differences:
            where = ", ".join(each.paths[:SHOWN])
            more = f" and {len(each.paths) - SHOWN} more" if len(each.paths) > SHOWN else ""
            click.echo(
                f"{stream}: {each.section} {each.change}{': ' if where else ''}{where}{more}"
            )
    sys.exit(FAILED if bad else 0)


@click.command()
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
@QEMU
@JSON
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
        fail(error, BAD_INPUT)
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
        fail(error, BROKEN)
    except OSError as error:
        fail(f"{error.filename or into}: {error.strerror or error} [unwritable]", BAD_INPUT)
    except KeyboardInterrupt:
        fail(f"interrupted; what was found is in {into}", 128 + signal.SIGINT)
    total = summary(tallies)
    if as_json:
        click.echo(json.dumps({"summary": total}))
    else:
        click.echo(f"{total['inputs']} inputs, {total['findings']} new findings in {into}")
    if tallies and not total["inputs"]:
        fail("no machine could be fuzzed", BROKEN)
    sys.exit(FAILED if total["findings"] else 0)


def _split(files: tuple[str, ...]) -> tuple[list[Path], list[str]]:
    """Part the files from QEMU's arguments, which begin at the first with a dash."""
    at = next((at for at, each in enumerate(files) if each.startswith("-")), len(files))
    streams = [Path(each) for each in files[:at]]
    if not streams:
        raise click.UsageError("name at least one file")
    for stream in streams:
        try:
            if stream.exists() and not stream.is_file():
                fail(f"{stream}: no regular file [unreadable]", BAD_INPUT)
            with stream.open("rb"):
                pass
        except OSError as error:
            fail(f"{stream}: {error.strerror} [unreadable]", BAD_INPUT)
    return streams, list(files[at:])
