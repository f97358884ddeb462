# SPDX-License-Identifier: Apache-2.0
"""What can be proved about a corpus: each finding is one line with file, line and rule."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from vmstate.document import Document
from vmstate.errors import CaseError
from vmstate_conformance import clauses
from vmstate_conformance.cases.confirming import ASKED
from vmstate_conformance.cases.expectation import GOOD, OPEN, PROFILES
from vmstate_conformance.cases.filling import annotated
from vmstate_conformance.cases.groups import Group, make_request
from vmstate_conformance.cases.jsonfile import JSONFile, Where, read_json
from vmstate_conformance.cases.model import Case
from vmstate_conformance.cases.mutation import mutate
from vmstate_conformance.cases.reader import read_cases
from vmstate_conformance.cases.segments import join, segment_bytes
from vmstate_conformance.cases.store import Corpus
from vmstate_conformance.cases.upkeep import format_corpus
from vmstate_conformance.cases.witness import Witnesses, disagreement, engines, reference
from vmstate_conformance.runner.grade import grade

#: Bytes of a whole corpus.
BUDGET: Final = 8 << 20
_SCHEMAS: Final = {
    "classes.json": "classes",
    "clauses.json": "clauses",
    "manifest.json": "manifest",
    "tombstones.json": "tombstones",
}


def lint(root: Path, *, engine: bool) -> Iterator[str]:
    """Check everything. Raises `InputError` where a file cannot even be read."""
    yield from _schemas(root)
    cases = list(read_cases([root]))
    for file in format_corpus(root, write=False):
        yield f"{file}: is not in canonical form; see `case fmt` [canonical]"
    yield from _size(root)
    yield from _descriptions(root, cases)
    yield from _links(root, cases)
    corpus = Corpus(root)
    with engines(wanted=engine) as witnesses:
        seen: dict[str, str] = {}
        for file in corpus.files():
            yield from _Linter(Group(read_json(file)), root, witnesses, seen).findings()
    buried = corpus.tombstones()
    for case in cases:
        if case.id in buried:
            yield f"{case.source}: {case.id} was retired; ids are not used again [tombstone]"


def _schemas(root: Path) -> Iterator[str]:
    """Check files against their schemas: all of them closed."""
    for file in sorted(root.rglob("*.json")):
        folder = file.relative_to(root).parts[0]
        if folder in ("schemas", "streams", "observed"):
            continue
        source = read_json(file)
        name = "document" if folder == "descriptions" else _SCHEMAS.get(file.name, "group")
        yield from _against(source, name, root)


def _against(source: JSONFile, name: str, root: Path) -> Iterator[str]:
    validator = _validator(root / "schemas" / f"{name}.schema.json")
    for error in validator.iter_errors(source.value):
        where, detail = _innermost(error)
        yield str(source.error(where, detail, "schema"))


@lru_cache
def _validator(file: Path) -> Any:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - lint alone needs it

    schema = read_json(file).value
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _innermost(error: Any) -> tuple[list[str | int], str]:
    """Find what is wrong inside alternatives: the complaint that lies deepest."""
    while error.context:
        error = max(error.context, key=lambda each: len(each.absolute_path))
    message = error.message.replace("\n", " ")
    return list(error.absolute_path), message if len(message) < 160 else f"{message[:157]}..."


def _size(root: Path) -> Iterator[str]:
    total = sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
    if total > BUDGET:
        yield f"{root}: {total} bytes, more than {BUDGET >> 20} MiB [size]"


def _descriptions(root: Path, cases: Iterable[Case]) -> Iterator[str]:
    """Each document can be read, and is used."""
    used = {json.dumps(case.request["document"], sort_keys=True) for case in cases}
    for file in sorted((root / "descriptions").glob("*.json")):
        source = read_json(file)
        value = {key: each for key, each in source.value.items() if key != "note"}
        try:
            Document.from_json(value)
        except CaseError as error:
            yield str(source.error([], str(error), "document"))
        if json.dumps(value, sort_keys=True) not in used:
            yield f"{file}:1: no case uses it as it stands [unused]"


def _links(root: Path, cases: list[Case]) -> Iterator[str]:
    """Clauses, cases and code refer to each other, and to nothing else."""
    known = clauses.load(root)
    if not known:
        yield f"{root}: there is neither a specification nor clauses.json [clauses]"
        return
    for case in _once(cases):
        for cited in case.clauses:
            if cited not in known:
                yield f"{case.source}: {case.id}: there is no clause {cited} [clause]"
    file = clauses.specification(root)
    if not file.is_file():
        return
    sides = clauses.sides_of(cases, known)
    linked = clauses.cases_of(cases)
    for clause in known.values():
        yield from _proved(file, clause, sides.get(clause.id, {}), linked=clause.id in linked)
    source = root.parent / "reference"
    for place, line, clause_id in clauses.citations([source] if source.is_dir() else []):
        if clause_id not in known:
            yield f"{place}:{line}: there is no clause {clause_id} [citation]"


def _proved(
    file: Path, clause: clauses.Clause, sides: Mapping[bool, str], *, linked: bool
) -> Iterator[str]:
    """A clause has a case that is accepted and one that is refused, or says why it cannot have one."""
    if not linked and clauses.NO_CASE not in clause.lacks:
        yield f"{file}:{clause.line}: {clause.id} has no case [no-case]"
    if not linked:
        return
    if clauses.NO_CASE in clause.lacks:
        line = clause.lacks[clauses.NO_CASE]
        yield f"{file}:{line}: {clause.id} says that it has no case, and has one [no-case]"
    for good, lack, word in (
        (True, clauses.NEVER_ACCEPTED, "accepted"),
        (False, clauses.NEVER_REFUSED, "refused"),
    ):
        if good not in sides and lack not in clause.lacks:
            detail = f"has no case that is {word}, nor says '{lack}: why.'"
            yield f"{file}:{clause.line}: {clause.id} {detail} [one-sided]"
        if good in sides and lack in clause.lacks:
            detail = f"says that it is never {word}, and {sides[good]} is"
            yield f"{file}:{clause.lacks[lack]}: {clause.id} {detail} [one-sided]"


def _once(cases: Iterable[Case]) -> Iterable[Case]:
    return {case.id: case for case in cases}.values()


class _Linter:
    """One group."""

    def __init__(
        self, group: Group, root: Path, witnesses: Witnesses, seen: dict[str, str]
    ) -> None:
        self.group = group
        self.source = group.source
        self.file = group.source.file
        self.root = root
        self.witnesses = witnesses
        self.seen = seen
        self.staged = "staging" in self.file.relative_to(root).parts
        self.read: dict[str, Case] = {}
        for case in group.read():
            self.read.setdefault(case.id.partition("#")[2], case)

    def error(self, where: Where, detail: str, rule: str) -> str:
        """Give a finding."""
        return str(self.source.error(where, detail, rule))

    def findings(self) -> Iterator[str]:
        """Check all of it."""
        place = self.file.relative_to(self.root).with_suffix("").as_posix()
        if place.removeprefix("staging/") != self.group.name:
            yield self.error(["group"], f"stands in {place}.json", "place")
        yield from self.flags()
        for identity, (at, case) in self.group.cases.items():
            where: Where = ["cases", at]
            yield from self.about(where, case)
            try:
                inputs = self.group.inputs(identity)
                yield from self.case(where, identity, case, inputs)
            except CaseError as error:
                yield self.error(where, str(error), error.rule)
        for identity, (at, family) in self.group.families.items():
            where = ["families", at]
            yield from self.about(where, family)
            yield from self.family(where, identity, family)
        yield from self.results()

    def flags(self) -> Iterator[str]:
        """Flags are defined and used."""
        defined = set(self.source.value.get("flags", {}))
        entries = [*self.group.cases.values(), *self.group.families.values()]
        used = {flag for _, each in entries for flag in each.get("flags", [])}
        for flag in sorted(used - defined):
            yield self.error([], f"the flag {flag} is not defined", "flag")
        for flag in sorted(defined - used):
            yield self.error(["flags", flag], "is used by no case", "flag")

    def about(self, where: Where, case: Mapping[str, Any]) -> Iterator[str]:
        """What leaves something open says why; who confirms it is known."""
        text = json.dumps(case.get("expect", {}))
        free = any(f'"verdict": "{verdict}"' in text for verdict in OPEN)
        if free and not case.get("flags"):
            yield self.error(where, "a free choice has a flag that says why", "flag")
        if len(case.get("witnesses", [])) < 2 and not self.staged:
            yield self.error([*where, "witnesses"], "two witnesses are wanted", "witnesses")

    def case(
        self, where: Where, identity: str, case: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> Iterator[str]:
        """Check bytes, minimality and that nothing else asks the same."""
        request = self.read[identity].request
        dialect = self.read[identity].dialect
        yield from self.duplicate(where, identity, request, inputs)
        if "base" in case and "stream" in case:
            alone = self.group.inputs(identity, alone=True)
            if join(alone["stream"]) != join(case["stream"]):
                detail = "is not what base and mutations make"
                yield self.error([*where, "stream"], detail, "materialised")
        if "stream" in request:
            yield from self.segments(where, case, request, dialect)
        refused = self.refused(inputs)
        if not refused:
            return
        if "base" not in case:
            if "alone" not in case:
                detail = "a refusal is a base and a mutation, or says why it is alone"
                yield self.error(where, detail, "minimal")
            return
        yield from self.minimal(where, case, dialect)

    def refused(self, inputs: Mapping[str, Any]) -> bool:
        """Whether the reference does not take it in the first dialect."""
        case = make_request(str(inputs.get("op")), inputs)
        dialects = inputs.get("dialects", ("qemu-11.1.3",))
        return reference(case, str(dialects[0]), "compat")["verdict"] not in GOOD

    def duplicate(
        self, where: Where, identity: str, request: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> Iterator[str]:
        """No two cases ask the same of the same dialects."""
        asked = [request, inputs.get("dialects")]
        content = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        name = f"{self.group.name}#{identity}"
        other = self.seen.setdefault(content, name)
        if other != name:
            yield self.error(where, f"asks what {other} asks", "duplicate")

    def segments(
        self, where: Where, case: Mapping[str, Any], request: Mapping[str, Any], dialect: str
    ) -> Iterator[str]:
        """The segments are those that the reference passes."""
        stream = case.get("stream")
        if not isinstance(stream, list):
            detail = "a load has its bytes in annotated segments"
            yield self.error(where, detail, "segments")
            return
        wanted = [(segment_bytes(each), each.get("at")) for each in annotated(request, dialect)]
        held = [(segment_bytes(each), each.get("at")) for each in stream]
        for at, (want, have) in enumerate(zip(wanted, held, strict=False)):
            if want != have:
                shown = f"{want[0].hex()[:40]} at {want[1] or 'no path'}"
                yield self.error([*where, "stream", at], f"the reference reads {shown}", "segments")
                return
        if len(wanted) != len(held):
            detail = f"{len(held)} segments, where the reference passes {len(wanted)}"
            yield self.error([*where, "stream"], detail, "segments")

    def minimal(self, where: Where, case: Mapping[str, Any], dialect: str) -> Iterator[str]:
        """The base is taken, and so is the case without any one of its mutations.

        A case that says why it has more than one fault (`faults`) must come out otherwise without any,
        or each must be a fault by itself.
        """
        base = self.group.inputs(str(case["base"]))
        steps = case["mutate"]
        whole = _outcome(mutate(base, steps), dialect)
        for left in range(len(steps)):
            rest = [each for at, each in enumerate(steps) if at != left]
            try:
                without = _outcome(mutate(base, rest), dialect)
            except CaseError:
                continue  # the others need it
            if without["verdict"] in GOOD or ("faults" in case and without != whole):
                continue
            if "faults" in case and self.alone(base, steps[left], dialect):
                continue
            verdict = without["verdict"]
            detail = f"without it, the case is still refused ({verdict}); see `faults`"
            yield self.error([*where, "mutate", left], detail, "minimal")

    @staticmethod
    def alone(base: Mapping[str, Any], step: Mapping[str, Any], dialect: str) -> bool:
        """Whether a mutation makes the base a refused one by itself."""
        try:
            return _outcome(mutate(base, [step]), dialect)["verdict"] not in GOOD
        except CaseError:
            return False

    def family(self, where: Where, identity: str, family: Mapping[str, Any]) -> Iterator[str]:
        """The base of a family is taken."""
        inputs = self.group.base_of(family)
        if self.refused(inputs):
            yield self.error([*where, "of"], "the base is refused itself", "minimal")

    def results(self) -> Iterator[str]:
        """The reference gives what is expected, and so does QEMU's engine."""
        for case in self.group.read():
            for profile in PROFILES:
                result = reference(case.request, case.dialect, profile)
                want = case.expect if profile == "compat" or not case.hardened else case.hardened
                if want["verdict"] == "survive" and result["verdict"] == "abort":
                    continue
                for each in grade(case, result, profile).differences[:1]:
                    yield (
                        f"{case.source}: {case.id}: the reference, {case.dialect}, {profile}: "
                        f"{each.path} is {each.got!r:.80}, not {each.wanted!r:.80} [result]"
                    )
                witness = self.witnesses.of(case.dialect) if profile == "compat" else None
                if witness is not None and case.op in ASKED:
                    seen = witness.ask(case.request)
                    facets = disagreement(result, seen)
                    if facets and seen["verdict"] != "unsupported":
                        yield (
                            f"{case.source}: {case.id}: the reference and QEMU, {case.dialect}, "
                            f"disagree on {', '.join(facets)} [witnesses]"
                        )


def _outcome(inputs: Mapping[str, Any], dialect: str) -> dict[str, Any]:
    """Give what tells one refusal from another."""
    result = reference(make_request(str(inputs["op"]), inputs), dialect, "compat")
    keys = ("verdict", "error", "rule", "abort", "consumed", "state", "path", "message")
    return {key: result.get(key) for key in keys}
