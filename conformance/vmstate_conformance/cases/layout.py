# SPDX-License-Identifier: Apache-2.0
"""The canonical text of the corpus's files: one order of keys, one way of breaking lines."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from vmstate_conformance.cases import families

_WIDTH: Final = 100

_GROUP: Final = [
    "schema",
    "group",
    "title",
    "document",
    "dialects",
    "flags",
    "source",
    "cases",
    "families",
]
_CASE: Final = [
    "id",
    "title",
    "level",
    "clauses",
    "flags",
    "derived",
    "alone",
    "faults",
    "dialects",
    "op",
    "document",
    "version_id",
    "destination",
    "state",
    "vmdesc",
    "base",
    "mutate",
    "devices",
    "machine",
    "stream",
    "expect",
    "witnesses",
    "added",
    "revised",
]
_SEGMENT: Final = ["hex", "repeat", "at", "note", "framing"]
_STEP: Final = ["op", "at", "offset", "size", "to", "path", "value", "hex"]
_EXPECT: Final = [
    "when",
    "verdict",
    "class",
    "abort",
    "consumed",
    "stream_error",
    "state",
    "heap",
    "canonical",
    "devices",
    "stream",
    "vmdesc",
    "branches",
]
_DOCUMENT: Final = ["note", "structs", "descriptions", "root"]
_DESCRIPTION: Final = [
    "struct",
    "version_id",
    "minimum_version_id",
    "needed",
    "hooks",
    "fields",
    "subsections",
]
_FIELD: Final = [
    "name",
    "exists",
    "version_id",
    "struct_version_id",
    "info",
    "vmsd",
    "offset",
    "size",
    "start",
    "num",
    "num_offset",
    "size_offset",
    "flags",
]


def order(value: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Give an object with the known keys first, in their order, and any others behind."""
    known = {key: value[key] for key in keys if key in value}
    return known | {key: each for key, each in value.items() if key not in known}


def canonical_group(group: Mapping[str, Any]) -> dict[str, Any]:
    """Give a group with all keys in order and without the flags that nothing uses."""
    out = order(group, _GROUP)
    entries = [*group.get("cases", []), *group.get("families", [])]
    used = {flag for each in entries for flag in each.get("flags", [])}
    out["flags"] = {key: value for key, value in group.get("flags", {}).items() if key in used}
    if not out["flags"]:
        del out["flags"]
    out["cases"] = [_case(each, _CASE) for each in group.get("cases", [])]
    if group.get("families"):
        out["families"] = [_case(each, families.IN_ORDER) for each in group["families"]]
    else:
        out.pop("families", None)
    return out


def _case(case: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    out = order(case, keys)
    for key in ("flags", "mutate"):
        if key in out and not out[key]:
            del out[key]
    if isinstance(out.get("stream"), list):
        out["stream"] = [order(each, _SEGMENT) for each in out["stream"]]
    if "mutate" in out:
        out["mutate"] = [order(each, _STEP) for each in out["mutate"]]
    for key in ("expect", "except"):
        if key in out:
            out[key] = _expect(out[key])
    return out


def _expect(expect: Any) -> Any:
    if isinstance(expect, list):
        return [_expect(each) for each in expect]
    out = order(expect, _EXPECT)
    if isinstance(out.get("stream"), list):
        out["stream"] = [order(each, _SEGMENT) for each in out["stream"]]
    for key in ("branches", "expect"):
        if key in out:
            out[key] = _expect(out[key])
    return out


def canonical_description(document: Mapping[str, Any]) -> dict[str, Any]:
    """Give a document with all keys in order; values stay."""
    out = order(document, _DOCUMENT)
    out["structs"] = {
        name: order(struct, ("size", "members"))
        | {"members": [order(each, ("name", "offset", "type")) for each in struct["members"]]}
        for name, struct in document.get("structs", {}).items()
    }
    out["descriptions"] = {}
    for name, each in document.get("descriptions", {}).items():
        described = out["descriptions"][name] = order(each, _DESCRIPTION)
        if described.get("fields"):
            described["fields"] = [order(field, _FIELD) for field in described["fields"]]
    return out


def text(value: Any) -> str:
    """Write JSON: what fits into a line stands on one, but for the items of the outermost lists."""
    return _text(value, 0, 0) + "\n"


def compact(value: Any) -> str:
    """Write JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


#: Lists and objects that always stand on lines of their own when they have more than one item.
_BROKEN: Final = frozenset({"cases", "families", "stream", "fields", "structs", "descriptions"})


def _text(value: Any, indent: int, column: int, key: str = "") -> str:
    if not isinstance(value, dict | list) or not value:
        return compact(value)
    long = (key in _BROKEN and len(value) > 1) or key in ("cases", "families") or not indent
    if not long:
        line = compact(value)
        if column + len(line) < _WIDTH:
            return line
    # A case or family has each of its keys on a line of its own.
    pad = " " * (indent + 1)
    parts = []
    if isinstance(value, dict):
        for name, each in value.items():
            head = f"{pad}{json.dumps(name, ensure_ascii=False)}: "
            parts.append(head + _text(each, indent + 1, len(head), name))
    else:
        inside = "each" if key in ("cases", "families") else ""
        for each in value:
            shown = _text(each, indent + 1, len(pad)) if not inside else _whole(each, indent + 1)
            parts.append(pad + shown)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n" + ",\n".join(parts) + f"\n{' ' * indent}{closing}"


def _whole(value: Mapping[str, Any], indent: int) -> str:
    pad = " " * (indent + 1)
    parts = []
    for name, each in value.items():
        head = f"{pad}{json.dumps(name)}: "
        parts.append(head + _text(each, indent + 1, len(head), name))
    return "{\n" + ",\n".join(parts) + f"\n{' ' * indent}}}"


def replace_file(file: Path, content: str) -> None:
    """Write a file in one step; where that fails, the original stays.

    What was to be written is then tried beside it, as `NAME.rej`. Raises `OSError`.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        _replace(file, content)
    except OSError:
        with contextlib.suppress(OSError):
            rejected = file.with_name(f"{file.name}.rej")
            rejected.write_text(content, encoding="utf-8", newline="\n")
        raise


def _replace(file: Path, content: str) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as opened:
            opened.write(content)
        os.chmod(name, 0o644)  # noqa: PTH101 - a file of the corpus is readable by all
        os.replace(name, file)  # noqa: PTH105 - the pair of the mkstemp above
    except BaseException:
        os.unlink(name)  # noqa: PTH108
        raise
