# SPDX-License-Identifier: Apache-2.0
"""Profiles of hypothesis: `quick` by default, `ci` where CI is set, `nightly` by name.

HYPOTHESIS_PROFILE=nightly pytest tests/properties
HYPOTHESIS_EXAMPLES=2000 pytest tests/properties
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings

# Machines are shared: slowness is measured elsewhere, never by a test that may fail for it.
COMMON: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
CI = {"derandomize": True, "database": None, "print_blob": True}

settings.register_profile("quick", settings(max_examples=60, **COMMON))
settings.register_profile("ci", settings(max_examples=150, **CI, **COMMON))
settings.register_profile("nightly", settings(max_examples=20_000, derandomize=False, **COMMON))

chosen = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if "CI" in os.environ else "quick")
settings.load_profile(chosen)
if "HYPOTHESIS_EXAMPLES" in os.environ:
    examples = int(os.environ["HYPOTHESIS_EXAMPLES"])
    settings.register_profile("counted", settings(max_examples=examples))
    settings.load_profile("counted")
