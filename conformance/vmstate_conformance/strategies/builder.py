# SPDX-License-Identifier: Apache-2.0
"""Documents from choices: layouts and legal descriptions of any depth.

`document` serves the hypothesis strategies, the fuzzers and the generator alike; only where the bytes
come from differs. What it builds is legal: vmstate_check() accepts it, it saves from any state that
`vmstate_conformance.strategies.values` makes for it, and it loads again what it saved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from vmstate_conformance.strategies.choices import Choices
from vmstate_conformance.strategies.fields import Fields
from vmstate_conformance.strategies.parts import VMSD, Parent, Struct
from vmstate_conformance.strategies.tables import KINDS, LEAVES, NAMES, SUFFIXES, Leaf

_VERSIONS: Final = (1, 0, 2, 3, 5, 255)


@dataclass(frozen=True, slots=True)
class Scope:
    """How large documents may be, and what may be in them.

    `fields` counts the fields of all descriptions together, about; `depth` descriptions inside each
    other. `failing_hooks` allows hooks that fail: legal, but neither saved nor loaded. `lookalikes`
    allows names that begin like those of others, so that a subsection may be taken for another's:
    legal too, saved, and not always loaded again. `automatic` allows arrays whose pointers the load
    makes (`kinds` must then have none either); `slot_size` is the size of an array of other pointers,
    which was that of a pointer before 11.1. `leaves` are the infos of one number. The last four say in
    how many of 256 cases a field is conditional, a description has a subsection, an empty list of them,
    and hooks.
    """

    fields: int = 12
    depth: int = 3
    kinds: tuple[str, ...] = KINDS
    subsections: bool = True
    versions: bool = True
    predicates: bool = True
    failing_hooks: bool = False
    lookalikes: bool = False
    automatic: bool = True
    slot_size: int = 0
    leaves: tuple[Leaf, ...] = LEAVES
    conditional: int = 48
    branching: int = 72
    listed: int = 16
    hooked: int = 24


SMALL: Final = Scope(fields=3, depth=2)
MEDIUM: Final = Scope()
LARGE: Final = Scope(fields=40, depth=6)


def document(choices: Choices, scope: Scope = MEDIUM) -> dict[str, Any]:
    """Build a document of the case format. The zero choices give one field of one byte."""
    build = Build(choices, scope)
    root = build.description(build.name(), build.struct(), 1)
    return {"structs": build.structs, "descriptions": build.descriptions, "root": root.name}


@dataclass(slots=True)
class Build:
    """A document in the making. `left` is how many fields may still be made."""

    choices: Choices
    scope: Scope
    structs: dict[str, Any] = field(default_factory=dict)
    descriptions: dict[str, Any] = field(default_factory=dict)
    left: int = 0
    _structs: int = 0

    def __post_init__(self) -> None:
        self.left = self.scope.fields

    def struct(self, gap: int = 0) -> Struct:
        """Begin a struct whose first `gap` bytes belong to no member."""
        self._structs += 1
        return Struct(f"S{self._structs}", gap)

    def name(self) -> str:
        """Choose a description's name that is not yet taken."""
        name, others = self.choices.pick(NAMES), self.descriptions
        if self.scope.lookalikes:
            return name if name not in others else f"{name}{len(others)}"
        if any(name.startswith(other) or other.startswith(name) for other in others):
            return f"{len(others)}{name}"
        return name

    def child(self, depth: int, gap: int = 0, *, fresh: bool) -> VMSD:
        """Build a description of a struct of its own."""
        return self.description(self.name(), self.struct(gap), depth, fresh=fresh)

    def description(self, name: str, struct: Struct, depth: int, *, fresh: bool = False) -> VMSD:
        """Build a description, its children and subsections, and finish its struct."""
        self.descriptions[name] = None  # the name is taken; children come in after it
        vmsd = self._body(name, struct, depth, fresh=fresh)
        self.structs[struct.name] = struct.finish()
        return vmsd

    def subsection(self, parent: Parent, depth: int) -> str:
        """Build a subsection upon the parent's struct; give its name."""
        name = parent.name + self.choices.pick(SUFFIXES)
        if self._taken(name, parent.name):
            name = f"{parent.name}/{len(self.descriptions)}-"
        self.descriptions[name] = None
        self._body(name, parent.struct, depth, fresh=parent.fresh, sub=True)
        return name

    def _taken(self, name: str, parent: str) -> bool:
        """Whether a description beside the parent may take the subsection for one of its own."""
        if self.scope.lookalikes:
            return name in self.descriptions
        return any(
            name.startswith(other) or other.startswith(name)
            for other in self.descriptions
            if not parent.startswith(other)
        )

    def _body(
        self, name: str, struct: Struct, depth: int, *, fresh: bool, sub: bool = False
    ) -> VMSD:
        choices, scope = self.choices, self.scope
        choices.gene()
        version = choices.pick(_VERSIONS) if scope.versions else 1
        minimum = min(choices.below(4), version) if choices.chance(160) else version
        hooks = self._hooks()
        listed = choices.chance(scope.listed)
        made: dict[str, Any] = {
            "struct": struct.name,
            "version_id": version,
            "minimum_version_id": minimum,
        }
        parent = Parent(name, struct, version, depth, fresh, sub)
        fields = Fields(self, parent)
        if sub and scope.predicates and choices.chance(160):
            made["needed"] = fields.predicate(versioned=False)
        fields.fill()
        made["fields"] = fields.made
        subs = self._subsections(
            parent, depth, of_256=scope.branching // 3 if sub else scope.branching
        )
        if subs and not scope.lookalikes:
            fields.part()
        if subs or listed:
            made["subsections"] = subs
        if hooks:
            made["hooks"] = hooks
        self.descriptions[name] = made
        return VMSD(name, struct, version, minimum)

    def _subsections(self, parent: Parent, depth: int, of_256: int) -> list[str]:
        subs: list[str] = []
        while (
            self.scope.subsections
            and self.left > 0
            and depth < self.scope.depth
            and len(subs) < 3
            and self.choices.chance(of_256 if not subs else max(of_256, 128))
        ):
            subs.append(self.subsection(parent, depth + 1))
        return subs

    def _hooks(self) -> dict[str, int]:
        """Choose hooks that succeed, or where the scope allows it, any."""
        if not self.choices.chance(self.scope.hooked):
            return {}
        names = ("post_load", "pre_load", "pre_save")
        name = self.choices.pick(names)
        if self.scope.failing_hooks and self.choices.chance(128):
            return {name: self.choices.pick((-1, 1, -22))}
        return {name: 0 if name == "pre_load" else self.choices.below(2)}
