# SPDX-License-Identifier: Apache-2.0
"""The build for ClusterFuzzLite and OSS-Fuzz, as far as it goes without their image."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from vmstate_conformance.fuzzing.targets import MODULES, target

TOP = Path(__file__).parents[2]
NAMES = sorted(set(MODULES) - {"differential"})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Run the build script with a compiler and a pip that only note what they are asked for."""
    place = tmp_path_factory.mktemp("build")
    out, bin_, source = place / "out", place / "bin", place / "src"
    for made in (out, bin_, source):
        made.mkdir()
    (source / "vmstate-conformance").symlink_to(TOP)
    log = place / "log"
    python = f'[ "$2" = pip ] && {{ echo "$@" >> {log}; exit 0; }}\nexec {sys.executable} "$@"\n'
    for name, body in (
        ("compile_python_fuzzer", f'echo "$@" >> {log}\ntouch "$OUT/$(basename "$1" .py)"\n'),
        ("python3", python),
    ):
        tool = bin_ / name
        tool.write_text(f"#!/bin/sh\n{body}")
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    environment = {**os.environ, "SRC": str(source), "OUT": str(out)}
    environment["PATH"] = f"{bin_}{os.pathsep}{environment['PATH']}"
    subprocess.run([TOP / ".clusterfuzzlite" / "build.sh"], env=environment, check=True)
    return out, log.read_text().splitlines()


def test_the_package_is_installed_and_every_fuzzer_compiled(built: tuple[Path, list[str]]) -> None:
    out, log = built
    assert log[0] == "-m pip install ."
    compiled = [line.split()[0] for line in log[1:]]
    assert compiled == [f"fuzz/{name}_fuzzer.py" for name in NAMES]
    assert all("--collect-data vmstate_conformance" in line for line in log[1:])
    assert all((out / f"{name}_fuzzer").exists() for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_has_seeds_a_dictionary_and_options_by_its_name(
    name: str, built: tuple[Path, list[str]]
) -> None:
    out, _ = built
    made = target(name)
    with zipfile.ZipFile(out / f"{name}_fuzzer_seed_corpus.zip") as archive:
        seeds = {archive.read(each) for each in archive.namelist()}
    assert len(seeds) > 20
    assert all(len(seed) <= made.max_len for seed in seeds)
    for file in (TOP / "fuzz" / "regressions" / name).glob("*"):
        assert file.read_bytes() in seeds
    lines = (out / f"{name}_fuzzer.dict").read_text().splitlines()
    assert lines
    assert all(line.startswith('"') and line.endswith('"') for line in lines)
    assert f"max_len = {made.max_len}\n" in (out / f"{name}_fuzzer.options").read_text()


def test_the_files_that_the_fleets_look_for_are_there() -> None:
    project = (TOP / ".clusterfuzzlite" / "project.yaml").read_text()
    assert "language: python" in project
    docker = (TOP / ".clusterfuzzlite" / "Dockerfile").read_text()
    assert "FROM gcr.io/oss-fuzz-base/base-builder-python" in docker
    assert "COPY .clusterfuzzlite/build.sh $SRC/" in docker


def test_no_place_to_write_to_is_one_line() -> None:
    command = [sys.executable, str(TOP / "fuzz" / "bundle.py"), "/no/such/place"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "bundle.py: /no/such/place: no such directory\n"
