#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""RAM and the other payloads that no description describes, built from genes, into both profiles."""

import sys

import atheris
import checkout  # noqa: F401 - the packages that lie beside this script

with atheris.instrument_imports(include=["vmstate"]):
    from vmstate_conformance.fuzzing.payload import TARGET

from vmstate_conformance.fuzzing.engine import fuzz

if __name__ == "__main__":
    fuzz(TARGET, sys.argv, __doc__)
