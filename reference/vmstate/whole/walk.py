# SPDX-License-Identifier: Apache-2.0
"""The container: header, configuration, sections, commands, EOF and vmdesc, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from vmstate.extent import int32
from vmstate.whole import configuration, handlers, wire
from vmstate.whole.cursor import Cursor
from vmstate.whole.delimit import Delimiter
from vmstate.whole.devices import Devices
from vmstate.whole.errors import StreamFault, saying
from vmstate.whole.handlers import HANDLERS
from vmstate.whole.header import read_header
from vmstate.whole.model import Command, End, Item, Section, Stream
from vmstate.whole.nodes import Span
from vmstate.whole.payloads import complaint
from vmstate.whole.ram import RamReader, Window
from vmstate.whole.vmdesc import Vmdesc, locate

#: Packages inside packages; QEMU writes one.
_DEEPEST: Final = 8


class Walker:
    """Reads a stream item by item; `stream` holds what is known so far.

    `select(label)` says which sections to decode, the others are only framed. `window`
    keeps a mapped file out of memory. `base` is where the data begins in the file that was
    written, by which mapped-ram counts. `described` is the vmdesc of another stream, for one that has
    none of its own.
    """

    def __init__(
        self,
        data: memoryview,
        select: Callable[[str], bool] | None = None,
        spans: list[Span] | None = None,
        window: Window | None = None,
        base: int = 0,
        described: Vmdesc | None = None,
    ) -> None:
        self.data: Final = data
        self.stream: Final = Stream(data, spans)
        self.select: Final = select
        self.spans: Final = spans
        self.started: Final[dict[int, Section]] = {}
        self._labels: dict[str, int] = {}
        self._parts: dict[int, int] = {}
        self._commands = 0
        self._lost = False
        vmdesc = self._find_vmdesc(described)
        known = vmdesc.devices.keys() if vmdesc else ()
        self.delimiter: Final = Delimiter(data, known, self.started)
        self.devices: Final = Devices(data, vmdesc, self.delimiter, spans)
        page_size = vmdesc.page_size if vmdesc else 0
        self.ram = RamReader(page_size or 4096, self.stream.blocks, spans, window, base)
        self._window: Final = window

    def _find_vmdesc(self, described: Vmdesc | None) -> Vmdesc | None:
        at = locate(self.data, 8)
        stream = self.stream
        if at < 0:
            stream.vmdesc = described
            if described is not None:
                stream.notes.append("described by the vmdesc of another stream")
            return described
        stream.vmdesc_at = at
        stream.vmdesc_length = int.from_bytes(self.data[at + 1 : at + 5], "big")
        try:
            stream.vmdesc = Vmdesc.at(self.data, at)
        except StreamFault as fault:
            stream.faults.append(fault)
        return stream.vmdesc

    def walk(self) -> Iterator[Item]:
        """Give the items. What stops the reading is the last of the stream's faults."""
        cursor = Cursor(self.data, 0, len(self.data))
        stream = self.stream
        try:
            self._header(cursor)
            self._configuration(cursor)
            for item in self._items(cursor, 0):
                stream.items.append(item)
                yield item
            self._behind(cursor)
        except StreamFault as fault:
            fault.partial = None
            stream.faults.append(fault)
        stream.trailing = cursor.position
        stream.notes.extend(self.ram.elsewhere())
        self._span("$trailing", stream.trailing, stream.size - stream.trailing, "trailing")

    def _header(self, cursor: Cursor) -> None:
        self.stream.version = read_header(cursor)
        self._span("$header.magic", 0, 4, "magic")
        self._span("$header.version", 4, 4, "version")

    def _configuration(self, cursor: Cursor) -> None:
        at = cursor.position
        kind = self.data[at] if at < cursor.end else wire.EOF
        if kind != wire.CONFIGURATION:
            if at >= cursor.end or not self.delimiter.begins(at, cursor.end):
                says = f"Configuration section missing, {kind:x} != 7"
                raise StreamFault("bad-configuration", at, f"{kind:#04x} is no section", says=says)
            self.stream.notes.append("no configuration section: send-configuration was off")
            return
        cursor.position += 1
        mark = len(self.spans or ())
        self._span(configuration.LABEL + ".$type", at, 1, "section-type")
        self.stream.configuration_at = at
        try:
            found = configuration.read(cursor, self.spans)
        except StreamFault:
            cursor.position = at
            self._forget(mark)
            raise
        self.stream.configuration = found
        names = configuration.capabilities(found)
        self.ram.shared = "x-ignore-shared" in names
        self.ram.mapped = "mapped-ram" in names
        size = configuration.page_size(found)
        vmdesc = self.stream.vmdesc
        if size and not (vmdesc and vmdesc.page_size):
            self.ram.page_size = size
        self.stream.page_size = self.ram.page_size

    def _items(self, cursor: Cursor, depth: int) -> Iterator[Item]:
        while True:
            at = cursor.position
            if self._window is not None:
                self._window.release(at)
            mark = len(self.spans or ())
            try:
                item = self._item(cursor, depth)
            except StreamFault:
                cursor.position = at
                self._forget(mark)
                raise
            yield item
            if isinstance(item, End) or self._lost:
                return
            if depth and isinstance(item, Command) and item.number == wire.CMD_POSTCOPY_RUN:
                # The machine runs from here on: a package needs no EOF behind it.
                return
            if isinstance(item, Section) and item.end == cursor.end and item.fault is not None:
                # Nobody knows where it ended, so it has swallowed the rest.
                return

    def _item(self, cursor: Cursor, depth: int) -> Item:
        at = cursor.position
        if at >= cursor.end:
            says = "Failed to load section ID: stream error: -5: Channel error: Input/output error"
            raise StreamFault(
                "truncated", at, "the end of the file where a section is due", says=says
            )
        kind = self.data[at]
        cursor.position = at + 1
        if kind == wire.EOF:
            self._span("$eof", at, 1, "section-type")
            return End(at)
        if kind in {wire.SECTION_START, wire.SECTION_FULL}:
            section = self._begin(cursor, at, kind)
        elif kind in {wire.SECTION_PART, wire.SECTION_END}:
            section = self._continue(cursor, at, kind)
        elif kind == wire.COMMAND:
            return self._command(cursor, at, depth)
        else:
            says = f"Unknown section type {kind}"
            raise StreamFault("unknown-section-type", at, f"section type {kind:#04x}", says=says)
        self._body(cursor, section)
        return section

    def _begin(self, cursor: Cursor, at: int, kind: int) -> Section:
        section_id = cursor.u32("a section id")
        name_at = cursor.position
        with saying(f"Unable to read ID string for section {section_id}") as says:
            idstr = cursor.counted("the name of a section")
            if not idstr:
                raise StreamFault("unknown-section", name_at, "a section without a name", says=says)
        behind = cursor.position
        section = Section(wire.KINDS[kind], at, section_id, idstr=idstr)
        with saying("Failed to read instance/version ID: -5"):
            section.instance_id = cursor.u32("an instance id")
            section.version_id = cursor.u32("a version id")
        section.payload = cursor.position
        label = f"{idstr}#{section.instance_id}"
        if section.kind == "start":
            label += "!start"
        seen = self._labels[label] = self._labels.get(label, 0) + 1
        section.label = label if seen == 1 else f"{label}~{seen}"
        self.started[section_id] = section
        for name, start, size, what in (
            ("$type", at, 1, "section-type"),
            ("$section_id", at + 1, 4, "section-id"),
            ("$idlen", name_at, 1, "length"),
            ("$idstr", name_at + 1, behind - name_at - 1, "name"),
            ("$instance_id", behind, 4, "instance-id"),
            ("$version_id", behind + 4, 4, "version"),
        ):
            self._span(f"{section.label}.{name}", start, size, what)
        return section

    def _continue(self, cursor: Cursor, at: int, kind: int) -> Section:
        with saying("Failed to read section ID: -5"):
            section_id = cursor.u32("a section id")
        first = self.started.get(section_id)
        if first is None:
            detail = f"no section has started with id {section_id}"
            raise StreamFault(
                "unknown-section-id", at + 1, detail, says=f"Unknown section {int32(section_id)}"
            )
        part = self._parts[section_id] = self._parts.get(section_id, 0) + 1
        suffix = "!end" if kind == wire.SECTION_END else f"!part[{part - 1}]"
        section = Section(
            wire.KINDS[kind],
            at,
            section_id,
            first.label.removesuffix("!start") + suffix,
            first.idstr,
            first.instance_id,
            first.version_id,
            cursor.position,
        )
        self._span(section.label + ".$type", at, 1, "section-type")
        self._span(section.label + ".$section_id", at + 1, 4, "section-id")
        return section

    def _body(self, cursor: Cursor, section: Section) -> None:
        handler = HANDLERS.get(section.idstr)
        if section.idstr == "ram":
            ram = range(wire.RAM_VERSION, wire.RAM_VERSION + 1)
            self._stated(cursor, section, ram, self.ram.read)
        elif handler is not None:
            self._stated(
                cursor,
                section,
                handler.versions,
                lambda where, path: handlers.read(handler, where, section.kind, self.spans, path),
            )
        elif self.select is None or self.select(section.label):
            self.devices.decode(section, cursor.end)
        else:
            self.devices.describe(section)
            self.devices.skip(section, cursor.end, "not asked for")
        if section.fault is not None:
            self.stream.faults.append(section.fault)
        cursor.position = section.end
        if not (section.fault and section.end == cursor.end):
            self._footer(cursor, section)

    def _stated(
        self, cursor: Cursor, section: Section, versions: range, read: Callable[[Cursor, str], Any]
    ) -> None:
        """Read a payload that says its own length; a fault in it swallows what cannot be told apart."""
        mark = len(self.spans or ())
        try:
            if section.version_id not in versions:
                newest = versions[-1]
                says = f"unsupported version {section.version_id} for '{section.idstr}' v{newest}"
                detail = (
                    f"version {section.version_id} of {section.idstr}, of which {newest} is known"
                )
                raise StreamFault("section-version", section.payload - 4, detail, says=says)
            section.state = read(cursor, section.label)
            section.end = cursor.position
        except StreamFault as fault:
            section.state, fault.partial = fault.partial, None
            self._forget(mark)
            self.devices.skip(section, cursor.end, fault.detail)
            fault.path = fault.path or section.label
            section.fault = fault

    def _footer(self, cursor: Cursor, section: Section) -> None:
        at = cursor.position
        found = at < cursor.end and self.data[at] == wire.SECTION_FOOTER
        if self.stream.footers is None:
            self.stream.footers = self.devices.footers = found
            if not found:
                self.stream.notes.append("no section footers: send-section-footer was off")
        if not self.stream.footers:
            return
        says = f"Section footer error, section_id: {section.section_id}"
        if not found:
            what = f"{self.data[at]:#04x}" if at < cursor.end else "the end of the file"
            rule = "missing-footer" if at < cursor.end else "truncated"
            fault = StreamFault(
                rule, at, f"{what} where the footer is due", path=section.label, says=says
            )
            self.stream.faults.append(fault)
            # Where nothing can begin, nobody knows what the rest is.
            self._lost = not self.delimiter.begins(at, cursor.end) or at >= cursor.end
            return
        if at + 5 > cursor.end:
            detail = "the end of the file inside a footer"
            self.stream.faults.append(
                StreamFault("truncated", at, detail, path=section.label, says=says)
            )
            self._lost = True
            return
        cursor.position += 1
        number = cursor.u32("the id in a footer")
        section.footer = number
        self._span(section.label + ".$footer", at, 1, "footer")
        self._span(section.label + ".$footer_id", at + 1, 4, "section-id")
        if number != section.section_id:
            detail = f"footer of section {number} behind section {section.section_id}"
            self.stream.faults.append(
                StreamFault("footer-mismatch", at + 1, detail, path=section.label, says=says)
            )

    def _command(self, cursor: Cursor, at: int, depth: int) -> Command:
        with saying("Failed to load VM process command: stream error: -5"):
            number = cursor.u16("a command")
            length = cursor.u16("the length of a command")
        name, wanted = wire.COMMANDS.get(number, (f"command {number}", None))
        label = f"$command[{self._commands}]"
        self._commands += 1
        start = cursor.need(length, "the payload of a command")
        command = Command(at, number, name, start, length, label)
        for part, where, size, what in (
            ("$type", at, 1, "section-type"),
            ("number", at + 1, 2, "command"),
            ("length", at + 3, 2, "length"),
            ("payload", start, length, "payload"),
        ):
            self._span(f"{label}.{part}", where, size, what)
        says = ""
        if number not in wire.COMMANDS:
            word = "deprecated" if number == wire.CMD_ENABLE_COLO else "unknown"
            says = f"MIG_CMD {number:#x} {word} (len {length:#x})"
            rule, detail = "bad-command", f"{word} command {number}"
        elif wanted is not None and wanted != length:
            says = f"{name} received with bad length - expecting {wanted}, got {length}"
            rule, detail = "bad-command", f"{length} bytes for {name}, which has {wanted}"
        else:
            says = complaint(number, bytes(self.data[start : start + length]))
            rule, detail = "bad-command", f"a wrong payload of {name}"
        if says:
            self.stream.faults.append(StreamFault(rule, at + 1, detail, path=label, says=says))
        elif number == wire.CMD_PACKAGED:
            self._package(cursor, command, depth)
        elif number == wire.CMD_POSTCOPY_ADVISE and length == 16:
            self.ram.postcopy = True
        return command

    def _package(self, cursor: Cursor, command: Command, depth: int) -> None:
        size = int.from_bytes(self.data[command.payload : command.payload + 4], "big")
        left = cursor.end - cursor.position
        if size > left or depth >= _DEEPEST:
            says = f"CMD_PACKAGED: Buffer receive fail ret={left} length={size}"
            detail = f"a package of {size} bytes, {left} left, {depth} packages around it"
            raise StreamFault("truncated", command.payload, detail, path=command.label, says=says)
        inner = Cursor(self.data, cursor.position, cursor.position + size)
        try:
            command.items.extend(self._items(inner, depth + 1))
        except StreamFault as fault:
            self.stream.faults.append(fault.within(f"{command.label}: "))
        command.rest = inner.position
        left_over = inner.end - command.rest
        if left_over:
            self._span(f"{command.label}.rest", command.rest, left_over, "trailing")
        command.end = cursor.position = inner.end

    def _behind(self, cursor: Cursor) -> None:
        """Read what follows the EOF: a vmdesc, which no loader looks at."""
        stream, at = self.stream, cursor.position
        if not stream.items or not isinstance(stream.items[-1], End):
            return
        if at != stream.vmdesc_at:
            if stream.vmdesc_at >= 0:
                stream.notes.append(
                    f"the vmdesc stands at {stream.vmdesc_at:#x}, not behind the EOF at {at:#x}"
                )
                stream.vmdesc_at = -1
            else:
                stream.notes.append("no vmdesc behind the end")
            return
        if stream.vmdesc is None:
            return
        end = at + 5 + stream.vmdesc_length
        self._span("$vmdesc.$type", at, 1, "section-type")
        self._span("$vmdesc.length", at + 1, 4, "length")
        self._span("$vmdesc.text", at + 5, stream.vmdesc_length, "json")
        cursor.position = end
        if end < stream.size:
            stream.notes.append(f"{stream.size - end} bytes behind the vmdesc")

    def _forget(self, mark: int) -> None:
        """Drop the leaves of what could not be read: its bytes are accounted for as a whole."""
        if self.spans is not None:
            del self.spans[mark:]

    def _span(self, path: str, at: int, size: int, kind: str) -> None:
        if self.spans is not None:
            self.spans.append(Span(path, at, size, kind))
