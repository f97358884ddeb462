# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vmstate_conformance.cli import cli


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], str]:
    """Makes an executable shell script that stands in for QEMU."""

    def make(body: str) -> str:
        script = tmp_path / "qemu-system-fake"
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
        return str(script)

    return make


@pytest.fixture
def ask() -> Callable[..., Result]:
    """Runs `vmstate-conformance qemu …`."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["qemu", *arguments])

    return run
