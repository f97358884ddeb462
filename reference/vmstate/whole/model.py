# SPDX-License-Identifier: Apache-2.0
"""What a file turns out to hold: a `Stream` of sections and commands, with the faults met on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from vmstate.whole.errors import StreamFault
from vmstate.whole.nodes import Span
from vmstate.whole.vmdesc import Vmdesc


class Block:
    """A RAM block as the list of sizes announces it; offsets are those of the file.

    `page_size`, `address` and `mapped` are None where the stream has no such entry. `mapped` is the
    mapped-ram header: version, page size, offset of the bitmap, offset of the pages.
    """

    __slots__ = ("address", "mapped", "mapped_at", "name", "page_size", "used_length")

    def __init__(self, name: str, used_length: int) -> None:
        self.name: Final = name
        self.used_length: Final = used_length
        self.page_size: int | None = None
        self.address: int | None = None
        self.mapped: tuple[int, int, int, int] | None = None
        self.mapped_at = 0


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
        self.blocks: Sequence[Block] = ()


class Section:
    """One section. `kind` is start, part, end or full; `payload` and `end` bound what it carries.

    `state` is what was decoded: an object for a device, records for ram, pieces for the other
    iterative handlers. `raw` says that the bytes were only framed, or could not be decoded: then
    they stay bytes, for the reason `why`. `opaque` lists what stayed bytes inside a decoded state,
    each with its type, size and reason. `footer` is the id in the footer, None without one.
    """

    __slots__ = (
        "end",
        "fault",
        "footer",
        "idstr",
        "instance_id",
        "kind",
        "label",
        "notes",
        "offset",
        "opaque",
        "payload",
        "raw",
        "section_id",
        "state",
        "version_id",
        "why",
    )

    def __init__(
        self,
        kind: str,
        offset: int,
        section_id: int,
        label: str = "",
        idstr: str = "",
        instance_id: int = 0,
        version_id: int = 0,
        payload: int = 0,
    ) -> None:
        self.kind: Final = kind
        self.offset: Final = offset
        self.section_id: Final = section_id
        self.label = label
        self.idstr = idstr
        self.instance_id = instance_id
        self.version_id = version_id
        self.payload = payload
        self.end = 0
        self.state: Any = None
        self.raw = False
        self.why = ""
        self.footer: int | None = None
        self.fault: StreamFault | None = None
        self.opaque: list[tuple[str, int, str]] = []
        self.notes: list[str] = []


class Command:
    """One command. A PACKAGED one has the `items` of its nested stream, read up to `rest`.

    `end` is behind the command and its package.
    """

    __slots__ = ("end", "items", "label", "length", "name", "number", "offset", "payload", "rest")

    def __init__(
        self, offset: int, number: int, name: str, payload: int, length: int, label: str
    ) -> None:
        self.offset: Final = offset
        self.number: Final = number
        self.name: Final = name
        self.payload: Final = payload
        self.length: Final = length
        self.label: Final = label
        self.items: list[Section | Command | End] = []
        self.rest = 0
        self.end = payload + length


class End:
    """The EOF byte of the stream, or of a package."""

    __slots__ = ("offset",)

    def __init__(self, offset: int) -> None:
        self.offset: Final = offset


Item = Section | Command | End


class Stream:
    """A whole file, read as far as it could be.

    `data` is the file, `size` its length in bytes. `configuration` is None where the section is
    missing. `footers` says whether sections have them (None: no section). `vmdesc_at` is the offset
    of its type byte, -1 without; `trailing` the offset of bytes behind all that. `faults` are what a
    loader refuses or what could not be decoded, in the order met; `notes` what is worth knowing.
    `spans` are the leaves, if they were asked for. `source` keeps the bytes alive.
    """

    def __init__(self, data: memoryview, spans: list[Span] | None = None) -> None:
        self.data: Final = data
        self.size: Final = len(data)
        self.version = 0
        self.configuration: dict[str, Any] | None = None
        self.configuration_at = -1
        self.items: list[Item] = []
        self.footers: bool | None = None
        self.vmdesc: Vmdesc | None = None
        self.vmdesc_at = -1
        self.vmdesc_length = 0
        self.trailing = len(data)
        self.page_size = 4096
        self.blocks: dict[str, Block] = {}
        self.faults: list[StreamFault] = []
        self.notes: list[str] = []
        self.spans: Final = spans
        self.source: object = None

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
