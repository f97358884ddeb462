# SPDX-License-Identifier: Apache-2.0
"""The clauses of the specification: parsed, listed for the wheel, and linked with the cases."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vmstate_conformance.cases.expectation import GOOD
from vmstate_conformance.cases.jsonfile import read_json
from vmstate_conformance.cases.layout import replace_file, text
from vmstate_conformance.cases.model import Case, InputError

LEVELS: Final = ("required", "recommended", "quirk")
_ID: Final = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)*-[0-9]+\Z")
_HEAD: Final = re.compile(r"### (\S+) (\S.*)\Z")
_ABOUT: Final = re.compile(r"\*(\w+)\* · (.+?) · (.+)\Z")
_CITATION: Final = re.compile(r"\[([A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*-[0-9]+)\]")
_CASES: Final = "Cases:"
_SHOWN: Final = 8
#: What a clause may say that its cases lack: on a line of its own, with the reason.
NO_CASE, NEVER_ACCEPTED, NEVER_REFUSED = "No case", "Never accepted", "Never refused"
_LACK: Final = re.compile(rf"({NO_CASE}|{NEVER_ACCEPTED}|{NEVER_REFUSED}):(.*)\Z")
_WHY: Final = re.compile(r" \S.*\.\Z")
#: The dialects that a clause of all dialects is proved in.
_ALL: Final = ("qemu-11.1.3", "qemu-11.1.0", "rfc")


@dataclass(frozen=True, slots=True)
class Clause:
    """One rule: `title` is its sentence, `line` where the specification has it.

    `lacks` has what the clause says that its cases lack, and the line where it does.
    """

    id: str
    title: str
    level: str
    dialects: str
    source: str
    line: int
    lacks: dict[str, int] = field(default_factory=dict, compare=False)

    @property
    def spoken(self) -> tuple[str, ...]:
        """The dialects that it holds in."""
        said = self.dialects.strip("*")
        return _ALL if said == "all dialects" else tuple(said.split(", "))

    @property
    def area(self) -> str:
        """The part of the id that is its area's."""
        return self.id.partition("-")[0]

    def to_json(self) -> dict[str, Any]:
        """Give what `clauses.json` has of it."""
        return {
            "id": self.id,
            "title": self.title,
            "level": self.level,
            "dialects": self.dialects,
            "source": self.source,
        }


def specification(root: Path) -> Path:
    """Give the specification's file of a corpus in a checkout; a wheel has none."""
    return root.parent / "docs" / "specification.md"


