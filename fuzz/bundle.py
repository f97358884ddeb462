#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what stands beside a fuzzer on a fleet: `python fuzz/bundle.py OUT`.

For each target NAME_fuzzer: its seeds as NAME_fuzzer_seed_corpus.zip, with the inputs of fuzz/regressions
among them, its dictionary NAME_fuzzer.dict, and libFuzzer's options NAME_fuzzer.options.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import checkout  # noqa: F401 - the packages that lie beside this script

from vmstate_conformance.fuzzing.dictionary import render
from vmstate_conformance.fuzzing.engine import wall_clock
from vmstate_conformance.fuzzing.target import Target
from vmstate_conformance.fuzzing.targets import MODULES, target

_REGRESSIONS: Final = Path(__file__).parent / "regressions"
#: Nobody's clock belongs into an archive that is to be the same for the same sources.
_NEVER: Final = (1980, 1, 1, 0, 0, 0)


def bundle(name: str, out: Path) -> None:
    """Write the three files of one target."""
    made = target(name)
    script = f"{name}_fuzzer"
    with zipfile.ZipFile(out / f"{script}_seed_corpus.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for seed in sorted(set(inputs(made))):
            digest = hashlib.sha1(seed, usedforsecurity=False).hexdigest()
            archive.writestr(zipfile.ZipInfo(digest, _NEVER), seed)
    (out / f"{script}.dict").write_text(render(made.tokens()), encoding="ascii")
    (out / f"{script}.options").write_text(options(made), encoding="ascii")


def inputs(made: Target) -> Iterator[bytes]:
    """Give the seeds of a target that fit, and what it once found."""
    yield from (seed for seed in made.seeds() if len(seed) <= made.max_len)
    place = _REGRESSIONS / made.name
    if place.is_dir():
        yield from (file.read_bytes() for file in place.iterdir())


def options(made: Target) -> str:
    """Give libFuzzer's options in the form of the fleets."""
    lines = ["[libfuzzer]", f"max_len = {made.max_len}", f"timeout = {wall_clock(made)}"]
    if made.mutate is not None:
        lines.append("len_control = 0")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write the files of all targets that run by themselves."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print(f"bundle.py: {' '.join(arguments) or 'OUT'}: no such directory", file=sys.stderr)
        return 2
    for name in MODULES:
        if name != "differential":
            bundle(name, Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
