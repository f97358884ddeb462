# SPDX-License-Identifier: Apache-2.0
"""Puts the packages of this checkout on the path: a fuzzer fuzzes the code that it lies beside."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_TOP = Path(__file__).parent.parent
_PLACES = [str(_TOP / name) for name in ("reference", "conformance") if (_TOP / name).is_dir()]
if _PLACES:
    sys.path[1:1] = _PLACES
    # Processes that a fuzzer starts, testees above all, look for the packages too.
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([*_PLACES, *([inherited] if inherited else [])])
