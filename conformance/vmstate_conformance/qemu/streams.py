# SPDX-License-Identifier: Apache-2.0
"""Getting a stream out of a machine and into one."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vmstate.whole import read_file
from vmstate_conformance.qemu import qcow2
from vmstate_conformance.qemu.lines import LateError
from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.provision import QemuError
from vmstate_conformance.qemu.qmp import QmpError

SNAPSHOT: Final = "vmstate"


def save(
    machine: Machine,
    path: Path,
    *,
    capabilities: Sequence[str] = (),
    parameters: Mapping[str, int | str] | None = None,
    meanwhile: Callable[[Machine], None] | None = None,
    timeout: float = 60,
) -> None:
    """Migrate to a file; the machine is stopped before, but where something happens meanwhile.

    Raises `QemuError` where QEMU refuses, fails or dies.
    """
    prepare(machine, capabilities, parameters)
    if meanwhile is None:
        machine.qmp.execute("stop")
    # QEMU before 8.2 cannot write a file by itself, and is done before `cat` is.
    part = path.with_suffix(".part")
    direct = tuple(int(number) for number in machine.version.split(".")) >= (8, 2)
    command = shlex.join(["mv", str(part), str(path)])
    uri = f"file:{path}" if direct else f"exec:cat > {shlex.quote(str(part))} && {command}"
    machine.qmp.execute("migrate", timeout, uri=uri)
    if meanwhile is not None:
        meanwhile(machine)
        machine.qmp.execute("migrate-set-parameters", max_bandwidth=1 << 30, downtime_limit=2000)
    if (error := _end(machine, timeout)) is not None:
        raise QemuError(f"the migration fails: {error}")
    deadline = time.monotonic() + timeout
    while not path.exists():
        if time.monotonic() > deadline:
            raise QemuError("the migration leaves no file")
        time.sleep(0.01)


def savevm(machine: Machine, image: Path, timeout: float = 60) -> bytes:
    """Make an internal snapshot and give its stream, which ends where the writer ended."""
    said = machine.qmp.hmp(f"savevm {SNAPSHOT}", timeout)
    if said:
        raise QemuError(f"savevm fails: {said}")
    with image.open("rb") as file:
        return qcow2.snapshot(image, SNAPSHOT).read(file)


def load(
    machine: Machine, path: Path, capabilities: Sequence[str] = (), timeout: float = 30
) -> str | None:
    """Feed a file to a machine that was started with `-incoming defer`.

    Gives QEMU's reason where it rejects, None where it accepts. Raises `GoneError` where it dies,
    `LateError` where it does not come to an end.
    """
    prepare(machine, capabilities, None)
    try:
        machine.qmp.execute("migrate-incoming", timeout, uri=f"file:{path}", exit_on_error=False)
    except QmpError as error:
        return str(error)
    return _end(machine, timeout)


def vmdesc(stream: bytes) -> dict[str, Any] | None:
    """Give the description at a stream's end, None where there is none."""
    found = read_file(stream, select=lambda _label: False)
    if found.vmdesc_at < 0:
        return None
    start = found.vmdesc_at + 5
    described: dict[str, Any] = json.loads(stream[start : start + found.vmdesc_length])
    return described


def prepare(
    machine: Machine, capabilities: Sequence[str], parameters: Mapping[str, int | str] | None
) -> None:
    """Switch capabilities on and set parameters before a migration, on either side."""
    wanted = [{"capability": each, "state": True} for each in ("events", *capabilities)]
    machine.qmp.execute("migrate-set-capabilities", capabilities=wanted)
    if parameters:
        named: dict[str, Any] = {key.replace("-", "_"): each for key, each in parameters.items()}
        machine.qmp.execute("migrate-set-parameters", **named)


def _end(machine: Machine, timeout: float) -> str | None:
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        status = machine.qmp.event("MIGRATION", left)["status"]
        if status == "completed":
            return None
        if status in {"failed", "cancelled"}:
            told = machine.qmp.execute("query-migrate", max(left, 1))
            return str(told.get("error-desc", status))
    raise LateError("the migration does not come to an end")
