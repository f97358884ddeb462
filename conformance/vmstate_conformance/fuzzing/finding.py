# SPDX-License-Identifier: Apache-2.0
"""What a target raises, and how two findings are told to be one."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

_PACKAGES: Final = frozenset({"vmstate", "vmstate_conformance"})
#: Modules that run targets, and are in the way of every error.
_RUNNERS: Final = frozenset({"engine", "staging", "triage"})


class Finding(Exception):  # noqa: N818 - the error is the code's under test
    """A promise of the code under test is broken.

    `rule` is the promise's short permanent name (`leak`, `hang`, `disagreement`), `key` what tells
    two findings of one rule apart, `detail` one line for a person.
    """

    def __init__(self, rule: str, key: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule: Final = rule
        self.key: Final = key
        self.detail: Final = detail


def rule_of(error: BaseException) -> str:
    """Name the promise that an error breaks; any that is no `Finding` should never have escaped."""
    if isinstance(error, Finding):
        return error.rule
    return "allocation" if isinstance(error, MemoryError) else "escaped"


def signature(error: BaseException) -> str:
    """Name what went wrong, so that many inputs that show it count as one finding."""
    if isinstance(error, Finding):
        return f"{error.rule}:{error.key}"
    return f"{rule_of(error)}:{type(error).__name__}:{_place(error)}"


def _place(error: BaseException) -> str:
    """Give the innermost function of ours that the error passed; lines move, names stay."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if _PACKAGES & set(path.parts) and path.stem not in _RUNNERS:
            return f"{path.stem}.{frame.name}"
    return "?"
