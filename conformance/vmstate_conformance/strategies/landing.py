# SPDX-License-Identifier: Apache-2.0
"""Where values land: the state that loading a saved state into a destination gives.

It works on values alone and knows no stream; that it says the same as save and load in turn is a
property of both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from vmstate_conformance.strategies.plan import VMSD, Field, Plan, State, get, number, put
from vmstate_conformance.strategies.tables import SCALARS


def landed(plan: Plan, source: State, destination: State) -> State:
    """Give the root's state after a load of the saved `source` into `destination`.

    Lists of the destination are taken for empty, slots of AUTO_ALLOC arrays for NULL, and its other
    pointers for what the load can use.
    """
    return _Landing(plan).object(plan.root, source, destination, plan.root.version_id)


def cleared(plan: Plan, source: State) -> State:
    """Give a destination for `source`: itself, with nothing where the load puts what it makes.

    Lists and trees that the load fills are empty, and slots of AUTO_ALLOC arrays NULL.
    """
    return _Clearing(plan).object(plan.root, source, source, plan.root.version_id)


def scrambled(plan: Plan, source: State, other: Callable[[str], str]) -> State:
    """Give a destination like `cleared`, with `other` numbers of each type where the load overwrites.

    Byte arrays hold other bytes, too. Numbers that the load compares with what it gets stay.
    """
    walk = _Scrambling(plan, other)
    return walk.object(plan.root, source, source, plan.root.version_id)


#: What a byte array holds that another is loaded over.
_OTHER_BYTES: Final = "a55a96"


class _Landing:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def object(self, vmsd: VMSD, source: State, into: State, version: int) -> State:
        plan = self.plan
        result: State = copied(into)
        paths = plan.paths(vmsd.struct)
        for field in plan.sent(vmsd, source, version):
            path, kind = paths.get(field.offset, ((), None))
            if path:
                value = self.field(field, kind, vmsd, source, get(source, path), get(result, path))
                put(result, path, value)
        return result

    def field(self, field: Field, kind: Any, vmsd: VMSD, owner: State, value: Any, old: Any) -> Any:
        if not isinstance(kind, dict):
            return value
        if field.pointer and "pointer" in kind:
            return self.behind(field, kind["pointer"], vmsd, owner, value, old)
        if "array" in kind:
            return self.items(field, kind["array"], self.count(field, vmsd, owner), value, old)
        if kind.keys() & {"qtailq", "qlist", "gtree"}:
            return self.listed(field, kind, value)
        if "bytes" in kind and field.size_offset is not None:
            length = 2 * field.bytes(self.number(field.size_offset, vmsd, owner))
            return value[:length] + old[length:]
        return self.element(field, kind, value, old)

    def behind(
        self, field: Field, target: Any, vmsd: VMSD, owner: State, value: Any, old: Any
    ) -> Any:
        """Land what a VMS_POINTER field points at; where there is nothing, the old block stays."""
        if value in (None, "", []):
            return old
        if target == {"bytes": None}:
            return value
        if isinstance(target, dict) and target.keys() == {"array"}:
            if field.alloc:
                old = [self.plan.zero(target["array"])] * len(value)
            return self.items(field, target["array"], self.count(field, vmsd, owner), value, old)
        return self.element(field, target, value, self.plan.zero(target) if field.alloc else old)

    def items(self, field: Field, item: Any, count: int, value: Any, old: Any) -> Any:
        result = list(old)
        for at, each in enumerate(value[:count]):
            result[at] = self.item(field, item, each, old[at])
        return result

    def item(self, field: Field, kind: Any, value: Any, old: Any) -> Any:
        if not field.slots:
            return self.element(field, kind, value, old)
        if value is None:
            return None
        into = self.plan.zero(kind["pointer"]) if field.auto else old
        return self.element(field, kind["pointer"], value, into)

    def count(self, field: Field, vmsd: VMSD, owner: State) -> int:
        if field.fixed is not None:
            return field.fixed
        return 1 if field.num_offset is None else self.number(field.num_offset, vmsd, owner)

    def number(self, offset: int, vmsd: VMSD, owner: State) -> int:
        path, kind = self.plan.paths(vmsd.struct).get(offset, ((), None))
        known = isinstance(kind, str) and kind in SCALARS
        return number(owner, ".".join(path)) if known else 0

    def element(self, field: Field, kind: Any, value: Any, old: Any) -> Any:
        if not field.struct or not field.vmsd:
            return value
        vmsd = self.plan.descriptions[field.vmsd[0]]
        version = vmsd.version_id if field.child_version is None else field.child_version
        return self.object(vmsd, value, old, version)

    def listed(self, field: Field, kind: Any, value: Any) -> Any:
        vmsds = [self.plan.descriptions[name] for name in field.vmsd]
        if "gtree" not in kind:
            return [self.node(vmsds[0], each) for each in value]
        direct = kind["gtree"].get("key") is None
        return [
            [key if direct else self.node(vmsds[1], key), self.node(vmsds[0], each)]
            for key, each in value
        ]

    def node(self, vmsd: VMSD, value: State) -> State:
        zero = self.plan.zero({"struct": vmsd.struct})
        return self.object(vmsd, value, zero, vmsd.version_id)


class _Clearing(_Landing):
    def behind(
        self, field: Field, target: Any, vmsd: VMSD, owner: State, value: Any, old: Any
    ) -> Any:
        return value if field.alloc else super().behind(field, target, vmsd, owner, value, old)

    def item(self, field: Field, kind: Any, value: Any, old: Any) -> Any:
        return None if field.auto else super().item(field, kind, value, old)

    def listed(self, field: Field, kind: Any, value: Any) -> Any:
        return []


class _Scrambling(_Clearing):
    def __init__(self, plan: Plan, other: Callable[[str], str]) -> None:
        super().__init__(plan)
        self.other = other
        self.held = False

    def field(self, field: Field, kind: Any, vmsd: VMSD, owner: State, value: Any, old: Any) -> Any:
        self.held = field.offset in self.plan.held(vmsd.struct)
        if isinstance(kind, str):
            return self.element(field, kind, value, old)
        return super().field(field, kind, vmsd, owner, value, old)

    def element(self, field: Field, kind: Any, value: Any, old: Any) -> Any:
        if isinstance(kind, str) and kind in SCALARS:
            return value if self.held else self.other(kind)
        if kind == "gbytearray":
            return _OTHER_BYTES if value is not None else None
        return super().element(field, kind, value, old)


def copied(value: Any) -> Any:
    """Copy a JSON value."""
    if isinstance(value, dict):
        return {key: copied(each) for key, each in value.items()}
    if isinstance(value, list):
        return [copied(each) for each in value]
    return value
