# SPDX-License-Identifier: Apache-2.0
"""Where an operation is, as a field path, and which bytes of the stream belong to which path."""

from __future__ import annotations

from typing import Final, NamedTuple

from vmstate.description import VMStateField

_NO_INDEX: Final = -1


class Segment(NamedTuple):
    """Bytes `start` to `end` of a stream: what they are and whose."""

    start: int
    end: int
    type: str
    path: str
    value: int | str


class Trace:
    """The way from the root to the current field; with `recording`, all segments passed.

    The way is not unwound by an exception, so that afterwards `path()` names the innermost place.
    """

    __slots__ = ("_at", "_names", "recording", "segments")

    def __init__(self, *, recording: bool) -> None:
        self.recording = recording
        self.segments: list[Segment] = []
        self._names: list[str] = []
        self._at: list[int] = []

    def clear(self) -> None:
        """Go back to the root and forget the segments, for another operation."""
        self.segments.clear()
        self._names.clear()
        self._at.clear()

    def enter(self, name: str) -> None:
        """Go into a field or subsection."""
        self._names.append(name)
        self._at.append(_NO_INDEX)

    def leave(self) -> None:
        """Come back from it."""
        self._names.pop()
        self._at.pop()

    def depth(self) -> int:
        """Give how many fields and subsections it is inside of."""
        return len(self._names)

    def back(self, depth: int) -> None:
        """Come back from all that lies deeper."""
        del self._names[depth:], self._at[depth:]

    def index(self, index: int) -> None:
        """Stand at one element of the current field."""
        self._at[-1] = index

    def path(self) -> str:
        """Give the path, like `sq[3].dma`; empty at the root."""
        names = self._names
        if len(names) == 1 and self._at[0] == _NO_INDEX:
            return names[0]
        return ".".join(
            name if at == _NO_INDEX else f"{name}[{at}]"
            for name, at in zip(names, self._at, strict=True)
        )

    def note(self, start: int, end: int, kind: str, value: int | str) -> None:
        """Record a segment, where recording."""
        if self.recording and end > start:
            self.segments.append(Segment(start, end, kind, self.path(), value))

    def marker(self, start: int, marker: int) -> None:
        """Record the marker of a pointer, if there was one."""
        meaning = {0x30: "NULL", 0x31: "valid"}.get(marker, "no marker")
        self.note(start, start + 1, "ptr-marker", f"{marker:#04x} {meaning}")

    def leaf(self, start: int, field: VMStateField, taken: bytes) -> None:
        """Record a leaf's bytes, unless something inside it has recorded them already."""
        if self.segments and self.segments[-1].start >= start:
            return
        signed = field.info is not None and field.info.startswith("int")
        if len(taken) <= 8:
            value: int | str = int.from_bytes(taken, "big", signed=signed)
        else:
            value = f"{len(taken)} bytes"
        self.note(start, start + len(taken), field.info or "?", value)
