# SPDX-License-Identifier: Apache-2.0
"""Profiles of hypothesis: quick by default, `ci` where CI is set, `nightly` by name.

HYPOTHESIS_PROFILE=nightly pytest tests/properties
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Machines are shared: slowness is measured elsewhere, never by a test that may fail for it.
COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("quick", settings(max_examples=60, **COMMON))
settings.register_profile(
    "ci",
    settings(max_examples=150, derandomize=True, database=None, print_blob=True, **COMMON),
)
settings.register_profile("nightly", settings(max_examples=20_000, derandomize=False, **COMMON))
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if "CI" in os.environ else "quick")
)
