# SPDX-License-Identifier: Apache-2.0
"""Blocks of RAM as a request gives them, and how one is resized (qemu_ram_resize() in system/physmem.c).

    {"blocks": [{"name": "pc.ram", "memory": "16384*00"}, {"name": "rom", "memory": "4096*00",
     "max_length": 8192}]}

`memory` is what is used of a block, in whole pages. One with a `max_length` can be resized; what is
beyond the used length reads as zeros, until it was shrunk. `migratable` (true) says whether the stream
may name it at all, `shared` (false) whether both sides have it in the same file, and `address` (0) where
in the guest it is. A state is the same with other memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vmstate.container.model import PayloadError
from vmstate.container.payloads import runs
from vmstate.errors import EINVAL, CaseError
from vmstate.values import brief, integer, mapping, sequence, text

_KEYS: Final = frozenset({"name", "memory", "max_length", "migratable", "shared", "address"})
#: Memory is given in pages of the host, too; those are of 4 KiB.
_HOST_PAGE: Final = 4096
_LONGEST: Final = 255
_MOST: Final = 64
_U64: Final = range(1 << 64)
_WORD: Final = (1 << 64) - 1


@dataclass(slots=True, eq=False)
class Block:
    """QEMU's RAMBlock: `memory` is as long as it can become, `used` of it counts."""

    name: str
    memory: bytearray
    used: int
    step: int
    """What its length is a multiple of."""
    resizable: bool = False
    migratable: bool = True
    shared: bool = False
    address: int = 0

    def resize(self, length: int) -> None:
        """Take over the length of the other side. [RAM-LENGTH-1] [RAM-LENGTH-2] [RAM-LENGTH-3]"""
        # The sum overflows as QEMU's does, so that the greatest lengths come out as 0.
        new = (length + self.step - 1 & _WORD) // self.step * self.step
        if new == self.used:
            return
        if not self.resizable:
            told = f"Size mismatch: {self.name}: 0x{new:x} != 0x{self.used:x}: Invalid argument"
            raise PayloadError("payload-length", EINVAL, told)
        most = len(self.memory)
        if new > most:
            told = f"Size too large: {self.name}: 0x{new:x} > 0x{most:x}: Invalid argument"
            raise PayloadError("payload-length", EINVAL, told)
        self.used = new

    def state(self) -> dict[str, Any]:
        """Give it in the form of a request."""
        given: dict[str, Any] = {"name": self.name, "memory": runs.show(self.memory[: self.used])}
        if self.resizable:
            given["max_length"] = str(len(self.memory))
        if not self.migratable:
            given["migratable"] = False
        if self.shared:
            given["shared"] = True
        if self.address:
            given["address"] = str(self.address)
        return given


def read_blocks(source: object, path: str, page_size: int) -> list[Block]:
    """Read the blocks of a destination. Raises `CaseError`."""
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
        migratable=_flag(one, "migratable", path, default=True),
        shared=_flag(one, "shared", path, default=False),
        address=integer(one.get("address", 0), f"{path}.address", _U64),
    )
    # What is not registered with the stream has no name in QEMU; such a block may be among the others.
    if len(block.name.encode()) > _LONGEST or (block.migratable and not block.name):
        raise CaseError(
            "name", f"{path}.name", f"{brief(block.name)} has not 1 to {_LONGEST} bytes"
        )
    return block


def _flag(one: Mapping[str, Any], key: str, path: str, *, default: bool) -> bool:
    value = one.get(key, default)
    if not isinstance(value, bool):
        raise CaseError("boolean", f"{path}.{key}", f"{brief(value)} is no boolean")
    return value
