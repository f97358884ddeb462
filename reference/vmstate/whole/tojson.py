# SPDX-License-Identifier: Apache-2.0
"""A stream as JSON, item by item, with all that writing it back byte for byte needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from vmstate.whole import mapped
from vmstate.whole.errors import StreamFault
from vmstate.whole.model import Block, Command, End, Item, Record, Section, Stream
from vmstate.whole.walk import Walker

FORMAT: Final = "vmstate-stream 1"
#: Bytes of pages that one line of JSON carries at most.
_PAGES: Final = 1 << 20
#: Bytes without meaning that one string carries; more are left out, and said to be.
_RAW: Final = 1 << 26


def write(walker: Walker, out: Callable[[str], object], *, pages: bool = True) -> None:
    """Walk a stream and write it as one JSON object, a line for each item.

    Without `pages`, the contents of RAM are left out, and the object says so.
    """
    out(f'{{"format": "{FORMAT}", "size": {len(walker.data)},\n"items": [')
    lead = "\n"
    for item in walker.walk():
        for text in _lines(walker, item, pages=pages):
            out(lead + text)
            lead = ",\n"
        if isinstance(item, Section):
            item.state = None
    out("\n],\n")
    head = header(walker.stream)
    head["base"] = walker.ram.base
    if not pages:
        head["pages"] = False
    members = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    out(",\n".join(members) + "}\n")


def header(stream: Stream) -> dict[str, Any]:
    """Give what stands beside the items."""
    behind = stream.size - stream.trailing
    found: dict[str, Any] = {
        "version": stream.version,
        "page_size": stream.page_size,
        "footers": stream.footers,
        "configuration": stream.configuration,
        "vmdesc": None,
        "trailing": bytes(stream.data[stream.trailing :]).hex() if behind <= _RAW else None,
        "faults": [fault_json(fault) for fault in stream.faults],
        "notes": stream.notes,
    }
    if stream.vmdesc is not None:
        found["vmdesc"] = stream.vmdesc.text
        if not _in_place(stream):
            found["vmdesc_in_trailing"] = True
    return found


def _in_place(stream: Stream) -> bool:
    """Whether the vmdesc stands where reading has come past it, and not in what it never reached."""
    last = stream.items[-1] if stream.items else None
    return isinstance(last, End) and stream.vmdesc_at == last.offset + 1


def fault_json(fault: StreamFault) -> dict[str, Any]:
    """Give a fault as an object."""
    found: dict[str, Any] = {"rule": fault.rule, "offset": fault.offset, "path": fault.path}
    found["detail"] = fault.detail
    if fault.says:
        found["qemu_says"] = fault.says
    return found


def _lines(walker: Walker, item: Item, *, pages: bool) -> Iterator[str]:
    if isinstance(item, Section) and item.idstr == "ram" and not item.raw:
        head = json.dumps({**head_json(item), "state": []})
        records = (
            json.dumps(one)
            for record in item.state
            for one in record_json(record, walker, pages=pages)
        )
        yield head[:-2] + ",\n  ".join(records) + "]}"
    else:
        yield json.dumps(item_json(walker, item, pages=pages))


def item_json(walker: Walker, item: Item, *, pages: bool = True) -> dict[str, Any]:
    """Give one item as an object."""
    if isinstance(item, End):
        return {"kind": "eof", "offset": item.offset}
    if isinstance(item, Command):
        found = {"kind": "command", "offset": item.offset, "number": item.number}
        found["name"] = item.name
        if item.rest:
            found["items"] = [item_json(walker, one, pages=pages) for one in item.items]
            found["rest"] = bytes(walker.data[item.rest : item.end]).hex()
        else:
            found["payload"] = bytes(walker.data[item.payload : item.end]).hex()
        return found
    found = head_json(item)
    if item.raw:
        size = item.end - item.payload
        found["raw"] = bytes(walker.data[item.payload : item.end]).hex() if size <= _RAW else None
        found["why"] = item.why
        if item.state is not None:
            found["partial"] = _state(walker, item, pages=pages)
    else:
        found["state"] = _state(walker, item, pages=pages)
    return found


def _state(walker: Walker, section: Section, *, pages: bool) -> Any:
    if section.idstr != "ram":
        return section.state
    return [one for record in section.state for one in record_json(record, walker, pages=pages)]


def head_json(section: Section) -> dict[str, Any]:
    """Give what is in the header and the footer of a section."""
    found: dict[str, Any] = {
        "kind": section.kind,
        "label": section.label,
        "offset": section.offset,
        "size": section.end - section.payload,
        "section_id": section.section_id,
    }
    if section.kind in {"start", "full"}:
        found["idstr"] = section.idstr
        found["instance_id"] = section.instance_id
        found["version_id"] = section.version_id
    if section.footer != section.section_id:
        found["footer"] = section.footer
    if section.opaque:
        found["undecoded"] = sum(size for _, size, _ in section.opaque)
    if section.notes:
        found["notes"] = section.notes
    return found


def record_json(record: Record, walker: Walker, *, pages: bool) -> Iterator[dict[str, Any]]:
    """Give a record of ram as one object, or as several of its pages each."""
    found: dict[str, Any] = {"op": record.op}
    if record.address or record.op in {"page", "zero", "xbzrle"}:
        found["address"] = record.address
    if record.named:
        found["block"] = record.block
    data = walker.data
    if record.op == "mem-size":
        found["blocks"] = [_block(block, walker, pages=pages) for block in record.blocks]
    elif record.op == "zero":
        found["count"] = record.count
    elif record.op == "xbzrle":
        found["data"] = bytes(data[record.data : record.offset + record.size]).hex()
    elif record.op == "page":
        yield from _pages(record, found, walker, pages=pages)
        return
    yield found


def _pages(
    record: Record, found: dict[str, Any], walker: Walker, *, pages: bool
) -> Iterator[dict[str, Any]]:
    size = walker.ram.page_size
    stride = size + 8
    most = max(1, _PAGES // size) if pages else record.count
    for first in range(0, record.count, most):
        count = min(most, record.count - first)
        one = found if not first else {"op": "page", "address": record.address + first * size}
        one["count"] = count
        if pages:
            start = record.data + first * stride
            starts = range(start, start + count * stride, stride)
            one["data"] = "".join([walker.data[at : at + size].hex() for at in starts])
        yield one


def _block(block: Block, walker: Walker, *, pages: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"name": block.name, "used_length": block.used_length}
    if block.page_size is not None:
        found["page_size"] = block.page_size
    if block.address is not None:
        found["address"] = block.address
    if block.mapped is not None:
        names = ("version", "page_size", "bitmap_offset", "pages_offset")
        base = walker.ram.base
        version, size, bitmap, place = block.mapped
        offsets = (version, size, bitmap + base, place + base)
        found["mapped"] = dict(zip(names, offsets, strict=True))
        start = block.mapped_at + 28
        end = place + block.used_length if pages else place
        pieces = () if mapped.absent(block) else mapped.chunks(walker.data, start, end)
        found["chunks"] = [[at + base, chunk.hex()] for at, chunk in pieces]
    return found
