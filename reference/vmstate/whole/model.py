# SPDX-License-Identifier: Apache-2.0
"""What a file turns out to hold: a `Stream` of sections and commands, with the faults met on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from vmstate.whole.errors import StreamFault
from vmstate.whole.nodes import Span
from vmstate.whole.vmdesc import Vmdesc


@dataclass(slots=True)
class Block:
    """A RAM block as the list of sizes announces it; offsets are those of the file.

    `page_size`, `address` and `mapped` are None where the stream has no such entry. `mapped` is the
    mapped-ram header: version, page size, offset of the bitmap, offset of the pages.
    """

    name: str
    used_length: int
    page_size: int | None = None
    address: int | None = None
    mapped: tuple[int, int, int, int] | None = None
    mapped_at: int = 0


class Record:
    """One word of the ram section and what follows it, or a run of such that look alike.

    `op` is one of mem-size, zero, page, xbzrle, flush, eos. `offset` and `size` bound its bytes in
    the file, `address` is the word without its flags. A run has `count` pages at consecutive
    addresses, of which only the first may be `named`; `data` is where the first page's bytes are.
    """

    __slots__ = ("address", "block", "blocks", "count", "data", "named", "offset", "op", "size")

    def __init__(
        self, op: str, offset: int, address: int, block: str = "", *, named: bool = False
    ) -> None:
        self.op: Final = op
        self.offset: Final = offset
        self.address: Final = address
        self.block: Final = block
        self.named: Final = named
        self.count = 1
        self.size = 8
        self.data = 0
        self.blocks: list[Block] = []


@dataclass(slots=True)
class Section:
    """One section. `kind` is start, part, end or full; `payload` and `end` bound what it carries.

    `state` is what was decoded: an object for a device, records for ram, pieces for the other
    iterative handlers. `raw` says that the bytes were only framed, or could not be decoded: then
    they stay bytes, for the reason `why`. `opaque` lists what stayed bytes inside a decoded state,
    each with its type, size and reason.
    """

    kind: str
    offset: int
    section_id: int
    label: str = ""
    idstr: str = ""
    instance_id: int = 0
    version_id: int = 0
    payload: int = 0
    end: int = 0
    state: Any = None
    raw: bool = False
    why: str = ""
    footer: int | None = None
    fault: StreamFault | None = None
    opaque: list[tuple[str, int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Command:
    """One command. A PACKAGED one has the `items` of its nested stream, read up to `rest`.

    `end` is behind the command and its package.
    """

    offset: int
    number: int
    name: str
    payload: int
    length: int
    label: str
    items: list[Section | Command | End] = field(default_factory=list)
    rest: int = 0
    end: int = 0


@dataclass(slots=True)
class End:
    """The EOF byte of the stream, or of a package."""

    offset: int


Item = Section | Command | End


@dataclass(slots=True)
class Stream:
    """A whole file, read as far as it could be.

    `data` is the file, `size` its length in bytes. `configuration` is None where the section is
    missing. `footers` says whether sections have them (None: no section). `vmdesc_at` is the offset
    of its type byte, -1 without; `trailing` the offset of bytes behind all that. `faults` are what a
    loader refuses or what could not be decoded, in the order met; `notes` what is worth knowing.
    `spans` are the leaves, if they were asked for. `source` keeps the bytes alive.
    """

    data: memoryview
    size: int
    version: int = 0
    configuration: dict[str, Any] | None = None
    configuration_at: int = -1
    items: list[Item] = field(default_factory=list)
    footers: bool | None = None
    vmdesc: Vmdesc | None = None
    vmdesc_at: int = -1
    vmdesc_length: int = 0
    trailing: int = 0
    page_size: int = 4096
    blocks: dict[str, Block] = field(default_factory=dict)
    faults: list[StreamFault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    spans: list[Span] | None = None
    source: object = None

    @property
    def fault(self) -> StreamFault | None:
        """The first fault, None if all is well."""
        return self.faults[0] if self.faults else None

    def sections(self) -> Iterator[Section]:
        """Give all sections, those inside packages too, in the order of the file."""
        yield from _sections(self.items)


def _sections(items: list[Item]) -> Iterator[Section]:
    for item in items:
        if isinstance(item, Section):
            yield item
        elif isinstance(item, Command):
            yield from _sections(item.items)
