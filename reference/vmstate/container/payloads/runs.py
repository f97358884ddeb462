# SPDX-License-Identifier: Apache-2.0
"""Memory as text: runs of equal bytes, `4096*aa 8*00`, each as long as can be."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from vmstate.errors import CaseError
from vmstate.values import brief, text

_RUN: Final = re.compile(r"([1-9][0-9]{0,8})\*([0-9a-f]{2})", re.ASCII)
#: Bytes of one memory; a request is held in memory several times.
MOST: Final = 16 << 20


def parse(value: object, path: str) -> bytearray:
    """Read a memory; "" is none. Raises `CaseError`."""
    memory = bytearray()
    for word in text(value, path).split(" ") if value else ():
        run = _RUN.fullmatch(word)
        if run is None:
            raise CaseError("runs", path, f"{brief(word)} is no run such as 4096*aa")
        if len(memory) + int(run[1]) > MOST:
            raise CaseError("too-large", path, f"more than {MOST} bytes")
        memory += bytes.fromhex(run[2]) * int(run[1])
    return memory


def show(memory: bytes | bytearray) -> str:
    """Write a memory."""
    shown: list[str] = []
    at = 0
    while at < len(memory):
        byte = memory[at]
        same = _same(byte).match(memory, at)
        assert same is not None
        shown.append(f"{same.end() - at}*{byte:02x}")
        at = same.end()
    return " ".join(shown)


@cache
def _same(byte: int) -> re.Pattern[bytes]:
    return re.compile(b"(?s:%s)+" % re.escape(bytes((byte,))))
