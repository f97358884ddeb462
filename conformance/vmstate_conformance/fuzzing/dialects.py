# SPDX-License-Identifier: Apache-2.0
"""The dialects that inputs choose from: any, where the engine has all that a document needs."""

from __future__ import annotations

from typing import Final

from vmstate.dialects import DIALECTS, Dialect
from vmstate.document import Document

ALL: Final[tuple[Dialect, ...]] = tuple(DIALECTS.values())
#: Those of engines that have all that a document or a machine may need.
COMPLETE: Final[tuple[Dialect, ...]] = tuple(dialect for dialect in ALL if not dialect.absent)


def suited(number: int, document: Document) -> Dialect:
    """Choose a dialect for the loads of a document: any number means one."""
    dialect = ALL[number % len(ALL)]
    return COMPLETE[0] if dialect.lacks("load", document.descriptions.values()) else dialect
