# SPDX-License-Identifier: Apache-2.0
"""What `tox -e qemu` runs: QEMU is provisioned, or the reason said; then all that needs it.

With VMSTATE_CONFORMANCE_NO_QEMU set it says that it does not run, and ends well.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: Seconds that QEMU may take to come, and each part of the lane to run.
PROVISION = 900
PART = 1800
ARCHS = "x86_64,s390x,aarch64,riscv64,ppc64"
SUITE = [sys.executable, "-m", "vmstate_conformance"]


def step(what: str, command: list[str], seconds: int) -> None:
    print(f"qemu: {what}", flush=True)
    try:
        done = subprocess.run(command, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        sys.exit(f"qemu: {what}: not done in {seconds} s")
    if done.returncode:
        sys.exit(f"qemu: {what}: failed, exit status {done.returncode}")


def main() -> None:
    if os.environ.get("VMSTATE_CONFORMANCE_NO_QEMU"):
        print("qemu: NOT RUN: VMSTATE_CONFORMANCE_NO_QEMU is set")
        return
    here = Path(__file__).parent.parent
    step("provision", [*SUITE, "qemu", "provision", "--arch", ARCHS], PROVISION)
    step(
        "tests",
        [sys.executable, "-m", "pytest", "-n", "2", "-m", "qemu", *sys.argv[1:], str(here)],
        PART,
    )
    step("corpus", [*SUITE, "run", "--testee", "qemu", "-j", "2"], PART)


if __name__ == "__main__":
    main()
