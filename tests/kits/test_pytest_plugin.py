# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

from vmstate_conformance.kits import cli as kits

KIT = f"{sys.executable} {Path(kits.__file__).with_name('python') / 'testee.py'}"


def pytest_in(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *PLUGIN, *arguments],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


#: Where the package is not installed as a distribution, its entry point is not there either.
INSTALLED = {each.name for each in entry_points(group="pytest11")}
PLUGIN = [] if "vmstate-conformance" in INSTALLED else ["-p", "vmstate_conformance.pytest_plugin"]


def test_each_area_is_an_item(tmp_path: Path) -> None:
    done = pytest_in(
        tmp_path,
        f"--vmstate-testee={KIT}",
        "--vmstate-profile=hardened",
        "--vmstate-dialect=qemu-11.1.3",
        "-v",
        "-k",
        "auto-alloc or gtree",
    )

    assert done.returncode == 0, done.stdout
    assert "vmstate/auto-alloc[qemu-11.1.3]" in done.stdout
    assert " 1 skipped" in done.stdout
    assert " 1 passed" in done.stdout or "1 passed," in done.stdout


def test_a_failure_names_the_cases_and_what_differs(tmp_path: Path) -> None:
    mutant = f"{sys.executable} -m vmstate_conformance.mutants.serve too-new-taken"
    done = pytest_in(tmp_path, f"--vmstate-testee={mutant}", "-k", "vmstate/versions")

    assert done.returncode == 1
    assert "cases fail" in done.stdout
    assert "wanted 'reject', got 'accept'" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_testee_that_cannot_be_used_is_a_failure_in_one_line(tmp_path: Path) -> None:
    done = pytest_in(tmp_path, "--vmstate-testee=no-such-program", "-k", "vmstate/versions")

    assert done.returncode == 1
    assert "no-such-program" in done.stdout


def test_without_the_option_nothing_happens(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text("def test_one(): pass\n")

    done = pytest_in(tmp_path)

    assert done.returncode == 0
    assert "1 passed" in done.stdout
