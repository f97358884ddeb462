# SPDX-License-Identifier: Apache-2.0
"""volatility3's QEMU layer as a testee: how to start it, and what it is known to get wrong."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Final

#: What `--expect volatility3` means.
EXPECTATIONS: Final = Path(__file__).with_name("expectations.toml")
MISSING: Final = "volatility3 is not installed: pip install 'vmstate-conformance[volatility3]'"


def installed() -> bool:
    """Whether Python finds volatility3."""
    return importlib.util.find_spec("volatility3") is not None


def command() -> list[str]:
    """Give the command that starts the adapter."""
    return [sys.executable, "-m", __name__]
