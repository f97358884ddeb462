# SPDX-License-Identifier: Apache-2.0
"""What needs atheris is looked at only where that is installed: `tox -e fuzz`."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("atheris") else ["engine"]
