# SPDX-License-Identifier: Apache-2.0
"""Which branches of the engine no input of a corpus reaches, beside those that are explained.

Coverage is measured by replaying inputs through the targets, not under libFuzzer, which loses the data.
A branch is named by its module and the two lines that it leads from and to, so that it keeps its name
while lines move.
"""

from __future__ import annotations

import importlib
import json
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vmstate_conformance.cases import InputError

#: What is to be reached: the loader and all that it stands on, check, save, the container, payloads.
MODULES: Final = (
    "load", "runs", "bulk", "save", "check", "subsections", "infos_plain", "infos_nested", "extent",
    "stream", "description", "vmdesc", "container/load", "container/commands",
    "container/configuration", "container/payloads/ram", "container/payloads/ramblocks",
    "container/payloads/rammapped", "container/payloads/bitmaps", "container/payloads/skeys",
    "container/payloads/stattrib", "container/payloads/htab", "whole/xbzrle",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of a module that nothing took: from one line to another, as they read."""

    module: str
    source: str
    target: str
    line: int

    @property
    def key(self) -> tuple[str, str, str]:
        """Name it without its line."""
        return self.module, self.source, self.target


def unreached(inputs: Iterable[tuple[str, bytes]]) -> list[Branch]:
    """Replay inputs, each with the name of its target, and give the branches that none took.

    Raises `InputError` where coverage.py is not installed.
    """
    try:
        coverage = importlib.import_module("coverage")
    except ImportError:
        raise InputError("coverage.py is not installed: pip install coverage [missing]") from None
    package = Path(importlib.import_module("vmstate").__file__ or "").parent
    files = [str(package / f"{name}.py") for name in MODULES]
    with tempfile.TemporaryDirectory(prefix="vmstate-unreached-") as place:
        measured = coverage.Coverage(
            data_file=None, branch=True, include=files, config_file=False, messages=False
        )
        measured.start()
        try:
            _replay(inputs)
        finally:
            measured.stop()
        report = Path(place) / "report.json"
        # A file that nothing touched is all unreached, and so has to be in the report.
        measured.json_report(morfs=files, outfile=str(report))
        found = json.loads(report.read_bytes())["files"]
    branches: list[Branch] = []
    for name, measured_file in found.items():
        branches += _branches(Path(name).resolve(), package, measured_file)
    return sorted(branches, key=lambda branch: (branch.module, branch.line, branch.target))


def _replay(inputs: Iterable[tuple[str, bytes]]) -> None:
    # Imported here, so that what the modules do when they are imported counts as reached.
    from vmstate_conformance.fuzzing.targets import target  # noqa: PLC0415

    for name, data in inputs:
        with suppress(Exception):  # findings are triage's business
            target(name).run(data)


def _branches(file: Path, package: Path, measured: Mapping[str, Any]) -> Iterator[Branch]:
    lines = file.read_text(encoding="utf-8").splitlines()
    module = file.relative_to(package).with_suffix("").as_posix()

    def text(number: int) -> str:
        return lines[number - 1].strip() if number > 0 else "exit"

    for source, target in measured["missing_branches"]:
        yield Branch(module, text(source), text(target), source)


def explained(file: Path) -> dict[tuple[str, str, str], str]:
    """Read the list of explained branches. Raises `InputError`."""
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error} [unreadable]") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{file}: {error} [toml]") from None
    found: dict[tuple[str, str, str], str] = {}
    for entry in given.get("branch", []):
        try:
            key = entry["module"], entry["from"], entry["to"]
            why = entry["why"]
        except (KeyError, TypeError):
            raise InputError(f"{file}: a branch has module, from, to and why [branch]") from None
        found[key] = why
    return found


def corpus(place: Path, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Give the inputs below a directory that has one directory a target, or a target's own."""
    known = list(names)
    for name in known:
        for folder in (place / name, place / name / "corpus", place / name / "seeds"):
            if folder.is_dir():
                yield from (
                    (name, file.read_bytes()) for file in sorted(folder.iterdir()) if file.is_file()
                )


def seeds(names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Give the seeds of all targets."""
    from vmstate_conformance.fuzzing.targets import target  # noqa: PLC0415 - as above

    for name in names:
        yield from ((name, data) for data in target(name).seeds())
