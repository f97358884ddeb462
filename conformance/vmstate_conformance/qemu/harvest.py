# SPDX-License-Identifier: Apache-2.0
"""Harvesting: a recipe's machine is started, brought into its state, and its stream kept."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.pair import migrate
from vmstate_conformance.qemu.provision import ARCHS, RELEASE, Qemu, QemuError, find
from vmstate_conformance.qemu.recipes.model import Recipe, equip
from vmstate_conformance.qemu.streams import save, savevm, vmdesc

STREAM: Final = "stream.bin"
VMDESC: Final = "vmdesc.json"
DUMP: Final = "dump-vmstate.json.gz"
MADE: Final = "made.json"


@dataclass(frozen=True, slots=True)
class Harvest:
    """What a recipe gave."""

    recipe: Recipe
    version: str
    stream: bytes
    vmdesc: dict[str, Any] | None

    def made(self) -> dict[str, Any]:
        """Say how it was made: enough to start a machine that takes the stream."""
        return {
            "recipe": self.recipe.name,
            "summary": self.recipe.summary,
            "qemu": self.version,
            "arch": self.recipe.arch,
            "program": program(self.recipe),
            "arguments": list(self.recipe.arguments),
            "capabilities": list(self.recipe.capabilities),
            "via": self.recipe.via,
            "bytes": len(self.stream),
            "sha256": hashlib.sha256(self.stream).hexdigest(),
        }


def program(recipe: Recipe) -> str:
    """Give the name of the recipe's binary."""
    return recipe.program or ARCHS[recipe.arch][1]


def binary(path: str | None, arch: str, name: str | None = None, release: str = RELEASE) -> Qemu:
    """Find the binary of an architecture; the user's own `path` goes first. Raises `QemuError`."""
    qemu = find(path, arch, release=release)
    if path is None and name is not None and name != qemu.binary.name:
        other = qemu.binary.with_name(name)
        if not other.is_file():
            raise QemuError(f"the provisioned QEMU has no {name}")
        return Qemu(other, qemu.sysroot)
    return qemu


def harvest(recipe: Recipe, qemu: Qemu) -> Harvest:
    """Run a recipe. Raises `QemuError` with the step that fails."""
    with tempfile.TemporaryDirectory(prefix="vmstate-") as name:
        folder = Path(name)
        arguments = equip(recipe.arguments, folder, qemu)
        with Machine(qemu, arguments, arch=recipe.arch) as machine:
            recipe.steps(machine)
            stream = _stream(recipe, qemu, machine, arguments, folder)
            return Harvest(recipe, machine.version, stream, vmdesc(stream))


def _stream(
    recipe: Recipe, qemu: Qemu, machine: Machine, arguments: Sequence[str], folder: Path
) -> bytes:
    if recipe.via == "savevm":
        return savevm(machine, folder / "disk.qcow2")
    if recipe.via in {"pair", "postcopy"}:
        with Machine(qemu, [*arguments, "-incoming", "defer"], arch=recipe.arch) as target:
            return migrate(
                machine,
                target,
                folder,
                capabilities=recipe.capabilities,
                parameters=recipe.parameters,
                postcopy=recipe.via == "postcopy",
            )[0]
    path = folder / STREAM
    if recipe.via == "devices":
        machine.qmp.execute("xen-save-devices-state", filename=str(path))
    else:
        save(
            machine,
            path,
            capabilities=recipe.capabilities,
            parameters=recipe.parameters,
            meanwhile=recipe.meanwhile,
        )
    return path.read_bytes()


def keep(found: Harvest, qemu: Qemu, into: Path) -> Path:
    """Write a harvest as a folder of its own: stream, vmdesc, `-dump-vmstate` and how it was made."""
    folder = into / found.recipe.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STREAM).write_bytes(found.stream)
    described = folder / VMDESC
    if found.vmdesc is None:
        described.unlink(missing_ok=True)
    else:
        described.write_text(json.dumps(found.vmdesc, indent=1) + "\n")
    dumped = dump(found.recipe, qemu)
    (folder / DUMP).write_bytes(gzip.compress(dumped, mtime=0))
    (folder / MADE).write_text(json.dumps(found.made(), indent=2) + "\n")
    return folder


def dump(recipe: Recipe, qemu: Qemu) -> bytes:
    """Ask for the descriptions of all devices, as JSON. Raises `QemuError`."""
    with tempfile.TemporaryDirectory(prefix="vmstate-") as name:
        target = Path(name) / "dump.json"
        arguments = [
            "-display",
            "none",
            "-accel",
            qemu.accel,
            *equip(recipe.arguments, Path(name), qemu),
        ]
        try:
            done = subprocess.run(
                qemu.command(*arguments, "-dump-vmstate", str(target)),
                capture_output=True,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **qemu.environment()},
                timeout=60,
                check=False,
            )
            return target.read_bytes()
        except subprocess.TimeoutExpired:
            raise QemuError(f"{qemu.binary}: -dump-vmstate does not end") from None
        except FileNotFoundError:
            said = done.stderr.decode(errors="replace").strip()[-300:]
            raise QemuError(f"{qemu.binary}: -dump-vmstate gives nothing: {said}") from None
