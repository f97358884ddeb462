# SPDX-License-Identifier: Apache-2.0
"""The annotated bytes of a case, whole or around the place where it went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vmstate_conformance.cases import Case

#: Lines that a dump may have before it is cut, and those kept on each side of the fault.
_LONG: Final = 24
_AROUND: Final = 6


def dump_lines(case: Case) -> list[str]:
    """Give the annotated dump of the case's stream, as the reference reads or writes it."""
    if case.op == "check":
        return []
    from vmstate.annotate import annotate, dump  # noqa: PLC0415 - only failures need it
    from vmstate.dialects import DEFAULT_DIALECT, DIALECTS  # noqa: PLC0415
    from vmstate.errors import CaseError  # noqa: PLC0415

    dialect = case.dialect if case.dialect in DIALECTS else DEFAULT_DIALECT
    try:
        result, segments, stream = annotate(case.request, dialect=dialect)
    except CaseError as error:
        return [f"(the reference cannot read this case: {error})"]
    good = result["verdict"] in ("accept", "ok")
    return list(dump(segments, stream, None if good else result))


def around(lines: Sequence[str], path: str) -> list[str]:
    """Cut a long dump down to what is near the fault: its mark, or the line of `path`."""
    if len(lines) <= _LONG:
        return list(lines)
    last = path.removeprefix("state.")
    at = next((at for at, line in enumerate(lines) if "^^" in line), None)
    if at is None:
        at = next((at for at, line in enumerate(lines) if last and line.endswith(f" {last}")), 1)
    first, end = max(at - _AROUND, 1), min(at + _AROUND + 1, len(lines))
    kept = [lines[0]]
    if first > 1:
        kept.append(f"          ... {first - 1} lines")
    kept += lines[first:end]
    if end < len(lines):
        kept.append(f"          ... {len(lines) - end} lines")
    return kept
