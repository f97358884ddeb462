# SPDX-License-Identifier: Apache-2.0
"""Wrong implementations: the reference with one small, named change each.

They measure the corpus: each must die by a case. `MUTANTS[name].applied()` makes the change in this
process for as long as the block lasts; `python -m vmstate_conformance.mutants.serve NAME` is the mutant
as a testee.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from vmstate_conformance.mutants.before import BEFORE
from vmstate_conformance.mutants.check import CHECK
from vmstate_conformance.mutants.container import COMMANDS, CONFIGURATION, CONTAINER, SAVEVM
from vmstate_conformance.mutants.elements import ELEMENTS
from vmstate_conformance.mutants.extent import EXTENT
from vmstate_conformance.mutants.infos import INFO
from vmstate_conformance.mutants.load import LOAD, MARKERS
from vmstate_conformance.mutants.memory import MEMORY, PREDICATES, STREAM
from vmstate_conformance.mutants.nested import NESTED
from vmstate_conformance.mutants.patching import Mutant, StaleError
from vmstate_conformance.mutants.payloads import BITMAPS, HTAB, S390
from vmstate_conformance.mutants.ram import MAPPED, RAM
from vmstate_conformance.mutants.save import SAVE, VMDESC
from vmstate_conformance.mutants.sections import SECTIONS
from vmstate_conformance.mutants.subsections import SUBSECTIONS

__all__ = ["MUTANTS", "Mutant", "StaleError"]

_TABLES: Final = (
    LOAD,
    MARKERS,
    ELEMENTS,
    EXTENT,
    INFO,
    NESTED,
    SUBSECTIONS,
    SAVE,
    VMDESC,
    CHECK,
    STREAM,
    MEMORY,
    PREDICATES,
    CONTAINER,
    SECTIONS,
    CONFIGURATION,
    COMMANDS,
    SAVEVM,
    S390,
    HTAB,
    BITMAPS,
    BEFORE,
    RAM,
    MAPPED,
)

#: All mutants by name.
MUTANTS: Final[Mapping[str, Mutant]] = MappingProxyType(
    {name: mutant for table in _TABLES for name, mutant in table.items()}
)
assert len(MUTANTS) == sum(map(len, _TABLES))
