#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Findings in staging: one line for each, whether it still shows, and how it is replayed.

python fuzz/triage.py [DIR or FILE ...]     list, one line a signature
python fuzz/triage.py --replay FILE         run one finding's input again; exit 1 where it shows
python fuzz/triage.py --prune [DIR]         delete what shows no more
"""

from __future__ import annotations

import sys

import checkout  # noqa: F401 - the packages that lie beside this script

from vmstate_conformance.fuzzing.triage import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], __doc__ or ""))
