# SPDX-License-Identifier: Apache-2.0
"""check, save and load of one request, as the case format has them: JSON values in and out."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from vmstate.check import check
from vmstate.dialects import DEFAULT_DIALECT, DIALECTS, PROFILES, Dialect, Limits, Profile
from vmstate.document import Document
from vmstate.errors import EINVAL, Abort, CaseError, Reject
from vmstate.heap import Heap
from vmstate.jsonwriter import JSONWriter
from vmstate.layout import StructRef
from vmstate.load import Loader
from vmstate.save import Saver
from vmstate.state import Reader, Writer
from vmstate.stream import InputStream, OutputStream
from vmstate.trace import Trace
from vmstate.values import brief, hexadecimal, integer, mapping

_COMMON: Final = frozenset({"op", "document"})
_KEYS: Final = {
    "check": _COMMON,
    "save": _COMMON | {"state", "vmdesc"},
    "load": _COMMON | {"destination", "version_id", "stream"},
}
#: The operations on whole streams, whose module is loaded when one is asked for.
_CONTAINER: Final = ("stream", "savevm")
#: Python frames that one description inside another may take.
_FRAMES: Final = 16


@dataclass(frozen=True, slots=True)
class Operation:
    """What an operation needs besides its request."""

    dialect: Dialect
    profile: Profile
    limits: Limits
    trace: Trace


def perform(
    request: Mapping[str, Any],
    *,
    dialect: str = DEFAULT_DIALECT,
    profile: str = "compat",
    limits: Limits | None = None,
    trace: Trace | None = None,
) -> dict[str, Any]:
    """Do one operation and give its result in the shape of the case format's `observed`.

    The request's `document` may be a `Document` that has been read already.
    Raises `CaseError` where the request itself is wrong; never anything else.
    """
    op = request.get("op") if isinstance(request, Mapping) else None
    if not isinstance(op, str) or op not in (*_KEYS, *_CONTAINER):
        known = ", ".join((*_KEYS, *_CONTAINER))
        raise CaseError("op", "op", f"{brief(op)} is none of {known}")
    whole = importlib.import_module("vmstate.container.operations") if op in _CONTAINER else None
    mapping(request, "request", whole.KEYS[op] if whole else _KEYS[op])
    operation = Operation(
        _named(DIALECTS, dialect, "dialect"),
        chosen := _named(PROFILES, profile, "profile"),
        limits or chosen.limits,
        trace or Trace(recording=False),
    )
    with _deep(operation.limits.depth):
        document = request.get("document")
        if not isinstance(document, Document):
            document = Document.from_json(document)
        lacking = operation.dialect.lacks(op, document.descriptions.values())
        if lacking:
            return {"verdict": "unsupported", "needs": lacking}
        run = whole.run if whole else _OPERATIONS[op]
        result: dict[str, Any] = run(request, document, operation)
        return result


def _check(_request: Mapping[str, Any], document: Document, operation: Operation) -> dict[str, Any]:
    try:
        check(document.root, operation.dialect)
    except Reject as broken:
        return {"verdict": "invalid", "rule": broken.error, "message": broken.message}
    except Abort as abort:
        if operation.profile.aborts:
            return aborted(abort, operation.trace)
        return {"verdict": "invalid", "rule": abort.error, "message": abort.message}
    return {"verdict": "valid"}


def _save(request: Mapping[str, Any], document: Document, operation: Operation) -> dict[str, Any]:
    described = request.get("vmdesc", True)
    if not isinstance(described, bool):
        raise CaseError("boolean", "vmdesc", f"{brief(described)} is no boolean")
    heap = Heap(operation.limits)
    root = _write(document, heap, request.get("state"), "state")
    stream = OutputStream(operation.limits.output)
    vmdesc = JSONWriter(operation.limits.output) if described else None
    saver = Saver(stream, heap, operation.dialect, vmdesc, operation.trace)
    try:
        if vmdesc is not None:
            vmdesc.start_object()
        saver.save_vmsd(document.root, root, document.root.version_id)
        if vmdesc is not None:
            vmdesc.end_object()
    except Reject as reject:
        return failed("error", reject, operation.trace)
    except Abort as abort:
        if operation.profile.aborts:
            return aborted(abort, operation.trace)
        return failed("error", abort, operation.trace)
    result = {"verdict": "ok", "stream": stream.data.hex()}
    return result if vmdesc is None else {**result, "vmdesc": vmdesc.text()}


def _load(request: Mapping[str, Any], document: Document, operation: Operation) -> dict[str, Any]:
    version_id = integer(request.get("version_id"), "version_id", range(-(1 << 31), 1 << 31))
    stream = InputStream(hexadecimal(request.get("stream"), "stream"))
    heap = Heap(operation.limits)
    root = _write(document, heap, request.get("destination"), "destination")
    heap.step = 1
    loader = Loader(stream, heap, operation.dialect, operation.trace)
    result: dict[str, Any] = {"verdict": "accept"}
    try:
        loader.load_vmsd(document.root, root, version_id)
    except Reject as reject:
        if not operation.dialect.by_number or reject.number < 0:
            result = failed("reject", reject, operation.trace)
    except Abort as abort:
        if operation.profile.aborts:
            return aborted(abort, operation.trace)
        stream.set_error(EINVAL)
        result = failed("reject", abort, operation.trace)
    return {
        **result,
        "state": Reader(document.layout, heap).value(StructRef(document.root.struct), root),
        "consumed": stream.position,
        "stream_error": stream.error,
        "heap": heap_report(heap, root),
    }


_OPERATIONS: Final[
    dict[str, Callable[[Mapping[str, Any], Document, Operation], dict[str, Any]]]
] = {"check": _check, "save": _save, "load": _load}


def _write(document: Document, heap: Heap, state: object, path: str) -> int:
    try:
        return Writer(document.layout, heap).struct(document.root.struct, state, path)
    except Abort as abort:
        raise CaseError("too-large", path, abort.message) from None


def heap_report(heap: Heap, *roots: int) -> dict[str, Any]:
    """Count what the load made and what nothing reaches any more, and name the latter. [HEAP-LEAK-1]"""
    reached = set().union(*(heap.reachable(root) for root in roots))
    # GLib's own memory is nobody's business: whether and when it moves depends on GLib [HEAP-ALLOC-1]
    blocks = [block for block in heap.blocks() if block.kind != "GByteArray data"]
    leaks = [block for block in blocks if block not in reached]
    report: dict[str, Any] = {
        "allocated": sum(block.made > 0 for block in blocks),
        "leaked": len(leaks),
    }
    if leaks:
        report["leaks"] = [
            {"owner": block.owner, "bytes": block.size, "kind": block.kind, "made": block.made}
            for block in leaks[:100]
        ]
    return report


def failed(verdict: str, outcome: Reject | Abort, trace: Trace) -> dict[str, Any]:
    """Give the result of a refusal."""
    result = {"verdict": verdict, "error": outcome.error, "message": outcome.message}
    return {**result, "path": trace.path()}


def aborted(abort: Abort, trace: Trace) -> dict[str, Any]:
    """Give the result of QEMU's death."""
    result = {"verdict": "abort", "abort": abort.kind, "error": abort.error}
    return {**result, "message": abort.message, "path": trace.path()}


def _named(table: Mapping[str, Any], name: str, path: str) -> Any:
    if name not in table:
        raise CaseError("unknown", path, f"{brief(name)} is none of {', '.join(table)}")
    return table[name]


@contextmanager
def _deep(depth: int) -> Iterator[None]:
    """Let descriptions nest as deep as the limits say, whatever the caller's recursion limit."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, before + _FRAMES * depth))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
