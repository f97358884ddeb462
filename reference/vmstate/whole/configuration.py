# SPDX-License-Identifier: Apache-2.0
"""The configuration section: the machine's name, and subsections that say how the rest is written."""

from __future__ import annotations

from typing import Any, Final

from vmstate.whole import wire
from vmstate.whole.cursor import Cursor, text, untext
from vmstate.whole.errors import StreamFault
from vmstate.whole.nodes import Span, bad_value, expect_list, short, unhex

#: What the label of the section is in paths.
LABEL: Final = "$configuration"
_BITS: Final = "configuration/target-page-bits"
_CAPABILITIES: Final = "configuration/capabilities"
_UUID: Final = "configuration/uuid"
_LONGEST_NAME: Final = 1 << 16


def read(cursor: Cursor, spans: list[Span] | None) -> dict[str, Any]:
    """Read it from behind its type byte. Raises `StreamFault`; `partial` has what was read."""
    out: dict[str, Any] = {}
    try:
        _read(cursor, spans, out)
    except StreamFault as fault:
        fault.partial = out
        raise fault.within(LABEL) from None
    return out


def _read(cursor: Cursor, spans: list[Span] | None, out: dict[str, Any]) -> None:
    def span(path: str, at: int, size: int, kind: str) -> None:
        if spans is not None:
            spans.append(Span(LABEL + path, at, size, kind))

    at = cursor.position
    size = cursor.u32("the length of the machine's name")
    span(".len", at, 4, "length")
    if size > min(_LONGEST_NAME, cursor.end - cursor.position):
        says = "Failed to load configuration state: stream error: -5"
        raise StreamFault("bad-configuration", at, f"a name of {size} bytes", says=says)
    span(".name", cursor.position, size, "name")
    out["name"] = text(cursor.take(size, "the machine's name"))
    subsections: list[dict[str, Any]] = []
    while (head := _head(cursor)) is not None:
        name, length = head
        at = cursor.position
        path = ":" + name
        span(path + ".$type", at, 1, "subsection-type")
        span(path + ".$len", at + 1, 1, "length")
        span(path + ".$name", at + 2, length, "name")
        span(path + ".$version", at + 2 + length, 4, "version")
        cursor.need(2 + length, "a subsection")
        entry: dict[str, Any] = {"name": name, "version": cursor.u32("its version")}
        subsections.append(entry)
        out["subsections"] = subsections
        entry["state"] = _subsection(cursor, name, path, span)


def _head(cursor: Cursor) -> tuple[str, int] | None:
    """Look for a subsection as a loader does: type, length, and a name that begins with ours."""
    ahead = bytes(cursor.data[cursor.position : min(cursor.end, cursor.position + 257)])
    if len(ahead) < 2 or ahead[0] != wire.SUBSECTION:
        return None
    name = ahead[2 : 2 + ahead[1]]
    if len(name) < ahead[1] or not name.startswith(b"configuration") or len(name) < 14:
        return None
    return text(name), len(name)


def _subsection(cursor: Cursor, name: str, path: str, span: Any) -> Any:
    at = cursor.position
    if name == _BITS:
        span(path + ".page_bits", at, 4, "uint32")
        bits = cursor.u32("the page bits")
        if not 10 <= bits <= 24:
            raise StreamFault("bad-configuration", at, f"pages of 2^{bits} bytes").within(path)
        return bits
    if name == _UUID:
        span(path + ".uuid", at, 16, "buffer")
        return cursor.take(16, "the uuid").hex()
    if name == _CAPABILITIES:
        count = cursor.u32("the count of capabilities")
        span(path + ".caps_count", at, 4, "count")
        if count > cursor.end - cursor.position:
            raise StreamFault("bad-configuration", at, f"{count} capabilities").within(path)
        names: list[str] = []
        for i in range(count):
            at = cursor.position
            names.append(cursor.counted("a capability"))
            span(f"{path}.capabilities[{i}].$len", at, 1, "length")
            span(f"{path}.capabilities[{i}]", at + 1, cursor.position - at - 1, "name")
        return names
    says = f"VM subsection '{name}' in 'configuration' does not exist"
    raise StreamFault("unknown-subsection", at, f"no layout of {name}", says=says).within(path)


def capabilities(configuration: dict[str, Any] | None) -> list[str]:
    """Give the capabilities that it names."""
    found = _state(configuration, _CAPABILITIES)
    return found if isinstance(found, list) else []


def page_size(configuration: dict[str, Any] | None) -> int:
    """Give the target's page size that it names, 0 if it names none."""
    bits = _state(configuration, _BITS)
    return 1 << bits if isinstance(bits, int) else 0


def _state(configuration: dict[str, Any] | None, name: str) -> Any:
    for entry in (configuration or {}).get("subsections", []):
        if entry["name"] == name:
            return entry.get("state")
    return None


def encode(value: Any, out: bytearray) -> None:
    """Write the section with its type byte. Raises `StreamFault` (rule `bad-value`)."""
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise bad_value("a configuration has a name").within(LABEL)
    name = untext(value["name"])
    out.append(wire.CONFIGURATION)
    out += len(name).to_bytes(4, "big") + name
    entries = value.get("subsections", [])
    expect_list(entries)
    for entry in entries:
        try:
            title = untext(entry["name"])
            out += bytes((wire.SUBSECTION, len(title))) + title
            out += entry["version"].to_bytes(4, "big")
            _encode_state(entry["name"], entry["state"], out)
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
            raise bad_value(f"no subsection: {short(entry)}").within(LABEL) from None


def _encode_state(name: str, state: Any, out: bytearray) -> None:
    if name == _BITS:
        out += state.to_bytes(4, "big")
    elif name == _UUID:
        out += unhex(state)
    else:
        out += len(state).to_bytes(4, "big")
        for one in state:
            raw = untext(one)
            out += bytes((len(raw),)) + raw
