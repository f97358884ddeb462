# SPDX-License-Identifier: Apache-2.0
"""Cases that hold in one more dialect as they stand: asked of its witnesses, and written down.

Those that have the dialect already, but not its engine as a witness, get that where it agrees.

Where all of a group holds, the group names the dialect; else the group or the cases do, whichever takes
fewer words. A family holds where all of its members do.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from vmstate.errors import CaseError
from vmstate_conformance.cases.confirming import (
    DisagreementError,
    RefusedError,
    ask_engine,
    must_pass,
)
from vmstate_conformance.cases.expectation import PROFILES
from vmstate_conformance.cases.groups import DIALECTS, Group, make_request
from vmstate_conformance.cases.model import InputError
from vmstate_conformance.cases.store import Corpus
from vmstate_conformance.cases.witness import Witness, reference

#: A request that a case or a member of a family makes: its id, its inputs, what is expected.
_Asked = tuple[str, Mapping[str, Any], Any]


@dataclass(slots=True)
class Widener:
    """Adds the dialect of an engine to the cases of a corpus in memory that hold in it."""

    corpus: Corpus
    witness: Witness
    added: int = 0
    """Cases and families that have the dialect now."""
    held: int = 0
    """Those that had it before."""
    confirmed: int = 0
    """Those of them whose witness the engine has become."""
    lacking: int = 0
    """Those that need what the dialect does not have, or that its engine cannot be asked."""
    otherwise: list[str] = field(default_factory=list)
    """Those that come out otherwise, in a line each."""
    disputed: list[str] = field(default_factory=list)
    """Those that the reference and the engine do not agree on."""

    def widen(self, name: str) -> None:
        """Take up one group. Raises `InputError` where it is none."""
        try:
            self._widen(name)
        except CaseError as error:
            raise InputError(f"{self.corpus.file(name)}: {error}") from None

    def _widen(self, name: str) -> None:
        group = self.corpus.group(name)
        assert group is not None
        read = self.corpus.read(name)
        deque(read.read(), 0)  # what is no case is told by its line
        lists: dict[str, list[str]] = {}
        changed = False
        for key in ("cases", "families"):
            for at, entry in enumerate(group.get(key, [])):
                identity = str(entry["id"])
                base = read.base_of(entry) if key == "families" else read.inputs(identity)
                dialects = [str(each) for each in base.get("dialects", DIALECTS)]
                lists[identity] = dialects
                if DIALECTS[0] not in dialects:
                    continue
                if self.witness.dialect in dialects:
                    self.held += 1
                    if self._confirms(read, key, entry):
                        self.confirmed += 1
                        entry["witnesses"].append(self.witness.dialect)
                        self.corpus.changed(name)
                    continue
                found = self._holding(read, key, entry, dialects)
                if found is None:
                    continue
                found["witnesses"] = [*entry["witnesses"], self.witness.dialect]
                group[key][at] = found
                lists[identity] = [*dialects, self.witness.dialect]
                changed = True
        if changed:
            _place(group, lists, self.witness.dialect)
            self.corpus.changed(name)

    def _confirms(self, read: Group, key: str, entry: Mapping[str, Any]) -> bool:
        """Whether the engine is no witness of the entry yet, and says the same."""
        if self.witness.dialect in entry["witnesses"]:
            return False
        try:
            return all(self._stands(*asked) for asked in _asked(read, key, entry))
        except RefusedError as error:
            self.disputed.append(f"{read.name}#{error}")
            return False

    def _holding(
        self, read: Group, key: str, entry: Mapping[str, Any], dialects: list[str]
    ) -> dict[str, Any] | None:
        """Give the entry as it holds in the dialect: as it stands, or in a branch that names another."""
        first: RefusedError | None = None
        for variant in _variants(entry, dialects, self.witness.dialect):
            try:
                stands = all(self._stands(*asked) for asked in _asked(read, key, variant))
            except DisagreementError as error:
                self.disputed.append(f"{read.name}#{error}")
                return None
            except RefusedError as error:
                first = first or error
                continue
            if stands:
                self.added += 1
                return variant
            self.lacking += 1
            return None
        self.otherwise.append(f"{read.name}#{first}")
        return None

    def _stands(self, identity: str, inputs: Mapping[str, Any], expect: Any) -> bool:
        """Ask both witnesses; give whether both have something to say. Raises `RefusedError`."""
        dialect = self.witness.dialect
        request = make_request(str(inputs["op"]), inputs)
        results = {profile: reference(request, dialect, profile) for profile in PROFILES}
        if results["compat"]["verdict"] == "unsupported":
            return False
        for profile, result in results.items():
            must_pass(identity, request, expect, (dialect, profile), result, "the reference")
        return ask_engine(self.witness, identity, request, expect, results["compat"])


def _asked(read: Group, key: str, entry: Mapping[str, Any]) -> Iterator[_Asked]:
    """Give all that a case or family asks."""
    identity = str(entry["id"])
    if key == "cases":
        yield identity, read.inputs(identity), entry["expect"]
        return
    for end, inputs, expect in read.expand(entry, identity):
        yield f"{identity}-{end}", inputs, expect


def _variants(
    entry: Mapping[str, Any], dialects: Iterable[str], new: str
) -> Iterator[dict[str, Any]]:
    """Give the entry as it is, and with the new dialect beside each that a branch names."""
    yield dict(entry)
    for other in dialects:
        made = copy.deepcopy(dict(entry))
        found = False
        for holder in (made, *made.get("except", [])):
            expect = holder.get("expect")
            for branch in expect if isinstance(expect, list) else ():
                named = branch.get("when", {}).get("dialect", [])
                if other in named:
                    named.append(new)
                    found = True
        if found:
            yield made


def _place(group: dict[str, Any], lists: Mapping[str, list[str]], new: str) -> None:
    """Write each entry's dialects where they take the fewest words, and nowhere twice."""
    held = group.get("dialects")
    wider = [*(held or DIALECTS), new]
    own = min(held, wider, key=lambda given: len(_own(group, lists, given)))
    own_lists = _own(group, lists, own)
    if own is not None:
        group["dialects"] = own
    for entry in (*group["cases"], *group.get("families", [])):
        if entry["id"] in own_lists:
            entry["dialects"] = own_lists[entry["id"]]
        else:
            entry.pop("dialects", None)


def _own(
    group: Mapping[str, Any], lists: Mapping[str, list[str]], given: list[str] | None
) -> dict[str, list[str]]:
    """Give the entries that must name their dialects where the group names the given ones."""
    own = {}
    for entry in (*group["cases"], *group.get("families", [])):
        identity, base = str(entry["id"]), entry.get("base", entry.get("of"))
        inherited = lists[base] if base is not None else given or list(DIALECTS)
        if lists[identity] != inherited:
            own[identity] = lists[identity]
    return own
