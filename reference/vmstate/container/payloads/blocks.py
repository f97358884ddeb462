# SPDX-License-Identifier: Apache-2.0
"""What dirty bitmaps are loaded into: nodes, the bitmaps on them, and names that stand for both.

    {"nodes": {"n0": {"size": 1048576, "bitmaps": {"old": {"granularity": 65536}}}},
     "mapping": {"A": {"node": "n0", "bitmaps": {"x": {"name": "b0", "persistent": true}}}}}

A bitmap has `granularity`, `enabled` (true where absent), `persistent`, `busy` (a load began and did not
end it) and `words`: those of its words of 64 bits that are not zero, by their number, the bytes as in
the stream. A node may also be `read_only`. With a `mapping`, the stream's names are its keys; a bitmap
in it may say whether it becomes persistent, whatever the stream says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from vmstate.container.payloads import sparse
from vmstate.errors import CaseError
from vmstate.values import brief, flag, integer, mapping, text

SECTOR: Final = 512
#: Bytes and bits of a word of a bitmap.
WORD: Final = 8
BITS: Final = 64
_SIZES: Final = range(1 << 63)
GRANULARITIES: Final = frozenset(1 << shift for shift in range(9, 32))


@dataclass(slots=True, eq=False)
class Bitmap:
    """One bitmap of a node."""

    node: Node
    name: bytes
    granularity: int
    enabled: bool = True
    persistent: bool = False
    busy: bool = False
    words: sparse.Cells = field(default_factory=lambda: sparse.Cells(WORD))

    def state(self) -> dict[str, Any]:
        """Give it in the form of the destination."""
        return {
            "granularity": str(self.granularity),
            "enabled": self.enabled,
            "persistent": self.persistent,
            "busy": self.busy,
            "words": self.words.state(),
        }


@dataclass(slots=True, eq=False)
class Node:
    """A node of the block layer."""

    name: bytes
    size: int
    read_only: bool
    bitmaps: dict[bytes, Bitmap]

    def bits(self, granularity: int) -> int:
        """Give how many bits a bitmap of it has."""
        return -(-self.size // granularity)

    def state(self) -> dict[str, Any]:
        """Give it in the form of the destination."""
        held = {shown(name): bitmap.state() for name, bitmap in self.bitmaps.items()}
        only = {"read_only": True} if self.read_only else {}
        return {"size": str(self.size), **only, "bitmaps": held}


@dataclass(frozen=True, slots=True)
class Alias:
    """What a bitmap's alias stands for; `persistent` overrides the stream's flag."""

    name: bytes
    persistent: bool | None


@dataclass(frozen=True, slots=True)
class NodeAlias:
    """What a node's alias stands for, and the aliases of its bitmaps."""

    node: bytes
    bitmaps: Mapping[bytes, Alias]


def shown(name: bytes) -> str:
    """Give a name as text, so that no two names are the same."""
    return name.decode(errors="backslashreplace")


def told(name: bytes) -> str:
    """Give a name as in a message."""
    return name.decode(errors="replace")


def read_nodes(source: object, path: str) -> dict[bytes, Node]:
    """Read the nodes. Raises `CaseError`."""
    nodes = {}
    for key, value in mapping(source, path).items():
        where = f"{path}.{key}"
        given = mapping(value, where, frozenset({"size", "read_only", "bitmaps"}))
        name = _name(key, where)
        size = integer(given.get("size", 0), f"{where}.size", _SIZES)
        node = Node(name, size, flag(given, "read_only", where, default=False), {})
        for each, bitmap in mapping(given.get("bitmaps", {}), f"{where}.bitmaps").items():
            inner = f"{where}.bitmaps.{each}"
            node.bitmaps[_name(each, inner)] = _bitmap(bitmap, inner, node, _name(each, inner))
        nodes[name] = node
    return nodes


def _bitmap(source: object, path: str, node: Node, name: bytes) -> Bitmap:
    keys = frozenset({"granularity", "enabled", "persistent", "busy", "words"})
    given = mapping(source, path, keys)
    granularity = integer(given.get("granularity"), f"{path}.granularity")
    if granularity not in GRANULARITIES:
        why = f"{brief(granularity)} is no power of two from {min(GRANULARITIES)} on"
        raise CaseError("granularity", f"{path}.granularity", why)
    words = range(-(-node.bits(granularity) // BITS))
    return Bitmap(
        node,
        name,
        granularity,
        flag(given, "enabled", path, default=True),
        flag(given, "persistent", path, default=False),
        flag(given, "busy", path, default=False),
        sparse.read(given.get("words", {}), f"{path}.words", WORD, words),
    )


def read_mapping(source: object, path: str) -> dict[bytes, NodeAlias] | None:
    """Read the aliases, None where the names are the nodes' own. Raises `CaseError`."""
    if source is None:
        return None
    aliases = {}
    for key, value in mapping(source, path).items():
        where = f"{path}.{key}"
        given = mapping(value, where, frozenset({"node", "bitmaps"}))
        bitmaps = {}
        for each, bitmap in mapping(given.get("bitmaps", {}), f"{where}.bitmaps").items():
            inner = f"{where}.bitmaps.{each}"
            one = mapping(bitmap, inner, frozenset({"name", "persistent"}))
            forced = flag(one, "persistent", inner, default=False) if "persistent" in one else None
            bitmaps[_name(each, inner)] = Alias(_name(one.get("name"), f"{inner}.name"), forced)
        node = _name(given.get("node"), f"{where}.node")
        aliases[_name(key, where)] = NodeAlias(node, bitmaps)
    return aliases


def _name(value: object, path: str) -> bytes:
    name = text(value, path).encode()
    if not name:
        raise CaseError("name", path, "is empty")
    return name
