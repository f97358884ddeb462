#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Texts: files of cases, requests, messages of the protocol; each has an answer or a clear error."""

import sys

import atheris
import checkout  # noqa: F401 - the packages that lie beside this script

with atheris.instrument_imports(include=["vmstate", "vmstate_conformance"]):
    from vmstate_conformance.fuzzing.documents import TARGET

from vmstate_conformance.fuzzing.engine import fuzz

if __name__ == "__main__":
    fuzz(TARGET, sys.argv, __doc__)
