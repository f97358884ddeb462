# SPDX-License-Identifier: Apache-2.0
"""Structs: the fields of one vmsd in the order of the wire, then its subsections."""

from __future__ import annotations

from typing import Any, Final

from vmstate.whole.cursor import text, untext
from vmstate.whole.errors import StreamFault
from vmstate.whole.nodes import NULL, Array, Node, Reader, Scalars, bad_value, expect_list, short
from vmstate.whole.wire import SUBSECTION

#: The key of an object under which its subsections stand.
SUBSECTIONS: Final = "$subsections"


class Subsection:
    """One subsection as the vmdesc has it: its name, version and fields."""

    __slots__ = ("fields", "name", "version", "wire")

    def __init__(self, name: str, version: int, fields: Fields) -> None:
        self.name: Final = name
        self.version: Final = version
        self.fields: Final = fields
        raw = untext(name)
        # The length is one byte, and a longer name is cut to match (facts of vmstate_subsection_save).
        self.wire: Final = raw[: len(raw) & 0xFF]

    @property
    def size(self) -> int:
        """The bytes with their header, according to the vmdesc."""
        return 6 + len(self.wire) + self.fields.size


class Fields:
    """The fields of one vmsd. `steps` pairs a key with a node; a run of numbers has no key."""

    __slots__ = ("flat", "size", "steps", "subsections")

    def __init__(self, steps: list[tuple[str, Node]], subsections: list[Subsection]) -> None:
        self.steps: Final = steps
        self.subsections: Final = subsections
        self.size = sum(node.size for _, node in steps) + sum(s.size for s in subsections)
        self.flat: Final = len(steps) == 1 and not steps[0][0] and not subsections

    def decode(self, reader: Reader) -> dict[str, Any]:
        """Read the object. A fault carries the part that was read."""
        out: dict[str, Any] = {}
        outer = reader.path
        traced = reader.spans is not None
        key = ""
        try:
            for key, node in self.steps:
                if not key:
                    out.update(node.decode(reader))
                    continue
                if traced:
                    reader.path = f"{outer}.{key}"
                out[key] = node.decode(reader)
                reader.path = outer
            key = ""
            if self.subsections:
                self._decode_subsections(reader, out)
        except StreamFault as fault:
            if key:
                out[key] = fault.partial
                fault.within("." + key)
            elif isinstance(fault.partial, dict):
                out.update(fault.partial)
            fault.partial = out
            reader.path = outer
            raise
        return out

    def _decode_subsections(self, reader: Reader, out: dict[str, Any]) -> None:
        found: list[dict[str, Any]] = []
        out[SUBSECTIONS] = found
        outer = reader.path
        left = list(self.subsections)
        while left:
            at = reader.position
            subsection, name, version = self._head(reader, left)
            left.remove(subsection)
            reader.path = f"{outer}:{name}"
            size = reader.position - at - 6
            reader.leaf(at, 1, "subsection-type", ".$type")
            reader.leaf(at + 1, 1, "length", ".$len")
            reader.leaf(at + 2, size, "name", ".$name")
            reader.leaf(at + 2 + size, 4, "version", ".$version")
            entry: dict[str, Any] = {"name": name, "version": version, "state": {}}
            found.append(entry)
            try:
                entry["state"] = subsection.fields.decode(reader)
            except StreamFault as fault:
                entry["state"] = fault.partial
                fault.partial = None
                reader.path = outer
                raise fault.within(":" + name) from None
            reader.path = outer

    def _head(self, reader: Reader, left: list[Subsection]) -> tuple[Subsection, str, int]:
        at = reader.need(2)
        if reader.data[at] != SUBSECTION:
            raise StreamFault(
                "missing-subsection", at, f"the vmdesc has a subsection {left[0].name} here"
            )
        size = reader.data[at + 1]
        start = reader.need(size)
        wire = bytes(reader.data[start : start + size])
        version = int.from_bytes(reader.data[reader.need(4) : reader.position], "big")
        for subsection in left:
            if subsection.wire == wire:
                return subsection, text(wire), version
        raise StreamFault(
            "unknown-subsection", at, f"the vmdesc has no subsection {text(wire)} here"
        )

    def encode(self, value: Any, out: bytearray) -> None:
        """Write the object."""
        if not isinstance(value, dict):
            raise bad_value(f"an object is wanted, not {short(value)}")
        for key, node in self.steps:
            if not key:
                node.encode(value, out)
                continue
            try:
                node.encode(value[key], out)
            except KeyError:
                raise bad_value("missing").within("." + key) from None
            except StreamFault as fault:
                raise fault.within("." + key) from None
        self._encode_subsections(value.get(SUBSECTIONS, []), out)

    def _encode_subsections(self, entries: Any, out: bytearray) -> None:
        expect_list(entries)
        left = list(self.subsections)
        for entry in entries:
            try:
                name, version = str(entry["name"]), int(entry["version"])
                wire = untext(name)
                subsection = next(s for s in left if s.wire == wire)
                out += bytes((SUBSECTION, len(wire))) + wire + version.to_bytes(4, "big")
            except (KeyError, TypeError, ValueError, OverflowError, StopIteration):
                raise bad_value(f"no subsection of the vmdesc: {short(entry)}") from None
            left.remove(subsection)
            try:
                subsection.fields.encode(entry.get("state"), out)
            except StreamFault as fault:
                raise fault.within(":" + name) from None


class FlatArray(Array):
    """An array of structs that hold nothing but numbers: one unpacking for all of them."""

    __slots__ = ("scalars",)

    def __init__(self, element: Fields, count: int) -> None:
        super().__init__(element, count)
        scalars = element.steps[0][1]
        assert isinstance(scalars, Scalars)
        self.scalars: Final = scalars

    def decode(self, reader: Reader) -> list[Any]:
        """Read all of them."""
        at = reader.position
        traced = reader.spans is not None or reader.chosen is not None or reader.adaptive > 1
        if traced or not self.size or self.size > reader.end - at:
            return super().decode(reader)
        reader.position = at + self.size
        if self.element.size == 1 and self.count > 1:
            # One byte each: a last NULL of which the vmdesc does not speak looks like a number.
            reader.ambiguous += reader.data[reader.position - 1] == NULL
        names = self.scalars.names
        rows = self.scalars.packer.iter_unpack(reader.data[at : at + self.size])
        return [dict(zip(names, row, strict=True)) for row in rows]
