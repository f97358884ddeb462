# SPDX-License-Identifier: Apache-2.0
"""What of the reference the corpus runs: `python -m vmstate_conformance.adequacy.covering CORPUS`.

A process of its own, for coverage must begin before the reference is imported. It prints JSON: by
module, the lines and branches that no case took.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

#: The modules that carry rules.
MODULES: Final = (
    "check",
    "container/commands",
    "container/configuration",
    "container/load",
    "container/model",
    "container/payloads/bitmaps",
    "container/payloads/htab",
    "container/payloads/ram",
    "container/payloads/ramblocks",
    "container/payloads/rammapped",
    "container/payloads/skeys",
    "container/payloads/sparse",
    "container/payloads/stattrib",
    "container/payloads/words",
    "container/save",
    "description",
    "extent",
    "infos",
    "infos_nested",
    "infos_plain",
    "load",
    "save",
    "save_nulls",
    "stream",
    "subsections",
    "vmdesc",
    "whole/mapbits",
    "whole/wire",
    "whole/xbzrle",
)
EXPLAINED: Final = Path(__file__).with_name("uncovered.json")


@dataclass(frozen=True, slots=True)
class Gap:
    """A line that no case ran, or a branch of one that none took: `to` says where it would lead."""

    module: str
    line: int
    text: str
    to: str = ""

    def shown(self) -> str:
        """Give it in one line."""
        return f"vmstate/{self.module}.py:{self.line}: {self.text}{f' -> {self.to}' if self.to else ''}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Lines and branches of the modules, and those that are missing."""

    lines: int
    branches: int
    gaps: tuple[Gap, ...]


def measure(corpus: Path) -> Coverage:
    """Run the corpus under coverage in another process. Raises `RuntimeError` where that fails."""
    command = [sys.executable, "-m", __name__, str(corpus)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "")
    found = json.loads(done.stdout)
    return Coverage(found["lines"], found["branches"], tuple(Gap(**gap) for gap in found["gaps"]))


def unexplained(gaps: Iterable[Gap], explained: Iterable[Mapping[str, Any]]) -> list[Gap]:
    """Give the gaps that the list of exceptions does not explain: it knows them by their text."""
    known = {(each["module"], each["text"], each.get("to", "")) for each in explained}
    return [gap for gap in gaps if (gap.module, gap.text, gap.to) not in known]


def stale(gaps: Iterable[Gap], explained: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Give the exceptions that are none any more."""
    open_ = {(gap.module, gap.text, gap.to) for gap in gaps}
    return [
        each
        for each in explained
        if (each["module"], each["text"], each.get("to", "")) not in open_
    ]


def explained() -> list[dict[str, Any]]:
    """Give the committed exceptions: module, text of the line, where to, and why."""
    if not EXPLAINED.is_file():
        return []
    held: list[dict[str, Any]] = json.loads(EXPLAINED.read_text(encoding="utf-8"))["uncovered"]
    return held


def main() -> int:
    """Run the corpus that the command line names, and print what it did not reach."""
    import coverage  # noqa: PLC0415 - a tool of ours, not of the reference's users

    tool = coverage.Coverage(
        data_file=None, branch=True, source_pkgs=["vmstate"], config_file=False
    )
    tool.start()
    from vmstate_conformance.cases.reader import read_cases  # noqa: PLC0415 - it imports the reference
    from vmstate_conformance.testees.reference import Reference  # noqa: PLC0415

    reference = Reference()
    for case in read_cases([Path(sys.argv[1])]):
        for profile in ("compat", "hardened"):
            reference.config = {"dialect": case.dialect, "profile": profile}
            reference.run({"id": 0, **case.request})
    tool.stop()
    sys.stdout.write(json.dumps(_found(tool)))
    return 0


def _found(tool: Any) -> dict[str, Any]:
    import vmstate  # noqa: PLC0415 - imported under coverage

    folder = Path(vmstate.__file__).parent
    lines = branches = 0
    gaps: list[dict[str, Any]] = []
    for module in MODULES:
        file = folder / f"{module}.py"
        text = file.read_text(encoding="utf-8").splitlines()
        found = tool._analyze(str(file))  # noqa: SLF001 - branches have no public name
        lines += len(found.statements)
        branches += found.numbers.n_branches
        missing = set(found.missing)
        for line in sorted(missing):
            gaps.append({"module": module, "line": line, "text": text[line - 1].strip()})
        for line, targets in sorted(found.missing_branch_arcs().items()):
            if line in missing:
                continue
            for target in sorted(targets):
                to = text[target - 1].strip() if target > 0 else "the end"
                gap = {"module": module, "line": line, "text": text[line - 1].strip(), "to": to}
                gaps.append(gap)
    return {"lines": lines, "branches": branches, "gaps": gaps}


if __name__ == "__main__":
    sys.exit(main())