def parse(file: Path) -> dict[str, Clause]:
    """Read the clauses of a specification by id. Raises `InputError` with file, line and rule."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error} [unreadable]") from None
    except UnicodeDecodeError:
        raise InputError(f"{file}: no UTF-8 [utf-8]") from None
    clauses: dict[str, Clause] = {}
    area = ""
    clause: Clause | None = None
    for number, line in enumerate(lines, 1):
        if line.startswith("## "):
            area, clause = line.split()[1], None
        if clause is not None and (lack := _LACK.match(line)):
            if not _WHY.match(lack[2]) or lack[1] in clause.lacks:
                shown = f"'{lack[1]}: why.', once"
                raise InputError(f"{file}:{number}: {clause.id} does not say {shown} [clause]")
            clause.lacks[lack[1]] = number
        if not line.startswith("### "):
            continue
        head = _HEAD.match(line)
        if head is None or not _ID.match(head[1]):
            raise InputError(f"{file}:{number}: a clause is '### AREA-RULE-1 A sentence.' [clause]")
        about = _ABOUT.match(next((each for each in lines[number:] if each.strip()), ""))
        if about is None or about[1] not in LEVELS:
            shown = "*required|recommended|quirk* · dialects · source"
            raise InputError(f"{file}:{number}: {head[1]} is not followed by {shown} [clause]")
        if head[1] in clauses:
            raise InputError(f"{file}:{number}: {head[1]} twice [duplicate]")
        if not head[1].startswith(f"{area}-"):
            raise InputError(f"{file}:{number}: {head[1]} stands under {area or 'nothing'} [area]")
        clause = Clause(head[1], head[2], about[1], about[2], about[3], number)
        clauses[clause.id] = clause
    return clauses


def load(root: Path) -> dict[str, Clause]:
    """Give the clauses of a corpus: from the specification, or from `clauses.json` in a wheel."""
    file = specification(root)
    if file.is_file():
        return parse(file)
    table = root / "clauses.json"
    if not table.is_file():
        return {}
    source = read_json(table)
    try:
        return {each["id"]: Clause(**each, line=0) for each in source.value["clauses"]}
    except (KeyError, TypeError):
        raise source.error([], "is no list of clauses", "clauses") from None


def citations(folders: Iterable[Path]) -> Iterator[tuple[Path, int, str]]:
    """Give each `[CLAUSE-1]` in the Python sources under folders: file, line and id."""
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                for match in _CITATION.finditer(line):
                    yield file, number, match[1]


def cases_of(cases: Iterable[Case]) -> Mapping[str, list[str]]:
    """Give the ids of the golden cases of each clause, without those that a family adds to one.

    Observed cases have no group; a table says what they are about, and they prove no clause alone.
    """
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for case in cases:
        if case.scored and case.group:
            for clause in case.clauses:
                found[clause][case.id] = None
    return {clause: list(ids) for clause, ids in found.items()}


def sides_of(cases: Iterable[Case], clauses: Mapping[str, Clause]) -> Mapping[str, dict[bool, str]]:
    """Give for each clause a golden case that is accepted and one that is not, where there are such.

    A case counts in the dialects that its clause holds in, as the profile compat has it; one that leaves
    a choice counts by each branch, and one that must only be survived for neither side. Members that a
    family makes an exception of do not count.
    """
    found: dict[str, dict[bool, str]] = defaultdict(dict)
    for case in cases:
        if not (case.scored and case.group) or case.exception:
            continue
        for name in case.clauses:
            if name in clauses and case.dialect in clauses[name].spoken:
                for good in _sides(case.expect):
                    found[name].setdefault(good, case.id)
    return found


def _sides(expect: Mapping[str, Any]) -> set[bool]:
    if expect["verdict"] == "either":
        return {side for branch in expect["branches"] for side in _sides(branch)}
    return set() if expect["verdict"] == "survive" else {expect["verdict"] in GOOD}


def update(root: Path, cases: list[Case], *, write: bool) -> Iterator[Path]:
    """Write `clauses.json` and the links in the specification anew; give the files that change."""
    file = specification(root)
    if not file.is_file():
        return
    clauses = parse(file)
    table = root / "clauses.json"
    listed = text({"clauses": [each.to_json() for each in clauses.values()]})
    for target, wanted in ((table, listed), (file, _linked(file, clauses, cases_of(cases), root))):
        held = target.read_text(encoding="utf-8") if target.is_file() else ""
        if held != wanted:
            if write:
                try:
                    replace_file(target, wanted)
                except OSError as error:
                    raise InputError(f"{target}: {error.strerror or error} [unwritable]") from None
            yield target


def _linked(
    file: Path, clauses: Mapping[str, Clause], cases: Mapping[str, list[str]], root: Path
) -> str:
    """Give the specification's text with the line of links under each clause as it should be."""
    lines = [
        line
        for line in file.read_text(encoding="utf-8").splitlines()
        if not line.startswith(_CASES)
    ]
    out: list[str] = []
    clause: Clause | None = None
    for line in [*lines, "## "]:
        if line.startswith(("## ", "### ")):
            if clause is not None:
                _close(out, cases.get(clause.id, []), root)
            head = _HEAD.match(line)
            clause = clauses.get(head[1]) if head else None
        out.append(line)
    return "\n".join(out[:-1]).rstrip("\n") + "\n"


def _close(out: list[str], ids: list[str], root: Path) -> None:
    while out and not out[-1].strip():
        out.pop()
    if ids:
        out += ["", f"{_CASES} {links(ids, root)}"]
    out.append("")


def links(ids: list[str], root: Path) -> str:
    """Give the first cases of a clause as links to their group files, and how many more there are."""
    groups: dict[str, list[str]] = defaultdict(list)
    for identity in ids:
        group, _, name = identity.partition("#")
        groups[group].append(name)
    shown: list[str] = []
    for group, names in groups.items():
        if len(shown) == _SHOWN:
            break
        file = f"../{root.name}/{group}.json"
        rest = f" and {len(names) - 1} more" if len(names) > 1 else ""
        shown.append(f"[{group}#{names[0]}]({file}){rest}")
    more = len(groups) - len(shown)
    return ", ".join(shown) + (f", and in {more} more groups" if more else "")
