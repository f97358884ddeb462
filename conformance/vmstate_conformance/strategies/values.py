# SPDX-License-Identifier: Apache-2.0
"""States from choices: values of a document's root struct that save, and load again.

Counts agree with the arrays that they count, sizes with buffers, validations hold, nothing that must
be there is NULL; and what lies in memory that a load would make itself, but no field sends, is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from vmstate_conformance.strategies.choices import Choices
from vmstate_conformance.strategies.landing import landed
from vmstate_conformance.strategies.plan import Field, Group, Plan, State, force
from vmstate_conformance.strategies.tables import BOUNDARIES, SCALARS

_DEPTH: Final = 24
_NODES: Final = 4
_GENE: Final = 32
#: From which byte on a scalar is an interesting value, and from which a pattern.
_BOUNDARY: Final = 128
_PATTERN: Final = 192


def state(choices: Choices, plan: Plan) -> State:
    """Choose a state of the root struct. The zero choices give zeros and empty arrays."""
    drawn = _Draw(choices, plan).object(plan.root.struct, (plan.root.name,), 0)
    # Loaded into itself, a state loses what its own lists would hold twice, and what is not sent.
    return landed(plan, drawn, drawn)


def scalar(choices: Choices, kind: str) -> int:
    """Choose a scalar from one byte: small numbers first, then boundaries, then unlike bytes."""
    byte = choices.byte()
    if kind == "bool":
        return byte & 1
    if byte < _BOUNDARY:
        return byte
    if byte < _PATTERN:
        values = BOUNDARIES[kind]
        return values[byte % len(values)]
    size, signed = SCALARS[kind]
    return int.from_bytes(
        bytes((byte + 37 * at) & 0xFF for at in range(size)), "big", signed=signed
    )


def octets(choices: Choices, size: int) -> str:
    """Choose bytes, in hex, from a few choices however many they are."""
    first, step = choices.byte(), choices.byte()
    return bytes((first + step * at) & 0xFF for at in range(size)).hex()


class _Draw:
    def __init__(self, choices: Choices, plan: Plan) -> None:
        self.choices = choices
        self.plan = plan

    def object(self, struct: str, names: Sequence[str], depth: int) -> State:
        """Draw a struct that the named descriptions describe."""
        choices, group = self.choices, self.plan.group(names)
        choices.gene(_GENE)
        numbers = {at: choices.below(min(cap, 255) + 1) for at, cap in group.counts.items()}
        numbers |= {at: choices.below(min(cap, 255) + 1) for at, cap in group.sizes.items()}
        drawn = self.members(struct, group, numbers, 0, depth)
        for field in group.fields:
            if field.must_exist and field.exists is not None:
                force(field.exists, drawn)
        return drawn

    def members(
        self, struct: str, group: Group, numbers: dict[int, int], base: int, depth: int
    ) -> State:
        made: State = {}
        for member in self.plan.structs[struct]["members"]:
            at, kind = base + member["offset"], member["type"]
            fields = group.at.get(at, ())
            if at in numbers and isinstance(kind, str):
                made[member["name"]] = str(numbers[at])
            elif isinstance(kind, dict) and "struct" in kind and not _children(fields):
                made[member["name"]] = self.members(kind["struct"], group, numbers, at, depth)
            else:
                made[member["name"]] = self.value(kind, fields, numbers, depth)
        return made

    def value(self, kind: Any, fields: Sequence[Field], numbers: dict[int, int], depth: int) -> Any:
        choices = self.choices
        if isinstance(kind, str):
            if kind == "gbytearray":
                return octets(choices, choices.below(12))
            return self.scalar(kind, fields)
        if "bytes" in kind:
            return octets(choices, kind["bytes"])
        if "array" in kind:
            return [self.item(kind["array"], fields, depth) for _ in range(kind["count"])]
        if "pointer" in kind:
            return self.pointer(kind["pointer"], fields, numbers, depth)
        if "struct" in kind:
            return self.object(kind["struct"], _children(fields), depth + 1)
        return self.listed(kind, fields, depth)

    def scalar(self, kind: str, fields: Sequence[Field]) -> str:
        value = scalar(self.choices, kind)
        for field in fields:
            if field.info == "timer":
                value = max(value, -1)
            elif field.info == "int32_le":
                value = max(value, 0)
        return str(value)

    def item(self, kind: Any, fields: Sequence[Field], depth: int) -> Any:
        """Draw an item of an array; where it is a slot, a pointer that may be NULL."""
        if isinstance(kind, dict) and "pointer" in kind and any(f.slots for f in fields):
            target = kind["pointer"]
            if depth >= _DEPTH or not self.choices.chance(176):
                return None
            return self.value(target, fields, {}, depth + 1)
        if isinstance(kind, dict) and "struct" in kind:
            return self.object(kind["struct"], _children(fields), depth + 1)
        return self.value(kind, fields, {}, depth)

    def pointer(
        self, target: Any, fields: Sequence[Field], numbers: dict[int, int], depth: int
    ) -> Any:
        field = next((each for each in fields if each.pointer), None)
        if field is None or depth >= _DEPTH:
            return None
        if target == {"bytes": None}:
            size = field.size
            if field.size_offset is not None:
                size = field.bytes(numbers.get(field.size_offset, 0))
            return octets(self.choices, size) if size else self.empty(field, "")
        if isinstance(target, dict) and target.keys() == {"array"}:
            count = field.fixed
            if count is None:
                count = 1 if field.num_offset is None else numbers.get(field.num_offset, 0)
            if not count:
                return self.empty(field, [])
            return [self.item(target["array"], fields, depth + 1) for _ in range(count)]
        return self.value(target, fields, numbers, depth + 1)

    def empty(self, field: Field, block: Any) -> Any:
        """Draw what may stand for nothing: NULL, or a block of no bytes, which no load makes."""
        return block if not field.alloc and self.choices.chance(64) else None

    def listed(self, kind: Any, fields: Sequence[Field], depth: int) -> Any:
        count = 0 if depth >= _DEPTH or not fields else self.choices.below(_NODES)
        names = fields[0].vmsd if fields else ()
        if "gtree" not in kind:
            element = kind.get("qtailq") or kind.get("qlist")
            return [self.object(element, names[:1], depth + 1) for _ in range(count)]
        key, value = kind["gtree"].get("key"), kind["gtree"]["value"]
        nodes: dict[Any, list[Any]] = {}
        for _ in range(count):
            drawn: Any = str(scalar(self.choices, "uint64"))
            if key is not None:
                drawn = self.object(key, names[1:2], depth + 1)
            rank = self.rank(drawn, key)
            nodes[rank] = [drawn, self.object(value, names[:1], depth + 1)]
        return [nodes[rank] for rank in sorted(nodes)]

    def rank(self, key: Any, struct: str | None) -> Any:
        """Give what a key is ordered by: its members as unsigned numbers, or its low 32 bits."""
        if struct is None:
            return int(key) & 0xFFFF_FFFF
        return tuple(
            int(key[member["name"]]) % (1 << 8 * SCALARS[member["type"]][0])
            for member in self.plan.structs[struct]["members"]
            if member["type"] in SCALARS
        )


def _children(fields: Sequence[Field]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for field in fields if field.struct for name in field.vmsd))
