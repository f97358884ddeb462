# SPDX-License-Identifier: Apache-2.0
"""`vmstate-conformance expect`: the expectations file of a testee."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from vmstate_conformance.cases import InputError
from vmstate_conformance.expectations.model import Expectations
from vmstate_conformance.reports.model import read_results

_BAD_INPUT: Final = 2
_PATH: Final = click.Path(path_type=Path)


@click.group()
def expect() -> None:
    r"""What a testee is known to get wrong, in a file of its own.

    \b
    An entry of the file (TOML):
      [[expect]]
      match  = "auto-alloc/*#count-*"    # * and ? within a segment; 20 cases at most
      facet  = "heap"                    # optional
      kind   = "bug"                     # bug, wontfix, flaky, crash
      class  = "count.bad"               # optional: the class it fails with
      reason = "the peak is not bounded yet"
      issue  = "https://example.org/1"   # but for wontfix
    """


@expect.command()
@click.argument("results", type=_PATH)
@click.option("--file", type=_PATH, required=True, help="The expectations file; made if missing.")
@click.option("--check", is_flag=True, help="Only say what would change; exit 1 if something.")
def update(results: Path, file: Path, check: bool) -> None:  # noqa: FBT001 - click's way
    r"""Bring the file up to date with RESULTS, the log of a run with `--expect FILE`.

    Entries of what passes now go; what fails anew is added without a reason, which you must write
    before the file can be used. Comments and reasons stay.

    \b
    Example:
      vmstate-conformance run --testee ./mine --expect mine.toml --results mine.jsonl
      vmstate-conformance expect update mine.jsonl --file mine.toml
    """
    from vmstate_conformance.expectations import update as updates  # noqa: PLC0415

    try:
        found = read_results(results)
        known = Expectations.read(file) if file.exists() or check else updates.empty(file)
        done = updates.update(known, found)
    except InputError as error:
        click.echo(f"vmstate-conformance: {error}", err=True)
        sys.exit(_BAD_INPUT)
    for word, names in (("dropped", done.dropped), ("added", done.added)):
        for name in names:
            click.echo(f"{word}: {name}")
    if check:
        sys.exit(1 if done.dropped or done.added else 0)
    file.write_text(done.text, encoding="utf-8")
    if done.added:
        click.echo(f"{file}: write a reason (and an issue) for each entry that was added")
