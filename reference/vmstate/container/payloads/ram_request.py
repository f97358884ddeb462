# SPDX-License-Identifier: Apache-2.0
"""RAM as a request gives it.

    {"blocks": [{"name": "pc.ram", "memory": "16384*00"}, {"name": "rom", "memory": "4096*00",
     "max_length": 8192}]}

`memory` is what is used of a block, in whole pages. One with a `max_length` can be resized; what is
beyond the used length reads as zeros, until it was shrunk. `migratable` (true) says whether the stream
may name it at all, `shared` (false) whether both sides have it in the same file, and `address` (0) where
in the guest it is. A state is the same with other memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vmstate.container.model import Machine
from vmstate.container.payloads import runs
from vmstate.container.payloads.ram import Ram
from vmstate.container.payloads.ramblocks import Block
from vmstate.errors import CaseError
from vmstate.values import brief, flag, integer, mapping, sequence, text

_KEYS: Final = frozenset({"name", "memory", "max_length", "migratable", "shared", "address"})
#: Memory is given in pages of the host, too; those are of 4 KiB.
_HOST_PAGE: Final = 4096
#: No target of QEMU's has larger pages; a word of ten bytes clears as much.
_MOST_PAGE_BITS: Final = 16
_LONGEST: Final = 255
_MOST: Final = 64
_U64: Final = range(1 << 64)


def read(source: object, path: str, machine: Machine) -> Ram:
    """Read a destination. Raises `CaseError`."""
    if machine.page_bits > _MOST_PAGE_BITS:
        detail = f"pages of RAM have at most {_MOST_PAGE_BITS} bits"
        raise CaseError("page-bits", "machine.page_bits", detail)
    page_size = 1 << machine.page_bits
    return Ram(_blocks(source, path, page_size), page_size)


def _blocks(source: object, path: str, page_size: int) -> list[Block]:
    given = sequence(mapping(source, path, frozenset({"blocks"})).get("blocks"), f"{path}.blocks")
    if len(given) > _MOST:
        raise CaseError("too-large", f"{path}.blocks", f"more than {_MOST}")
    blocks: list[Block] = []
    for at, each in enumerate(given):
        where = f"{path}.blocks[{at}]"
        block = _block(mapping(each, where, _KEYS), where, max(page_size, _HOST_PAGE))
        if block.name and any(block.name == other.name for other in blocks):
            raise CaseError("duplicate", where, f"a second block {brief(block.name)}")
        blocks.append(block)
        if sum(len(one.memory) for one in blocks) > runs.MOST:
            raise CaseError("too-large", where, f"more than {runs.MOST} bytes in all")
    return blocks


def _block(one: Mapping[str, Any], path: str, step: int) -> Block:
    memory = runs.parse(one.get("memory"), f"{path}.memory")
    used = len(memory)
    if not used or used % step:
        raise CaseError("pages", f"{path}.memory", f"{used} bytes are no pages of {step}")
    if "max_length" in one:
        within = range(used, runs.MOST + 1)
        most = integer(one["max_length"], f"{path}.max_length", within)
        if most % step:
            raise CaseError("pages", f"{path}.max_length", f"{most} bytes are no pages of {step}")
        memory.extend(bytes(most - used))
    block = Block(
        text(one.get("name"), f"{path}.name"),
        memory,
        used,
        step,
        resizable="max_length" in one,
        migratable=flag(one, "migratable", path, default=True),
        shared=flag(one, "shared", path, default=False),
        address=integer(one.get("address", 0), f"{path}.address", _U64),
    )
    # What is not registered with the stream has no name in QEMU; such a block may be among the others.
    if len(block.name.encode()) > _LONGEST or (block.migratable and not block.name):
        raise CaseError(
            "name", f"{path}.name", f"{brief(block.name)} has not 1 to {_LONGEST} bytes"
        )
    return block
