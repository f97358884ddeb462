# SPDX-License-Identifier: Apache-2.0
"""The console, and the bar that moves while cases run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

_Item = TypeVar("_Item")


def console(*, quiet: bool = False) -> Console:
    """Give the console for standard output; it obeys NO_COLOR and knows what is no terminal."""
    return Console(highlight=False, markup=False, quiet=quiet)


def track(out: Console, items: Iterable[_Item], total: int) -> Iterator[_Item]:
    """Pass items through, with a bar where somebody is looking."""
    if not out.is_terminal or out.quiet:
        yield from items
        return
    with Progress(console=out, transient=True) as bar:
        task = bar.add_task("cases", total=total)
        for at, item in enumerate(items, 1):
            yield item
            if at % 16 == 0:
                bar.update(task, completed=at)
