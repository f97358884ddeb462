# SPDX-License-Identifier: Apache-2.0
"""Documents as C, for testees with static tables: structs, and descriptions in QEMU's own macros.

What no macro makes is written as a plain initializer, which C that is linked with QEMU takes as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from vmstate.document import Document
from vmstate.layout import (
    Array,
    Bytes,
    GByteArray,
    GTree,
    Layout,
    Member,
    Pointer,
    Queue,
    Scalar,
    Struct,
    StructRef,
    Type,
)

_NO_WORD: Final = re.compile(r"\W")
_BLANK: Final = re.compile(r"\n{3,}")
_NUMBERS: Final = ("version_id", "struct_version_id", "num", "start")
_KEYWORDS: Final = frozenset(
    [
        "auto",
        "break",
        "case",
        "char",
        "const",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "float",
        "for",
        "goto",
        "if",
        "int",
        "long",
        "register",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "typedef",
        "union",
        "unsigned",
        "void",
        "while",
    ]
)

#: By the flags of a field: the macro, and its arguments after the member and the struct. `n` is the count,
#: `m` the member that counts, `v` the version, `i` the info, `d` the description, `t` the element's type.
_MACROS: Final[Mapping[frozenset[str], tuple[str, str]]] = {
    frozenset(flags.split()): (f"VMSTATE_{name}", arguments)
    for name, arguments, flags in (
        ("SINGLE", "v i t", "SINGLE"),
        ("STRUCT", "v d t", "STRUCT"),
        ("ARRAY", "n v i t", "ARRAY"),
        ("STRUCT_ARRAY", "n v d t", "STRUCT ARRAY"),
        ("ARRAY_OF_POINTER", "n v i t", "ARRAY ARRAY_OF_POINTER"),
        ("ARRAY_OF_POINTER_TO_STRUCT", "n v d t", "ARRAY STRUCT ARRAY_OF_POINTER"),
        ("STRUCT_VARRAY_UINT8", "m v d t", "STRUCT VARRAY_UINT8"),
        ("STRUCT_VARRAY_INT32", "m v d t", "STRUCT VARRAY_INT32"),
        ("STRUCT_VARRAY_UINT32", "m v d t", "STRUCT VARRAY_UINT32"),
        ("STRUCT_VARRAY_ALLOC", "m v d t", "STRUCT VARRAY_INT32 ALLOC POINTER"),
        ("STRUCT_VARRAY_POINTER_KNOWN", "n v d t", "STRUCT ARRAY POINTER"),
        ("VARRAY_INT32", "m v i t", "VARRAY_INT32 POINTER"),
        ("VARRAY_UINT32", "m v i t", "VARRAY_UINT32 POINTER"),
        ("VARRAY_INT32_ALLOC", "m v i t", "VARRAY_INT32 POINTER ALLOC"),
        ("VARRAY_UINT32_ALLOC", "m v i t", "VARRAY_UINT32 POINTER ALLOC"),
        ("VARRAY_UINT16_ALLOC", "m v i t", "VARRAY_UINT16 POINTER ALLOC"),
        ("VARRAY_UINT16_UNSAFE", "m v i t", "VARRAY_UINT16"),
        (
            "VARRAY_OF_POINTER_TO_STRUCT_UINT8_ALLOC",
            "m v d t",
            "POINTER VARRAY_UINT8 ARRAY_OF_POINTER STRUCT ARRAY_OF_POINTER_AUTO_ALLOC",
        ),
        (
            "VARRAY_OF_POINTER_TO_STRUCT_UINT32_ALLOC",
            "m v d t",
            "POINTER VARRAY_UINT32 ARRAY_OF_POINTER STRUCT ARRAY_OF_POINTER_AUTO_ALLOC",
        ),
    )
}


def write(documents: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Give one C file for each document, and a header that declares them all."""
    names = []
    for name, source in documents.items():
        symbol = identifier(name)
        names.append(symbol)
        yield f"{symbol}.c", _File(symbol, source).text()
    lines = ["/* Generated. */", "#pragma once", '#include "migration/vmstate.h"', ""]
    lines += [f"extern const VMStateDescription *const vmstate_corpus_{name};" for name in names]
    yield "vmstate_corpus.h", "\n".join(lines) + "\n"


def identifier(name: str) -> str:
    """Make a C identifier of a name."""
    made = _NO_WORD.sub("_", name) or "_"
    return f"{made}_" if made in _KEYWORDS or made[0].isdigit() else made


def literal(value: str) -> str:
    """Write a string literal of C."""
    return '"' + "".join(map(_char, value.encode())) + '"'


def _char(byte: int) -> str:
    char = chr(byte)
    if char in '"\\?':
        return f"\\{char}"
    return char if 0x20 <= byte < 0x7F else f"\\{byte:03o}"


