# SPDX-License-Identifier: Apache-2.0
"""`vmstate-conformance documents`: what a testee with compiled-in descriptions could compile in."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click

from vmstate_conformance.cases import InputError
from vmstate_conformance.runner.select import read, select
from vmstate_conformance.testees.hello import digest

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--cases", "places", multiple=True, type=_PATH, help="Default: the corpus.")
@click.option("--area", "areas", multiple=True, help="Only cases of this area; may be repeated.")
@click.option("--write", "folder", type=_PATH, help="Write each document into this folder.")
def documents(places: tuple[Path, ...], areas: tuple[str, ...], folder: Path | None) -> None:
    r"""List the description documents of the cases: digest, number of cases, root.

    A testee that cannot build descriptions at run time names in its hello those that it has.

    \b
    Example:
      vmstate-conformance documents --area structs --write documents/
    """
    try:
        cases = select(read(places), areas=areas)
        found: dict[str, Any] = {}
        count: Counter[str] = Counter()
        for case in cases:
            document = case.request["document"]
            name = digest(document)
            found[name] = document
            count[name] += 1
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        for name, number in count.most_common():
            click.echo(f"{name} {number:>5} {found[name].get('root')}")
            if folder:
                file = folder / f"{name.removeprefix('sha256:')[:16]}.json"
                file.write_text(json.dumps(found[name], indent=1) + "\n", encoding="utf-8")
    except InputError as error:
        click.echo(f"vmstate-conformance: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        click.echo(f"vmstate-conformance: {folder}: {error.strerror} [unwritable]", err=True)
        sys.exit(2)
