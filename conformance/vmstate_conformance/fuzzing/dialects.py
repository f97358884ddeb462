# SPDX-License-Identifier: Apache-2.0
"""The dialects that inputs choose from: those of engines that have all that an entry may need."""

from __future__ import annotations

from typing import Final

from vmstate.dialects import DIALECTS, Dialect

COMPLETE: Final[tuple[Dialect, ...]] = tuple(
    dialect for dialect in DIALECTS.values() if not dialect.absent
)
