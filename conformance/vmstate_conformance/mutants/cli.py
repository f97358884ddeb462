# SPDX-License-Identifier: Apache-2.0
"""`vmstate-conformance mutants`: the wrong implementations that measure the corpus."""

from __future__ import annotations

import click


@click.command()
@click.option("--area", help="Only those of this area.")
def mutants(area: str | None) -> None:
    """List the wrong implementations, each with what it does wrong.

    Any of them is a testee: `--testee 'python -m vmstate_conformance.mutants.serve NAME'`.
    """
    from vmstate_conformance.mutants import MUTANTS  # noqa: PLC0415 - --version is quick

    for mutant in MUTANTS.values():
        if area in (None, mutant.area):
            click.echo(f"{mutant.name:<34}  {mutant.area:<12}  {mutant.sentence}")
