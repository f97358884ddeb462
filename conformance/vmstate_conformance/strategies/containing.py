# SPDX-License-Identifier: Apache-2.0
"""Whole savevm streams from choices: devices of one document, sections strung together, and damage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from vmstate.operations import perform
from vmstate.whole import read_file
from vmstate_conformance.strategies.choices import Choices
from vmstate_conformance.strategies.landing import cleared
from vmstate_conformance.strategies.plan import Plan, State
from vmstate_conformance.strategies.tables import TELLING
from vmstate_conformance.strategies.values import state

_NAMES: Final = ("dev", "0000:00:04.0/nvme", "cpu_common", "timer", "d")
_MACHINES: Final = ("none", "pc-q35-11.1", "")


@dataclass(frozen=True, slots=True, repr=False)
class Container:
    """A whole stream: where each section begins and ends, and the devices that it came from.

    `states` are the devices' states by (idstr, instance).
    """

    document: Mapping[str, Any]
    devices: tuple[dict[str, Any], ...]
    machine: str
    stream: bytes
    sections: tuple[tuple[int, int], ...]
    states: Mapping[tuple[str, int], State]

    def request(self, stream: bytes | None = None) -> dict[str, Any]:
        """Give the load of the stream, or of another one, into devices that have nothing of it yet."""
        data = self.stream if stream is None else stream
        return {
            "op": "stream",
            "document": self.document,
            "devices": list(self.devices),
            "machine": self.machine,
            "stream": data.hex(),
        }


def container(choices: Choices, document: Mapping[str, Any], most: int) -> Container | None:
    """Save one to `most` devices of a document as a whole stream; None where that fails."""
    choices.gene()
    machine = choices.pick(_MACHINES)
    count = choices.below(most) + 1
    plan, named = Plan(document), []
    for at in range(count):
        named.append((choices.pick(_NAMES) if choices.chance(128) else _NAMES[0], at))
    sent = [state(choices, plan) for _ in named]
    saved = perform(
        {
            "op": "savevm",
            "document": document,
            "machine": machine,
            "devices": [
                {"idstr": name, "instance_id": instance, "state": each}
                for (name, instance), each in zip(named, sent, strict=True)
            ],
        }
    )
    if saved["verdict"] != "ok":
        return None
    stream = bytes.fromhex(saved["stream"])
    return Container(
        document,
        tuple(
            {"idstr": name, "instance_id": instance, "destination": cleared(plan, each)}
            for (name, instance), each in zip(named, sent, strict=True)
        ),
        machine,
        stream,
        tuple((section.offset, section.end) for section in read_file(stream).sections()),
        dict(zip(named, sent, strict=True)),
    )


def damaged(choices: Choices, whole: Container) -> tuple[str, bytes]:
    """Choose one thing to go wrong in a whole stream; give its name and the stream."""
    choices.gene()
    start = choices.below(len(DAMAGES))
    names = tuple(DAMAGES)
    for name in names[start:] + names[:start]:
        stream = DAMAGES[name](choices, whole)
        if stream is not None:
            return name, stream
    return "none", whole.stream


def _cut(choices: Choices, whole: Container) -> bytes | None:
    return whole.stream[: choices.place(len(whole.stream) + 1)]


def _flip(choices: Choices, whole: Container) -> bytes | None:
    at = choices.place(len(whole.stream))
    return whole.stream[:at] + bytes([choices.pick(TELLING)]) + whole.stream[at + 1 :]


def _header(choices: Choices, whole: Container) -> bytes | None:
    """Change a byte of what frames a section: its type, id, name, instance, version."""
    if not whole.sections:
        return None
    start, end = choices.pick(whole.sections[:256])
    at = min(start + choices.below(24), end - 1)
    return whole.stream[:at] + bytes([choices.byte()]) + whole.stream[at + 1 :]


def _footer(choices: Choices, whole: Container) -> bytes | None:
    """Change a byte of a section's footer."""
    if not whole.sections:
        return None
    _, end = choices.pick(whole.sections[:256])
    at = end - 1 - choices.below(5)
    return whole.stream[:at] + bytes([choices.byte()]) + whole.stream[at + 1 :]


def _drop(choices: Choices, whole: Container) -> bytes | None:
    """Leave a section out."""
    if not whole.sections:
        return None
    start, end = choices.pick(whole.sections[:256])
    return whole.stream[:start] + whole.stream[end:]


def _again(choices: Choices, whole: Container) -> bytes | None:
    """Send a section twice."""
    if not whole.sections:
        return None
    start, end = choices.pick(whole.sections[:256])
    return whole.stream[:end] + whole.stream[start:end] + whole.stream[end:]


def _swap(choices: Choices, whole: Container) -> bytes | None:
    """Exchange two sections that follow each other."""
    if len(whole.sections) < 2:
        return None
    at = choices.below(min(len(whole.sections), 256) - 1)
    (start, middle), (other, end) = whole.sections[at], whole.sections[at + 1]
    if middle != other:
        return None
    stream = whole.stream
    return stream[:start] + stream[middle:end] + stream[start:middle] + stream[end:]


#: What can happen to a whole stream, by name.
DAMAGES: Final = MappingProxyType[str, Callable[[Choices, Container], bytes | None]](
    {
        "cut": _cut,
        "header": _header,
        "footer": _footer,
        "drop": _drop,
        "again": _again,
        "swap": _swap,
        "flip": _flip,
    }
)
