# SPDX-License-Identifier: Apache-2.0
"""Two streams compared field by field: sections by name and instance, fields by path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from vmstate.whole.fields import SUBSECTIONS
from vmstate.whole.model import Command, Section, Stream
from vmstate.whole.ramview import count_pages

_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One place in which two streams differ; a side is None where it has nothing there."""

    path: str
    left: Any
    right: Any
    kind: str = "value"


def compare(left: Stream, right: Stream) -> Iterator[Difference]:
    """Give all differences: header and configuration, commands, sections in their order, RAM."""
    yield from _value("$header.version", left.version, right.version)
    yield from _value("$configuration", left.configuration, right.configuration)
    yield from _value("$page_size", left.page_size, right.page_size)
    yield from _value("$footers", left.footers, right.footers)
    yield from _value("$commands", _commands(left), _commands(right))
    yield from _ram(left, right)
    ours, theirs = _by_label(left), _by_label(right)
    for label, section in ours.items():
        if label not in theirs:
            yield Difference(label, "present", None, "section")
            continue
        other = theirs[label]
        yield from _value(f"{label}.$version_id", section.version_id, other.version_id)
        if section.raw or other.raw or not isinstance(section.state, dict):
            yield from _value(f"{label}.$payload", _raw(left, section), _raw(right, other))
        else:
            yield from _value(label, section.state, other.state)
    for label in theirs.keys() - ours.keys():
        yield Difference(label, None, "present", "section")
    both = [label for label in ours if label in theirs]
    if both != [label for label in theirs if label in ours]:
        yield Difference("$order", both, [label for label in theirs if label in ours], "order")


def _commands(stream: Stream) -> list[str]:
    return [item.name for item in stream.items if isinstance(item, Command)]


def _by_label(stream: Stream) -> dict[str, Section]:
    """Give the sections but those of ram, whose cut into pieces means nothing."""
    return {one.label: one for one in stream.sections() if one.idstr != "ram"}


def _raw(stream: Stream, section: Section) -> str:
    return bytes(stream.data[section.payload : section.end]).hex()


def _ram(left: Stream, right: Stream) -> Iterator[Difference]:
    sides = []
    for stream in (left, right):
        blocks: dict[str, Any] = {
            name: {"used_length": block.used_length} for name, block in stream.blocks.items()
        }
        for section in stream.sections():
            if section.idstr == "ram" and section.state is not None:
                for (name, op), pages in count_pages(section.state).items():
                    held = blocks.setdefault(name, {})
                    held[f"{op} pages"] = held.get(f"{op} pages", 0) + pages
        sides.append(blocks)
    yield from _value("ram", *sides)


def _value(path: str, left: Any, right: Any) -> Iterator[Difference]:
    if left == right:
        return
    if isinstance(left, dict) and isinstance(right, dict):
        yield from _object(path, left, right)
    elif isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            yield Difference(f"{path}.length", len(left), len(right), "length")
        for i, (ours, theirs) in enumerate(zip(left, right, strict=False)):
            yield from _value(f"{path}[{i}]", ours, theirs)
    else:
        yield Difference(path, left, right)


def _object(path: str, left: dict[str, Any], right: dict[str, Any]) -> Iterator[Difference]:
    for key, value in left.items():
        if key == SUBSECTIONS:
            yield from _subsections(path, value, right.get(key, []))
        elif key not in right:
            yield Difference(f"{path}.{key}", value, None, "field")
        else:
            yield from _value(f"{path}.{key}", value, right[key])
    for key, value in right.items():
        if key not in left:
            if key == SUBSECTIONS:
                yield from _subsections(path, [], value)
            else:
                yield Difference(f"{path}.{key}", None, value, "field")


def _subsections(path: str, left: list[Any], right: list[Any]) -> Iterator[Difference]:
    sides: list[dict[str, Any]] = [{}, {}]
    for side, entries in zip(sides, (left, right), strict=True):
        for entry in entries:
            name = f"{path}:{entry['name']}"
            side[name if name not in side else f"{name}~{len(side)}"] = entry
    ours, theirs = sides
    for name, entry in ours.items():
        other = theirs.get(name, _MISSING)
        if other is _MISSING:
            yield Difference(name, "present", None, "subsection")
        else:
            yield from _value(f"{name}.$version", entry["version"], other["version"])
            yield from _value(name, entry["state"], other["state"])
    for name in theirs:
        if name not in ours:
            yield Difference(name, None, "present", "subsection")
