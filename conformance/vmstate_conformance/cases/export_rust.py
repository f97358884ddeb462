# SPDX-License-Identifier: Apache-2.0
"""Documents as Rust statics, in types of their own that any testee can read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from vmstate_conformance.cases.export_c import identifier

_TYPES: Final = """\
// Generated.
#![allow(dead_code, non_upper_case_globals, clippy::all)]

/// A field of a description, under QEMU's own names; `exists` and `needed` are predicates as JSON.
pub struct Field {
    pub name: &'static str,
    pub info: Option<&'static str>,
    pub vmsd: &'static [&'static str],
    pub offset: u64,
    pub size: u64,
    pub start: u64,
    pub num: i64,
    pub num_offset: u64,
    pub size_offset: u64,
    pub flags: &'static [&'static str],
    pub version_id: i32,
    pub struct_version_id: i32,
    pub exists: Option<&'static str>,
}

pub struct Description {
    pub name: &'static str,
    pub struct_name: &'static str,
    pub version_id: i32,
    pub minimum_version_id: i32,
    pub fields: &'static [Field],
    pub subsections: Option<&'static [&'static str]>,
    pub needed: Option<&'static str>,
    pub pre_load: Option<i32>,
    pub post_load: Option<i32>,
    pub pre_save: Option<i32>,
}

/// A member of a struct; its type is JSON, as the case format has it.
pub struct Member {
    pub name: &'static str,
    pub offset: u64,
    pub kind: &'static str,
}

pub struct Struct {
    pub name: &'static str,
    pub size: u64,
    pub members: &'static [Member],
}

pub struct Document {
    pub name: &'static str,
    pub root: &'static str,
    pub structs: &'static [Struct],
    pub descriptions: &'static [Description],
}
"""
_NUMBERS: Final = (
    "offset",
    "size",
    "start",
    "num",
    "num_offset",
    "size_offset",
    "version_id",
    "struct_version_id",
)


def write(documents: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Give one module that holds them all."""
    names = [identifier(name) for name in documents]
    parts = [_TYPES]
    for symbol, (name, document) in zip(names, documents.items(), strict=True):
        parts.append(f"pub static {symbol}: Document = {_document(name, document)};\n")
    listed = "".join(f"    &{symbol},\n" for symbol in names)
    parts.append(f"pub static DOCUMENTS: &[&Document] = &[\n{listed}];\n")
    yield "vmstate_documents.rs", "\n".join(parts)


def _document(name: str, document: Mapping[str, Any]) -> str:
    structs = "".join(
        f"        Struct {{ name: {text(each)}, size: {struct['size']}, members: &["
        + "".join(
            f"Member {{ name: {text(one['name'])}, offset: {one['offset']}, "
            f"kind: {_json(one['type'])} }}, "
            for one in struct["members"]
        )
        + "] },\n"
        for each, struct in document["structs"].items()
    )
    described = "".join(
        f"        {_description(each, given)},\n"
        for each, given in document["descriptions"].items()
    )
    return (
        f"Document {{\n    name: {text(name)},\n    root: {text(document['root'])},\n"
        f"    structs: &[\n{structs}    ],\n    descriptions: &[\n{described}    ],\n}}"
    )


def _description(name: str, given: Mapping[str, Any]) -> str:
    fields = "".join(f"{_field(each)}, " for each in given.get("fields") or [])
    hooks = given.get("hooks") or {}
    subs = given.get("subsections")
    parts = [
        f"name: {text(name)}",
        f"struct_name: {text(given['struct'])}",
        f"version_id: {given.get('version_id', 0)}",
        f"minimum_version_id: {given.get('minimum_version_id', 0)}",
        f"fields: &[{fields}]",
        f"subsections: {'None' if subs is None else f'Some({_texts(subs)})'}",
        f"needed: {_maybe(given.get('needed'))}",
    ]
    for hook in ("pre_load", "post_load", "pre_save"):
        number = hooks.get(hook)
        parts.append(f"{hook}: {'None' if number is None else f'Some({number})'}")
    return f"Description {{ {', '.join(parts)} }}"


def _field(given: Mapping[str, Any]) -> str:
    vmsd = given.get("vmsd", [])
    parts = [f"name: {text(given['name'])}"]
    info = given.get("info")
    parts.append(f"info: {'None' if info is None else f'Some({text(info)})'}")
    parts.append(f"vmsd: {_texts(vmsd if isinstance(vmsd, list) else [vmsd])}")
    parts += [f"{key}: {given.get(key, 0)}" for key in _NUMBERS]
    parts.append(f"flags: {_texts(given.get('flags', []))}")
    parts.append(f"exists: {_maybe(given.get('exists'))}")
    return f"Field {{ {', '.join(parts)} }}"


def _texts(values: Any) -> str:
    return f"&[{', '.join(text(each) for each in values)}]"


def _maybe(predicate: Any) -> str:
    return "None" if predicate is None else f"Some({_json(predicate)})"


def _json(value: Any) -> str:
    return text(json.dumps(value, separators=(",", ":")))


def text(value: str) -> str:
    """Write a string literal of Rust."""
    out = ""
    for char in value:
        if char in '"\\':
            out += f"\\{char}"
        elif char.isprintable() and char.isascii():
            out += char
        else:
            out += f"\\u{{{ord(char):x}}}"
    return f'"{out}"'
