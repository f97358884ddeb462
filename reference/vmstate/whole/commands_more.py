# SPDX-License-Identifier: Apache-2.0
"""`vmstate explain`, `vmstate diff` and `vmstate skeleton`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, Final

from vmstate.files import InputError, read_json
from vmstate.whole.commands import opened, output, refuse
from vmstate.whole.diff import Difference, compare
from vmstate.whole.dumps import Dump
from vmstate.whole.errors import StreamFault, printable
from vmstate.whole.explain import Explanation
from vmstate.whole.model import Stream
from vmstate.whole.skeleton import skeleton as write_skeleton
from vmstate.whole.tree import scalar

_WIDTH: Final = 64


def explain(options: argparse.Namespace) -> int:
    """Run `vmstate explain`."""
    dump = None
    if options.dump_vmstate:
        try:
            dump = Dump(read_json(options.dump_vmstate))
        except StreamFault as fault:
            raise InputError(f"{options.dump_vmstate}: {fault.detail}") from None
    walker = opened(options.file, snapshot=options.snapshot)
    for _ in walker.walk():
        pass
    explanation = Explanation(walker.stream, dump)
    with output("-") as out:
        for line in explanation.lines():
            out.write(line.encode("utf-8", "backslashreplace") + b"\n")
    behind = getattr(walker.stream.source, "fault", None)
    if behind is not None:
        raise behind
    return 1 if explanation.refused else 0


def diff(options: argparse.Namespace) -> int:
    """Run `vmstate diff`."""
    sides: list[Stream] = []
    walkers = []
    for name in (options.left, options.right):
        walker = opened(name, _select(options.section))
        for _ in walker.walk():
            pass
        walkers.append(walker)
        sides.append(walker.stream)
    found = 0
    with output("-") as out:
        for one in compare(*sides):
            if _unwanted(one, options):
                continue
            found += 1
            line = _as_json(one) if options.json else _line(one)
            out.write(line.encode("utf-8", "backslashreplace") + b"\n")
    for name, walker in zip((options.left, options.right), walkers, strict=True):
        refuse(name, walker)
    return 1 if found else 0


def _select(globs: list[str] | None) -> Callable[[str], bool] | None:
    if not globs:
        return None
    return lambda label: any(
        fnmatchcase(label, glob) or fnmatchcase(label.partition("#")[0], glob) for glob in globs
    )


def _unwanted(one: Difference, options: argparse.Namespace) -> bool:
    select = _select(options.section)
    label = one.path.partition("#")[0]
    if select is not None and not select(label) and not select(one.path):
        return True
    return any(fnmatchcase(one.path, glob) for glob in options.ignore or ())


def _as_json(one: Difference) -> str:
    return json.dumps({"path": one.path, "kind": one.kind, "left": one.left, "right": one.right})


def _line(one: Difference) -> str:
    path = printable(one.path)
    if one.left is None and one.kind != "value":
        return f"+ {path}" + ("" if one.right == "present" else f": {_short(one.right)}")
    if one.right is None and one.kind != "value":
        return f"- {path}" + ("" if one.left == "present" else f": {_short(one.left)}")
    if isinstance(one.left, str) and isinstance(one.right, str):
        at, ours, theirs = _apart(one.left, one.right)
        where = f" at byte {at}" if at else ""
        return f"~ {path}{where}: {ours} -> {theirs}"
    return f"~ {path}: {_short(one.left)} -> {_short(one.right)}"


def _apart(left: str, right: str) -> tuple[int, str, str]:
    """Cut two texts of hex down to where they begin to differ."""
    same = next(
        (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b),
        min(len(left), len(right)),
    )
    start = same // 2 * 2
    if len(left) <= _WIDTH and len(right) <= _WIDTH:
        start = 0
    cut = [
        side[start : start + 32] + ("…" if len(side) > start + 32 else "") for side in (left, right)
    ]
    if not start:
        cut = [_short(left), _short(right)]
    return start // 2, cut[0], cut[1]


def _short(value: Any) -> str:
    if isinstance(value, (dict, list)):
        shown = json.dumps(value)
        return shown if len(shown) <= _WIDTH else shown[: _WIDTH - 1] + "…"
    text = scalar(value)
    return text if len(text) <= _WIDTH + 1 else text[:_WIDTH] + "…"


def skeleton(options: argparse.Namespace) -> int:
    """Run `vmstate skeleton`."""
    walker = opened(options.file, snapshot=options.snapshot)
    with output(options.output) as out:
        pages, left_out = write_skeleton(walker, out.write)
    shown = "<stdin>" if options.file == "-" else options.file
    note = f"vmstate: {printable(shown)}: {pages:,} pages, {left_out:,} bytes left out"
    sys.stderr.write(note + "\n")
    refuse(options.file, walker)
    return 0
