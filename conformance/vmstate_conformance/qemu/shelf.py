# SPDX-License-Identifier: Apache-2.0
"""The shelf of real streams: skeletons, packed, and a list that says how each was made."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any, Final

from vmstate.whole.skeleton import skeleton
from vmstate.whole.source import open_file
from vmstate_conformance.qemu.harvest import Harvest
from vmstate_conformance.qemu.provision import RELEASE, QemuError

LIST: Final = "streams.json"
SUFFIX: Final = ".bin.gz"
#: Recipes that an older release cannot run: no such machine type, device or feature, a device that it
#: does not migrate, or steps that want qtest's clock.
_ABSENT: Final = {
    "10.0": frozenset({"q35-mapped-ram-ignore-shared"}),
    "7.2": frozenset(
        {
            *("igb", "pc-9.2", "q35-8.2", "q35-9.2", "q35-no-zero-pages", "q35-switchover-ack"),
            *("q35-mapped-ram", "q35-mapped-ram-ignore-shared"),
        }
    ),
}
_ABSENT_BOTH: Final = frozenset({"keyboard", "pc-many", "q35-emmc-rpmb", "q35-many"})


def has(release: str, recipe: str, arch: str) -> bool:
    """Whether a release can run a recipe. Of older ones only those of x86-64 are wanted."""
    if release == RELEASE:
        return True
    absent = _ABSENT[release] | _ABSENT_BOTH
    # NVMe could not be migrated before 11.1; a TPM is not provisioned for them.
    return arch == "x86_64" and recipe not in absent and not recipe.startswith(("nvme", "tpm"))


def label(recipe: str, release: str) -> str:
    """Give the name of a stream: the recipe's, and the release's if it is not the current one."""
    return recipe if release == RELEASE else f"{recipe}@{release}"


def shelve(found: Harvest, release: str, into: Path) -> Path:
    """Put the skeleton of a harvest on the shelf, and how it was made into the list.

    Raises `QemuError` where the stream is not one that can be read, or the list is damaged.
    """
    pieces: list[bytes] = []
    walker = open_file(found.stream)
    skeleton(walker, pieces.append)
    if walker.stream.faults:
        raise QemuError(f"the stream cannot be read: {walker.stream.faults[0]}")
    data = b"".join(pieces)
    name = label(found.recipe.name, release)
    into.mkdir(parents=True, exist_ok=True)
    file = into / f"{name}{SUFFIX}"
    file.write_bytes(gzip.compress(data, 9, mtime=0))
    made = found.made()
    whole = {key: made.pop(key) for key in ("bytes", "sha256")}
    entry = {
        "name": name,
        **made,
        "parameters": dict(found.recipe.parameters),
        "whole": whole,
        "skeleton": {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()},
    }
    rest = [each for each in entries(into) if each["name"] != name]
    listed = sorted([*rest, entry], key=lambda each: str(each["name"]))
    text = ",\n".join(json.dumps(each) for each in listed)
    (into / LIST).write_text(f'{{"schema": 1, "streams": [\n{text}\n]}}\n')
    return file


def entries(shelf: Path) -> list[dict[str, Any]]:
    """Read the list of a shelf; an empty one if it has none. Raises `QemuError`."""
    try:
        listed: list[dict[str, Any]] = json.loads((shelf / LIST).read_bytes())["streams"]
        _ = [each["name"] for each in listed]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise QemuError(f"{shelf / LIST}: no list of streams: {error}") from None
    return listed
