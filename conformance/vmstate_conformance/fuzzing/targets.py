# SPDX-License-Identifier: Apache-2.0
"""All targets by name, each imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import Final

from vmstate_conformance.fuzzing.target import Target

#: The module of each target; `fuzz/NAME_fuzzer.py` runs it.
MODULES: Final = MappingProxyType(
    {
        "load": "load",
        "structure": "structure",
        "container": "container",
        "loadvm": "loadvm",
        "payload": "payload",
        "vmdesc": "vmdesc",
        "document": "documents",
        "profile": "profile",
        "differential": "differential",
    }
)


def target(name: str) -> Target:
    """Give a target. Raises `KeyError`."""
    found: Target = import_module(f"vmstate_conformance.fuzzing.{MODULES[name]}").TARGET
    return found
