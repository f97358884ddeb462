# SPDX-License-Identifier: Apache-2.0
"""The folder that the user names: one folder for each finding, nothing anywhere else."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path
from typing import Any, Final

from vmstate_conformance.qemu.fuzz.faults import faults
from vmstate_conformance.qemu.fuzz.minimise import Confirmed
from vmstate_conformance.qemu.fuzz.mutate import Edit
from vmstate_conformance.qemu.harvest import MADE, STREAM
from vmstate_conformance.qemu.judge import Machinery
from vmstate_conformance.qemu.recipes.model import Recipe

FINDING: Final = "finding.json"
_AFTER: Final = {
    "load": "It dies while it loads.",
    "cont": "It loads. Type 'cont': it dies.",
    "reset": "It loads. Type 'cont', then 'system_reset': it dies.",
}


def known(into: Path) -> dict[str, str]:
    """Give the folder of each signature that stands in a folder of findings."""
    found = {}
    for file in sorted(into.glob(f"*/{FINDING}")):
        try:
            found[str(json.loads(file.read_bytes())["signature"])] = file.parent.name
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def write(
    found: Confirmed,
    recipe: Recipe,
    machinery: Machinery,
    into: Path,
    facts: dict[str, Any],
) -> Path | None:
    """Write a finding; None where its signature has a folder already. Raises `OSError`."""
    digest = hashlib.sha256(found.signature.encode()).hexdigest()[:10]
    # Others may be writing the same one: who makes the mark writes it.
    marks = into / ".known"
    marks.mkdir(parents=True, exist_ok=True)
    try:
        (marks / digest).touch(exist_ok=False)
    except FileExistsError:
        return None
    folder = into / f"{recipe.name}-{digest}"
    folder.mkdir(exist_ok=True)
    (folder / STREAM).write_bytes(found.mutant.bytes())
    made = {
        "recipe": recipe.name,
        "program": machinery.qemu.binary.name,
        "arch": machinery.arch,
        "arguments": list(machinery.arguments),
        "capabilities": list(machinery.capabilities),
    }
    (folder / MADE).write_text(json.dumps(made, indent=2) + "\n")
    (folder / FINDING).write_text(json.dumps(_record(found, facts), indent=2) + "\n")
    (folder / "reproducer.txt").write_text(_reproducer(found, recipe, machinery))
    return folder


def _record(found: Confirmed, facts: dict[str, Any]) -> dict[str, Any]:
    reports = faults(found.verdict.said) or faults(found.verdict.said, "sample")
    return {
        "signature": found.signature,
        "verdict": found.verdict.verdict,
        "stage": found.verdict.stage,
        "message": found.verdict.message,
        "way": found.way,
        "edits": [_edit(found, each) for each in found.mutant.edits],
        "frames": list(reports[0].frames) if reports else [],
        "address": reports[0].address if reports else None,
        "tries": found.tries,
        **facts,
    }


def _edit(found: Confirmed, edit: Edit) -> dict[str, Any]:
    old = found.mutant.seed.data[edit.offset : edit.offset + edit.size]
    return {
        "path": edit.path,
        "what": edit.what,
        "offset": edit.offset,
        "old": old[:64].hex(),
        "new": edit.new[:64].hex(),
        "sizes": [edit.size, len(edit.new)],
    }


def _reproducer(found: Confirmed, recipe: Recipe, machinery: Machinery) -> str:
    arguments = [each.replace("{", "").replace("}", ".qcow2") for each in machinery.arguments]
    images = sorted(
        {
            f"{part.split('}')[0]}.qcow2"
            for each in machinery.arguments
            for part in each.split("{")[1:]
        }
    )
    lines = [
        f"{found.signature}",
        "",
        f"The machine is that of the recipe '{recipe.name}': {recipe.summary}.",
    ]
    for each in found.mutant.edits:
        record = _edit(found, each)
        lines.append(f"Changed at byte {each.offset}, {each.path or 'no field'}: {each.what}, "
                     f"'{record['old']}' to '{record['new']}'.")  # fmt: skip
    lines += ["", *(f"    qemu-img create -f qcow2 {image} 1M" for image in images)]
    command = [machinery.qemu.binary.name, "-display", "none", "-accel", "qtest", *arguments]
    if found.way == "incoming":
        lines += [f"    {shlex.join([*command, '-S', '-monitor', 'stdio', '-incoming', 'file:stream.bin'])}",
                  "", _AFTER[found.verdict.stage]]  # fmt: skip
    else:
        lines += [
            f"    {shlex.join([*command, '-monitor', 'stdio'])}",
            "",
            "Only a process that has been in use shows it. Bring the devices into the recipe's state.",
            "Type 'stop' and 'savevm vmstate', put stream.bin in the snapshot's place (the image's own",
            "clusters of the vmstate area), and type 'loadvm vmstate'.",
            _AFTER[found.verdict.stage],
        ]
    reports = faults(found.verdict.said) or faults(found.verdict.said, "sample")
    if reports:
        address = reports[0].address
        where = "" if address is None else f" (address {address:#x})"
        lines += [
            "",
            f"Where it was{where}, innermost first:",
            *(f"    {frame}" for frame in reports[0].frames),
        ]
    return "\n".join(lines) + "\n"
