# SPDX-License-Identifier: Apache-2.0
"""From results of the witnesses to what a case expects, and to its annotated bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from vmstate.errors import CaseError
from vmstate.operations import perform
from vmstate.trace import Segment, Trace
from vmstate_conformance.cases.classes import dotted
from vmstate_conformance.cases.expectation import OPEN
from vmstate_conformance.cases.segments import as_segments, from_bytes, segment_bytes

#: A dialect and a profile.
Variant = tuple[str, str]
_REFUSED: Final = frozenset({"invalid", "error", "reject"})


def fill(
    stated: Mapping[str, Any],
    result: Mapping[str, Any],
    hardened: Mapping[str, Any],
    request: Mapping[str, Any],
    dialect: str,
) -> dict[str, Any]:
    """Complete what is stated by what was seen; what is stated stays as it is."""
    if stated.get("verdict") in OPEN:
        return dict(stated)
    seen: dict[str, Any] = {"verdict": result["verdict"]}
    if result["verdict"] == "abort":
        seen["class"] = _class(hardened)
        seen["abort"] = result["abort"]
    elif result["verdict"] in _REFUSED:
        seen["class"] = _class(result)
    for facet in ("consumed", "stream_error"):
        if facet in result:
            seen[facet] = result[facet]
    refused = result["verdict"] == "reject"
    if "devices" in result:
        seen["devices"] = [
            {
                "state": unchanged(each["state"], given.get("destination"))
                if refused
                else each["state"],
                "loads": each["loads"],
            }
            for each, given in zip(result["devices"], request["devices"], strict=True)
        ]
        seen["heap"] = {key: result["heap"][key] for key in ("allocated", "leaked")}
    if "state" in result:
        seen["state"] = (
            unchanged(result["state"], request["destination"]) if refused else result["state"]
        )
        seen["heap"] = {key: result["heap"][key] for key in ("allocated", "leaked")}
    if result["verdict"] == "accept" and "state" in result:
        canonical = is_canonical(request, result, dialect)
        if canonical is not None:
            seen["canonical"] = canonical
    if result["verdict"] == "ok":
        seen["stream"] = annotated(request, dialect)
        if "vmdesc" in result:
            seen["vmdesc"] = result["vmdesc"]
    return {**seen, **{key: value for key, value in stated.items() if key != "when"}}


def _class(result: Mapping[str, Any]) -> list[str]:
    return [dotted(str(result.get("error", result.get("rule"))))]


def unchanged(state: Any, before: Any) -> Any:
    """Write `=pre` for what is as it was."""
    if state == before:
        return "=pre"
    if isinstance(state, dict) and isinstance(before, dict) and state.keys() == before.keys():
        return {key: unchanged(value, before[key]) for key, value in state.items()}
    return state


def is_canonical(
    request: Mapping[str, Any], result: Mapping[str, Any], dialect: str
) -> bool | None:
    """Whether saving the loaded state gives the bytes that were consumed; None where no save can."""
    document = request["document"]
    current = document["descriptions"][document["root"]].get("version_id", 0)
    if request["version_id"] != current:
        return None
    saved = resave(request, result)
    try:
        again = perform(saved, dialect=dialect)
    except CaseError:
        return None
    if again["verdict"] != "ok":
        return None
    consumed: str = request["stream"][: 2 * result["consumed"]]
    return bool(again["stream"] == consumed)


def resave(request: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """Make the request that saves what was loaded."""
    return {
        "op": "save",
        "document": request["document"],
        "state": result["state"],
        "vmdesc": False,
    }


def merge(variants: Mapping[Variant, dict[str, Any]]) -> dict[str, Any] | list[dict[str, Any]]:
    """Make one expectation of those of all dialects and profiles; the most common comes last."""
    distinct: list[tuple[dict[str, Any], list[Variant]]] = []
    for variant, expect in variants.items():
        same = next((members for each, members in distinct if each == expect), None)
        if same is None:
            distinct.append((expect, [variant]))
        else:
            same.append(variant)
    default = max(distinct, key=lambda each: len(each[1]))[0]
    branches = [
        {"when": when, **expect}
        for expect, members in distinct
        if expect is not default
        for when in _conditions(members, variants)
    ]
    return [*branches, default] if branches else default


def _conditions(members: list[Variant], among: Iterable[Variant]) -> list[dict[str, Any]]:
    dialects = list(dict.fromkeys(dialect for dialect, _ in among))
    profiles = list(dict.fromkeys(profile for _, profile in among))
    by_profile = {
        profile: [dialect for dialect in dialects if (dialect, profile) in members]
        for profile in profiles
    }
    first = by_profile[profiles[0]]
    if all(found == first for found in by_profile.values()):
        return [{"dialect": first}]
    return [
        {"profile": profile} | ({} if found == dialects else {"dialect": found})
        for profile, found in by_profile.items()
        if found
    ]


def annotated(
    request: Mapping[str, Any], dialect: str, given: object = None
) -> list[dict[str, Any]]:
    """Cut the stream of a load or save where the reference does, with the notes that were given."""
    trace = Trace(recording=True)
    result = perform(request, dialect=dialect, trace=trace)
    if "stream" in request:
        data = bytes.fromhex(request["stream"])
        end = result.get("consumed", _end(trace.segments))
    else:
        data = bytes.fromhex(result.get("stream", ""))
        end = len(data)
    notes = _notes(given)
    parts = []
    at = 0
    for segment in sorted(trace.segments, key=lambda segment: segment.start):
        if segment.start < at:
            continue
        if segment.start > at:
            parts.append((at, segment.start, {"note": "framing", "framing": True}))
        parts.append((segment.start, segment.end, _annotation(segment)))
        at = segment.end
    # A stream that goes on elsewhere in its file may end before what was read, or behind the file.
    end = max(at, min(end, len(data)))
    if at < end:
        path = result.get("path") or ""
        where = {"at": path} if path else {}
        note = "refused here" if result["verdict"] not in ("accept", "ok") else "framing"
        framing = {"framing": True} if note == "framing" else {}
        parts.append((at, end, {**where, "note": note, **framing}))
    if end < len(data):
        parts.append((end, len(data), {"note": "not read"}))
    for start, stop, annotation in parts:
        if (start, stop) in notes:
            annotation["note"] = notes[start, stop]
    return from_bytes(data, parts)


def _end(segments: Iterable[Segment]) -> int:
    return max((segment.end for segment in segments), default=0)


def _annotation(segment: Segment) -> dict[str, Any]:
    framing = segment.type in ("ptr-marker", "subsection")
    note = f"{segment.type}: {segment.value}"
    if segment.type == "ptr-marker":
        note = f"marker: {str(segment.value).partition(' ')[2]}"
    out: dict[str, Any] = {"at": segment.path, "note": note} if segment.path else {"note": note}
    return {**out, "framing": True} if framing else out


def _notes(given: object) -> dict[tuple[int, int], str]:
    """Take the notes of a stream by the bytes that they are of."""
    out: dict[tuple[int, int], str] = {}
    if not isinstance(given, list):
        return out
    at = 0
    for segment in as_segments(given):
        end = at + len(segment_bytes(segment))
        if segment.get("note"):
            out[at, end] = segment["note"]
        at = end
    return out
