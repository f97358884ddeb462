# SPDX-License-Identifier: Apache-2.0
"""Which clauses an observed case is about: a table beside the cases, by what was asked and what came.

A rule of `clauses.json` names any of `op tags verdict class abort message dialect`; a case is about the
`clauses` of every rule that fits it in all that the rule names: all of the tags, and a part of the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from vmstate_conformance.cases.jsonfile import JSONFile, Where, read_json

TABLE: Final = "clauses.json"
_TEXTS: Final = ("op", "verdict", "class", "abort", "message", "dialect")
_LISTS: Final = ("tags", "clauses")

#: A rule: what it names, the tags that it wants, and its clauses.
Rule = tuple[Mapping[str, str], frozenset[str], tuple[str, ...]]


def rules(folder: Path) -> tuple[Rule, ...]:
    """Read the table of a folder; a folder without one has no rules. Raises `InputError`."""
    file = folder / TABLE
    if folder.name != "observed" or not file.is_file():
        return ()
    stat = file.stat()
    return _read(file, stat.st_mtime_ns, stat.st_size)


@lru_cache(16)
def _read(file: Path, _changed: int, _size: int) -> tuple[Rule, ...]:
    source = read_json(file)
    held = source.value.get("rules") if isinstance(source.value, dict) else None
    if not isinstance(held, list):
        raise source.error([], "a table has a list of rules", "rules")
    return tuple(_rule(source, ["rules", at], each) for at, each in enumerate(held))


def _rule(source: JSONFile, where: Where, rule: Any) -> Rule:
    if not isinstance(rule, dict) or not rule.keys() <= {*_TEXTS, *_LISTS}:
        known = ", ".join((*_TEXTS, *_LISTS))
        raise source.error(where, f"a rule is an object with some of {known}", "rule")
    for key in _TEXTS:
        if not isinstance(rule.get(key, ""), str):
            raise source.error([*where, key], "is a text", "rule")
    for key in _LISTS:
        value = rule.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise source.error([*where, key], "is a list of texts", "rule")
    if not rule.get("clauses"):
        raise source.error(where, "a rule has clauses", "rule")
    named = {key: rule[key] for key in _TEXTS if key in rule}
    return named, frozenset(rule.get("tags", ())), tuple(rule["clauses"])


def clauses_of(
    table: tuple[Rule, ...], op: str, tags: frozenset[str], dialect: str, result: Mapping[str, Any]
) -> tuple[str, ...]:
    """Give the clauses that a case is about, each once, in the order of the rules."""
    if not table:
        return ()
    seen = {
        "op": op,
        "dialect": dialect,
        "verdict": result.get("verdict"),
        "class": result.get("error", result.get("rule")),
        "abort": result.get("abort"),
    }
    message = str(result.get("message", ""))
    found: dict[str, None] = {}
    for named, wanted, clauses in table:
        if wanted <= tags and all(
            value in message if key == "message" else seen[key] == value
            for key, value in named.items()
        ):
            found |= dict.fromkeys(clauses)
    return tuple(found)
