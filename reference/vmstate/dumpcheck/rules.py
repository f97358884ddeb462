# SPDX-License-Identifier: Apache-2.0
"""What a comparison of two dumps can find: the table of rules."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

ERROR: Final = "error"
WARNING: Final = "warning"
NOTE: Final = "note"

#: Rule to its severity and what it means. An error: NEW refuses or misreads what OLD saves. A warning:
#: it may, and the dump does not say enough to know. A note: nothing that a stream would show.
RULES: Final = MappingProxyType(
    {
        "machine": (
            NOTE,
            "the dumps are of two machine types; they list every device all the same",
        ),
        "device-missing": (ERROR, "NEW has no such device, nor one that answers to its name"),
        "device-renamed": (NOTE, "another class, but the same name in the stream"),
        "device-added": (NOTE, "OLD has no such device"),
        "description-name": (ERROR, "sections are found by this name"),
        "version-too-new": (ERROR, "OLD saves a version above the highest that NEW loads"),
        "version-too-old": (ERROR, "OLD saves a version below the lowest that NEW loads"),
        "struct-name": (NOTE, "a nested struct's name is not in the stream"),
        "struct-version": (WARNING, "a nested struct's version went down; lists and tmp check it"),
        "field-removed": (ERROR, "OLD saves it, NEW does not read it"),
        "field-removed-conditional": (WARNING, "OLD saves it if its predicate says so"),
        "field-added": (ERROR, "NEW reads it, OLD does not save it"),
        "field-added-conditional": (WARNING, "NEW reads it if its predicate says so"),
        "field-order": (ERROR, "both have it, at different places"),
        "field-version": (ERROR, "NEW reads it only from a later version on than OLD saves"),
        "field-size": (ERROR, "one element has another size"),
        "field-count": (ERROR, "the array has another number of elements"),
        "field-array": (NOTE, "an array of fixed length, on one side only; old dumps show few"),
        "field-kind": (ERROR, "a struct on one side, a plain value on the other"),
        "field-condition": (WARNING, "a predicate decides on one side only"),
        "field-renamed": (WARNING, "the same bytes under another name"),
        "field-regrouped": (NOTE, "the same fields in the same order, in other structs"),
        "field-padding-unsure": (WARNING, "unused bytes for it, and one dump shows no lengths"),
        "field-padding": (NOTE, "unused bytes of the same size stand for it"),
        "subsection-missing": (ERROR, "NEW refuses a stream that has it"),
        "subsection-duplicate": (WARNING, "a loader takes every one of them for the first"),
        "subsection-prefix": (
            WARNING,
            "it does not start with its parent's name; no loader finds it",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: `rule` of `RULES`, the device class, the path inside it, and the detail."""

    rule: str
    device: str
    path: str
    detail: str

    @property
    def severity(self) -> str:
        """`error`, `warning` or `note`."""
        return RULES[self.rule][0]
