# SPDX-License-Identifier: Apache-2.0
"""Whole streams of RAM from choices: blocks, lists of sizes, pages of all kinds, and damage.

Nothing is promised of a stream but that it is well-formed as a request; about a third are sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from vmstate.whole import wire
from vmstate_conformance.strategies.choices import Choices
from vmstate_conformance.strategies.framing import (
    HEADER,
    configuration,
    counted,
    footer,
    section,
    subsection,
    vmdesc,
    word,
)

PAGE: Final = 4096
#: A document for devices that no description describes.
NOTHING: Final = MappingProxyType(
    {
        "structs": {"S": {"size": 0, "members": []}},
        "descriptions": {"dev": {"struct": "S"}},
        "root": "dev",
    }
)
SHARED: Final = "x-ignore-shared"
MAPPED: Final = "mapped-ram"

_NAMES: Final = ("pc.ram", "rom", "a", "0000:00:02.0/vga.vram", "n" * 255)
_ODD_NAMES: Final = (
    b"", b"pc", b"pc.ram\0x", b"none", b"\xff", b"n" * 254, b"hidden", b"PC.RAM",
)  # fmt: skip
#: Of runs: lengths that are cut, too long, or of more than there is.
_ODD_ENDS: Final = (
    b"\0", b"\1", b"\1\0", b"\x80", b"\x80\x80", b"\x81\0", b"\1\5x", b"\1\x80\x80\1",
)  # fmt: skip
_ODD_FLAGS: Final = (0, 0x01, 0x100, 0x400, 0x800, 0x0A, 0x48, 0x4A, 0x14, 0x12, 0x84, 0x210)
_FILLS: Final = (1, 0x22, 0xFF)
_ODD_LENGTHS: Final = (
    0,
    1,
    PAGE - 1,
    PAGE + 1,
    2 * PAGE - 1,
    1 << 32,
    1 << 63,
    (1 << 64) - PAGE + 1,
    (1 << 64) - 1,
)
_ODD_PLACES: Final = (
    0, 1, PAGE, 2 * PAGE, PAGE + 1, PAGE + 2048, 1 << 32, 1 << 63, (1 << 64) - PAGE,
)  # fmt: skip
_TIMES: Final = 5
_FOOTER: Final = len(footer(0))
#: The section's number in the stream.
ID: Final = 2
#: Whether something is not as it should be, this time.
Odd: TypeAlias = Callable[[], bool]


def oddly(choices: Choices, asked: int = 64) -> Odd:
    """Choose how often something is not as it should be: never, just once, seldom, or at every turn.

    What comes first hides what comes later: a thing alone is seen best. `asked` is how often a long
    stream asks, about.
    """
    of_256 = choices.pick((0, 0, 0, 4, 24))
    if of_256:
        return lambda: choices.chance(of_256)
    left = choices.below(choices.pick((asked, asked, asked // 4)))

    def once() -> bool:
        nonlocal left
        left -= 1
        return left == 0

    return once


@dataclass(slots=True)
class Ram:
    """Blocks of the receiving side, and what is being sent to them."""

    choices: Choices
    blocks: list[dict[str, Any]]
    shared: bool
    odd: Odd
    used: dict[str, int] = field(default_factory=dict)
    current: str = ""
    ended: bool = False
    """Whether the stream ends in what has been sent."""

    def name(self, name: str) -> bytes:
        """Give a counted name, nearly always the right one."""
        raw = self.choices.pick(_ODD_NAMES) if self.odd() else name.encode()
        return bytes([len(raw)]) + raw

    def sizes(self) -> bytes:
        """Give a list of all blocks that are to be migrated, or of nearly all."""
        out, total = b"", 0
        for block in self.blocks:
            if block.get("migratable", True) == self.odd():
                continue
            name = block["name"]
            length = self._length(block)
            self.used[name] = length
            total += length
            out += self.name(name) + word(length, 0)
            if self.shared:
                out += word(self.place(block), 0)
        total += PAGE if self.odd() else 0
        return word(total // PAGE * PAGE, wire.RAM_MEM_SIZE) + out

    def place(self, block: dict[str, Any]) -> int:
        """Give where a block is in the guest."""
        address = int(block.get("address", 0))
        return self.choices.pick((7, address + (1 << 32))) if self.odd() else address

    def _length(self, block: dict[str, Any]) -> int:
        choices, used = self.choices, self.used[block["name"]]
        if self.odd():
            return choices.pick(_ODD_LENGTHS)
        if "max_length" in block:
            length = PAGE * choices.below(int(block["max_length"]) // PAGE + 1)
            # What is not a page's multiple is rounded up; the sum is then odd.
            return length - 1 if length and self.odd() else length
        return used

    def page(self) -> bytes:
        """Give a page of any kind."""
        choices = self.choices
        sent = [each["name"] for each in self.blocks if self._sent(each)] or ["none"]
        name = choices.pick(sent)
        if self.current and choices.chance(160):
            name = self.current
        pages = max(self.used.get(name, 0) // PAGE, 1)
        address = PAGE * choices.below(min(pages, 256))
        if self.odd():
            address = choices.pick((PAGE * pages, PAGE * (pages + 1), 0, 1 << 40, (1 << 64) - PAGE))
        goes_on = name == self.current and choices.chance(200)
        goes_on = goes_on != self.odd()
        self.current = name
        flags = choices.pick((wire.RAM_ZERO, wire.RAM_PAGE, wire.RAM_XBZRLE))
        body = {wire.RAM_ZERO: self._zero, wire.RAM_PAGE: self._whole}.get(flags, self._changes)()
        if self.odd():
            flags = choices.pick(_ODD_FLAGS)
        flags |= wire.RAM_CONTINUE * goes_on
        return word(address, flags) + (b"" if goes_on else self.name(name)) + body

    def _sent(self, block: dict[str, Any]) -> bool:
        ignored = not block.get("migratable", True) or (self.shared and block.get("shared", False))
        return ignored == self.odd()

    def _zero(self) -> bytes:
        return bytes([self.choices.byte() if self.odd() else 0])

    def _whole(self) -> bytes:
        return bytes([self.choices.pick(_FILLS)]) * PAGE

    def _changes(self) -> bytes:
        """Give XBZRLE: some runs, at times one that is not as it should be."""
        choices = self.choices
        out, at = b"", 0
        for turn in range(choices.below(_TIMES)):
            keep = choices.pick((1, 2, 127, 128, 1000, PAGE - 1 - at)) if turn else choices.byte()
            size = choices.below(5) + 1
            if self.odd():
                keep = choices.pick((0, PAGE - at, PAGE - at + 1, 1 << 13, (1 << 14) - 1))
            if keep + size > PAGE - at and not self.odd():
                break
            at += keep + size
            new = bytes([choices.pick(_FILLS)]) * size
            out += _uleb(keep, self.odd()) + _uleb(0 if self.odd() else size, self.odd()) + new
        if self.odd() or choices.chance(8):
            out += choices.pick(_ODD_ENDS)
        length = choices.pick((0, PAGE, PAGE + 1, 0xFFFF)) if self.odd() else len(out)
        flag = choices.byte() if self.odd() else wire.XBZRLE_FLAG
        return bytes([flag]) + length.to_bytes(2, "big") + out

    def idle(self) -> bytes:
        """Give a word that does nothing."""
        choices = self.choices
        flags = choices.pick((wire.RAM_HOOK, wire.RAM_MULTIFD_FLUSH))
        return word(choices.below(3) * PAGE, flags | wire.RAM_CONTINUE * choices.chance(64))

    def section(self, kind: int) -> bytes:
        """Give a section of some words and EOS."""
        choices = self.choices
        choices.gene()
        body = self.sizes() if kind == wire.SECTION_START or choices.chance(40) else b""
        if kind != wire.SECTION_START or choices.chance(64):
            for _ in range(choices.below(_TIMES)):
                choices.gene(64)
                body += self.idle() if choices.chance(24) else self.page()
                if self.odd():
                    self.ended = True
                    whole = section(kind, ID, body, "ram", wire.RAM_VERSION)
                    return whole[: -_FOOTER - choices.below(3)]
        version = wire.RAM_VERSION - self.odd()
        return section(kind, ID, body + word(0, wire.RAM_EOS), "ram", version)


def head(capabilities: list[str]) -> bytes:
    """Give what stands before the sections of a stream."""
    names = len(capabilities).to_bytes(4, "big") + b"".join(map(counted, capabilities))
    more = subsection("configuration/capabilities", names) if capabilities else b""
    return HEADER + configuration() + more


#: What stands behind them.
END: Final = bytes([wire.EOF]) + vmdesc(b"{}")


def request(
    name: str, destination: dict[str, Any], stream: bytes, machine: Any = "none"
) -> dict[str, Any]:
    """Give the load of a stream into one device with a handler of its own name."""
    return {
        "op": "stream",
        "document": dict(NOTHING),
        "devices": [{"idstr": name, "handler": name, "destination": destination}],
        "machine": machine,
        "stream": stream.hex(),
    }


def ram(choices: Choices) -> dict[str, Any]:
    """Choose blocks and a stream; give the request."""
    choices.gene()
    shared, placed = choices.chance(64), choices.chance(48)
    blocks = [_block(choices, at) for at in range(choices.below(len(_NAMES)) + 1)]
    if choices.chance(64):
        hidden = choices.pick(("hidden", ""))
        blocks.append({"name": hidden, "memory": f"{PAGE}*33", "migratable": False})
    sent = Ram(choices, blocks, shared, oddly(choices, 256))
    sent.used = {block["name"]: PAGE * _pages(block) for block in blocks}
    capabilities = [*([SHARED] if shared else ()), *([MAPPED] if placed else ())]
    kinds = [wire.SECTION_START, *[wire.SECTION_PART] * choices.below(3), wire.SECTION_END]
    if placed:
        sections = _placed(sent, len(head(capabilities)))
    else:
        sections = b"".join(sent.section(kind) for kind in kinds if not sent.ended)
    stream = head(capabilities) + damaged(choices, sections + (b"" if sent.ended else END))
    machine = {"name": "none", "capabilities": capabilities}
    return request("ram", {"blocks": blocks}, stream, machine)


def _placed(sent: Ram, before: int) -> bytes:
    """Give a section of mapped-ram: a list of headers, and pages where they say."""
    choices, total = sent.choices, 0
    start = section(wire.SECTION_START, ID, b"", "ram", wire.RAM_VERSION)[:-_FOOTER]
    out = b""
    for block in sent.blocks:
        choices.gene(64)
        name = block["name"]
        length = sent.used[name]
        if sent.odd():
            length = choices.pick((*_ODD_LENGTHS, length + PAGE, length + PAGE))
        total += length
        out += sent.name(name) + word(length, 0)
        if sent.shared:
            out += word(sent.place(block), 0)
        # Headers are there before their places are known; the words of the list take 8 bytes.
        at = before + len(start) + 8 + len(out) + 28
        pages = -(-(at + 8) // PAGE) * PAGE
        header = [4096, at, pages]
        if sent.odd() or (sent.shared and choices.chance(64)):
            header = [4096, choices.pick((0, 0, at)), 0]
        for place in range(3):
            if sent.odd():
                header[place] = choices.pick(_ODD_PLACES)
        out += (choices.below(3) if sent.odd() else 1).to_bytes(4, "big")
        out += b"".join(word(each, 0) for each in header)
        if not header[2]:
            continue
        out += bytes([choices.byte() & ((1 << min(length // PAGE, 7)) - 1) or sent.odd()]) + bytes(
            7
        )
        out = out.ljust(pages - before - len(start) - 8, b"\0")
        for _ in range(min(length // PAGE, 8)):
            out += bytes([choices.pick(_FILLS)]) * PAGE
    tail = sent.page() if sent.odd() else sent.idle() if sent.odd() else b""
    end = word(0, wire.RAM_EOS) + footer(ID)
    return start + word(total // PAGE * PAGE, wire.RAM_MEM_SIZE) + out + tail + end


def requests(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Give requests from a seed."""
    for number in range(count):
        source = Random(f"ram:{seed}:{number}")  # noqa: S311 - nobody must not guess it
        yield ram(Choices(source.randbytes))


