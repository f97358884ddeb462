# SPDX-License-Identifier: Apache-2.0
"""Two `-dump-vmstate` files compared: whether NEW can load what OLD saves."""

from vmstate.dumpcheck.compare import compare
from vmstate.dumpcheck.model import Dump, parse_dump
from vmstate.dumpcheck.rules import RULES, Finding

__all__ = ["RULES", "Dump", "Finding", "compare", "parse_dump"]
