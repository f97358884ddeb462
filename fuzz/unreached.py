#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which branches of the loader no input reaches.

    python fuzz/unreached.py [DIR]     DIR has a directory of inputs for each target; default: what the
                                       fuzzers have kept in the cache, and their seeds
    python fuzz/unreached.py --seeds   the seeds alone

Exit 0 where each branch that is left is explained in fuzz/unreached.toml, 1 otherwise. (It cannot be called
coverage.py: beside the fuzzers, that would hide the package of the name.)
"""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path
from typing import Final

import checkout  # noqa: F401 - the packages that lie beside this script

from vmstate_conformance.cases import InputError
from vmstate_conformance.fuzzing.engine import cache_dir
from vmstate_conformance.fuzzing.targets import MODULES
from vmstate_conformance.fuzzing.unreached import corpus, explained, seeds, unreached

_HERE: Final = Path(__file__).parent
_NAMES: Final = [name for name in MODULES if name != "differential"]


def main(arguments: list[str]) -> int:
    """Replay, and list what is left."""
    if {"--help", "-h"} & set(arguments):
        print(__doc__)
        return 0
    only = arguments == ["--seeds"]
    place = cache_dir() if only or not arguments else Path(arguments[0])
    if len(arguments) > 1 or (arguments and not only and not place.is_dir()):
        print(f"unreached.py: {' '.join(arguments)}: no such directory", file=sys.stderr)
        return 2
    try:
        known = explained(_HERE / "unreached.toml")
        regressions = corpus(_HERE / "regressions", _NAMES)
        kept = () if only else corpus(place, _NAMES)
        left = unreached(chain(seeds(_NAMES), regressions, kept))
    except InputError as error:
        print(f"unreached.py: {error}", file=sys.stderr)
        return 2
    new = [branch for branch in left if branch.key not in known]
    for branch in new:
        print(f"{branch.module}:{branch.line}: {branch.source}\n    -> {branch.target}")
    print(f"{len(left)} branches unreached, {len(left) - len(new)} of them explained")
    return int(bool(new))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
