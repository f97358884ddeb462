# SPDX-License-Identifier: Apache-2.0
"""`vmstate explain`: what a loader would say to a stream, where, why, and what is likely meant."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from vmstate.whole import wire
from vmstate.whole.advice import advice
from vmstate.whole.dumps import Dump
from vmstate.whole.errors import StreamFault, printable
from vmstate.whole.model import End, Stream

_INDENT: Final = "    "
#: Faults and findings that are told at length; the rest is counted.
_TOLD: Final = 20
#: Rules that are about the vmdesc, which no loader reads.
_UNREAD: Final = ("vmdesc.", "undescribed")


class Explanation:
    """What there is to say about a stream; `refused` is whether a loader would refuse it."""

    def __init__(self, stream: Stream, dump: Dump | None) -> None:
        self.stream: Final = stream
        self.findings: Final = list(dump.findings(stream)) if dump is not None else []
        self.dump: Final = dump
        self.faults: Final = sorted(stream.faults, key=lambda fault: fault.offset)
        loaders = [fault for fault in self.faults if not fault.rule.startswith(_UNREAD)]
        self.refused: Final = bool(loaders) or any(one.sure for one in self.findings)

    def lines(self) -> Iterator[str]:
        """Give the text."""
        stream = self.stream
        yield from self._head()
        for fault in self.faults[:_TOLD]:
            yield from self._fault(fault)
        if len(self.faults) > _TOLD:
            yield f"and {len(self.faults) - _TOLD} more faults"
        for finding in self.findings[:_TOLD]:
            yield f"offset {finding.section.offset:#x}: {printable(finding.detail)}"
            yield f"{_INDENT}QEMU would say: {printable(finding.says)}"
        if len(self.findings) > _TOLD:
            yield f"and {len(self.findings) - _TOLD} more differences from the dump"
        for section in stream.sections():
            for note in section.notes:
                yield f"note: {printable(section.label)}: {printable(note)}"
        for note in stream.notes:
            yield f"note: {printable(note)}"
        yield from self._hints()
        yield self._verdict()

    def _head(self) -> Iterator[str]:
        stream = self.stream
        sections = sum(1 for _ in stream.sections())
        yield f"{stream.size:,} bytes, {sections} sections, {len(stream.blocks)} blocks of RAM"
        if stream.configuration is not None:
            yield f"sent by machine {printable(str(stream.configuration.get('name')))}"
        if self.dump is not None and self.dump.machine:
            yield f"against machine {printable(self.dump.machine)}"

    def _fault(self, fault: StreamFault) -> Iterator[str]:
        yield str(fault)
        if fault.says:
            yield f"{_INDENT}QEMU would say: {printable(fault.says)}"
        elif fault.rule.startswith(_UNREAD):
            yield f"{_INDENT}QEMU would say nothing: it never reads the vmdesc"
        meant = advice(fault.rule)
        if meant:
            yield from textwrap.wrap(meant, 96, initial_indent=_INDENT, subsequent_indent=_INDENT)

    def _hints(self) -> Iterator[str]:
        stream = self.stream
        if stream.version and stream.configuration is None and not stream.faults:
            kind = stream.data[8] if stream.size > 8 else 0
            says = f"Configuration section missing, {kind:x} != {wire.CONFIGURATION:x}"
            yield f"note: with its defaults a loader would say: {says}"
        if stream.footers is False:
            first = next(stream.sections(), None)
            shown = first.section_id if first else 0
            yield (
                "note: with its defaults a loader would say: "
                f"Section footer error, section_id: {shown}"
            )
        if stream.items and isinstance(stream.items[-1], End) and stream.vmdesc_at < 0:
            yield "note: a loader prints `Expected vmdescription section, but got …`, and goes on"

    def _verdict(self) -> str:
        if self.refused:
            return "a loader would refuse this stream"
        if self.faults:
            return "a loader would accept this stream; only its description is wrong"
        return "nothing in this stream is wrong by itself; the loading machine must match it"
