# SPDX-License-Identifier: Apache-2.0
"""What a result is worth, facet by facet. Texts never decide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from vmstate_conformance.cases import Case
from vmstate_conformance.runner.differences import (
    Difference,
    of_class,
    of_devices,
    of_heap,
    of_state,
    plain,
)
from vmstate_conformance.runner.wanted import facets, wanted
from vmstate_conformance.testees.hello import Hello
from vmstate_conformance.testees.session import TROUBLES

__all__ = [
    "GRADES",
    "Difference",
    "FacetGrade",
    "Grade",
    "accepted",
    "grade",
    "refused",
    "wanted",
]

#: All grades, the worst first: a case as a whole has the worst of its facets'.
GRADES: Final = (
    "broken",
    "fail",
    "xpass",
    "xfail",
    "notrun",
    "unsupported",
    "free",
    "pass-coarse",
    "pass",
)
_ANSWERS: Final = frozenset({"valid", "invalid", "ok", "error", "accept", "reject"})
#: What is recorded of a result and never compared.
_TEXTS: Final = ("message", "path")
#: What of a result is its own operation's business, whatever the verdict.
_AFTER: Final = ("consumed", "stream_error")


@dataclass(frozen=True, slots=True)
class FacetGrade:
    """The grade of one facet. `outcome` is what the runner saw instead of an answer, if it did."""

    facet: str
    grade: str
    differences: tuple[Difference, ...] = ()
    outcome: str = ""
    needs: str = ""
    branch: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Grade:
    """The grades of all facets; `grade` is the worst of them."""

    grade: str
    facets: tuple[FacetGrade, ...]

    @classmethod
    def of(cls, facets: Iterable[FacetGrade]) -> Grade:
        """Sum up the facets, of which there is one at least."""
        found = tuple(facets)
        return cls(min((each.grade for each in found), key=GRADES.index), found)

    @property
    def differences(self) -> list[Difference]:
        """The differences of all facets."""
        return [each for facet in self.facets for each in facet.differences]


def grade(case: Case, result: dict[str, Any], profile: str, hello: Hello | None = None) -> Grade:
    """Compare a result with what was wanted of a testee that says this of itself."""
    try:
        return _graded(case, result, profile, hello)
    except RecursionError:
        names = facets(case.op, wanted(case, profile))
        return _lost(names, "protocol", Difference("state", "a state", "values nested too deeply"))


def _graded(case: Case, result: dict[str, Any], profile: str, hello: Hello | None) -> Grade:
    want = case.expect if profile == "compat" else wanted(case, profile)
    names = facets(case.request["op"], want)
    verdict = result["verdict"]
    if verdict == want["verdict"] and _same(want, result) and (hello is None or hello.shows_all):
        return _all_pass(names)
    if verdict == "unsupported":
        return _unsupported(names, str(result.get("needs", "")), hello)
    if "order-dependent" in result:
        trouble = Difference("order-dependent", "the same result alone", result["order-dependent"])
        return _lost(names, "order-dependent", trouble)
    if verdict in TROUBLES or verdict == "failure":
        return _lost(names, verdict, Difference("verdict", want["verdict"], verdict))
    match want["verdict"]:
        case "survive":
            return _survived(names[0], verdict)
        case "either":
            return _either(case, want["branches"], result, hello)
    return _grade(case, want, names, result, hello)


def refused(case: Case, profile: str, needs: str) -> Grade:
    """Grade a case that the testee cannot be asked."""
    return _unsupported(facets(case.op, wanted(case, profile)), needs, None)


def accepted(case: Case, result: dict[str, Any], profile: str, hello: Hello) -> bool:
    """Whether a load did what it should, and what it made is to be saved again."""
    want = wanted(case, profile)
    try:
        return (
            want.get("canonical") is True
            and want["verdict"] == "accept" == result["verdict"]
            and not _own(want, result, hello)[0]
        )
    except RecursionError:
        return False


def _same(want: dict[str, Any], result: dict[str, Any]) -> bool:
    """Whether all that is wanted came as it is written: most results are found good by this alone."""
    for key, value in want.items():
        got = result.get(key)
        if got == value or key in _TEXTS:
            continue
        if key == "heap":
            if type(got) is dict and value.items() <= got.items():
                continue
        elif key in ("error", "rule"):
            if type(value) is list and got in value:
                continue
        elif key == "canonical" and value is not True:
            continue
        return False
    # True equals 1, but is no number.
    return (
        type(result.get("consumed")) is not bool
        and type(result.get("stream_error")) is not bool
        and "order-dependent" not in result
    )


@cache
def _all_pass(names: tuple[str, ...]) -> Grade:
    return Grade("pass", tuple(FacetGrade(name, "pass") for name in names))


def _grade(
    case: Case,
    want: dict[str, Any],
    names: tuple[str, ...],
    result: dict[str, Any],
    hello: Hello | None,
) -> Grade:
    differences, coarse = _own(want, result, hello)
    if differences:
        lost = (FacetGrade(name, "notrun") for name in names[1:])
        return Grade.of([FacetGrade(names[0], "fail", tuple(differences)), *lost])
    found = [FacetGrade(names[0], "pass-coarse" if coarse else "pass")]
    for name in names[1:]:
        found.append(_facet(name, case, want, result, hello))
    if all(each.grade == "pass" for each in found):
        return _all_pass(names)
    return Grade.of(found)


def _own(
    want: dict[str, Any], result: dict[str, Any], hello: Hello | None
) -> tuple[list[Difference], bool]:
    """Compare what the operation itself is about; also say whether that is coarsely right only."""
    verdict = want["verdict"]
    if result["verdict"] != verdict:
        return [Difference("verdict", verdict, result["verdict"])], False
    found: list[Difference] = []
    coarse = False
    if verdict == "abort":
        return (
            plain("abort", want["abort"], result.get("abort")) if "abort" in want else []
        ), False
    for key in ("error", "rule"):
        if key in want:
            if key not in result and hello is not None and hello.errors == "none":
                coarse = True
                continue
            differences, only_coarse = of_class(key, want[key], result.get(key))
            found += differences
            coarse |= only_coarse
    if verdict == "accept":
        if hello is not None and hello.state == "none":
            coarse |= "state" in want or "devices" in want
        else:
            found += _left(want, result)
        found += _after(want, result)
    if "stream" in want:
        found += plain("stream", want["stream"], result.get("stream"))
    return found, coarse


def _left(want: dict[str, Any], result: dict[str, Any]) -> list[Difference]:
    """Compare the state that the operation left: of one description, or of devices."""
    found: list[Difference] = []
    if "state" in want:
        found += of_state(want["state"], result.get("state"))
    if "devices" in want:
        found += of_devices(want["devices"], result.get("devices"))
    return found


def _after(want: dict[str, Any], result: dict[str, Any]) -> list[Difference]:
    found: list[Difference] = []
    for key in _AFTER:
        if key in want:
            found += plain(key, want[key], result.get(key))
    return found


def _facet(
    name: str, case: Case, want: dict[str, Any], result: dict[str, Any], hello: Hello | None
) -> FacetGrade:
    match name:
        case "heap":
            if hello is not None and not hello.heap:
                return FacetGrade(name, "unsupported", needs="heap")
            if case.op == "stream" and "heap" not in result:
                return FacetGrade(name, "unsupported", needs="heap of a whole stream")
            found = of_heap(want["heap"], result.get("heap"))
        case "vmdesc":
            if hello is not None and not hello.vmdesc:
                return FacetGrade(name, "unsupported", needs="vmdesc")
            found = plain("vmdesc", want["vmdesc"], result.get("vmdesc"))
        case "resave":
            return _resave(case, want, result)
        case _:
            if hello is not None and hello.state == "none":
                return FacetGrade(name, "unsupported", needs="state")
            found = _left(want, result) + _after(want, result)
    return FacetGrade(name, "fail" if found else "pass", tuple(found))


def _resave(case: Case, want: dict[str, Any], result: dict[str, Any]) -> FacetGrade:
    saved = result.get("resave")
    if saved is None:
        return FacetGrade("resave", "unsupported", needs="ops:save")
    verdict = saved["verdict"]
    if verdict == "unsupported":
        return FacetGrade("resave", "unsupported", needs=str(saved.get("needs", "")))
    if verdict in TROUBLES or verdict == "failure" or "order-dependent" in saved:
        outcome = "order-dependent" if "order-dependent" in saved else verdict
        trouble = Difference("resave.verdict", "ok", saved.get("order-dependent", verdict))
        return FacetGrade("resave", "fail", (trouble,), outcome)
    found = plain("resave.verdict", "ok", verdict)
    if not found:
        sent = str(case.request["stream"])[: 2 * want["consumed"]]
        found = plain("resave.stream", sent, saved.get("stream"))
    return FacetGrade("resave", "fail" if found else "pass", tuple(found))


def _either(
    case: Case, branches: list[dict[str, Any]], result: dict[str, Any], hello: Hello | None
) -> Grade:
    """Grade by the branch that was taken: the first that fits, or else the nearest one."""
    nearest: Grade | None = None
    for at, want in enumerate(branches):
        found = _grade(case, want, facets(case.op, want), result, hello)
        if found.grade not in ("fail", "notrun"):
            return Grade.of(
                FacetGrade(each.facet, "free" if each.grade == "pass" else each.grade, branch=at)
                for each in found.facets
            )
        if nearest is None or want["verdict"] == result["verdict"]:
            nearest = found
    assert nearest is not None
    return nearest


def _survived(name: str, verdict: str) -> Grade:
    if verdict in _ANSWERS:
        return Grade.of([FacetGrade(name, "free")])
    return Grade.of([FacetGrade(name, "fail", (Difference("verdict", "any", verdict),))])


def _unsupported(names: tuple[str, ...], needs: str, hello: Hello | None) -> Grade:
    if hello is not None and hello.claims(needs):
        claimed = Difference("needs", "what its hello does not offer", needs)
        return _lost(names, "lying", claimed)
    return Grade.of(FacetGrade(name, "unsupported", needs=needs) for name in names)


def _lost(names: tuple[str, ...], outcome: str, difference: Difference) -> Grade:
    """Grade a case whose own facet failed without an answer: nothing can be said of the others."""
    rest = (FacetGrade(name, "notrun") for name in names[1:])
    return Grade.of([FacetGrade(names[0], "fail", (difference,), outcome), *rest])
