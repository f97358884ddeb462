# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a whole stream: one class of error, told apart by its rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class StreamFault(Exception):  # noqa: N818 - the fault lies in the file, not in this program
    """Something in a file that a loader would refuse, or that cannot be read.

    `rule` is a short dotted class (`truncated`, `bad-magic`, `footer-mismatch`, `ram.bad-flags`),
    `offset` the byte of the file at which it shows, `path` the section and field, `says` what
    QEMU's loader prints, where that is known. `partial` is what had been decoded before.
    """

    def __init__(
        self, rule: str, offset: int, detail: str, *, path: str = "", says: str = ""
    ) -> None:
        super().__init__(rule, offset, detail)
        self.rule = rule
        self.offset = offset
        self.detail = detail
        self.path = path
        self.says = says
        self.partial: Any = None

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return printable(f"offset {self.offset:#x}: {where}{self.detail} [{self.rule}]")

    def within(self, outer: str) -> StreamFault:
        """Put `outer` in front of the path, and give the fault back to be raised again."""
        self.path = outer + self.path
        return self


@contextmanager
def saying(says: str) -> Iterator[str]:
    """Give the faults of a block what QEMU's loader says to them."""
    try:
        yield says
    except StreamFault as fault:
        fault.says = fault.says or says
        raise


def printable(text: str) -> str:
    """Make a text of the file fit for one line of a terminal: no control characters, no surrogates."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text
    )
