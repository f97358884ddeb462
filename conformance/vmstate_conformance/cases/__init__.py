# SPDX-License-Identifier: Apache-2.0
"""Cases: one behaviour each, with everything that it needs inside it."""

from vmstate_conformance.cases.model import Case, InputError
from vmstate_conformance.cases.reader import read_cases

__all__ = ["Case", "InputError", "read_cases"]
