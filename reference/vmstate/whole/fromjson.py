# SPDX-License-Identifier: Apache-2.0
"""A stream written from its JSON: the counterpart of `tojson`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from vmstate.whole import configuration, handlers, wire
from vmstate.whole.cursor import untext
from vmstate.whole.delimit import Delimiter
from vmstate.whole.devices import Devices
from vmstate.whole.errors import StreamFault
from vmstate.whole.fromjson_ram import write_records
from vmstate.whole.handlers import HANDLERS
from vmstate.whole.model import Section
from vmstate.whole.nodes import bad_value, expect_list, short, unhex
from vmstate.whole.tojson import FORMAT
from vmstate.whole.vmdesc import Vmdesc

#: A few numbers of a small document can ask for any amount of zeros.
_MOST: Final = 1 << 38
_KINDS: Final = {name: number for number, name in wire.KINDS.items()}


def encode(document: Any, write: Callable[[bytes], object]) -> None:
    """Write the stream that a JSON value describes.

    Raises `StreamFault` of rule `bad-value`, with the path of what does not fit.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise bad_value(f'no object with "format": "{FORMAT}"')
    if document.get("pages") is False:
        raise bad_value("its pages were left out, so it cannot be written back")
    Writer(document, write).run()


class Writer:
    """Writes one document; `position` is how far it has come."""

    def __init__(self, document: Mapping[str, Any], write: Callable[[bytes], object]) -> None:
        self.document: Final = document
        self.write: Final = write
        self.position = number(document, "base", 63) if "base" in document else 0
        self.footers: Final = document.get("footers")
        self.page_size: Final = number(document, "page_size", 32)
        source = document.get("vmdesc")
        if source is not None and not isinstance(source, str):
            raise bad_value("vmdesc is no string")
        self.vmdesc: Final = source
        parsed = Vmdesc(source, 0) if source is not None else None
        empty = memoryview(b"")
        self.devices: Final = Devices(empty, parsed, Delimiter(empty, (), ()), None)
        self.started: Final[dict[int, Section]] = {}

    def run(self) -> None:
        """Write everything."""
        document = self.document
        version = number(document, "version", 32)
        if version:
            self.put(wire.MAGIC.to_bytes(4, "big") + version.to_bytes(4, "big"))
        if document.get("configuration") is not None:
            out = bytearray()
            configuration.encode(document["configuration"], out)
            self.put(out)
        items = document.get("items", [])
        expect_list(items)
        for i, item in enumerate(items):
            self._item(item, f"items[{i}]", self.put)
        if self.vmdesc is not None and not document.get("vmdesc_in_trailing"):
            raw = untext(self.vmdesc)
            self.put(bytes((wire.VMDESCRIPTION,)) + len(raw).to_bytes(4, "big") + raw)
        self.put(unhex(document.get("trailing", "")))

    def put(self, data: bytes | bytearray | memoryview) -> None:
        """Write bytes and count them."""
        self.write(bytes(data))
        self.position += len(data)
        if self.position > _MOST:
            raise bad_value(f"a stream of more than {_MOST >> 30} GiB")

    def _item(self, item: Any, path: str, put: Callable[[bytes], object]) -> None:
        if not isinstance(item, dict):
            raise bad_value(f"no item: {short(item)}").within(path)
        label = item.get("label")
        try:
            kind = item.get("kind")
            if kind == "eof":
                put(bytes((wire.EOF,)))
            elif kind == "command":
                self._command(item, put)
            elif isinstance(kind, str) and kind in _KINDS:
                self._section(item, _KINDS[kind], put)
            else:
                raise bad_value(f"no kind of item: {short(kind)}")
        except StreamFault as fault:
            raise fault.within(label if isinstance(label, str) else path) from None

    def _command(self, item: dict[str, Any], put: Callable[[bytes], object]) -> None:
        put(bytes((wire.COMMAND,)) + number(item, "number", 16).to_bytes(2, "big"))
        if "items" not in item:
            payload = unhex(item.get("payload", ""))
            put(_sized(len(payload), 2) + payload)
            return
        inner = bytearray()
        expect_list(item["items"])
        for i, one in enumerate(item["items"]):
            self._item(one, f".items[{i}]", inner.extend)
        inner += unhex(item.get("rest", ""))
        put(b"\x00\x04" + _sized(len(inner), 4))
        put(bytes(inner))

    def _section(self, item: dict[str, Any], kind: int, put: Callable[[bytes], object]) -> None:
        section = self._head(item, kind, put)
        if "raw" in item:
            self.devices.describe(section)
            put(unhex(item["raw"]))
        elif section.idstr == "ram":
            write_records(item.get("state"), self.page_size, put, lambda: self.position)
        elif section.idstr in HANDLERS:
            out = bytearray()
            handlers.write(HANDLERS[section.idstr], item.get("state"), out)
            put(bytes(out))
        else:
            device = self.devices.describe(section)
            if not device:
                raise bad_value("the vmdesc has no such section")
            out = bytearray()
            self.devices.plan(device).encode(item.get("state"), out)
            put(bytes(out))
        if not self.footers:
            return
        if item.get("footer", section.section_id) is not None:
            footer = number(item, "footer", 32) if "footer" in item else section.section_id
            put(bytes((wire.SECTION_FOOTER,)) + footer.to_bytes(4, "big"))

    def _head(self, item: dict[str, Any], kind: int, put: Callable[[bytes], object]) -> Section:
        section_id = number(item, "section_id", 32)
        out = bytearray((kind,)) + section_id.to_bytes(4, "big")
        section = Section(wire.KINDS[kind], 0, section_id)
        if kind in {wire.SECTION_START, wire.SECTION_FULL}:
            if not isinstance(item.get("idstr"), str):
                raise bad_value("a section has an idstr")
            section.idstr = item["idstr"]
            section.instance_id = number(item, "instance_id", 32)
            section.version_id = number(item, "version_id", 32)
            raw = untext(section.idstr)
            out += _sized(len(raw), 1) + raw + section.instance_id.to_bytes(4, "big")
            out += section.version_id.to_bytes(4, "big")
            self.started[section_id] = section
        elif section_id in self.started:
            section.idstr = self.started[section_id].idstr
            section.instance_id = self.started[section_id].instance_id
        elif "raw" not in item:
            raise bad_value(f"no section has started with id {section_id}")
        put(bytes(out))
        return section


def number(holder: Mapping[str, Any], key: str, bits: int) -> int:
    """Give an unsigned number of so many bits. Raises `StreamFault`."""
    found = holder.get(key)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 1 << bits:
        raise bad_value(f"no number of {bits} bits: {short(found)}").within("." + key)
    return found


def _sized(size: int, width: int) -> bytes:
    try:
        return size.to_bytes(width, "big")
    except OverflowError:
        raise bad_value(f"{size} bytes, which {8 * width} bits cannot count") from None
