# SPDX-License-Identifier: Apache-2.0
"""How fast the reference engine is: `python benchmarks/engine.py`.

Each figure is the best of several runs, and stands beside a yardstick measured in the same run: the
time that `struct.unpack` of the same numbers takes, or an empty interpreter's start.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vmstate.dialects import DIALECTS, PROFILES
from vmstate.document import Document
from vmstate.heap import Heap
from vmstate.load import Loader
from vmstate.state import Writer
from vmstate.stream import InputStream

_COUNT = 10_000
_FIELDS = 20
_RUNS = 15


def best(function: Callable[[], object], loops: int = 1) -> float:
    """Give the least seconds of one call over several runs."""
    times = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        for _ in range(loops):
            function()
        times.append((time.perf_counter() - start) / loops)
    return min(times)


def one(fields: list[dict[str, Any]], members: list[dict[str, Any]], size: int) -> Document:
    """Build a document of one struct and one description."""
    vmsd = {"struct": "S", "version_id": 1, "minimum_version_id": 1, "fields": fields}
    structs = {"S": {"size": size, "members": members}}
    return Document.from_json({"structs": structs, "descriptions": {"d": vmsd}, "root": "d"})


def loading(document: Document, state: object, wire: bytes) -> Callable[[], None]:
    """Give a function that loads the wire into a fresh heap's object."""
    heap = Heap(PROFILES["compat"].limits)
    root = Writer(document.layout, heap).struct("S", state)
    dialect = DIALECTS["qemu-11.1.3"]

    def load() -> None:
        Loader(InputStream(wire), heap, dialect).load_vmsd(document.root, root, 1)

    return load


def array() -> tuple[float, float]:
    """Seconds an element: loading uint32[10,000], and struct.unpack of them."""
    field = {"name": "a", "info": "uint32", "size": 4, "num": _COUNT, "flags": ["VMS_ARRAY"]}
    member = {"name": "a", "offset": 0, "type": {"array": "uint32", "count": _COUNT}}
    wire = bytes(range(256)) * (_COUNT * 4 // 256 + 1)
    wire = wire[: _COUNT * 4] + b"\0"
    load = loading(one([field], [member], 4 * _COUNT), {"a": [0] * _COUNT}, wire)
    yardstick = best(lambda: struct.unpack_from(f">{_COUNT}I", wire), 10)
    return best(load, 10) / _COUNT, yardstick / _COUNT


def scalars() -> tuple[float, float]:
    """Seconds a field: loading a struct of 20 uint32, and struct.unpack of one at a time."""
    fields, members = [], []
    for at in range(_FIELDS):
        common = {"name": f"m{at}", "offset": 4 * at}
        fields.append({**common, "info": "uint32", "size": 4, "flags": ["VMS_SINGLE"]})
        members.append({**common, "type": "uint32"})
    wire = bytes(4 * _FIELDS + 1)
    document = one(fields, members, 4 * _FIELDS)
    load = loading(document, {f"m{at}": 0 for at in range(_FIELDS)}, wire)

    def each() -> None:
        for at in range(_FIELDS):
            struct.unpack_from(">I", wire, 4 * at)

    return best(load, 200) / _FIELDS, best(each, 200) / _FIELDS


def start() -> tuple[float, float]:
    """Seconds of `import vmstate` above an interpreter's start, and that start."""

    def run(code: str) -> float:
        command = [sys.executable, "-c", code]
        return best(lambda: subprocess.run(command, check=True))

    empty = run("pass")
    return run("import vmstate.operations") - empty, empty


def main() -> None:
    """Print one line a figure."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "reference"))
    for name, unit, scale, (ours, yardstick) in (
        ("load uint32[10,000]", "ns an element", 1e9, array()),
        ("load a struct of 20 scalars", "us a field", 1e6, scalars()),
        ("import vmstate.operations", "ms", 1e3, start()),
    ):
        ratio = ours / yardstick
        print(
            f"{name:<30} {ours * scale:8.2f} {unit:<14} yardstick {yardstick * scale:8.3f}"
            f"  ratio {ratio:6.2f}"
        )


if __name__ == "__main__":
    main()
