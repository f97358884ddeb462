# SPDX-License-Identifier: Apache-2.0
"""Drafts: a case as its author means it, completed and confirmed by two witnesses."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vmstate.errors import CaseError
from vmstate.values import mapping, sequence
from vmstate_conformance import __version__
from vmstate_conformance.cases.canonical import canonical_document, canonical_state
from vmstate_conformance.cases.confirming import RefusedError, ask_engine, must_pass
from vmstate_conformance.cases.expectation import PROFILES, choose
from vmstate_conformance.cases.families import exceptions, members
from vmstate_conformance.cases.filling import Variant, annotated, fill, merge
from vmstate_conformance.cases.groups import DIALECTS, Group, bare, make_request
from vmstate_conformance.cases.model import InputError
from vmstate_conformance.cases.mutation import mutate
from vmstate_conformance.cases.store import Corpus
from vmstate_conformance.cases.witness import Witnesses, reference

_OF_GROUP: Final = (
    "group",
    "group_title",
    "group_dialects",
    "group_flags",
    "group_source",
    "document_name",
)
_SEGMENTED: Final = frozenset({"load", "stream"})


@dataclass(slots=True)
class Adder:
    """Adds drafts to a corpus in memory, or replaces cases by them."""

    corpus: Corpus
    engines: Witnesses
    version: str = __version__

    def add(self, draft: object, *, replace: bool = False) -> str:
        """Take one draft and give the id of its case. Raises `RefusedError`; all is then as it was."""
        if not isinstance(draft, Mapping) or not isinstance(draft.get("group"), str):
            raise RefusedError("a draft is an object that names its group [draft]")
        name = str(draft["group"])
        held_group = self.corpus.snapshot(name)
        held = set(self.corpus.documents)
        try:
            identity = self._add(name, draft, replace=replace)
        except (CaseError, InputError) as error:
            self.corpus.restore(name, held_group)
            self._forget(held)
            detail = str(error).removeprefix(f"{self.corpus.file(name)}:")
            shown = str(draft.get("id", "")) or "?"
            raise RefusedError(f"{name}#{shown}: {detail}") from None
        except RefusedError as error:
            self.corpus.restore(name, held_group)
            self._forget(held)
            raise RefusedError(f"{name}#{error}") from None
        self.corpus.changed(name)
        return f"{name}#{identity}"

    def _forget(self, held: set[str]) -> None:
        for new in set(self.corpus.documents) - held:
            self.corpus.forget_document(new)

    def _add(self, name: str, draft: Mapping[str, Any], *, replace: bool) -> str:
        entry = {key: copy.deepcopy(value) for key, value in draft.items() if key not in _OF_GROUP}
        for key in ("state", "destination"):
            if key in entry:
                entry[key] = canonical_state(entry[key])
        document = self._document(draft, entry)
        title = draft.get("group_title", f"Cases of {name}.")
        group = self.corpus.ensure(name, str(title), document)
        self._head(group, draft, document, entry)
        if "id" not in draft:
            return ""
        key = "families" if "expand" in entry else "cases"
        entries = group.setdefault(key, [])
        at = next((at for at, each in enumerate(entries) if each["id"] == entry.get("id")), None)
        if (at is not None) != replace:
            rule = "unknown" if replace else "duplicate"
            raise CaseError(
                rule, "id", f"'{entry.get('id')}' is {'no' if replace else 'already a'} case"
            )
        if f"{name}#{entry.get('id')}" in self.corpus.tombstones():
            raise CaseError(
                "tombstone", "id", f"'{entry['id']}' was retired; ids are not used again"
            )
        entry = {"level": "required", "clauses": [], **entry}
        entry["added"] = self.version if at is None else entries[at].get("added", self.version)
        if at is None:
            at = len(entries)
            entries.append(entry)
        else:
            if entry["added"] != self.version:
                entry["revised"] = self.version
            entries[at] = entry
        fresh = self.corpus.read(name, group)
        made = self._family(fresh, entry) if key == "families" else self._case(fresh, entry)
        entries[at] = made
        return str(entry["id"])

    def _document(self, draft: Mapping[str, Any], entry: dict[str, Any]) -> str | None:
        """Take an inline document into the corpus under its name; give the name."""
        document = draft.get("document")
        if not isinstance(document, dict):
            return document if isinstance(document, str) else None
        name = draft.get("document_name")
        if not isinstance(name, str):
            return None

        document = canonical_document(document)
        known = self.corpus.document(name)
        if known is None:
            self.corpus.add_document(name, document)
        elif bare(known) != bare(document):
            raise CaseError("document", "document_name", f"'{name}' is another document already")
        entry["document"] = name
        return name

    @staticmethod
    def _head(
        group: dict[str, Any],
        draft: Mapping[str, Any],
        document: str | None,
        entry: dict[str, Any],
    ) -> None:
        """Put what a draft says of its group where it belongs."""
        if "group_title" in draft:
            group["title"] = draft["group_title"]
        if "group_dialects" in draft:
            group["dialects"] = draft["group_dialects"]
        if "group_flags" in draft:
            flags = mapping(draft["group_flags"], "group_flags")
            group["flags"] = {**group.get("flags", {}), **flags}
        if "group_source" in draft:
            group["source"] = draft["group_source"]
        if document is not None and "document" not in group and not group["cases"]:
            group["document"] = document
        if entry.get("document") == group.get("document"):
            entry.pop("document", None)

    def _case(self, group: Group, entry: dict[str, Any]) -> dict[str, Any]:
        identity = str(entry["id"])
        inputs = group.inputs(identity)
        stated = entry.get("expect", {})
        expect, request, witnesses = self._confirm(identity, inputs, stated)
        made = {**entry, "expect": expect, "witnesses": witnesses}
        if request["op"] in _SEGMENTED:
            dialect = str(sequence(inputs.get("dialects", DIALECTS), "dialects")[0])
            made["stream"] = annotated(request, dialect, entry.get("stream"))
        if "derived" in entry:
            made["witnesses"] = [*witnesses, "hand"]
        return made

    def _confirm(
        self, identity: str, inputs: Mapping[str, Any], stated: Any
    ) -> tuple[Any, dict[str, Any], list[str]]:
        """Ask the witnesses; give the whole expectation, the request and who agreed."""
        request = make_request(str(inputs.get("op")), inputs)
        dialects = [str(each) for each in inputs.get("dialects", DIALECTS)]
        results = {
            (dialect, profile): reference(request, dialect, profile)
            for dialect in dialects
            for profile in PROFILES
        }
        for (dialect, _), result in results.items():
            if result["verdict"] == "unsupported":
                raise RefusedError(f"{identity}: {dialect} has no {result['needs']} [unsupported]")
        if not stated:
            raise CaseError("expect", "expect", "states what must come of it: at least a verdict")
        filled: dict[Variant, dict[str, Any]] = {}
        for (dialect, profile), result in results.items():
            meant = choose(stated, dialect, profile)
            hardened = results[dialect, "hardened"]
            if profile == "hardened" and meant.get("verdict") == "abort":
                filled[dialect, profile] = filled[dialect, "compat"]
            else:
                filled[dialect, profile] = fill(meant, result, hardened, request, dialect)
        expect = merge(filled)
        witnesses = ["reference"]
        for variant, result in results.items():
            must_pass(identity, request, expect, variant, result, "the reference")
        for dialect in dialects:
            witness = self.engines.of(dialect)
            if witness is not None and ask_engine(
                witness, identity, request, expect, results[dialect, "compat"]
            ):
                witnesses.append(dialect)
        return expect, request, witnesses

    def _family(self, group: Group, entry: dict[str, Any]) -> dict[str, Any]:

        base = group.base_of(entry)
        auto = entry.get("except") if isinstance(entry.get("except"), dict) else None
        known = {} if auto else exceptions(entry, "family")
        made: list[dict[str, Any]] = []
        witnesses: list[str] = []
        for end, key, value, steps in members(entry, base, "family"):
            identity = f"{entry['id']}-{end}"
            given = known.get((key, value))
            if given is not None and "expect" not in given:
                made.append(dict(given))
                continue
            inputs = mutate(base, steps)
            stated = entry.get("expect") if given is None else given["expect"]
            try:
                expect, _, witnesses = self._confirm(identity, inputs, stated)
            except RefusedError:
                if auto is None:
                    raise
                expect, _, witnesses = self._confirm(identity, inputs, _OPEN)
                expect = self._seen(inputs)
                given = {key: value, "why": str(auto.get("why", "")), "expect": expect}
            if given is not None:
                made.append({key: value, "why": given["why"], "expect": expect})
        out = {**entry, "witnesses": witnesses}
        out.pop("except", None)
        return {**out, "except": made} if made else out

    def _seen(self, inputs: Mapping[str, Any]) -> Any:

        request = make_request(str(inputs.get("op")), inputs)
        dialects = [str(each) for each in inputs.get("dialects", DIALECTS)]
        filled: dict[Variant, dict[str, Any]] = {}
        for dialect in dialects:
            compat, hardened = (reference(request, dialect, each) for each in PROFILES)
            filled[dialect, "compat"] = fill({}, compat, hardened, request, dialect)
            filled[dialect, "hardened"] = (
                filled[dialect, "compat"]
                if compat["verdict"] == "abort"
                else fill({}, hardened, hardened, request, dialect)
            )
        return merge(filled)


_OPEN: Final = {"verdict": "survive"}
