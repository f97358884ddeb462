# SPDX-License-Identifier: Apache-2.0
"""Searching for differences: generate, compare, reduce, write."""

from __future__ import annotations

import hashlib
import json
import shlex
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

from vmstate.dialects import DIALECTS
from vmstate.errors import CaseError
from vmstate.heap import POINTER
from vmstate.operations import perform
from vmstate_conformance.cases import Case, InputError
from vmstate_conformance.cases.canonical import canonical_document, canonical_state
from vmstate_conformance.differential.pair import Differing, Pair, hangs_on_addresses
from vmstate_conformance.differential.reduce import reduce
from vmstate_conformance.reports.dump import dump_lines
from vmstate_conformance.strategies import builder
from vmstate_conformance.strategies.generate import cases

_AUTO: Final = "flags:VMS_ARRAY_OF_POINTER_AUTO_ALLOC"
_BATCH: Final = 256
_SCOPES: Final = {"small": builder.SMALL, "medium": builder.MEDIUM, "large": builder.LARGE}
_REDUCE: Final = 20.0


def scope_for(dialect: str, size: str) -> builder.Scope:
    """Give what to generate: for an engine that does not have all of it, what it has."""
    scope, known = _SCOPES[size], DIALECTS.get(dialect)
    if known is None or not known.absent:
        return scope
    without = {f"infos:{kind.replace('-', '_')}": kind for kind in scope.kinds}
    lacking = {kind for need, kind in without.items() if need in known.absent}
    automatic = _AUTO not in known.absent
    kinds = (kind for kind in scope.kinds if kind not in lacking)
    return replace(
        scope,
        kinds=tuple(kind for kind in kinds if automatic or "-auto-" not in kind),
        automatic=automatic,
        slot_size=0 if automatic else POINTER,
    )


@dataclass(frozen=True, slots=True)
class Found:
    """A difference that was made small: the file it went to, and what a person reads of it."""

    differing: Differing
    file: Path
    text: str


@dataclass(slots=True)
class Search:
    """One search by two testees. `found` counts the differences of each kind."""

    words: tuple[str, str]
    dialect: str
    profile: str
    into: Path
    asked: int = 0
    by_address: int = 0
    spun: int = 0
    found: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def run(
        self,
        seed: int,
        *,
        seconds: float,
        count: int | None = None,
        size: str = "medium",
        everything: bool = False,
    ) -> Iterator[Found]:
        """Give each kind of difference once, reduced and written.

        Raises `TesteeError` where one cannot be used, `InputError` where nothing can be written.
        """
        deadline = time.monotonic() + seconds
        requests = cases(seed, count or 1 << 40, scope_for(self.dialect, size))
        with Pair(self.words, self.dialect, self.profile) as pair:
            while time.monotonic() < deadline and (batch := list(islice(requests, _BATCH))):
                for differing in pair.compare(batch):
                    self.asked += 1
                    if differing is None:
                        continue
                    if differing.spun:
                        self.spun += 1
                        continue
                    if hangs_on_addresses(differing.request, self.dialect):
                        self.by_address += 1
                        continue
                    self.found[differing.kind] += 1
                    if self.found[differing.kind] == 1:
                        yield self._written(self._reduced(pair, differing))
                        if not everything:
                            return

    def _reduced(self, pair: Pair, differing: Differing) -> Differing:
        """Make the request small while the two differ in the same way, then in any."""
        kept, strict = differing, True

        def keeps(request: dict[str, Any]) -> bool:
            nonlocal kept
            try:
                perform(request, dialect=self.dialect, profile=self.profile)
            except CaseError:
                return False
            (found,) = pair.compare([request])
            if found is None or found.spun or (strict and found.kind != differing.kind):
                return False
            if hangs_on_addresses(request, self.dialect):
                return False
            kept = found
            return True

        reduce(differing.request, keeps, _REDUCE)
        strict = False
        reduce(kept.request, keeps, _REDUCE)
        return kept

    def _written(self, differing: Differing) -> Found:
        request = _canonical(differing.request)
        record = json.dumps(request, sort_keys=True).encode()
        name = f"diff-{hashlib.sha256(record).hexdigest()[:12]}"
        expect = {key: differing.first[key] for key in _RESULT if key in differing.first}
        case: dict[str, Any] = {
            "id": name,
            "tags": ["diff", "-".join(differing.kind)],
            **request,
            "expect": [{"dialects": [self.dialect], **expect}],
        }
        file = self.into / f"{name}.json"
        try:
            self.into.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(case, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(f"{file}: {error.strerror or error} [unwritable]") from None
        return Found(differing, file, self._text(differing, name, file, case))

    def _text(self, differing: Differing, name: str, file: Path, record: dict[str, Any]) -> str:
        first, *_ = differing.differences
        shown = Case(name, self.dialect, _canonical(differing.request), record, (), str(file))
        replay = ["vmstate-conformance", "run", "--testee", self.words[1], "--cases", str(file)]
        lines = [
            f"DIFFER {name}  [{' '.join(differing.kind)}]",
            f"  {first.path}: {self.words[0]} {json.dumps(first.wanted)[:160]}",
            f"  {' ' * len(first.path)}  {self.words[1]} {json.dumps(first.got)[:160]}",
            *(f"  {line}" for line in dump_lines(shown)),
            f"  written to {file}",
            f"  alone: {shlex.join(replay)}",
        ]
        return "\n".join(lines)

    def summary(self) -> str:
        """Say in a line what the search came to."""
        counts = ", ".join(f"{n} x {' '.join(kind)}" for kind, n in sorted(self.found.items()))
        aside = f"; {self.by_address} depend on addresses" if self.by_address else ""
        aside += f"; {self.spun} did not end in time on one side" if self.spun else ""
        verdict = f"they differ: {counts}" if self.found else "they agree"
        return f"{self.asked} requests{aside}; {verdict}"


#: What of a result a case expects; texts are kept for people.
_RESULT: Final = (
    "verdict",
    "rule",
    "abort",
    "error",
    "message",
    "state",
    "consumed",
    "stream_error",
    "heap",
    "stream",
    "vmdesc",
)


def _canonical(request: dict[str, Any]) -> dict[str, Any]:
    made = {**request, "document": canonical_document(request["document"])}
    return {k: canonical_state(v) if k in ("state", "destination") else v for k, v in made.items()}
