# SPDX-License-Identifier: Apache-2.0
"""A stream as text: a tree for people, or a dump with the path of every byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from vmstate.whole.errors import printable
from vmstate.whole.fields import SUBSECTIONS
from vmstate.whole.model import Command, End, Item, Section, Stream
from vmstate.whole.nodes import Span
from vmstate.whole.ramview import count_pages

_WIDTH: Final = 96
#: Elements of an array, and bytes of a buffer, that are shown before the rest is counted.
_SHOWN: Final = 16
_NUMBERS_SHOWN: Final = 64


def item_lines(item: Item, *, whole: bool = False) -> Iterator[str]:
    """Give the lines of one item; `whole` leaves nothing out."""
    if isinstance(item, End):
        yield f"{item.offset:#010x} eof"
        return
    if isinstance(item, Command):
        yield f"{item.offset:#010x} command {item.name} ({item.length} bytes)"
        for one in item.items:
            for line in item_lines(one, whole=whole):
                yield "  " + line
        return
    yield printable(_head(item))
    for note in item.notes:
        yield f"    ! {printable(note)}"
    if item.fault is not None:
        yield f"    ! {item.fault}"
    elif item.raw:
        yield f"    ({item.end - item.payload:,} bytes left as they are: {printable(item.why)})"
    if item.idstr == "ram" and item.state is not None:
        yield from _ram(item)
    elif isinstance(item.state, dict):
        yield from _members(item.state, "    ", whole=whole)
    elif item.state is not None:
        for i, piece in enumerate(item.state):
            shown = json.dumps(piece)
            if not whole and len(shown) > _WIDTH:
                shown = shown[:_WIDTH] + "…"
            yield f"    [{i}] {shown}"


def _head(section: Section) -> str:
    size = section.end - section.payload
    version = f" v{section.version_id}" if section.kind in {"start", "full"} else ""
    return (
        f"{section.offset:#010x} {section.label}{version} id {section.section_id}, {size:,} bytes"
    )


def _ram(section: Section) -> Iterator[str]:
    for record in section.state:
        if record.op == "mem-size":
            for block in record.blocks:
                yield f"    block {printable(block.name)}: {block.used_length:#x} bytes"
    for (block, op), pages in sorted(count_pages(section.state).items()):
        yield f"    {printable(block)}: {pages:,} {op} pages"


def _members(state: dict[str, Any], indent: str, *, whole: bool) -> Iterator[str]:
    for key, value in state.items():
        if key == SUBSECTIONS:
            for one in value:
                yield f"{indent}:{printable(one['name'])} v{one['version']}"
                yield from _members(one["state"] or {}, indent + "    ", whole=whole)
        else:
            yield from _value(printable(key), value, indent, whole=whole)


def _value(name: str, value: Any, indent: str, *, whole: bool) -> Iterator[str]:
    if isinstance(value, dict) and "$bytes" in value:
        yield f"{indent}{name}: {_bytes(value['$bytes'], whole=whole)} ({value['$why']})"
    elif isinstance(value, dict):
        yield f"{indent}{name}:"
        yield from _members(value, indent + "    ", whole=whole)
    elif isinstance(value, list) and all(isinstance(one, int) for one in value):
        yield f"{indent}{name}: {_numbers(value, whole=whole)}"
    elif isinstance(value, list):
        yield f"{indent}{name}: {len(value)} elements"
        shown = value if whole else value[:_SHOWN]
        for i, one in enumerate(shown):
            yield from _value(f"[{i}]", one, indent + "    ", whole=whole)
        if len(shown) < len(value):
            yield f"{indent}    … {len(value) - len(shown):,} more"
    elif isinstance(value, str):
        yield f"{indent}{name}: {_bytes(value, whole=whole)}"
    else:
        yield f"{indent}{name}: {scalar(value)}"


def scalar(value: Any) -> str:
    """Show a number in decimal, and in hexadecimal where that says more."""
    if value is None:
        return "NULL"
    if isinstance(value, int) and not -10 < value < 10:
        return f"{value} ({value:#x})"
    return printable(str(value))


def _numbers(value: list[int], *, whole: bool) -> str:
    if not any(value) and len(value) > _SHOWN:
        return f"[0] * {len(value)}"
    shown = value if whole else value[:_NUMBERS_SHOWN]
    rest = f", … {len(value) - len(shown):,} more" if len(shown) < len(value) else ""
    return "[" + ", ".join(map(str, shown)) + rest + "]"


def _bytes(digits: str, *, whole: bool) -> str:
    size = len(digits) // 2
    if size > _SHOWN and not digits.strip("0") and digits:
        return f"00 * {size}"
    said = _said(digits)
    if said:
        return f'"{said}" in {size:,} bytes'
    if whole or size <= 2 * _SHOWN:
        return digits or "(no bytes)"
    return f"{digits[: 4 * _SHOWN]}… ({size:,} bytes)"


def _said(digits: str) -> str:
    """Give the text of a buffer that holds nothing else, padded with zeros; "" if it does not."""
    try:
        data = bytes.fromhex(digits).rstrip(b"\0")
    except ValueError:
        return digits  # a counted string, which is text already
    good = len(data) > 3 and data.isascii() and data.decode().isprintable()
    return data.decode() if good and len(data) < len(digits) // 2 else ""


def summary(stream: Stream, name: str) -> Iterator[str]:
    """Give the lines for the file as a whole, once it has been read."""
    yield f"{printable(name)}: {stream.size:,} bytes, version {stream.version}"
    if stream.configuration is not None:
        yield f"machine {printable(str(stream.configuration.get('name')))}"
        for one in stream.configuration.get("subsections", []):
            yield f"  :{printable(one['name'])} {printable(str(one.get('state')))}"
    for note in stream.notes:
        yield f"note: {printable(note)}"


def undecoded(sections: list[Section]) -> str:
    """Say how many bytes of devices stayed bytes."""
    total = sum(s.end - s.payload for s in sections)
    bare = sum(s.end - s.payload for s in sections if s.raw)
    bare += sum(size for s in sections if not s.raw for _, size, _ in s.opaque)
    share = 100 * bare / total if total else 0.0
    return f"{bare:,} of {total:,} device bytes left undecoded ({share:.1f} %)"


def hex_lines(data: memoryview, spans: list[Span]) -> Iterator[str]:
    """Give a dump: offset, bytes, and the path and kind of each run of bytes."""
    for span in sorted(spans, key=lambda one: one.offset):
        if not span.size:
            continue
        brief = span.kind.startswith("ram-") and span.size > _SHOWN
        end = span.offset + (_SHOWN if brief else span.size)
        name = f"{printable(span.path)} ({span.kind})"
        if brief:
            name += f", {span.size:,} bytes"
        for at in range(span.offset, end, _SHOWN):
            row = data[at : min(end, at + _SHOWN)].hex(" ")
            yield f"{at:010x}  {row:<47}  {name}".rstrip()
            name = ""
