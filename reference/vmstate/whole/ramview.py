# SPDX-License-Identifier: Apache-2.0
"""What the ram sections hold, counted by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from vmstate.whole import mapped
from vmstate.whole.errors import printable
from vmstate.whole.model import Record, Section
from vmstate.whole.walk import Walker


def count_pages(records: list[Record]) -> Counter[tuple[str, str]]:
    """Count pages by block and kind."""
    found: Counter[tuple[str, str]] = Counter()
    for record in records:
        if record.op in {"zero", "page", "xbzrle"}:
            found[record.block, record.op] += record.count
    return found


class RamSummary:
    """Adds up sections of ram; `lines` says what there was."""

    def __init__(self, walker: Walker) -> None:
        self.walker: Final = walker
        self.pages: Final[Counter[tuple[str, str]]] = Counter()
        self.sections = 0

    def add(self, section: Section) -> None:
        """Count a section."""
        if section.idstr == "ram" and section.state is not None:
            self.sections += 1
            self.pages.update(count_pages(section.state))

    def lines(self) -> Iterator[str]:
        """Give a line for each block and one for the whole."""
        ram = self.walker.ram
        blocks = ram.blocks
        yield f"{len(blocks)} blocks in {self.sections} sections, pages of {ram.page_size} bytes"
        for name, block in blocks.items():
            counts = [(op, self.pages[name, op]) for op in ("page", "zero", "xbzrle")]
            if block.mapped is not None:
                held = sum(run for _, run in mapped.present(block, self.walker.data))
                counts = [("mapped", held)]
            shown = ", ".join(f"{pages:,} {op}" for op, pages in counts if pages) or "none"
            where = f" at {block.address:#x}" if block.address is not None else ""
            yield f"  {printable(name)}{where}: {block.used_length:#x} bytes, pages: {shown}"
        for note in ram.elsewhere():
            yield f"  {note}"
