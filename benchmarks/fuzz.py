# SPDX-License-Identifier: Apache-2.0
"""How fast the fuzz targets are: `python benchmarks/fuzz.py`.

The yardstick is an instrumented target that decodes as many scalars with `struct`, with a bounds check each,
and does nothing else. Both run in one process under atheris, over the same inputs of 64 bytes, in turns;
what counts is CPU time, and the least of several rounds. The ratio is executions of the yardstick for one of
the target: at most 6 is wanted of `load`, 15 of `structure`.
"""

from __future__ import annotations

import os
import random
import struct
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import atheris

_TOP: Final = Path(__file__).parent.parent
sys.path[1:1] = [str(_TOP / name) for name in ("reference", "conformance")]

with atheris.instrument_imports(include=["vmstate"]):
    from vmstate_conformance.fuzzing import load, structure

from vmstate.dialects import DEFAULT_DIALECT, DIALECTS
from vmstate_conformance.fuzzing.catalogue import Entry

_SIZE: Final = 64
_INPUTS: Final = 2000
_ROUNDS: Final = 5
_CODES: Final = {1: ">B", 2: ">H", 4: ">I", 8: ">Q"}


class Short(Exception):  # noqa: N818 - what a reader says at the end
    """The bytes end here."""


@atheris.instrument_func  # type: ignore[untyped-decorator]
def take(data: bytes, at: int, size: int) -> int:
    """Decode one number, if it is there."""
    if at + size > len(data):
        raise Short
    number: int = struct.unpack_from(_CODES[size], data, at)[0]
    return number


@atheris.instrument_func  # type: ignore[untyped-decorator]
def yardstick(data: bytes, sizes: Sequence[int]) -> list[int]:
    """Decode numbers of the sizes one after the other."""
    at, out = 0, []
    try:
        for size in sizes:
            out.append(take(data, at, size))
            at += size
    except Short:
        pass
    return out


def best(run: Callable[[bytes], object], inputs: list[bytes]) -> float:
    """Give the CPU seconds of one execution, the least of several rounds, each with nothing kept."""
    times = []
    for _ in range(_ROUNDS):
        structure.forget()
        start = time.process_time()
        for data in inputs:
            run(data)
        times.append((time.process_time() - start) / len(inputs))
    return min(times)


def scalars(data: bytes) -> int:
    """Count the scalars that a load of the input takes from the stream: by its bytes, four each."""
    seen = load.observe(data)
    return 0 if seen is None else max(round(seen["consumed"] / 4), 1)


def loads() -> list[bytes]:
    """Give inputs of 64 bytes for `load`: the corpus's own, cut or filled up, and some of them changed."""
    source = random.Random(1)
    made = []
    seeds = list(load.seeds())
    for _ in range(_INPUTS):
        data = bytearray(source.choice(seeds)[:_SIZE].ljust(_SIZE, b"\0"))
        if source.randrange(2):
            data[source.randrange(load.HEADER, _SIZE)] = source.randrange(256)
        made.append(bytes(data))
    return made


def structures() -> list[bytes]:
    """Give inputs of at most 64 bytes for `structure`, as a fuzzer makes one of the other."""
    source = random.Random(1)

    def native(data: bytes, most: int) -> bytes:
        changed = bytearray(data or b"\0")
        changed[source.randrange(len(changed))] = source.randrange(256)
        return bytes(changed[:most])

    sizes = (32, 16, _SIZE - 48 - structure.HEADER)
    pool = []
    for _ in range(100):
        document, state, mutation = (source.randbytes(size) for size in sizes)
        pool.append(structure.Parts(document, state, 0, mutation).join())
    made = []
    for _ in range(_INPUTS):
        at = source.randrange(len(pool))
        made.append(structure.mutate_input(pool[at], _SIZE, source.getrandbits(32), native))
        if source.randrange(8) == 0:
            pool[at] = made[-1]
    return made


def rows() -> None:
    """Print one line a target."""
    for name, target, inputs, count, most in (
        ("load, inputs of the corpus", load.run, loads(), None, 6),
        ("load, 20 scalars each", *twenty(), 20, 6),
        ("structure, inputs of its mutator", structure.run, structures(), 20, 15),
    ):
        for data in inputs:
            target(data)
        number = count or round(sum(map(scalars, inputs)) / len(inputs))
        sizes = ([4, 2, 4, 2, 1] * number)[:number]
        plain = best(lambda data, sizes=sizes: yardstick(data, sizes), inputs)  # type: ignore[misc]
        ours = best(target, inputs)
        print(
            f"{name:<34} {1 / ours:8,.0f}/s   {number:2} scalars with struct {1 / plain:9,.0f}/s"
            f"   ratio {ours / plain:5.1f} (wanted: {most})",
            flush=True,
        )


def twenty() -> tuple[Callable[[bytes], None], list[bytes]]:
    """Give the costliest of all: twenty numbers one after the other, and all of them there."""
    fields, members, at = [], [], 0
    for number in range(20):
        size = (4, 2, 4, 2, 1)[number % 5]
        at = -(-at // size) * size
        common = {"name": f"m{number}", "offset": at}
        fields.append({**common, "info": f"uint{8 * size}", "size": size, "flags": ["VMS_SINGLE"]})
        members.append({**common, "type": f"uint{8 * size}"})
        at += size
    vmsd = {"struct": "S", "version_id": 1, "minimum_version_id": 1, "fields": fields}
    structs = {"S": {"size": at, "members": members}}
    document = {"structs": structs, "descriptions": {"d": vmsd}, "root": "d"}
    entry = Entry(document, [{f"m{number}": "0" for number in range(20)}])
    dialect = DIALECTS[DEFAULT_DIALECT]

    def run(data: bytes) -> None:
        load.parse(data)
        load.checked(entry, entry.destination(0), data[load.HEADER :], 1, dialect)

    source = random.Random(2)
    return run, [source.randbytes(_SIZE) for _ in range(_INPUTS // 10)]


def main(_: bytes) -> None:
    """Measure inside the engine, where instrumentation counts; and end with it."""
    rows()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    atheris.Setup([sys.argv[0], "-runs=1"], main)
    atheris.Fuzz()
