# SPDX-License-Identifier: Apache-2.0
"""Through QEMU and out again: a stream is fed, the machine migrated out, and both compared."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Literal

from vmstate.whole import Record, Section, Stream, read_file
from vmstate_conformance.qemu.judge import Machinery, Verdict, death
from vmstate_conformance.qemu.lines import GoneError, LateError
from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.recipes.model import equip
from vmstate_conformance.qemu.streams import load, save

Change = Literal["differs", "gone", "new"]
#: The content of a page that was sent as a difference.
_UNKNOWN: Final = b""
_ITERATIVE: Final = frozenset(("start", "part", "end"))


@dataclass(frozen=True, slots=True)
class Difference:
    """One section that did not come back as it went in; `paths` are the fields, as far as known."""

    section: str
    change: Change
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trip:
    """What came of a round trip: the verdict of the load, and what differs."""

    verdict: Verdict
    sections: int = 0
    differences: tuple[Difference, ...] = ()


def roundtrip(machinery: Machinery, stream: Path, timeout: float = 30) -> Trip:
    """Feed a file to a fresh process, migrate it out again, and compare section by section.

    Raises `QemuError` where the process does not start, or does not migrate out again.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vmstate-") as name:
        folder = Path(name)
        arguments = [
            *equip(machinery.arguments, folder, machinery.qemu),
            "-S",
            "-incoming",
            "defer",
        ]
        with Machine(machinery.qemu, arguments, arch=machinery.arch) as machine:
            try:
                reason = load(machine, stream, machinery.capabilities, timeout)
                if reason is not None:
                    return Trip(Verdict("rejected", reason, seconds=time.monotonic() - started))
                save(machine, folder / "out.bin", capabilities=machinery.capabilities)
            except (GoneError, LateError) as error:
                late = isinstance(error, LateError)
                return Trip(death(machine, "load", started, late=late))
        before = read_file(stream.read_bytes(), spans=True)
        after = read_file((folder / "out.bin").read_bytes(), spans=True)
    found = differences(before, after)
    sections = len({each.label for each in before.sections()})
    return Trip(Verdict("accepted", seconds=time.monotonic() - started), sections, found)


def differences(before: Stream, after: Stream) -> tuple[Difference, ...]:
    """Compare two streams: devices byte by byte, RAM by what is in it, whatever the pieces it came in."""
    old, new = _devices(before), _devices(after)
    found = [Difference(label, "gone") for label in old if label not in new]
    found += [Difference(label, "new") for label in new if label not in old]
    for label, section in old.items():
        other = new.get(label)
        if other is None:
            continue
        if before.data[section.payload : section.end] != after.data[other.payload : other.end]:
            found.append(Difference(label, "differs", _paths(before, section, after, other)))
    memory, later = _memory(before), _memory(after)
    for block in sorted(memory.keys() | later.keys()):
        if not _same(memory.get(block, {}), later.get(block, {})):
            found.append(Difference(f"ram {block}", "differs"))
    return tuple(found)


def without(found: Sequence[Difference], patterns: Sequence[str]) -> tuple[Difference, ...]:
    """Leave out the sections and paths that match a pattern of `*` and `?`."""
    kept = []
    for each in found:
        paths = tuple(path for path in each.paths if not _matches(path, patterns))
        if _matches(each.section, patterns) or (each.paths and not paths):
            continue
        kept.append(replace(each, paths=paths))
    return tuple(kept)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    # Brackets are indices here, no sets of characters.
    return any(fnmatchcase(name, pattern.replace("[", "[[]")) for pattern in patterns)


def _devices(stream: Stream) -> dict[str, Section]:
    return {each.label: each for each in stream.sections() if each.kind not in _ITERATIVE}


def _paths(before: Stream, one: Section, after: Stream, other: Section) -> tuple[str, ...]:
    """Give the fields that differ, those that only one side has included."""
    old, new = _leaves(before, one), _leaves(after, other)
    return tuple(path for path in dict.fromkeys((*old, *new)) if old.get(path) != new.get(path))


def _leaves(stream: Stream, section: Section) -> dict[str, bytes]:
    return {
        span.path: bytes(stream.data[span.offset : span.offset + span.size])
        for span in stream.spans or ()
        if section.payload <= span.offset < section.end
    }


def _same(one: dict[int, bytes], other: dict[int, bytes]) -> bool:
    """Compare two blocks, but for the pages that nobody knows."""
    unknown = {at for pages in (one, other) for at, page in pages.items() if page == _UNKNOWN}
    return all(one.get(at) == other.get(at) for at in (one.keys() | other.keys()) - unknown)


def _memory(stream: Stream) -> dict[str, dict[int, bytes]]:
    """Give what RAM holds at the end: by block and address, a digest; nothing for a page of zeros."""
    memory: dict[str, dict[int, bytes]] = {}
    size = stream.page_size
    for section in stream.sections():
        for record in section.state if isinstance(section.state, list) else ():
            if not isinstance(record, Record):
                continue
            pages = memory.setdefault(record.block, {})
            for at in range(record.count):
                address = record.address + at * size
                if record.op == "xbzrle":
                    pages[address] = _UNKNOWN
                elif record.op == "zero":
                    pages.pop(address, None)
                elif record.op == "page":
                    # Only the first page of a run may be named.
                    start = record.data + at * (8 + size)
                    page = stream.data[start : start + size]
                    pages[address] = hashlib.blake2b(page, digest_size=16).digest()
    return {block: pages for block, pages in memory.items() if pages}
