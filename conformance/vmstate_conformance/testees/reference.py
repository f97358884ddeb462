# SPDX-License-Identifier: Apache-2.0
"""The reference as a testee like any other: `python -m vmstate_conformance.testees.reference`."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final

from vmstate import __version__
from vmstate.dialects import DEFAULT_DIALECT, DIALECTS, PROFILES
from vmstate.errors import CaseError
from vmstate.flags import FLAGS
from vmstate.infos import INFOS
from vmstate.operations import perform

HELLO: Final = {
    "m": "hello",
    "protocol": 1,
    "testee": {"name": "reference", "version": __version__, "language": "python"},
    "dialects": list(DIALECTS),
    "abis": ["lp64-le"],
    "profiles": list(PROFILES),
    "descriptions": "dynamic",
    "caps": {
        "ops": ["check", "save", "load", "stream", "savevm"],
        "infos": list(INFOS),
        "flags": list(FLAGS),
        "vmdesc": True,
        "heap": True,
        "hooks": True,
        "errors": "fine",
    },
    "window": 8,
}
_INPUTS: Final = (
    "op",
    "document",
    "destination",
    "state",
    "version_id",
    "stream",
    "vmdesc",
    "devices",
    "machine",
)


class Reference:
    """Answers the messages of the protocol. `config` is what the last config message chose."""

    def __init__(self) -> None:
        self.config = {"dialect": DEFAULT_DIALECT, "profile": "compat"}

    def answer(self, message: Mapping[str, Any]) -> dict[str, Any] | None:
        """Answer one message; None to `bye`. Raises `ValueError` for a message that is none."""
        match message.get("m"):
            case "hello":
                return HELLO
            case "config":
                return self._configure(message)
            case "run":
                return self.run(message)
            case "bye":
                return None
            case other:
                raise ValueError(f"no message is called {other!r}")

    def _configure(self, message: Mapping[str, Any]) -> dict[str, Any]:
        chosen = {key: message.get(key, default) for key, default in self.config.items()}
        if not all(isinstance(value, str) for value in chosen.values()):
            return {"m": "config", "ok": False, "detail": "dialect and profile are strings"}
        if chosen["dialect"] not in DIALECTS or chosen["profile"] not in PROFILES:
            return {"m": "config", "ok": False, "detail": f"unknown: {chosen}"}
        self.config = chosen
        return {"m": "config", "ok": True}

    def run(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Perform one request."""
        head = {"m": "result", "id": message.get("id")}
        if message.get("op") not in HELLO["caps"]["ops"]:  # type: ignore[index]
            return {**head, "verdict": "unsupported", "needs": f"ops:{message.get('op')}"}
        start = time.perf_counter_ns()
        try:
            request = {key: message[key] for key in _INPUTS if key in message}
            result = perform(
                request, dialect=self.config["dialect"], profile=self.config["profile"]
            )
        except CaseError as error:
            return {**head, "verdict": "failure", "detail": str(error)}
        return {**head, **result, "us": (time.perf_counter_ns() - start) // 1000}


def serve(
    answer: Callable[[Mapping[str, Any]], dict[str, Any] | None], lines: BinaryIO, out: BinaryIO
) -> None:
    """Answer line by line until `bye` or the end."""
    for line in lines:
        reply = answer(json.loads(line))
        if reply is None:
            return
        out.write(json.dumps(reply, separators=(",", ":")).encode() + b"\n")
        out.flush()


def main() -> int:
    """Serve standard input; whatever prints, prints to stderr."""
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        try:
            serve(Reference().answer, sys.stdin.buffer, out)
        except ValueError as error:
            print(f"reference: no protocol: {error}", file=sys.stderr)
            return 2
        except (BrokenPipeError, KeyboardInterrupt):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
