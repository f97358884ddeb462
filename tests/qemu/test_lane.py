# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LANE = Path(__file__).with_name("lane.py")


def run(**env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(LANE)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_lane_that_is_left_out_says_so() -> None:
    done = run(VMSTATE_CONFORMANCE_NO_QEMU="1")

    assert done.returncode == 0
    assert done.stdout == "qemu: NOT RUN: VMSTATE_CONFORMANCE_NO_QEMU is set\n"


def test_where_qemu_cannot_be_had_the_lane_fails_with_the_reason(tmp_path: Path) -> None:
    done = run(
        VMSTATE_CONFORMANCE_NO_QEMU="",
        VMSTATE_CONFORMANCE_CACHE=str(tmp_path / "cache"),
        PATH=str(tmp_path),
    )

    assert done.returncode == 1
    assert "this machine has no apt-get" in done.stderr
    assert done.stderr.endswith("qemu: provision: failed, exit status 2\n")
