# SPDX-License-Identifier: Apache-2.0
"""What a recipe is: a machine, and how its devices get into the state that is worth a stream."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from vmstate_conformance.qemu import qcow2
from vmstate_conformance.qemu.machine import Machine

_PLACE: Final = re.compile(r"\{(disk\w*|ram)\}")


def nothing(machine: Machine) -> None:
    """Leave the machine as it starts."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One kind of machine and the way to its stream."""

    name: str
    summary: str
    arguments: tuple[str, ...]
    """Of QEMU; `{disk…}` stands for an empty qcow2 image of that name, `{ram}` for a file of RAM."""
    steps: Callable[[Machine], None] = nothing
    arch: str = "x86_64"
    program: str | None = None
    """Another binary of the same package, like `qemu-system-x86_64-microvm`."""
    via: Literal["migrate", "savevm", "pair", "postcopy", "devices"] = "migrate"
    """To a file; into an image; to another machine; so, and RAM later; devices without RAM."""
    capabilities: tuple[str, ...] = ()
    parameters: Mapping[str, int | str] = field(default_factory=dict)
    meanwhile: Callable[[Machine], None] | None = None
    """What happens while the machine, still running, is being migrated."""
    focus: tuple[str, ...] = ()
    """Parts of the names of the sections that it is about; none: all."""

    @property
    def alone(self) -> bool:
        """Whether a fresh process takes the stream as a file, with nobody to answer."""
        return self.via in {"migrate", "savevm"}


def equip(arguments: Sequence[str], folder: Path) -> list[str]:
    """Give the arguments with each placeholder filled; the images are made in `folder`."""
    made: dict[str, Path] = {}

    def image(found: re.Match[str]) -> str:
        path = folder / f"{found[1]}.qcow2"
        if found[1] not in made and found[1] != "ram":
            qcow2.create(path)
            made[found[1]] = path
        return str(path)

    return [_PLACE.sub(image, argument) for argument in arguments]
