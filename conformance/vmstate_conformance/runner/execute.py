# SPDX-License-Identifier: Apache-2.0
"""One run from options to reports: what is written while it goes on, and what is made of it after."""

from __future__ import annotations

import hashlib
import json
import platform
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vmstate_conformance import __version__
from vmstate_conformance.cases import Case
from vmstate_conformance.corpus import corpus_dir
from vmstate_conformance.expectations import Expectations
from vmstate_conformance.reports.dump import dump_lines
from vmstate_conformance.reports.summary import Summary
from vmstate_conformance.runner.replay import Replay
from vmstate_conformance.runner.results import DECIDING, ResultLog
from vmstate_conformance.runner.run import Row, Run
from vmstate_conformance.testees.hello import PROTOCOL
from vmstate_conformance.testees.registry import Testee
from vmstate_conformance.testees.registry import expectations as expectations_of
from vmstate_conformance.testees.session import Timing

#: Failures that come with dump and replay file; whoever has more begins with these.
_HELPED: Final = 1000


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `run`, by their names in click."""

    testee: str
    places: tuple[Path, ...]
    profile: str | None
    dialect: str | None
    pattern: str | None
    areas: tuple[str, ...]
    as_of: str | None
    jobs: int
    expect: Path | None
    log: Path | None
    junit: Path | None
    html: Path | None
    replay: Path | None
    isolate: bool
    seed: int | None
    timeout_factor: float
    memory_limit: int
    in_process: bool
    smoke: bool
    recommended: bool
    failures: int
    quiet: bool


class Execution:
    """A run under way. Raises `InputError` and `TesteeError`."""

    def __init__(self, options: Options, everything: Sequence[Case]) -> None:
        self._options = options
        expectations = (
            Expectations.read(expectations_of(options.expect)) if options.expect else None
        )
        self._unmatched: list[str] = []
        if expectations is not None:
            expectations.check(everything)
            self._unmatched = expectations.unmatched(everything)
        factor = options.timeout_factor
        word = f"{options.testee}:in-process" if options.in_process else options.testee
        testee = Testee(word, Timing(30 * factor, 2 * factor), options.memory_limit << 20)
        self.run = Run(
            testee,
            options.profile or "",
            options.jobs,
            expectations,
            isolate=options.isolate,
            seed=options.seed,
        )
        self.summary = Summary()
        self._decided = False
        self._helped = 0
        folder = options.replay or _replays(word)
        needed = options.replay is not None
        self._replay = Replay(folder, testee.command(), self._alone(), needed=needed)
        self._file = options.log
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        if self._file is None and (options.junit or options.html):
            self._folder = tempfile.TemporaryDirectory()
            self._file = Path(self._folder.name, "results.jsonl")

    def log(self, count: int, dialects: Iterable[str]) -> ResultLog:
        """Open the log of a run of so many cases of these dialects, which has begun."""
        options, hello = self._options, self.run.hello
        header = {
            "protocol": PROTOCOL,
            "testee": options.testee,
            "hello": hello.raw if hello else {},
            "profile": self.run.profile,
            "dialects": sorted(dialects),
            "cases": count,
            "manifest": manifest(self._options.places),
            "selection": self._selection(),
            "seed": options.seed,
            "jobs": options.jobs,
            "isolate": options.isolate,
            "host": f"{platform.system()} {platform.machine()}".lower(),
        }
        return ResultLog(self._file, header, self._help)

    def add(self, results: ResultLog, row: Row) -> None:
        """Log a row, and keep what is worth a look."""
        lines = results.add(row)
        if row.grade.grade == "pass":
            return
        for facet, line in zip(row.grade.facets, lines, strict=True):
            if facet.grade in DECIDING and self._decides(row.case):
                self._decided = True
            if facet.grade not in ("pass", "notrun"):
                self.summary.note(json.loads(line))

    def _decides(self, case: Case) -> bool:
        return case.scored and (case.level != "recommended" or self._options.recommended)

    def end(self, results: ResultLog, seconds: float) -> dict[str, Any]:
        """Write the footer; give it."""
        for area, _, scored, facet, grade, count in results.tally.facets():
            self.summary.count(area, facet, grade, count, scored=scored)
        broken = self.run.broken
        unstable = results.tally.footer()["unstable"]
        word = "fails" if self._decided or self._unmatched else "conforms"
        verdict = "broken" if broken else "unstable" if unstable else word
        more: dict[str, Any] = {"broken": broken} if broken else {}
        if self._unmatched:
            more["unmatched"] = self._unmatched
        return results.end(
            verdict=verdict, restarts=self.run.restarts, seconds=round(seconds, 2), **more
        )

    def derive(self) -> None:
        """Write the reports that come from the log."""
        options = self._options
        try:
            if self._file is not None and (options.junit or options.html):
                from vmstate_conformance.reports.model import read_results  # noqa: PLC0415

                found = read_results(self._file)
                if options.junit:
                    from vmstate_conformance.reports.junit import write_junit  # noqa: PLC0415

                    write_junit(found, options.junit)
                if options.html:
                    from vmstate_conformance.reports.html import write_html  # noqa: PLC0415

                    write_html([found], options.html)
        finally:
            if self._folder is not None:
                self._folder.cleanup()

    def _help(self, row: Row) -> dict[str, Any]:
        run, case, result = self.run, row.case, row.result
        assert run.hello is not None
        self._helped += 1
        if self._helped > _HELPED:
            return {"source": case.source, "alone": self._replay.alone(case)}
        return {
            "source": case.source,
            "dump": dump_lines(case),
            **self._replay.of(
                case,
                run.hello,
                run.profile,
                before=result.get("before", ()),
                after=run.follow(case, result) if "resave" in result else None,
            ),
        }

    def _selection(self) -> dict[str, Any]:
        """Say which of the cases were chosen; a dialect is no choice among them."""
        options = self._options
        chosen = {"id": options.pattern, "area": list(options.areas), "as_of": options.as_of}
        return {key: value for key, value in chosen.items() if value}

    def _alone(self) -> list[str]:
        options = self._options
        command = ["vmstate-conformance", "run"]
        if options.testee != "reference":
            command += ["--testee", options.testee]
        for place in options.places:
            command += ["--cases", str(place)]
        if options.profile:
            command += ["--profile", options.profile]
        return [*command, "--in-process"] if options.in_process else command


def manifest(places: Sequence[Path]) -> str:
    """Name the cases by their content: the digest that the corpus's manifest has, or of the files."""
    if not places:
        try:
            listed = json.loads((corpus_dir() / "manifest.json").read_bytes())
            return f"sha256:{listed['digest']}"
        except (OSError, ValueError, KeyError, TypeError):
            pass  # a corpus that is being worked on
    digest = hashlib.sha256()
    for place in places or [corpus_dir()]:
        for file in sorted(place.rglob("*.json*")) if place.is_dir() else [place]:
            name = file.relative_to(place).as_posix() if place.is_dir() else file.name
            digest.update(f"{name}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return f"sha256:{digest.hexdigest()}"


def _replays(word: str) -> Path:
    from platformdirs import user_cache_path  # noqa: PLC0415

    name = "".join(char if char.isalnum() else "-" for char in word).strip("-")[:60]
    return user_cache_path("vmstate-conformance") / "replay" / __version__ / name