def _pages(block: dict[str, Any]) -> int:
    return int(str(block["memory"]).split("*", 1)[0]) // PAGE


def _block(choices: Choices, at: int) -> dict[str, Any]:
    pages = choices.below(6) + 1
    block: dict[str, Any] = {
        "name": _NAMES[at],
        "memory": f"{PAGE * pages}*{choices.pick((0, 0x11)):02x}",
    }
    kind = choices.below(4)
    if kind == 1:
        block["max_length"] = str(PAGE * (pages + choices.below(4)))
    elif kind == 2:
        block["shared"] = True
        block["address"] = str(PAGE * choices.below(9))
    return block


def damaged(choices: Choices, stream: bytes) -> bytes:
    """Give bytes as they are, in three of five cases, or with some cut or changed."""
    choices.gene()
    for _ in range(choices.pick((0, 0, 0, 1, 2))):
        stream = choices.pick(_DAMAGES)(choices, stream)
    return stream


def _cut(choices: Choices, stream: bytes) -> bytes:
    return stream[: choices.place(len(stream) + 1)]


def _flip(choices: Choices, stream: bytes) -> bytes:
    at = choices.place(len(stream)) if stream else 0
    return stream[:at] + bytes([choices.byte()]) + stream[at + 1 :]


def _near_a_word(choices: Choices, stream: bytes) -> bytes:
    """Change a byte where a word or a name is likely to be, or end there."""
    names = [at for at in range(len(stream) - 1) if stream[at : at + 2] in {b"\6p", b"\3r", b"\1a"}]
    if not names:
        return _flip(choices, stream)
    at = choices.pick(names[:256]) + choices.below(20) - 9
    at = max(at, 0)
    if choices.chance(96):
        return stream[:at]
    return stream[:at] + bytes([choices.byte()]) + stream[at + 1 :]


def _drop(choices: Choices, stream: bytes) -> bytes:
    at = choices.place(len(stream) + 1)
    return stream[:at] + stream[at + choices.below(16) + 1 :]


_DAMAGES: Final[tuple[Callable[[Choices, bytes], bytes], ...]] = (_cut, _flip, _near_a_word, _drop)


def _uleb(number: int, odd: bool) -> bytes:  # noqa: FBT001 - told apart by its name at the call
    """Give a length in one or two bytes, at times in one too many."""
    number &= 0x3FFF
    if number < 0x80 and not odd:
        return bytes([number])
    return bytes([number & 0x7F | 0x80, number >> 7 & 0xFF])
