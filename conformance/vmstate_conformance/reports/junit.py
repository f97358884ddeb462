# SPDX-License-Identifier: Apache-2.0
"""JUnit XML of a run: one test case for each facet of each case."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from vmstate_conformance.cases import InputError
from vmstate_conformance.reports.model import Results
from vmstate_conformance.testees.session import TROUBLES

#: Characters that no XML may hold.
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ERRORS: Final = TROUBLES | {"broken", "failure"}
_SKIPPED: Final = frozenset({"unsupported", "xfail", "notrun"})


def write_junit(results: Results, file: Path) -> None:
    """Write the XML of a run. Raises `InputError`."""
    root = junit(results)
    indent(root)
    try:
        ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error} [unwritable]") from None


def junit(results: Results) -> Element:
    """Give the XML: a suite for each area, classname area.group, errors apart from failures."""
    areas: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in results.rows:
        areas[row["area"]].append(row)
    root = Element("testsuites", name=_text(f"vmstate-conformance {results.name}"))
    totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for area, rows in sorted(areas.items()):
        suite = SubElement(root, "testsuite", name=area)
        properties = SubElement(suite, "properties")
        for name in ("suite", "manifest", "profile", "testee"):
            SubElement(properties, "property", name=name, value=_text(results.header[name]))
        counts = dict.fromkeys(totals, 0)
        for row in rows:
            counts["tests"] += 1
            kind = _test(suite, row)
            if kind:
                counts[kind] += 1
        for name, count in counts.items():
            suite.set(name, str(count))
            totals[name] += count
        suite.set("time", f"{sum(_seconds(row) for row in rows):.3f}")
    for name, count in totals.items():
        root.set(name, str(count))
    return root


def _test(suite: Element, row: dict[str, Any]) -> str:
    group, _, case = row["id"].rpartition("#")
    name = f"{case} [{row['facet']}, {row['dialect']}]"
    where = (group or row["area"]).replace("/", ".")
    test = SubElement(suite, "testcase", classname=_text(where), name=_text(name))
    test.set("time", f"{_seconds(row):.3f}")
    grade, outcome = row["grade"], row.get("outcome", "")
    if grade in _SKIPPED:
        reason = row.get("note") or (f"needs {row['needs']}" if row.get("needs") else grade)
        SubElement(test, "skipped", message=_text(reason))
        return "skipped"
    if grade == "broken" or (grade == "fail" and outcome in _ERRORS):
        _report(SubElement(test, "error", type=outcome or "broken"), row)
        return "errors"
    if grade in ("fail", "xpass"):
        kind = row.get("error") or row.get("rule") or grade
        _report(SubElement(test, "failure", type=_text(kind)), row)
        return "failures"
    return ""


def _report(element: Element, row: dict[str, Any]) -> None:
    differences = row.get("differences", [])
    if differences:
        first = differences[0]
        message = f"{first['path']}: wanted {_value(first['wanted'])}, got {_value(first['got'])}"
    else:
        message = str(row.get("note") or row.get("detail") or row["grade"])
    element.set("message", _text(message))
    lines = [row.get("title", ""), row.get("note", "")]
    for each in differences:
        lines.append(f"{each['path']}: wanted {_value(each['wanted'])}, got {_value(each['got'])}")
    lines += [str(row[key]) for key in ("detail", "log") if row.get(key)]
    lines += ["", *map(str, row.get("dump", ())), ""]
    lines += [f"{key}: {row[key]}" for key in ("alone", "replay") if row.get(key)]
    element.text = _text("\n".join(line for line in lines if line is not None).strip("\n"))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _seconds(row: dict[str, Any]) -> float:
    us = row.get("us", 0)
    good = isinstance(us, int | float) and 0 <= us < 1e12
    return us / 1e6 if good else 0.0


def _text(value: Any) -> str:
    return _NOT_XML.sub("\ufffd", str(value))