class _File:
    """One document's file."""

    def __init__(self, symbol: str, source: Mapping[str, Any]) -> None:
        self.symbol = symbol
        self.source = source
        self.layout: Layout = Document.from_json(source).layout
        self.functions: list[str] = []
        self.symbols = _unique(source["descriptions"])

    def text(self) -> str:
        """Give the file."""
        structs = [self.struct(struct) for struct in self.layout.structs.values()]
        declared = [f"static const VMStateDescription {name};" for name in self.symbols.values()]
        described = [
            f"static const VMStateDescription {self.symbols[name]} = {self.description(name)};"
            for name in self.source["descriptions"]
        ]
        forward = [f"struct {identifier(name)};" for name in self.layout.structs]
        root = self.symbols[self.source["root"]]
        parts = [
            "/* Generated. */",
            "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>",
            '#include "vmstate_corpus.h"',
            "\n".join(forward),
            *structs,
            "\n".join(declared),
            *self.functions,
            *described,
            f"const VMStateDescription *const vmstate_corpus_{self.symbol} = &{root};",
        ]
        return _BLANK.sub("\n\n", "\n\n".join(parts)) + "\n"

    def struct(self, struct: Struct) -> str:
        """Give a struct with its members at their offsets; overlapping ones share a union."""
        name = identifier(struct.name)
        members = sorted(struct.members, key=lambda member: member.offset)
        lines = [f"struct {name} {{", "    union {", f"        uint8_t size_[{struct.size or 1}];"]
        for member in members:
            lines.append(f"        struct __attribute__((packed)) {{ {self.placed(member)} }};")
        lines += ["    };", "};"]
        lines += [
            f"_Static_assert(offsetof(struct {name}, {identifier(member.name)}) == "
            f'{member.offset}, "{identifier(member.name)}");'
            for member in members
        ]
        return "\n".join(lines)

    def placed(self, member: Member) -> str:
        """Give a member behind as many bytes as its offset says."""
        name = identifier(member.name)
        pad = f"uint8_t {name}_at_[{member.offset}]; " if member.offset else ""
        return f"{pad}{self.declare(member.type, name)};"

    def declare(self, kind: Type, name: str) -> str:
        """Declare something of a type."""
        match kind:
            case Scalar(name="bool"):
                return f"bool {name}"
            case Scalar(name=scalar):
                return f"{scalar}_t {name}"
            case Bytes(size=size):
                return f"uint8_t {name}[{size}]"
            case Array(item=item, count=count):
                return self.declare(item, f"{name}[{count}]")
            case StructRef(name=struct):
                return f"uint8_t {name}[{self.layout.struct(struct).size or 1}]"
            case Pointer(item=StructRef(name=struct)):
                return f"struct {identifier(struct)} *{name}"
            case Queue(tail=True):
                return f"struct {{ void *first, **last; }} {name}"
            case GTree() | GByteArray() | Queue() | Pointer():
                return f"void *{name}"

    def description(self, name: str) -> str:
        """Give a description's initializer."""
        given = self.source["descriptions"][name]
        lines = [f"    .name = {literal(name)},"]
        for key in ("version_id", "minimum_version_id"):
            if given.get(key):
                lines.append(f"    .{key} = {given[key]},")
        for hook, number in (given.get("hooks") or {}).items():
            if number is not None:
                lines.append(f"    .{hook} = {self.hook(hook, number)},")
        if given.get("needed") is not None:
            test = self.predicate(given["needed"], given["struct"])
            lines.append(f"    .needed = {self.function('needed', 'void *opaque', test)},")
        fields = [self.field(each, given["struct"]) for each in given.get("fields") or []]
        rows = "".join(f"        {each},\n" for each in [*fields, "VMSTATE_END_OF_LIST()"])
        lines.append(f"    .fields = (const VMStateField[]) {{\n{rows}    }},")
        if given.get("subsections") is not None:
            subs = "".join(f"&{self.symbols[sub]}, " for sub in given["subsections"])
            lines.append(
                f"    .subsections = (const VMStateDescription *const []) {{ {subs}NULL }},"
            )
        return "{\n" + "\n".join(lines) + "\n}"

    def hook(self, hook: str, number: int) -> str:
        """Make a hook that returns a number."""
        arguments = "void *opaque, int version_id" if hook == "post_load" else "void *opaque"
        name = f"{hook}_{len(self.functions)}"
        self.functions.append(f"static int {name}({arguments})\n{{\n    return {number};\n}}")
        return name

    def function(self, prefix: str, arguments: str, test: str) -> str:
        """Make a predicate."""
        name = f"{prefix}_{len(self.functions)}"
        self.functions.append(f"static bool {name}({arguments})\n{{\n    return {test};\n}}")
        return name

    def predicate(self, source: Mapping[str, Any], struct: str) -> str:
        """Write a predicate as an expression."""
        match source:
            case {"const": value}:
                return "true" if value else "false"
            case {"version_ge": number}:
                return f"version_id >= {number}"
            case {"not": inner}:
                return f"!({self.predicate(inner, struct)})"
            case {"all": parts}:
                return " && ".join(f"({self.predicate(each, struct)})" for each in parts) or "true"
            case {"any": parts}:
                return " || ".join(f"({self.predicate(each, struct)})" for each in parts) or "false"
            case _:
                return self.comparison(source, struct)

    def comparison(self, source: Mapping[str, Any], struct: str) -> str:
        """Compare a member with a number."""
        offset, scalar = self.layout.scalar(struct, source["member"])
        kind = "bool" if scalar.name == "bool" else f"{scalar.name}_t"
        number = source.get("eq", source.get("ge"))
        sign = "==" if "eq" in source else ">="
        suffix = "" if scalar.signed else "u"
        return f"*(const {kind} *)((const char *)opaque + {offset}) {sign} {number}{suffix}"

    def field(self, given: Mapping[str, Any], struct: str) -> str:
        """Give a field as its macro, or as an initializer."""
        return self.macro(given, struct) or self.initializer(given, struct)

    def macro(self, given: Mapping[str, Any], struct: str) -> str:
        """Give a field as the macro that makes exactly this; empty where none does."""
        flags = frozenset(flag.removeprefix("VMS_") for flag in given.get("flags", []))
        name, arguments = _MACROS.get(flags, ("", ""))
        member = self.layout.struct(struct).member(given["name"])
        if not name or member is None or member.offset != given.get("offset", 0):
            return ""
        if any(given.get(key) for key in ("exists", "start", "size_offset", "struct_version_id")):
            return ""
        wanted = arguments.split()
        if ("d" in wanted) != ("vmsd" in given) or ("i" in wanted) != ("info" in given):
            return ""
        if ("n" not in wanted and given.get("num")) or isinstance(given.get("vmsd"), list):
            return ""
        counting = self.counting(given, struct, flags)
        if ("m" in wanted) == (counting is None) or ("m" not in wanted and given.get("num_offset")):
            return ""
        pointers = "ARRAY_OF_POINTER" in flags and not any("AUTO" in flag for flag in flags)
        if pointers and given.get("size"):
            return ""
        shown = {
            "n": given.get("num", 0),
            "m": identifier(counting or ""),
            "v": given.get("version_id", 0),
            "i": f"vmstate_info_{given.get('info')}",
            "d": self.symbols.get(str(given.get("vmsd"))),
            "t": f"uint8_t[{given.get('size', 0)}]" if given.get("size") else "uint8_t[1]",
        }
        if not pointers and not given.get("size"):
            return ""
        inside = ", ".join(str(shown[each]) for each in wanted)
        return f"{name}({identifier(given['name'])}, struct {identifier(struct)}, {inside})"

    def counting(self, given: Mapping[str, Any], struct: str, flags: frozenset[str]) -> str | None:
        """Find the member that counts a field's elements."""
        widths = {"INT32": 4, "UINT32": 4, "UINT16": 2, "UINT8": 1}
        width = next((w for key, w in widths.items() if f"VARRAY_{key}" in flags), 0)
        for member in self.layout.struct(struct).members:
            if member.offset == given.get("num_offset", 0) and isinstance(member.type, Scalar):
                return member.name if member.type.size == width else None
        return None

    def initializer(self, given: Mapping[str, Any], struct: str) -> str:
        """Give a field member by member."""
        parts = [f".name = {literal(given['name'])}"]
        for key in ("offset", "size", "num_offset", "size_offset", *_NUMBERS):
            if given.get(key):
                parts.append(f".{key} = {given[key]}{'u' if key in ('offset', 'size') else ''}")
        parts.append(f".flags = {' | '.join(given.get('flags') or ['0'])}")
        if given.get("info"):
            parts.append(f".info = &vmstate_info_{given['info']}")
        vmsd = given.get("vmsd")
        if isinstance(vmsd, list):
            held = ", ".join(self.description(each) for each in vmsd)
            parts.append(f".vmsd = (const VMStateDescription[]) {{ {held} }}")
        elif vmsd is not None:
            parts.append(f".vmsd = &{self.symbols[vmsd]}")
        if given.get("exists") is not None:
            test = self.predicate(given["exists"], struct)
            name = self.function("exists", "void *opaque, int version_id", test)
            parts.append(f".field_exists = {name}")
        return "{ " + ", ".join(parts) + " }"


def _unique(descriptions: Mapping[str, Any]) -> dict[str, str]:
    """Give each description a symbol of its own."""
    out: dict[str, str] = {}
    for name in descriptions:
        symbol = f"vmstate_{identifier(name)}"
        while symbol in out.values():
            symbol += "_"
        out[name] = symbol
    return out
