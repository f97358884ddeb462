# SPDX-License-Identifier: Apache-2.0
"""What a recipe is: a machine, and how its devices get into the state that is worth a stream."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from vmstate_conformance.qemu import qcow2, tpm
from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.provision import Qemu

_PLACE: Final = re.compile(r"\{(disk\w*|ram|tpm)\}")


def nothing(machine: Machine) -> None:
    """Leave the machine as it starts."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One kind of machine and the way to its stream."""

    name: str
    summary: str
    arguments: tuple[str, ...]
    """Of QEMU; `{disk…}` is an empty qcow2 image of its own, `{ram}` a file, `{tpm}` a TPM's socket."""
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

    loads: bool = True
    """Whether QEMU takes back what it wrote."""

    @property
    def alone(self) -> bool:
        """Whether a fresh process takes the stream as a file, with nobody to answer."""
        return self.loads and self.via in {"migrate", "savevm"}


def equip(arguments: Sequence[str], folder: Path, qemu: Qemu) -> list[str]:
    """Give the arguments with each placeholder filled; what they stand for is made in `folder`.

    A software TPM is started for `{tpm}`, and ends with the QEMU that connects to it. Raises
    `QemuError` where there is none.
    """
    made: dict[str, Path] = {}

    def place(found: re.Match[str]) -> str:
        name = found[1]
        if name not in made:
            made[name] = folder / f"{name}.qcow2"
            if name == "tpm":
                made[name] = tpm.start(qemu, folder)
            elif name != "ram":
                qcow2.create(made[name])
        return str(made[name])

    return [_PLACE.sub(place, argument) for argument in arguments]
