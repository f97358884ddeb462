# SPDX-License-Identifier: Apache-2.0
"""Device sections: decoded by their vmdesc, ended where a footer or the next header says so."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any, Final

from vmstate.whole.delimit import Delimiter
from vmstate.whole.errors import StreamFault
from vmstate.whole.model import Section
from vmstate.whole.nodes import Reader, Span
from vmstate.whole.vmdesc import Vmdesc

if TYPE_CHECKING:
    from vmstate.whole.fields import Fields

#: How often a section may be decoded again to find the reading that ends where the section ends,
#: and how many bytes all of that may come to.
_TRIES: Final = 400
_WORK: Final = 1 << 25
#: What one array costs, in bytes.
_OPTION: Final = 256


class Devices:
    """Decodes the sections of one stream; plans are made once for each description."""

    def __init__(
        self,
        data: memoryview,
        vmdesc: Vmdesc | None,
        delimiter: Delimiter,
        spans: list[Span] | None,
    ) -> None:
        self.data: Final = data
        self.vmdesc: Final = vmdesc
        self.delimiter: Final = delimiter
        self.spans: Final = spans
        self.footers: bool | None = None
        self._seen: dict[tuple[str, int], int] = {}
        self._plans: dict[int, tuple[Fields, dict[str, Any]]] = {}

    def describe(self, section: Section) -> dict[str, Any]:
        """Give the item of the vmdesc's devices that describes the section, {} if none. [CONT-VMDESC-3]"""
        if self.vmdesc is None:
            return {}
        key = (section.idstr, section.instance_id)
        nth = self._seen.get(key, 0)
        if section.kind in {"full", "start"}:
            self._seen[key] = nth + 1
        else:
            nth -= 1
        return self.vmdesc.device(*key, nth)

    def plan(self, device: dict[str, Any]) -> Fields:
        """Give the plan of a description. Raises `StreamFault`."""
        known = self._plans.get(id(device))
        if known is None:
            # A reader of RAM needs none of the layouts, and starts sooner without.
            from vmstate.whole.plan import compile_section  # noqa: PLC0415

            assert self.vmdesc is not None
            known = (compile_section(device, self.vmdesc.offset), device)
            self._plans[id(device)] = known
        return known[0]

    def skip(self, section: Section, end: int, why: str) -> None:
        """Find where the section ends without decoding it, and leave its bytes be."""
        section.raw, section.why = True, why
        found = self._end(section, end)
        section.end = end if found < 0 else found
        if found < 0:
            detail = "no footer or header tells where this section ends"
            section.fault = StreamFault("section-end", section.payload, detail)
        self._payload(section)

    def _payload(self, section: Section) -> None:
        if self.spans is not None:
            size = section.end - section.payload
            self.spans.append(Span(section.label + ".$payload", section.payload, size, "bytes"))

    def _end(self, section: Section, end: int) -> int:
        if self.footers is not False:
            found = self.delimiter.footer(section.payload, end, section.section_id)
            if found >= 0 or self.footers:
                return found
        return self.delimiter.header(section.payload, end)

    def lands(self, section: Section, at: int, end: int) -> bool:
        """Whether the section can end at an offset."""
        footer = bytes(self.data[at : at + 5]) == b"\x7e" + section.section_id.to_bytes(4, "big")
        if self.footers is None:
            return footer or self.delimiter.begins(at, end)
        return footer if self.footers else self.delimiter.begins(at, end)

    def decode(self, section: Section, end: int) -> None:
        """Decode the section, whose bytes are before `end`; set its state, end and fault."""
        device = self.describe(section)
        if not device:
            why = (
                "the file has no vmdesc"
                if self.vmdesc is None
                else "the vmdesc has no such section"
            )
            self.skip(section, end, why)
            return
        try:
            plan = self.plan(device)
        except StreamFault as wrong:
            self.skip(section, end, f"its vmdesc is wrong: {wrong.detail}")
            section.fault = wrong.within(section.label)
            return
        reader = self._reader(section, end)
        fault = _attempt(plan, section, reader)
        if fault is None and self.lands(section, section.end, end):
            self._keep(section, reader)
        elif not self._otherwise(plan, section, end):
            self._misfit(plan, section, end)
        version = device.get("version", section.version_id)
        if version != section.version_id and section.fault is None:
            says = f"unsupported version {section.version_id} for '{section.idstr}' v{version}"
            detail = f"version {section.version_id}, and the vmdesc has {version}"
            at = section.payload - 4
            section.fault = StreamFault(
                "section-version", at, detail, path=section.label, says=says
            )

    def _reader(self, section: Section, end: int) -> Reader:
        reader = Reader(self.data, section.payload, end)
        reader.path = section.label
        reader.spans = None if self.spans is None else []
        return reader

    def _keep(self, section: Section, reader: Reader) -> None:
        section.opaque = reader.opaque
        if reader.ambiguous:
            section.notes.append(
                f"ambiguous: {reader.ambiguous} arrays of one-byte elements end with 0x30, which is "
                "a number, or a NULL if they are arrays of pointers"
            )
        if self.spans is not None and reader.spans is not None:
            self.spans.extend(reader.spans)

    def _otherwise(self, plan: Fields, section: Section, end: int) -> bool:
        """Try the other ways in which the bytes may be meant (see `pointers`)."""
        first = self._reader(section, end)
        first.chosen = {}
        _attempt(plan, section, first)
        landing = self._end(section, end)
        deficit = landing - section.payload - plan.size if landing >= 0 else 0
        size = max(plan.size, section.end - section.payload, _OPTION * len(first.options), 1)
        most, found = min(_TRIES, _WORK // size), 0
        readings: Iterator[tuple[dict[int, int] | None, int]] = chain(
            ((dict.fromkeys(one, 1), 0) for one in _flips(len(first.options), most)),
            # Last, let the bytes say it all: for structs of which only the first was described.
            ((None, 1), (None, 2)),
        )
        for chosen, adaptive in readings:
            if found and adaptive:
                break
            reader = self._reader(section, end)
            reader.chosen, reader.adaptive, reader.deficit = chosen, adaptive, deficit
            before = (section.state, section.end)
            fault = _attempt(plan, section, reader)
            if (
                fault is None
                and self.lands(section, section.end, end)
                and self._same(plan, section)
            ):
                found += 1
                if found == 1:
                    self._keep(section, reader)
                    kept = (section.state, section.end)
            if found:
                section.state, section.end = kept
            else:
                section.state, section.end = before
        if found > 1:
            section.notes.append(
                f"ambiguous: {found} readings of its arrays of pointers end where the section ends"
            )
        return found > 0

    def _same(self, plan: Fields, section: Section) -> bool:
        """Whether what was read is written as these bytes again.

        Elements of one array are laid out alike; where a vmdesc has it otherwise, a reading that lets
        the bytes decide takes one layout for another, and that is none.
        """
        out = bytearray()
        try:
            plan.encode(section.state, out)
        except StreamFault:
            return False
        return out == self.data[section.payload : section.end]

    def _odd_footer(self, at: int, end: int) -> bool:
        """Whether a footer stands here, though with an id that is not the section's."""
        return at + 5 <= end and self.data[at] == 0x7E and self.delimiter.begins(at + 5, end)

    def _misfit(self, plan: Fields, section: Section, end: int) -> None:
        """Keep what was read of a section that no reading fits, and its bytes as they are."""
        reader = self._reader(section, end)
        fault = _attempt(plan, section, reader)
        landed = section.end
        found = self._end(section, end)
        if fault is None and (found < 0 or self._odd_footer(landed, end)):
            # Its footer is missing or wrong, which the container says; the fields may well be right.
            self._keep(section, reader)
            return
        section.raw = True
        section.end = end if found < 0 else found
        if fault is None:
            detail = f"the vmdesc describes {landed - section.payload} bytes, the section has "
            detail += f"{section.end - section.payload}"
            fault = StreamFault("section-size", landed, detail, path=section.label)
        section.why = fault.detail
        section.fault = fault
        self._payload(section)


def _attempt(plan: Fields, section: Section, reader: Reader) -> StreamFault | None:
    try:
        section.state = plan.decode(reader)
    except StreamFault as fault:
        section.state, fault.partial = fault.partial, None
        section.end = reader.position
        return fault.within(section.label)
    section.end = reader.position
    return None


def _flips(options: int, most: int) -> Iterator[tuple[int, ...]]:
    """Give the sets of choices to turn over: one at a time, then two, not more than `most`."""
    every: Iterator[tuple[int, ...]] = chain(
        combinations(range(options), 1), combinations(range(options), 2)
    )
    for _, flips in zip(range(most), every, strict=False):
        yield flips
