# SPDX-License-Identifier: Apache-2.0
"""`vmstate-conformance diff`: two testees, generated requests, and a case of the first difference."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

if TYPE_CHECKING:
    from vmstate_conformance.differential.search import Search

_AGREE: Final = 0
_DIFFER: Final = 1
_BAD_INPUT: Final = 2
_BROKEN: Final = 3


@click.command()
@click.option(
    "--testee", "testees", multiple=True, required=True, help="Given twice: who is compared."
)
@click.option("--minutes", type=click.FloatRange(0.01, 10_000), default=1.0, show_default=True)
@click.option("--count", type=click.IntRange(1), help="Stop after so many requests, too.")
@click.option(
    "--seed", type=click.IntRange(0), help="Default: another one each time; it is printed."
)
@click.option("--dialect", default="qemu-11.1.3", show_default=True)
@click.option(
    "--profile", type=click.Choice(["compat", "hardened"]), default="compat", show_default=True
)
@click.option("--size", type=click.Choice(["small", "medium", "large"]), default="medium")
@click.option("--all", "everything", is_flag=True, help="Go on after the first difference.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=Path("staging"),
    show_default=True,
    help="Where cases of differences go.",
)
def diff(**options: Any) -> None:
    r"""Compare two implementations on generated requests.

    The first difference is made as small as it goes and written as a case, which
    `vmstate-conformance run --cases` replays. Requests whose answer depends on where
    memory lies, or that one side spins on, are counted, not reported.

    \b
      vmstate-conformance diff --testee reference --testee './mine --serve' --minutes 5
      vmstate-conformance diff --testee reference --testee qemu --seed 7 --all

    Exit status: 0 they agree, 1 they differ, 2 bad usage, 3 a testee cannot be used.
    """
    from vmstate_conformance.cases import InputError  # noqa: PLC0415 - --help is quick
    from vmstate_conformance.differential.search import Search  # noqa: PLC0415
    from vmstate_conformance.testees.process import TesteeError  # noqa: PLC0415

    testees = options["testees"]
    if len(testees) != 2:
        _fail(f"--testee is wanted twice, not {len(testees)} times [usage]", _BAD_INPUT)
    seed = options["seed"]
    if seed is None:
        seed = time.time_ns() & 0xFFFF_FFFF
    click.echo(f"seed {seed}: {testees[0]} and {testees[1]}, {options['dialect']}")
    search = Search(
        (testees[0], testees[1]), options["dialect"], options["profile"], options["into"]
    )
    try:
        _report(search, seed, options)
    except InputError as error:
        _fail(error, _BAD_INPUT)
    except TesteeError as error:
        _fail(error, _BROKEN)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
    click.echo(search.summary())
    sys.exit(_DIFFER if search.found else _AGREE)


def _report(search: Search, seed: int, options: dict[str, Any]) -> None:
    for found in search.run(
        seed,
        seconds=60 * options["minutes"],
        count=options["count"],
        size=options["size"],
        everything=options["everything"],
    ):
        click.echo(f"\n{found.text}")


def _fail(message: object, status: int) -> NoReturn:
    click.echo(f"vmstate-conformance: {message}", err=True)
    sys.exit(status)
