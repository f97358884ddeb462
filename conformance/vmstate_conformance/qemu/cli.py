# SPDX-License-Identifier: Apache-2.0
"""`vmstate-conformance qemu …`: the real QEMU.

Exit status: 0 all went well, 1 something did not, 2 bad usage or input, 3 QEMU cannot be used.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from vmstate_conformance.qemu.commands import feed, fuzz, roundtrip
from vmstate_conformance.qemu.options import BAD_INPUT, BROKEN, FAILED, OF_RELEASE, QEMU, fail
from vmstate_conformance.qemu.provision import ARCHS, RELEASE, RELEASES, QemuError, cache_dir
from vmstate_conformance.qemu.provision import provision as provision_archs


@click.group()
def qemu() -> None:
    """Have the real QEMU, and ask it."""


@qemu.command()
@click.option("--arch", "archs", default="x86_64", show_default=True, help="Comma-separated list.")
@click.option("--cache", type=click.Path(path_type=Path), help="Default: the user's cache.")
@OF_RELEASE
def provision(archs: str, cache: Path | None, release: str) -> None:
    """Put Debian's QEMU into the cache; nothing on the machine is changed."""
    wanted = [arch.strip() for arch in archs.split(",")]
    odd = [arch for arch in wanted if arch not in ARCHS]
    if odd:
        raise click.BadParameter(f"'{odd[0]}' is none of {', '.join(ARCHS)}", param_hint="--arch")
    try:
        packages = provision_archs(wanted, cache, release)
    except (QemuError, OSError) as error:
        fail(error, BAD_INPUT)
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
@QEMU
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
        fail(error, BAD_INPUT)
    failed = False
    target = into or Path()
    for each, one in wanted:
        try:
            found = binary(path, each.arch, program(each), one)
        except QemuError as error:
            fail(f"{each.name}: {error}", BROKEN)
        try:
            got = run(each, found)
            place = shelve(got, one, target) if skeleton else keep(got, found, target)
        except QemuError as error:
            failed = True
            click.echo(f"vmstate-conformance: {each.name}: {error}", err=True)
        except OSError as error:
            fail(f"{error.filename or target}: {error.strerror or error} [unwritable]", BAD_INPUT)
        else:
            sections = len(got.vmdesc["devices"]) if got.vmdesc else 0
            click.echo(f"{place}: {len(got.stream)} bytes, {sections} devices described")
    sys.exit(FAILED if failed else 0)


for _command in (feed, roundtrip, fuzz):
    qemu.add_command(_command)
