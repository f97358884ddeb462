# SPDX-License-Identifier: Apache-2.0
"""Bringing a finding down to the one field, and confirming it in fresh processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vmstate_conformance.qemu.fuzz.faults import signature
from vmstate_conformance.qemu.fuzz.mutate import Edit, Mutant
from vmstate_conformance.qemu.judge import Verdict

#: Tries a stream in a fresh process.
Try = Callable[[bytes], Verdict]


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A finding that a fresh process shows."""

    mutant: Mutant
    verdict: Verdict
    signature: str
    way: str
    """`incoming` or `loadvm`."""
    tries: int


def confirm(mutant: Mutant, ways: Sequence[tuple[str, Try]]) -> Confirmed | None:
    """Show it again in a fresh process by the first way that does, and minimise it there.

    Gives None where no fresh process shows it.
    """
    for way, attempt in ways:
        verdict = attempt(mutant.bytes())
        if verdict.bad:
            return _Minimiser(attempt, way, mutant, verdict).run()
    return None


class _Minimiser:
    def __init__(self, attempt: Try, way: str, mutant: Mutant, verdict: Verdict) -> None:
        self._attempt = attempt
        self._way = way
        self._mutant = mutant
        self._verdict = verdict
        self._signature = signature(verdict, verdict.said)
        self._tries = 1

    def run(self) -> Confirmed:
        """Leave out what is not needed: whole edits first, then bytes of them."""
        edits = self._mutant.edits
        alone = next((each for each in edits if len(edits) > 1 and self._same((each,))), None)
        if alone is not None:
            edits = (alone,)
        for each in edits:
            less = tuple(other for other in edits if other != each)
            if less and len(edits) > 1 and self._same(less):
                edits = less
        for each in edits:
            edits = tuple(self._shrink(other, edits) if other == each else other for other in edits)
        mutant = replace(self._mutant, edits=edits)
        return Confirmed(mutant, self._verdict, self._signature, self._way, self._tries)

    def _shrink(self, edit: Edit, edits: tuple[Edit, ...]) -> Edit:
        """Put back the bytes of a long edit that do not matter."""
        if edit.size != len(edit.new) or edit.size <= 8:
            return edit
        old = self._mutant.seed.data[edit.offset : edit.offset + edit.size]
        step = edit.size // 2
        while step:
            for at in range(0, edit.size, step):
                part = slice(at, at + step)
                if edit.new[part] == old[part] or self._tries > 60:
                    continue
                less = replace(edit, new=edit.new[:at] + old[part] + edit.new[at + step :])
                if self._same(tuple(less if each == edit else each for each in edits)):
                    edits = tuple(less if each == edit else each for each in edits)
                    edit = less
            step //= 2
        return edit

    def _same(self, edits: tuple[Edit, ...]) -> bool:
        verdict = self._attempt(replace(self._mutant, edits=edits).bytes())
        self._tries += 1
        if verdict.verdict != self._verdict.verdict:
            return False
        # Where a loop is seen varies from look to look.
        if verdict.verdict != "hung" and signature(verdict, verdict.said) != self._signature:
            return False
        self._verdict = verdict
        return True
