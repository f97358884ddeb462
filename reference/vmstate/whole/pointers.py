# SPDX-License-Identifier: Apache-2.0
"""Arrays of pointers: markers paired with their elements, and descriptions that do not fit.

Two kinds of array have markers. AUTO_ALLOC writes 0x31 before every object and 0x30 for every
NULL; the vmdesc has an entry for each, so `M S M M S` are four elements. Others write 0x30 for a
NULL and nothing before an object, and the vmdesc describes runs; there a first run of objects
claims the length of the whole array, and a last run of one is left out if the run before it is
longer (save.c's compression, facts of vmstate_save_vmsd). So a group may be read in up to two ways;
the reader chooses the second only when the first does not end where the section ends.
"""

from __future__ import annotations

from itertools import islice, pairwise
from typing import Any, Final

from vmstate.whole.errors import StreamFault
from vmstate.whole.nodes import (
    NULL,
    Bytes,
    Node,
    Reader,
    decode_run,
    decode_sparse,
    encode_element,
    expect_list,
)

VALID: Final = 0x31
_WHY: Final = "a last object that the vmdesc leaves out"


class Entry:
    """One entry of the vmdesc: a marker (no node), or an object; `count` is -1 without array_len."""

    __slots__ = ("count", "node")

    def __init__(self, node: Node | None, count: int) -> None:
        self.node: Final = node
        self.count: Final = count

    @property
    def run(self) -> int:
        """How many elements it stands for."""
        return max(1, self.count) if self.count else 0

    @property
    def size(self) -> int:
        """The bytes that it stands for."""
        return self.run * (self.node.size if self.node else 1)


