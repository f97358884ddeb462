# SPDX-License-Identifier: Apache-2.0
"""Staged findings: listed once each, replayed, and deleted where they show no more."""

from __future__ import annotations

import sys
import traceback
from collections import defaultdict
from pathlib import Path
from typing import Final

from vmstate_conformance.cases import InputError
from vmstate_conformance.fuzzing.engine import staging_dir
from vmstate_conformance.fuzzing.finding import signature
from vmstate_conformance.fuzzing.staging import Found, sign_of, staged
from vmstate_conformance.fuzzing.targets import MODULES, target

_WIDTH: Final = 100


def main(arguments: list[str], about: str) -> int:
    """Run the command; 0 where nothing shows, 1 where something does, 2 for bad input."""
    options = {each for each in arguments if each.startswith("-")}
    places = [Path(each) for each in arguments if not each.startswith("-")]
    try:
        if options - {"--replay", "--prune", "--help", "-h"}:
            raise InputError(f"{min(options)}: no such option")
        if options & {"--help", "-h"}:
            print(about, end="")
            return 0
        if "--replay" in options:
            if not places:
                raise InputError("--replay needs a FILE")
            return max(replay(found) for place in places for found in staged(place))
        return listing(places or [staging_dir()], prune="--prune" in options)
    except InputError as error:
        print(f"triage.py: {error}", file=sys.stderr)
        return 2


def listing(places: list[Path], *, prune: bool) -> int:
    """List what is staged, one line a signature, smallest input first."""
    groups: dict[tuple[str, str], list[Found]] = defaultdict(list)
    for place in places:
        if place.exists() or place != staging_dir():
            for found in staged(place):
                groups[found.target, found.signature].append(found)
    shows = 0
    for (name, sign), members in sorted(groups.items()):
        members.sort(key=lambda found: len(found.input))
        state = "shows" if still(members[0]) else "gone"
        shows += state == "shows"
        if state == "gone" and prune:
            for found in members:
                found.file.unlink(missing_ok=True)
            state = "deleted"
        more = f", {len(members)} files" if len(members) > 1 else ""
        print(f"{state:<8} {name:<12} {sign[:_WIDTH]}")
        print(f"         {members[0].detail[:_WIDTH]} ({len(members[0].input)} bytes{more})")
        if state == "shows":
            print(f"         python fuzz/triage.py --replay {members[0].file}")
    print(f"{len(groups)} findings, {shows} of them show")
    return int(shows > 0)


def still(found: Found) -> bool:
    """Whether a finding shows, with the signature that it had."""
    return _known(found) and sign_of(target(found.target), found.input) == found.signature


def replay(found: Found) -> int:
    """Run a finding's input and print what comes of it."""
    if not _known(found):
        raise InputError(f"{found.file}: no target is called {found.target!r} [target]")
    try:
        target(found.target).run(found.input)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was asked for
        traceback.print_exception(error)
        print(f"{found.file}: shows: {signature(error)}")
        return 1
    print(f"{found.file}: nothing shows")
    return 0


def _known(found: Found) -> bool:
    return found.target in MODULES
