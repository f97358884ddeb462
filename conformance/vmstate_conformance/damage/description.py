# SPDX-License-Identifier: Apache-2.0
"""Damage of the vmdesc: QEMU never reads it, so every one of these loads; a decoder has no such luck."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from vmstate_conformance.damage.anatomy import Anatomy, Damage

_DEEP: Final = 100_000


def description(a: Anatomy) -> Iterator[Damage]:
    """Give the damages of the vmdesc."""
    if a.vmdesc < 0:
        return
    text = a.stream[a.vmdesc + 5 :]
    for name, data in (
        ("absent", a.cut(a.vmdesc)),
        ("of-length-0", a.describe(b"")),
        ("length-0", a.describe(text, 0)),
        ("length-short", a.describe(text, len(text) - 7)),
        ("length-long", a.describe(text, len(text) + 7)),
        ("length-huge", a.describe(text, 0xFFFFFFFF)),
        ("type", a.patch(a.vmdesc, b"\7")),
        ("cut", a.cut(a.vmdesc + 5 + len(text) // 2)),
        ("cut-in-length", a.cut(a.vmdesc + 3)),
        ("twice", a.stream + a.stream[a.end :]),
        ("nul", a.describe(text[:100] + b"\0" + text[100:])),
        ("nul-and-brace", a.describe(text + b'\0{"devices": []}')),
        ("no-utf-8", a.describe(text.replace(b"name", b"n\xff\xfee", 1))),
        ("no-json", a.describe(b"{" * 50)),
        ("empty-object", a.describe(b"{}")),
        ("array", a.describe(b"[" + text + b"]")),
        ("number", a.describe(b"1")),
        ("string", a.describe(b'"devices"')),
        ("nested", a.describe(b'{"devices": ' + b"[" * _DEEP + b"]" * _DEEP + b"}")),
        ("number-long", a.describe(b'{"page_size": ' + b"9" * 100_000 + b"}")),
        ("number-float", a.describe(b'{"page_size": 1e308, "devices": [1.5]}')),
        ("nan", a.describe(b'{"page_size": NaN, "devices": []}')),
        ("string-odd", a.describe(text.replace(b'"name": "', b'"name": "\\u001b[2J\\ud800', 3))),
    ):
        yield Damage(f"vmdesc-{name}", data, rejected=False)
    for name, change in _CHANGES:
        for where, place in (("first", 0), ("last", -1)):
            value = a.json
            if not value.get("devices"):
                continue
            value_or_none = change(value, value["devices"][place])
            data = a.describe(
                json.dumps(value if value_or_none is None else value_or_none).encode()
            )
            yield Damage(f"vmdesc-{name}-{where}", data, rejected=False)


_Change = Callable[[dict[str, Any], dict[str, Any]], Any]


def _top(key: str, value: Any) -> _Change:
    return lambda top, device: top.update({key: value})


def _device(key: str, value: Any) -> _Change:
    return lambda top, device: device.update({key: value})


def _field(**members: Any) -> _Change:
    def change(top: dict[str, Any], device: dict[str, Any]) -> None:
        fields = device.get("fields")
        if fields:
            fields[0].update(members)

    return change


def _every(**members: Any) -> _Change:
    def change(top: dict[str, Any], device: dict[str, Any]) -> None:
        for each in device.get("fields", ()):
            each.update(members)

    return change


def _more(field: dict[str, Any], times: int = 1) -> _Change:
    def change(top: dict[str, Any], device: dict[str, Any]) -> None:
        device["fields"] = [field] * times + list(device.get("fields", ()))

    return change


def _deep(top: dict[str, Any], device: dict[str, Any]) -> None:
    inner: dict[str, Any] = {"vmsd_name": "in", "version": 1, "fields": []}
    for _ in range(300):
        one = {"name": "s", "type": "struct", "struct": inner, "size": 0}
        inner = {"vmsd_name": "in", "version": 1, "fields": [one]}
    device["fields"] = inner["fields"]


def _bushy(top: dict[str, Any], device: dict[str, Any]) -> None:
    """Arrays of arrays of nothing: 10^15 elements without a byte of the stream."""
    inner: dict[str, Any] = {"vmsd_name": "in", "version": 1, "fields": []}
    for _ in range(5):
        one = {"name": "s", "array_len": 1000, "type": "struct", "struct": inner, "size": 0}
        inner = {"vmsd_name": "in", "version": 1, "fields": [one]}
    device["fields"] = inner["fields"]


def _subsections(top: dict[str, Any], device: dict[str, Any]) -> None:
    sub = {"vmsd_name": f"{device.get('vmsd_name')}/x", "version": 1, "fields": []}
    device["subsections"] = [sub, sub]


def _renamed(top: dict[str, Any], device: dict[str, Any]) -> None:
    device["name"] = "another"


def _gone(top: dict[str, Any], device: dict[str, Any]) -> None:
    top["devices"].remove(device)


def _twice(top: dict[str, Any], device: dict[str, Any]) -> None:
    top["devices"].append(device)


_CHANGES: Final[tuple[tuple[str, _Change], ...]] = (
    ("page-size-0", _top("page_size", 0)),
    ("page-size-3", _top("page_size", 3)),
    ("page-size-negative", _top("page_size", -4096)),
    ("page-size-huge", _top("page_size", 1 << 40)),
    ("page-size-string", _top("page_size", "4096")),
    ("devices-null", _top("devices", None)),
    ("devices-object", _top("devices", {"a": 1})),
    ("devices-odd", _top("devices", [None, 1, [], "x", {}])),
    ("configuration-odd", _top("configuration", [1])),
    ("device-gone", _gone),
    ("device-twice", _twice),
    ("device-renamed", _renamed),
    ("device-name-null", _device("name", None)),
    ("device-name-number", _device("name", 7)),
    ("instance-string", _device("instance_id", "0")),
    ("instance-huge", _device("instance_id", 1 << 70)),
    ("fields-null", _device("fields", None)),
    ("fields-empty", _device("fields", [])),
    ("fields-odd", _device("fields", [None, 3, "x", []])),
    ("fields-of-fields", _device("fields", [{"fields": [{"fields": [{}]}]}])),
    ("version-string", _device("version", "one")),
    ("subsections-odd", _device("subsections", [None, 5, {}])),
    ("subsections-twice", _subsections),
    ("field-without-anything", _more({})),
    ("size-0", _field(size=0)),
    ("size-negative", _field(size=-1)),
    ("size-huge", _field(size=1 << 62)),
    ("size-beyond-64-bits", _field(size=1 << 80)),
    ("size-string", _field(size="4")),
    ("size-null", _field(size=None)),
    ("size-float", _field(size=4.0)),
    ("size-true", _field(size=True)),
    ("sizes-one-more", _every(size=9)),
    ("array-len-99999999", _field(array_len=99_999_999)),
    ("array-len-of-nothing", _field(array_len=1 << 40, size=0)),
    ("array-len-negative", _field(array_len=-5)),
    ("array-len-string", _field(array_len="many")),
    ("arrays-all", _every(array_len=99_999_999)),
    ("index-huge", _field(index=1 << 40)),
    ("type-unknown", _field(type="never-heard-of")),
    ("type-null", _field(type=None)),
    ("type-object", _field(type={})),
    ("types-all-struct", _every(type="struct")),
    ("types-all-markers", _every(type="ptr-marker", size=1)),
    ("types-all-lists", _every(type="qtailq")),
    ("types-all-trees", _every(type="gtree")),
    ("types-all-byte-arrays", _every(type="GByteArray")),
    ("types-all-virtio", _every(type="virtio")),
    ("names-all-the-same", _every(name="same")),
    ("names-odd", _every(name="a.b[0]/../\n\x1b")),
    ("names-empty", _every(name="")),
    ("names-null", _every(name=None)),
    ("struct-null", _field(type="struct", struct=None)),
    ("struct-in-struct-in-struct", _deep),
    ("structs-of-nothing", _bushy),
    ("fields-by-the-hundred-thousand", _more({"name": "n", "type": "uint8", "size": 0}, 100_000)),
    ("markers-by-the-thousand", _more({"name": "n", "type": "ptr-marker", "size": 1}, 5000)),
)  # fmt: skip
