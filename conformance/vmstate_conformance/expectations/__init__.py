# SPDX-License-Identifier: Apache-2.0
"""The expectations file: what a testee is known to get wrong, owned by the testee, strict both ways."""

from vmstate_conformance.expectations.model import Entry, Expectations

__all__ = ["Entry", "Expectations"]
