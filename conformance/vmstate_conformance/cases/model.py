# SPDX-License-Identifier: Apache-2.0
"""A case, and the error of an input that is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

#: The inputs of each operation, as the case format has them.
INPUTS: Final = {
    "check": (),
    "save": ("state", "vmdesc"),
    "load": ("destination", "version_id", "stream"),
    "stream": ("devices", "machine", "stream"),
    "savevm": ("devices", "machine"),
}
#: Inputs that a request may do without.
OPTIONAL: Final = frozenset({"vmdesc", "machine"})
VERDICTS: Final = {
    "check": frozenset({"valid", "invalid", "abort"}),
    "save": frozenset({"ok", "error", "abort"}),
    "load": frozenset({"accept", "reject", "abort"}),
    "stream": frozenset({"accept", "reject", "abort"}),
    "savevm": frozenset({"ok", "error", "abort"}),
}


class InputError(Exception):
    """A file that cannot be used: `str()` is one line with file, line and rule."""


@dataclass(frozen=True, slots=True)
class Case:
    """One request to a testee and what must come of it in one dialect.

    `request` holds op, document and inputs; `expect` is in the shape of the case format's
    `observed`. A case is known by `id` and `dialect` together. `level` is required, recommended or
    quirk; `clauses` are the clauses of the specification that it is about; `flags` say why, where a
    verdict leaves a choice or records a quirk. `hardened` is what a hardened implementation must do,
    where that is not `expect`. A case that is not `scored` runs and decides nothing. An `exception` is
    a member of a family that comes out otherwise than the family says, and so proves none of its clauses.
    """

    id: str
    dialect: str
    request: dict[str, Any]
    expect: dict[str, Any]
    tags: tuple[str, ...]
    source: str
    title: str = ""
    level: str = "required"
    clauses: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    group: str = ""
    added: str = ""
    hardened: dict[str, Any] | None = None
    scored: bool = True
    exception: bool = False

    @property
    def op(self) -> str:
        """The operation: check, save, load, stream or savevm."""
        return str(self.request["op"])

    @property
    def area(self) -> str:
        """The part of the format that the case is mostly about: its group's, or by its tags."""
        return self.group.partition("/")[0] or area(self.tags)


def area(tags: tuple[str, ...]) -> str:
    """Name the area: the classics, a primary feature, or what is left."""
    if "classic" in tags:
        return "classics"
    primary = next((tag for tag in tags if tag.startswith("primary-")), "primary-other")
    return primary.removeprefix("primary-").replace("_", "-")
