#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whole streams into the machines of the corpus, by description, as loadvm takes them."""

import sys

import atheris
import checkout  # noqa: F401 - the packages that lie beside this script

with atheris.instrument_imports(include=["vmstate"]):
    from vmstate_conformance.fuzzing.loadvm import TARGET

from vmstate_conformance.fuzzing.engine import fuzz

if __name__ == "__main__":
    fuzz(TARGET, sys.argv, __doc__)
