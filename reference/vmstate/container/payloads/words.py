# SPDX-License-Identifier: Apache-2.0
"""What the payloads of s390 are made of: words of a page and flags, and counts."""

from __future__ import annotations

from vmstate.stream import InputStream
from vmstate.trace import Trace
from vmstate.whole import wire


def word(stream: InputStream, trace: Trace) -> tuple[int, int]:
    """Take a word: its flags, and the number of the page that it names."""
    start = stream.position
    value = stream.number(8)
    trace.note(start, stream.position, "word", f"{value:#x}")
    return value % wire.S390_PAGE, value // wire.S390_PAGE


def count(stream: InputStream, trace: Trace) -> int:
    """Take how many pages come."""
    start = stream.position
    value = stream.number(8)
    trace.note(start, stream.position, "count", str(value))
    return value


def hexadecimal(value: int) -> str:
    """Show a number as C's `%#x` does: 0 has no prefix."""
    return f"{value:#x}" if value else "0"
