# SPDX-License-Identifier: Apache-2.0
"""The adapter: `python -m vmstate_conformance.testees.volatility3`.

With files of streams, packed or not, it says instead what volatility3 makes of each.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from vmstate.files import InputError
from vmstate.inputs import open_stream
from vmstate_conformance.testees.reference import serve
from vmstate_conformance.testees.volatility3 import MISSING, installed

_DIALECTS: Final = ("qemu-11.1.3", "qemu-11.1.0")
_PROFILE: Final = "hardened"
_BAD_INPUT: Final = 2
_UNUSABLE: Final = 3


def hello() -> dict[str, Any]:
    """Say what volatility3 offers: whether a stream can be read, and nothing of what is in it."""
    from vmstate_conformance.testees.volatility3.layer import VERSION  # noqa: PLC0415

    return {
        "m": "hello",
        "protocol": 1,
        "testee": {
            "name": "volatility3",
            "version": VERSION,
            "language": "python",
            "source": "https://github.com/volatilityfoundation/volatility3",
            "issues": "https://github.com/volatilityfoundation/volatility3/issues",
        },
        "dialects": list(_DIALECTS),
        "profiles": [_PROFILE],
        "caps": {"ops": ["stream"], "errors": "none", "state": "none", "heap": False},
    }


def answer(message: Mapping[str, Any]) -> dict[str, Any] | None:
    """Answer one message; None to `bye`. Raises `ValueError` for a message that is none."""
    match message.get("m"):
        case "hello":
            return hello()
        case "config":
            fits = message.get("dialect") in _DIALECTS and message.get("profile") == _PROFILE
            return {"m": "config", "ok": fits, "detail": "" if fits else f"unknown: {message}"}
        case "run":
            return {"m": "result", "id": message.get("id"), **run(message)}
        case "bye":
            return None
        case other:
            raise ValueError(f"no message is called {other!r}")


def run(message: Mapping[str, Any]) -> dict[str, Any]:
    """Let volatility3 read the stream of one request.

    Only what it raises on purpose is a refusal; any other exception is its failure.
    """
    from vmstate_conformance.testees.volatility3.layer import read  # noqa: PLC0415

    if message.get("op") != "stream":
        return {"verdict": "unsupported", "needs": f"ops:{message.get('op')}"}
    try:
        stream = bytes.fromhex(message["stream"])
    except (KeyError, TypeError, ValueError):
        return {"verdict": "failure", "detail": "stream: is no hex"}
    found = read(stream)
    if found.broke:
        return {"verdict": "failure", "detail": found.broke}
    if found.refused:
        return {"verdict": "reject", "consumed": found.end, "message": found.refused}
    # It raises at the end of the bytes, so what it accepts has left no error behind.
    return {"verdict": "accept", "consumed": found.end, "stream_error": 0}


def look(files: list[str]) -> int:
    """Print what volatility3 makes of each file, as it is, and how many it took."""
    from vmstate_conformance.testees.volatility3.layer import read  # noqa: PLC0415

    taken = 0
    for file in files:
        try:
            with open_stream(file) as stream:
                if stream.fault is not None:
                    raise stream.fault
                data = bytes(stream.data)
        except InputError as error:
            print(f"volatility3: {error}", file=sys.stderr)
            return _BAD_INPUT
        found = read(data, help_small=False)
        no = found.refused or found.broke
        taken += not no
        kind = "refused" if found.refused else "broke" if found.broke else "read"
        said = no or f"{found.pages} pages; stopped at byte {found.end} of {len(data)}"
        print(f"{Path(file).name}: {kind}: {said}")
    print(f"{taken} of {len(files)} read")
    return 0


def main() -> int:
    """Serve standard input; whatever prints, prints to stderr."""
    if not installed():
        print(MISSING, file=sys.stderr)
        return _UNUSABLE
    if files := sys.argv[1:]:
        return look(files)
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        try:
            serve(answer, sys.stdin.buffer, out)
        except ValueError as error:
            print(f"volatility3: no protocol: {error}", file=sys.stderr)
            return _BAD_INPUT
        except (BrokenPipeError, KeyboardInterrupt):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
