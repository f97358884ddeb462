# SPDX-License-Identifier: Apache-2.0
"""`vmstate-conformance kit`: a starter kit into a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

_KITS: Final = ("c99", "python")
_LEFT_OUT: Final = ("__pycache__",)


@click.command()
@click.argument("language", type=click.Choice(_KITS))
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=Path("testee"),
    show_default=True,
    help="A folder; files that are there already stay.",
)
def kit(language: str, into: Path) -> None:
    r"""Put a small, complete testee into a folder, to begin your own with.

    \b
      vmstate-conformance kit c99 --into mine && cd mine
      cc -std=c99 -O2 -o testee testee.c memory.c json.c
      vmstate-conformance run --profile hardened --testee ./testee
    """
    source = Path(__file__).parent / language
    files = [each for each in sorted(source.iterdir()) if each.name not in _LEFT_OUT]
    try:
        into.mkdir(parents=True, exist_ok=True)
        for file in files:
            target = into / file.name
            with target.open("xb") as out:
                out.write(file.read_bytes())
            click.echo(target)
    except FileExistsError as error:
        _fail(f"{error.filename}: is there already [exists]")
    except OSError as error:
        _fail(f"{error.filename or into}: {error.strerror or error} [unwritable]")


def _fail(message: str) -> None:
    click.echo(f"vmstate-conformance: {message}", err=True)
    sys.exit(2)
