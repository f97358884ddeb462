# SPDX-License-Identifier: Apache-2.0
"""`vmstate-conformance qemu …`: the real QEMU."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from vmstate_conformance.qemu.provision import ARCHS, QemuError, cache_dir
from vmstate_conformance.qemu.provision import provision as provision_archs


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
        click.echo(f"vmstate-conformance: {error}", err=True)
        sys.exit(2)
    for name, version in sorted(packages.items()):
        click.echo(f"{name} {version}")
    click.echo(f"in {cache or cache_dir()}")
