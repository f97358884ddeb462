# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, as types: a bad case (ours), a refused stream, a process that QEMU would lose."""

from __future__ import annotations

from typing import Final

EIO: Final = -5
EINVAL: Final = -22
ENOENT: Final = -2
EPERM: Final = -1
ENOMEM: Final = -12


class CaseError(Exception):
    """The request itself is wrong: a document, state or number that means nothing.

    `path` is where (`descriptions.dev.fields[3].size`), `rule` a short permanent name, and
    `str()` one line for a person.
    """

    def __init__(self, rule: str, path: str, detail: str) -> None:
        path, detail = one_line(path), one_line(detail)
        super().__init__(f"{path or 'request'}: {detail} [{rule}]")
        self.rule: Final = rule
        self.path: Final = path
        self.detail: Final = detail


_LONGEST: Final = 300


def one_line(text: str) -> str:
    """Make a text fit into one line of a terminal: names in it may be anything."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 3]}..."
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


class Outcome(Exception):  # noqa: N818 - an outcome of the engine is no error of ours
    """The engine stopped. `error` is the class of case-format, `message` QEMU's own text."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(error, message)
        self.error = error
        self.message = message


class Reject(Outcome):
    """The engine returned an error: a refused stream on load, a failed hook on save.

    `number` is what a dialect that goes by numbers returns.
    """

    def __init__(self, error: str, message: str, number: int = EINVAL) -> None:
        super().__init__(error, message)
        self.number = number


class Abort(Outcome):
    """QEMU's process dies here: `kind` is `assert`, `memory`, `oom`, or `hang` where it spins.

    The profile `hardened` turns it into a refusal of the class `error`.
    """

    def __init__(self, kind: str, error: str, message: str) -> None:
        super().__init__(error, message)
        self.kind: Final = kind


def assertion(function: str, expression: str, error: str) -> Abort:
    """Make the abort of a failed assert(), with glibc's wording less file and line."""
    return Abort("assert", error, f"{function}: Assertion `{expression}' failed.")


def out_of_bounds(message: str) -> Abort:
    """Make the abort of an access that no live block holds. [HEAP-ACCESS-1]"""
    return Abort("memory", "out-of-bounds", message)
