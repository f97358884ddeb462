# SPDX-License-Identifier: Apache-2.0
"""docs/adequacy.md: the table of it all, for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vmstate_conformance.adequacy.covering import MODULES, Coverage, explained
from vmstate_conformance.adequacy.killing import Killer
from vmstate_conformance.adequacy.mutation import explained as survivors
from vmstate_conformance.cases.layout import replace_file
from vmstate_conformance.mutants import MUTANTS


def write(
    root: Path,
    failed: Mapping[str, Mapping[str, tuple[int, int]]],
    covered: Coverage,
    killers: Mapping[str, Killer | None],
) -> list[Path]:
    """Write the report beside the specification, in a checkout. Raises `OSError`."""
    folder = root.parent / "docs"
    if not folder.is_dir():
        return []
    file = folder / "adequacy.md"
    parts = (
        _head(covered, killers),
        _areas(failed),
        _exceptions(),
        _survivors(),
        _mutants(killers),
    )
    lines = [line for part in parts for line in part]
    replace_file(file, "\n".join(lines) + "\n")
    return [file]


def _head(covered: Coverage, killers: Mapping[str, Killer | None]) -> list[str]:
    dead = sum(killer is not None for killer in killers.values())
    total = covered.lines + covered.branches
    return [
        "# How sharp the corpus is",
        "",
        "Written by `vmstate-conformance adequacy --write`; never edited by hand.",
        "",
        f"- Mutants (the reference with one small change each): {dead} of {len(killers)} die.",
        f"- Lines and branches that the corpus alone runs: {total - len(covered.gaps)} of {total}.",
        f"  Modules: {', '.join(MODULES)}.",
        "- A testee that accepts everything, and one that rejects everything, fail in every area.",
        "",
    ]


def _areas(failed: Mapping[str, Mapping[str, tuple[int, int]]]) -> list[str]:
    names = list(failed)
    lines = ["## Areas", "", f"| area | cases | {' | '.join(f'fail {name}' for name in names)} |"]
    lines.append(f"| --- | ---: |{' ---: |' * len(names)}")
    for area, (_, count) in next(iter(failed.values())).items():
        cells = " | ".join(str(failed[name][area][0]) for name in names)
        lines.append(f"| {area} | {count} | {cells} |")
    return [*lines, ""]


def _exceptions() -> list[str]:
    lines = ["## Not covered, and why", ""]
    for each in explained():
        to = f" → `{each['to']}`" if each.get("to") else ""
        lines.append(f"- `{each['module']}`: `{each['text']}`{to}: {each['why']}")
    return [*lines, ""]


def _survivors() -> list[str]:
    """What mutmut makes of the reference's code and the corpus does not tell apart."""
    lines = ["## mutmut's mutants that survive, and why", ""]
    lines.append(
        "Measured by `python -m vmstate_conformance.adequacy.mutation`, with mutmut beside."
    )
    lines += ["", "| function | from | to | why |", "| --- | --- | --- | --- |"]
    for (function, old, new), why in survivors().items():
        cells = [each.replace("|", "\\|").replace("\n", " ⏎ ") for each in (old, new)]
        lines.append(f"| {function} | `{cells[0]}` | `{cells[1]}` | {why} |")
    return [*lines, ""]


def _mutants(killers: Mapping[str, Killer | None]) -> list[str]:
    lines = ["## Mutants", "", "| mutant | what it does wrong | dies by | facet |"]
    lines.append("| --- | --- | --- | --- |")
    for name, killer in killers.items():
        sentence = MUTANTS[name].sentence.replace("|", "\\|")
        if killer is None:
            lines.append(f"| {name} | {sentence} | **nothing** | |")
        else:
            where = f"{killer.id} ({killer.dialect}, {killer.profile})"
            lines.append(f"| {name} | {sentence} | {where} | {killer.facet} |")
    return lines