class Group:
    """All entries of one array."""

    __slots__ = ("auto", "entries", "markers", "size")

    def __init__(self, entries: list[Entry]) -> None:
        self.entries: Final = entries
        self.markers: Final = sum(entry.run for entry in entries if entry.node is None)
        self.auto = self._auto_length()
        self.size = sum(run * (e.node.size if e.node else 1) for e, run in self._runs(0))

    def _runs(self, reading: int, deficit: int = 0) -> list[tuple[Entry, int]]:
        """Give the entries with the elements each stands for, in one of the two readings.

        Where nothing describes an object, the one that was left out has `deficit` bytes.
        """
        runs = [(entry, entry.run) for entry in self.entries]
        first = self.entries[0]
        claims = first.node is not None and first.count > 1 and self.markers > 0
        if claims:
            runs[0] = (first, first.count - sum(run for _, run in runs[1:]) - reading)
        if reading and len(runs) > 0:
            last = runs[-1][0]
            other = [e for e in self.entries if (e.node is None) != (last.node is None)]
            if last.node is not None:
                runs.append((Entry(None, -1), 1))
            elif other:
                runs.append((other[0], 1))
            elif deficit > 0:
                runs.append((Entry(Bytes(deficit, "undescribed", _WHY), -1), 1))
        return runs

    def _readings(self) -> int:
        """Whether an undescribed last element can be: only behind a run of more than one."""
        return 2 if self.markers and self.entries[-1].count > 1 else 1

    def decode(self, reader: Reader) -> list[Any]:
        """Read the array as a list, NULL elements as None."""
        if reader.adaptive:
            return self._adaptive(reader)
        reading = reader.choose(self._readings()) if self._readings() > 1 else 0
        out: list[Any] = []
        runs = self._runs(reading, reader.deficit)
        outer = reader.path
        paired = marked = bare = False
        try:
            for at, (entry, run) in enumerate(runs):
                if run < 0:
                    raise StreamFault(
                        "vmdesc.runs", reader.position, "runs longer than the whole array"
                    )
                if entry.node is None:
                    paired = self._markers(reader, run, out)
                    # Where a valid marker stands, each element has one, and its own entry.
                    dangling = at + 1 == len(runs) or runs[at + 1][0].node is None
                    marked = marked or paired
                    if paired and (dangling or bare or self.auto < 0):
                        raise _bad(reader.position - 1, VALID)
                elif paired:
                    self._paired(entry.node, reader, out)
                    paired = False
                else:
                    bare = True
                    if marked:
                        raise _bad(reader.position - 1, NULL)
                    out += decode_run(entry.node, run, reader, len(out))
        except StreamFault as fault:
            fault.partial = out + (fault.partial if isinstance(fault.partial, list) else [])
            raise
        finally:
            reader.path = outer
        return out

    def _adaptive(self, reader: Reader) -> list[Any]:
        """Let the bytes say which elements are NULL: the vmdesc is that of another struct's array."""
        objects = [entry.node for entry in self.entries if entry.node is not None]
        if not objects:
            out: list[Any] = []
            if self._markers(reader, self.markers, out):
                raise _bad(reader.position - 1, VALID)
            return out
        if self.auto >= 0:
            return decode_marked(objects[0], self.auto, reader)
        return decode_sparse(objects[0], self._length(), reader)

    def _length(self) -> int:
        first = self.entries[0]
        if first.node is not None and first.count > 1 and self.markers:
            return first.count
        return sum(entry.run for entry in self.entries)

    def _markers(self, reader: Reader, run: int, out: list[Any]) -> bool:
        """Read `run` markers; whether the last was a valid one, whose object follows."""
        start = reader.need(run)
        for at in range(start, start + run):
            byte = reader.data[at]
            reader.leaf(at, 1, "ptr-marker", f"[{len(out)}]")
            if byte == VALID and run == 1:
                return True
            if byte != NULL:
                raise _bad(at, byte).within(f"[{len(out)}]")
            out.append(None)
        return False

    def _paired(self, node: Node, reader: Reader, out: list[Any]) -> None:
        outer = reader.path
        reader.path = f"{outer}[{len(out)}]"
        try:
            out.append(node.decode(reader))
        except StreamFault as fault:
            fault.partial = [fault.partial]
            raise fault.within(f"[{len(out)}]") from None
        finally:
            reader.path = outer

    def encode(self, value: Any, out: bytearray) -> None:
        """Write the list. Elements of AUTO_ALLOC may turn from NULL to an object and back."""
        expect_list(value)
        objects = [entry.node for entry in self.entries if entry.node is not None]
        if self.markers and len(value) == self.auto:
            self._encode_auto(value, objects, out)
            return
        each = (e.node for e, run in self._described(len(value)) for _ in range(run))
        nodes = list(islice(each, len(value)))
        for i, one in enumerate(value):
            node = nodes[i] if i < len(nodes) else None
            node = node or (objects[0] if objects else None)
            if node is None and isinstance(one, dict) and "$bytes" in one:
                node = Bytes(0, "undescribed", _WHY)
            if node is None and one is not None:
                raise StreamFault("bad-value", 0, f"no layout for an object at [{i}]")
            if node is None:
                out.append(NULL)
            else:
                encode_element(node, one, i, out)

    def _described(self, length: int) -> list[tuple[Entry, int]]:
        runs = self._runs(0)
        if sum(run for _, run in runs) == length or self._readings() == 1:
            return runs
        return self._runs(1)

    def _auto_length(self) -> int:
        """The length of the array if it is one of AUTO_ALLOC: a marker for each element."""
        if any(entry.count > 0 for entry in self.entries):
            return -1
        nodes = [entry.node for entry in self.entries]
        if nodes[0] is not None:
            return -1
        doubled = any(a is not None and b is not None for a, b in pairwise(nodes))
        return -1 if doubled else self.markers

    def _encode_auto(self, value: list[Any], objects: list[Node], out: bytearray) -> None:
        own = iter(objects)
        following = [entry.node for entry in self.entries]
        at = 0
        for i, one in enumerate(value):
            at += 1
            described = at < len(following) and following[at] is not None
            node = next(own) if described else (objects[0] if objects else None)
            at += described
            if one is None:
                out.append(NULL)
                continue
            if node is None:
                raise StreamFault("bad-value", 0, f"no layout for an object at [{i}]")
            out.append(VALID)
            encode_element(node, one, i, out)


def decode_marked(element: Node, count: int, reader: Reader) -> list[Any]:
    """Decode an array of AUTO_ALLOC: a marker before each element."""
    out: list[Any] = []
    outer = reader.path
    for i in range(count):
        at = reader.need(1)
        reader.leaf(at, 1, "ptr-marker", f"[{i}]")
        if reader.data[at] == NULL:
            out.append(None)
        elif reader.data[at] == VALID:
            reader.path = f"{outer}[{i}]"
            out.append(element.decode(reader))
            reader.path = outer
        else:
            raise _bad(at, reader.data[at])
    return out


def _bad(offset: int, byte: int) -> StreamFault:
    return StreamFault(
        "unexpected-ptr-marker",
        offset,
        f"{byte:#04x} where a pointer is 0x30 (NULL) or 0x31",
        says=f"Unexpected ptr marker: {byte}",
    )
