# SPDX-License-Identifier: Apache-2.0
"""The folder that the user names: one folder for each finding, nothing anywhere else."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from vmstate_conformance.qemu.fuzz.arena import GROWTH
from vmstate_conformance.qemu.fuzz.faults import faults
from vmstate_conformance.qemu.fuzz.minimise import Confirmed
from vmstate_conformance.qemu.fuzz.mutate import Edit
from vmstate_conformance.qemu.fuzz.seeds import group_of
from vmstate_conformance.qemu.harvest import MADE, STREAM
from vmstate_conformance.qemu.judge import Machinery
from vmstate_conformance.qemu.recipes.model import Recipe

FINDING: Final = "finding.json"
_PLACE: Final = re.compile(r"^[0-9a-f:.]+/(?=.*/|[^/]*#)")
_AFTER: Final = {
    "load": "It dies while it loads.",
    "cont": "It loads. Type 'cont': it dies.",
    "reset": "It loads. Type 'cont', then 'system_reset': it dies.",
}


def keys(signature: str, kind: str, edits: Sequence[Edit]) -> list[str]:
    """Give what tells causes apart: the signature, and the one field where it is one field.

    A finding that shares either with another is the same: one field kills in several places, and
    one place is killed by several fields.
    """
    if len(edits) != 1:
        return [signature]
    # The same device stands elsewhere in another machine.
    field = _PLACE.sub("", group_of(edits[0].path))
    return [signature, f"{kind} by {field}"]


def known(into: Path) -> set[str]:
    """Give the keys of the findings that a folder holds."""
    found: set[str] = set()
    for file in sorted(into.glob(f"*/{FINDING}")):
        try:
            found.update(map(str, json.loads(file.read_bytes())["keys"]))
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
    digests = [
        hashlib.sha256(key.encode()).hexdigest()[:10]
        for key in keys(found.signature, found.verdict.verdict, found.mutant.edits)
    ]
    # Others may be writing the same one: who makes the marks writes it.
    marks = into / ".known"
    marks.mkdir(parents=True, exist_ok=True)
    fresh = [_mark(marks / digest) for digest in digests]
    if not all(fresh):
        return None
    folder = into / f"{recipe.name}-{digests[0]}"
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


def _mark(path: Path) -> bool:
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _record(found: Confirmed, facts: dict[str, Any]) -> dict[str, Any]:
    reports = faults(found.verdict.said) or faults(found.verdict.said, "sample")
    return {
        "signature": found.signature,
        "keys": keys(found.signature, found.verdict.verdict, found.mutant.edits),
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
    if found.verdict.verdict == "blown-up":
        lines.append(
            f"It may use {GROWTH >> 20} MiB of address space beyond its first (ulimit -v)."
        )
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
