# SPDX-License-Identifier: Apache-2.0
"""What a process says as it dies: the fault, the frames, and a signature to tell findings apart."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import Final

from vmstate_conformance.qemu.judge import Verdict, assertion

_REPORT: Final = re.compile(
    r"vmstate-(fault|sample): signal (\d+) address (\S+)\n((?:vmstate-frame: .*\n)*)"
)
_FRAME: Final = re.compile(r"vmstate-frame: (.*)\+(0x[0-9a-f]+)")
_OURS: Final = re.compile(r"^qemu-system")
_STALE: Final = re.compile(r"\d+")
#: Below this address an access was through NULL.
_NULL: Final = 0x10000


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a process was: its own frames, innermost first, each `MODULE+OFFSET`."""

    signal: int
    address: int | None
    frames: tuple[str, ...]


def faults(said: str, kind: str = "fault") -> list[Fault]:
    """Give the reports of that kind in what a process printed."""
    found = []
    for each in _REPORT.finditer(said):
        if each[1] == kind:
            own = [
                f"{frame[1]}+{frame[2]}"
                for frame in _FRAME.finditer(each[4])
                if _OURS.match(frame[1])
            ]
            # Only of these the kernel says an address; (nil) is one.
            told = int(each[2]) in {signal.SIGSEGV, signal.SIGBUS}
            address = int(each[3].replace("(nil)", "0"), 16) if told else None
            found.append(Fault(int(each[2]), address, tuple(own)))
    return found


def signature(verdict: Verdict, said: str) -> str:
    """Name the cause: the assertion, the innermost own frames, or what hangs in common."""
    if verdict.verdict == "hung":
        return f"hung: {_common(faults(said, 'sample'))}"
    if asserted := assertion(said):
        return f"assertion: {asserted}"
    found = faults(said)
    if not found:
        return f"{verdict.verdict}: {_STALE.sub('N', verdict.message)}"
    first = found[0]
    where = first.frames[0] if first.frames else "nowhere known"
    if verdict.verdict == "blown-up":
        return f"blown-up: at {where}"
    through = "" if first.address is None or first.address >= _NULL else " through NULL"
    return f"signal {first.signal}{through}: at {where}"


def _common(samples: list[Fault]) -> str:
    """Give the innermost frame that all samples have, counted from the outermost."""
    if not samples:
        return "nowhere known"
    last = "nowhere known"
    for level in zip(*(reversed(sample.frames) for sample in samples), strict=False):
        if len(set(level)) > 1:
            break
        last = level[0]
    return f"below {last}"
