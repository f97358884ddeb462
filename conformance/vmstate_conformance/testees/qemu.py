# SPDX-License-Identifier: Apache-2.0
"""The command that serves QEMU's own engine as a testee."""

from __future__ import annotations

import sys


def command(path: str | None) -> list[str]:
    """Give the command line for the binary at `path`, or for the provisioned one."""
    serve = [sys.executable, "-m", "vmstate_conformance.qemu.serve"]
    return serve if path is None else [*serve, path]
