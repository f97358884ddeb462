# SPDX-License-Identifier: Apache-2.0
"""Fields of a description from choices, one gene each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vmstate_conformance.strategies.parts import VMSD, Parent, single
from vmstate_conformance.strategies.specials import special
from vmstate_conformance.strategies.tables import (
    FREE_LEAVES,
    LEAVES,
    SCALARS,
    SHAPE_BY_NAME,
    VARRAYS,
    Leaf,
    Shape,
)

if TYPE_CHECKING:
    from vmstate_conformance.strategies.builder import Build

#: The most elements of an array that is not long on purpose.
_FEW: Final = 5
_LONG: Final = 40
_POINTER: Final = 8


class Fields:
    """Makes the fields of one description, and the members that they speak of."""

    def __init__(self, build: Build, parent: Parent) -> None:
        self.build = build
        self.choices = build.choices
        self.parent = parent
        self.struct = parent.struct
        self.made: list[dict[str, Any]] = []

    def fill(self) -> None:
        """Make fields until the choices, or the scope, say that it is enough."""
        while self.build.left > 0:
            self.choices.gene()
            if self.made and not self.choices.chance(208):
                break
            self.build.left -= 1
            kind = self.choices.pick(self.build.scope.kinds)
            shape = SHAPE_BY_NAME.get(kind)
            if shape is None:
                special(self, kind)
            else:
                self.shaped(shape)

    def member(self) -> str:
        """Give the name of the next member."""
        return f"m{len(self.struct.members)}"

    @property
    def deep(self) -> bool:
        """Whether there is no room for a child."""
        return self.parent.depth >= self.build.scope.depth or not self.build.left

    def child(self, gap: int = 0, *, fresh: bool) -> VMSD:
        """Build a description for an element, which is `fresh` where the load makes it."""
        vmsd = self.build.child(self.parent.depth + 1, gap, fresh=fresh or self.parent.fresh)
        # What follows is chosen from a gene of its own: the child's has taken this one's place.
        self.choices.gene()
        return vmsd

    def put(self, made: dict[str, Any], *, versioned: bool = True) -> bool:
        """Add a field; one that is `versioned` may be conditional. Give whether it is not."""
        scope, choices = self.build.scope, self.choices
        self.made.append(made)
        if not versioned or not choices.chance(scope.conditional):
            return True
        if scope.predicates and choices.chance(128):
            # A callback's answer counts alone; the version beside it is a trap.
            made["exists"] = self.predicate(versioned=True)
            made["version_id"] = choices.below(4)
            # A member that the predicate asks about may be sent by a field of its own: before it.
            self.made.remove(made)
            self.made.append(made)
        elif scope.versions:
            made["version_id"] = choices.below(min(self.parent.version_id + 2, 256))
        return False

    def part(self) -> None:
        """See to it that a byte is sent: else the last object's subsections run into the next's."""
        sure = {"name", "info", "offset", "size", "flags"}
        if not any(made.keys() == sure and "VMS_SINGLE" in made["flags"] for made in self.made):
            name = self.member()
            offset = self.struct.add_scalar(name, "uint8")
            made = {"name": name, "info": "uint8", "offset": offset, **single("uint8")}
            self.made.append(made)

    def leaves(self, *, free: bool) -> tuple[Leaf, ...]:
        """Give the leaves to choose from; those that are `free` compare nothing with memory."""
        if self.build.scope.leaves is LEAVES:
            return FREE_LEAVES if free else LEAVES
        chosen = tuple(leaf for leaf in self.build.scope.leaves if not (free and leaf.holds))
        return chosen or FREE_LEAVES

    def scalar(self, kind: str) -> int:
        """Add a scalar that others depend on, sent or not; give its offset."""
        name = self.member()
        offset = self.struct.add_scalar(name, kind)
        if self.parent.fresh or self.choices.chance(128):
            self.made.append({"name": name, "info": kind, "offset": offset, **single(kind)})
        return offset

    def shaped(self, shape: Shape) -> None:
        """Make a field of one of the shapes."""
        choices, fresh = self.choices, self.parent.fresh
        shape = self._possible(shape)
        made_by_load = fresh or shape.storage == "alloc" or shape.slots == "auto"
        made: dict[str, Any] = {}
        kind: Any
        if shape.element == "info":
            leaf = choices.pick(self.leaves(free=made_by_load))
            made["info"], kind = leaf.info, leaf.scalar
            size = align = SCALARS[leaf.scalar][0]
        else:
            vmsd = self.child(fresh=made_by_load)
            made["vmsd"], kind = vmsd.name, {"struct": vmsd.struct.name}
            size, align = vmsd.struct.size, vmsd.struct.align
            if shape.element == "vstruct":
                span = vmsd.version_id - vmsd.minimum_version_id + 1
                made["struct_version_id"] = vmsd.version_id - choices.below(span)
        flags, capacity = self._count(shape, made)
        made["size"] = self._size(shape, size)
        slot = kind if shape.slots == "inline" else {"pointer": kind}
        if shape.slots != "inline":
            size = align = _POINTER
        name = self.member()
        made = {"name": name, **made, "flags": [*shape.flags, *flags] or ["VMS_SINGLE"]}
        if shape.storage != "embedded":
            many = shape.count != "one"
            target = {"pointer": {"array": slot} if many else slot}
            made["offset"] = self.struct.add_pointer(name, target)
        elif shape.count == "one":
            made["offset"] = self.struct.add(name, slot, size, align)
        else:
            array = {"array": slot, "count": capacity}
            made["offset"] = self.struct.add(name, array, size * capacity, align)
        sure = self.put(made)
        if isinstance(slot, str) and shape.storage == "embedded" and shape.count == "one":
            self._offer(name, made["offset"], slot, sure=sure)
        elif shape.element != "info" and shape.name.endswith("inline-one-embedded") and not fresh:
            child = vmsd.struct
            self.struct.inner += ((f"{name}.{inner}", kind) for inner, _, kind in child.scalars)
            self.struct.inner += ((f"{name}.{inner}", kind) for inner, kind in child.inner)

    def _possible(self, shape: Shape) -> Shape:
        """Replace what cannot be here: children too deep, and pointers that nothing would set."""
        element = "info" if self.deep else shape.element
        storage, slots = shape.storage, shape.slots
        if self.parent.fresh:
            storage = "alloc" if storage == "pointer" else storage
            unset = "auto" if self.build.scope.automatic else "inline"
            slots = unset if slots == "pointers" else slots
        return Shape(storage, shape.count, slots, element)

    def _offer(self, name: str, offset: int, kind: str, *, sure: bool) -> None:
        """Offer a scalar to predicates; in memory that the load makes, only what is sure to be sent."""
        if not self.parent.fresh or (sure and not self.parent.sub):
            self.struct.scalars.append((name, offset, kind))

    def _count(self, shape: Shape, made: dict[str, Any]) -> tuple[list[str], int]:
        if shape.count == "one":
            return [], 1
        choices = self.choices
        number = (choices.below(_FEW) + 1) % _FEW
        if choices.chance(16):
            number = choices.below(_LONG)
        if shape.count == "fixed":
            made["num"] = number
            return [], number
        flag = choices.pick(tuple(VARRAYS))
        made["num_offset"] = self.scalar(VARRAYS[flag])
        return [flag], number

    def _size(self, shape: Shape, size: int) -> int:
        if shape.slots == "pointers":
            return self.build.scope.slot_size
        # VMSTATE_STRUCT_POINTER has the size of the pointer, which nothing looks at.
        if shape.name == "struct-inline-one-pointer":
            return _POINTER
        return size

    def predicate(self, *, versioned: bool, depth: int = 0) -> dict[str, Any]:
        """Choose a predicate upon the struct as it is so far."""
        choices = self.choices
        kinds = ("const", "member", "member", "version", "not", "all", "any")
        kind = choices.pick(kinds[: 4 if depth > 1 else None])
        if kind == "const":
            return {"const": not choices.chance(64)}
        if kind == "version" and versioned:
            return {"version_ge": choices.below(4)}
        if kind in ("member", "version"):
            return self._compare()
        if kind == "not":
            return {"not": self.predicate(versioned=versioned, depth=depth + 1)}
        return {
            kind: [
                self.predicate(versioned=versioned, depth=depth + 1)
                for _ in range(choices.below(3))
            ]
        }

    def _compare(self) -> dict[str, Any]:
        choices = self.choices
        scalars = self.struct.scalars
        if self.parent.fresh and not scalars:
            return {"const": True}
        if not scalars or (not self.parent.fresh and choices.chance(96)):
            name = self.member()
            self._offer(name, self.scalar("bool"), "bool", sure=False)
        asked = [(name, kind) for name, _, kind in scalars]
        if self.struct.inner and choices.chance(128):
            asked = self.struct.inner
        name, kind = choices.pick(asked[:256])
        value = 1 if kind == "bool" else choices.below(4)
        if SCALARS[kind][1] and choices.chance(64):
            value = -1 - value
        return {"member": name, choices.pick(("eq", "ge")): str(value)}
