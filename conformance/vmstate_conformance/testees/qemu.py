# SPDX-License-Identifier: Apache-2.0
"""The command that serves QEMU's own engine as a testee."""

from __future__ import annotations

import sys


def command(path: str | None, release: str | None = None) -> list[str]:
    """Give the command line for the binary at `path`, else for the provisioned one of a release."""
    serve = [sys.executable, "-m", "vmstate_conformance.qemu.serve"]
    if release is not None:
        return [*serve, "--release", release]
    return serve if path is None else [*serve, path]
