# SPDX-License-Identifier: Apache-2.0
"""Chromium for the tests that look at the report: found, or put in by apt where we are root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PACKAGES = ("chromium", "chromium-driver")


def found() -> tuple[str, str] | None:
    """Give the paths of the browser and its driver."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


def main() -> int:
    if found():
        return 0
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print(
            f"the browser tests need {' and '.join(PACKAGES)}: apt-get install them",
            file=sys.stderr,
        )
        return 1
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (
        ["update", "-qq"],
        ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES],
    ):
        subprocess.run(["apt-get", *words], check=True, env=environment, stdout=subprocess.DEVNULL)
    return 0 if found() else 1


if __name__ == "__main__":
    sys.exit(main())
