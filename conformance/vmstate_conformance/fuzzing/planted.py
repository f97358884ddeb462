# SPDX-License-Identifier: Apache-2.0
"""Planted bugs: a target against the same code with one small change, input by input.

The wrong implementations of `vmstate_conformance.mutants` are planted in the engine; what lies outside of
their reach (whole streams, texts, profiles) has a few of its own here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import CodeType, FrameType, MappingProxyType
from typing import Any, Final

from vmstate import operations
from vmstate.whole import configuration, fields, lists, plan, pointers, ram, vmdesc, walk
from vmstate_conformance.cases import reader
from vmstate_conformance.fuzzing.engine import Hang
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.target import Target
from vmstate_conformance.mutants import MUTANTS, Mutant, StaleError
from vmstate_conformance.mutants.patching import Edit, edit, table, value
from vmstate_conformance.testees import reference


def pitted(target: Target, mutants: Iterable[Mutant]) -> Target:
    """Give the target that finds the differences between mutants and the code as it is.

    Each input is shown to every mutant that has not been found yet and whose function it runs, and each
    that is found is said so on stderr. With the last one, the target raises `Finding`.
    """
    observe = target.observe
    if observe is None:
        raise ValueError(f"{target.name} shows nothing to compare")
    left, count, patience = list(mutants), 0, target.timeout / 2

    def run(data: bytes) -> None:
        nonlocal count
        count += 1
        called: set[CodeType] = set()
        with _calls(called):
            plain = _seen(observe, data, patience)
        if plain is _UNKNOWN:
            return
        for mutant in list(left):
            change = mutant.change
            if isinstance(change, Edit) and change.function.__code__ not in called:
                continue
            try:
                with mutant.applied():
                    changed = _seen(observe, data, patience)
            except Hang:
                continue
            except StaleError as error:
                left.remove(mutant)
                print(f"== planted {mutant.name} does not fit: {error}", file=sys.stderr)
                continue
            if changed is not _UNKNOWN and changed != plain:
                left.remove(mutant)
                print(f"== planted {mutant.name} found after {count} executions", file=sys.stderr)
        if not left:
            raise Finding("planted", "all", "every planted bug is found")

    return replace(target, run=run)


@contextmanager
def _calls(called: set[CodeType]) -> Iterator[None]:
    """Collect the code of all functions that are called until the block ends."""

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            called.add(frame.f_code)

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


def _seen(observe: Any, data: bytes, patience: float) -> Any:
    """Give what a run shows; an error that escapes is a part of that."""
    start = time.process_time()
    try:
        return observe(data)
    except Hang as error:
        # The limit is that of an input: one that is slow with many bugs hangs with none.
        return str(error) if time.process_time() - start >= patience else _UNKNOWN
    except Exception as error:  # noqa: BLE001 - the wrong code may fail in any way
        return f"{type(error).__name__}: {error}"


#: What a run shows that was ended too early to tell.
_UNKNOWN: Final = object()

#: Wrong readers of whole streams.
_WHOLE: Final = table(
    "whole",
    {
        "footer-unchecked": (
            "A footer may have any id.",
            edit(walk.Walker._footer, "if number != section.section_id:", "if False:"),
        ),
        "footer-low-byte": (
            "Only the low byte of a footer's id is compared.",
            edit(
                walk.Walker._footer,
                "number != section.section_id",
                "(number ^ section.section_id) & 255",
            ),
        ),
        "part-without-start": (
            "A PART of no section is one of the first that started.",
            edit(
                walk.Walker._continue,
                "first = self.started.get(section_id)",
                "first = self.started.get(section_id) or next(iter(self.started.values()), None)",
            ),
        ),
        "command-length-unchecked": (
            "A command may have any length.",
            edit(walk.Walker._command, "wanted is not None and wanted != length", "False"),
        ),
        "package-not-entered": (
            "What a PACKAGED command holds is passed over.",
            edit(walk.Walker._command, "number == wire.CMD_PACKAGED", "False"),
        ),
        "empty-name-taken": (
            "A section may have no name.",
            edit(walk.Walker._begin, "if not idstr:", "if False:"),
        ),
        "zero-page-of-anything": (
            "A zero page may be filled with anything.",
            edit(ram.RamReader._page, "if fill:", "if False:"),
        ),
        "page-beyond-its-block": (
            "A page may lie behind its block's end.",
            edit(ram.RamReader._page, "address >= block.used_length", "False"),
        ),
        "continue-before-block": (
            "CONTINUE may come before any block.",
            edit(ram.RamReader._page, "elif not self.current:", "elif False:"),
        ),
        "xbzrle-any-flag": (
            "XBZRLE may have any flag.",
            edit(ram.RamReader._xbzrle, "if flag != wire.XBZRLE_FLAG:", "if False:"),
        ),
        "capabilities-uncounted": (
            "More capabilities may be announced than there are bytes.",
            edit(configuration._subsection, "count > cursor.end - cursor.position", "False"),
        ),
        "page-bits-unchecked": (
            "A page may have any size.",
            edit(configuration._subsection, "if not 10 <= bits <= 24:", "if False:"),
        ),
    },
)

#: Wrong decoders by vmdesc.
_VMDESC: Final = table(
    "vmdesc",
    {
        "le-is-little-endian": (
            "An `int32 le` is read as its name says.",
            value(plan._NUMBERS["int32 le"], "size", 8),
        ),
        "marker-nullptr-unknown": (
            "Only `ptr-marker` is a marker.",
            value(plan, "_MARKERS", ("ptr-marker",)),
        ),
        "array-len-ignored": (
            "An entry stands for one element.",
            edit(plan._count, "return count", "return -1"),
        ),
        "depth-unbounded": (
            "Structs may lie inside each other to any depth.",
            value(plan, "DEEPEST", 1 << 30),
        ),
        "repeated-keys-lost": (
            "Of keys that repeat, the last counts.",
            edit(vmdesc._object, "len(found) == len(pairs)", "True"),
        ),
        "list-takes-any-byte": (
            "Any byte but 0 announces an element.",
            edit(lists._more, "if byte > 1:", "if False:"),
        ),
        "tree-count-unchecked": (
            "A tree may have fewer nodes than it declares.",
            edit(lists.Tree.decode, "if len(out) != declared:", "if False:"),
        ),
        "subsection-by-order": (
            "Subsections are taken in the order of the vmdesc, whatever their names.",
            edit(fields.Fields._head, "subsection.wire == wire", "True"),
        ),
        "marker-one-is-valid": (
            "A marker's low bit says whether there is an element.",
            edit(pointers.Group._markers, "byte == VALID and run == 1", "byte & 1 and run == 1"),
        ),
        "runs-of-any-length": (
            "Runs may be longer than the whole array.",
            edit(pointers.Group.decode, "if run < 0:", "if False:"),
        ),
    },
)

#: Wrong readers of texts.
_TEXTS: Final = table(
    "texts",
    {
        "verdict-unchecked": (
            "A case may expect anything.",
            edit(reader._expectations, "verdict not in VERDICTS[op]", "False"),
        ),
        "tags-unchecked": (
            "A case may have any tags.",
            edit(reader._record, "not isinstance(tags, list) or", "False and"),
        ),
        "input-not-missed": (
            "A case may lack inputs.",
            edit(reader._request, "elif name not in OPTIONAL:", "elif False:"),
        ),
        "unknown-op-traceback": (
            "An operation that nobody knows ends in a traceback.",
            edit(operations.perform, "not isinstance(op, str) or", "False and"),
        ),
        "vmdesc-any-value": (
            "`vmdesc` may be anything.",
            edit(operations._save, "if not isinstance(described, bool):", "if False:"),
        ),
        "unknown-message-answered": (
            "A message that nobody knows ends the conversation.",
            edit(
                reference.Reference.answer,
                "raise ValueError(f'no message is called {other!r}')",
                "return None",
            ),
        ),
        "config-unchecked": (
            "A configuration may name any dialect.",
            edit(
                reference.Reference._configure, "chosen['dialect'] not in DIALECTS or", "False or"
            ),
        ),
    },
)

#: Wrong profiles.
_PROFILES: Final = table(
    "profiles",
    {
        "hardened-dies": (
            "`hardened` reports an abort where QEMU dies.",
            edit(operations._load, "if operation.profile.aborts:", "if True:"),
        ),
        "compat-rejects": (
            "`compat` refuses where QEMU dies.",
            edit(operations._load, "if operation.profile.aborts:", "if False:"),
        ),
        "hardened-error-unset": (
            "A refusal in place of an abort leaves the stream without an error.",
            edit(operations._load, "stream.set_error(EINVAL)", "pass"),
        ),
        "hardened-forgets-class": (
            "A refusal in place of an abort has no class.",
            edit(
                operations._load,
                "result = failed('reject', abort, operation.trace)",
                "result = {**failed('reject', abort, operation.trace), 'error': 'refused'}",
            ),
        ),
    },
)

#: Areas that lie outside of descriptions: whole streams, and what a save of them says.
_MACHINES: Final = frozenset({"container", "commands", "configuration", "savevm"})
#: What lies in a payload that no description describes.
_PAYLOADS: Final = frozenset({"payloads", "ram", "mapped-ram"})
_LOADS: Final = frozenset({"load", "markers", "extent", "subsections"})
#: Of an area of loading, what only a save shows.
_SAVES_OF_SUBSECTIONS: Final = frozenset(
    {
        "sub-always-saved", "sub-without-needed-not-saved", "sub-not-needed-ends",
        "sub-saved-backwards", "sub-length-of-parent", "sub-long-name-whole", "sub-length-16-bit",
        "sub-version-one-byte", "sub-parents-version-sent", "sub-list-always-described",
    }
)  # fmt: skip
#: What only the report of an operation shows, which `profile` asks for and the others do not.
_REPORTED: Final = frozenset(
    {
        "huge-block-made", "leak-of-new-only", "leak-unseen", "old-blocks-counted",
        "stream-trailing-refused", "stream-error-refused", "before-number-above-at-root",
    }
)  # fmt: skip
_ENGINE: Final = {
    name: mutant
    for name, mutant in MUTANTS.items()
    if mutant.area not in _MACHINES | _PAYLOADS and name not in _REPORTED
}
_OF_LOADING: Final = {
    name: mutant
    for name, mutant in _ENGINE.items()
    if mutant.area in _LOADS and name not in _SAVES_OF_SUBSECTIONS
}
#: Of an area of loading whole streams, what only a save of one shows.
_SAVES_OF_STREAMS: Final = frozenset(
    {"savevm-unmigratable", "savevm-early-twice", "savevm-backwards"}
)
_OF_MACHINES: Final = {
    name: mutant
    for name, mutant in MUTANTS.items()
    if mutant.area in _MACHINES - {"savevm"} and name not in _SAVES_OF_STREAMS
}

_OF_PAYLOADS: Final = {name: mutant for name, mutant in MUTANTS.items() if mutant.area in _PAYLOADS}

#: What is in the reach of each target, by name.
REACH: Final[Mapping[str, Mapping[str, Mutant]]] = MappingProxyType(
    {
        "load": _OF_LOADING,
        "structure": _ENGINE,
        "container": _WHOLE,
        "loadvm": _OF_MACHINES,
        "payload": _OF_PAYLOADS,
        "vmdesc": _VMDESC,
        "document": _TEXTS,
        "profile": {**_PROFILES, **{name: MUTANTS[name] for name in sorted(_REPORTED)}},
        "differential": _ENGINE,
    }
)
