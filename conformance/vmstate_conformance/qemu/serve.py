# SPDX-License-Identifier: Apache-2.0
"""QEMU's own engine as a testee: `python -m vmstate_conformance.qemu.serve [PATH | --release X.Y]`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from vmstate.errors import CaseError
from vmstate.flags import FLAGS
from vmstate.infos import INFOS
from vmstate_conformance.qemu.engine import Engine
from vmstate_conformance.qemu.provision import Qemu, QemuError, find
from vmstate_conformance.testees.reference import serve


class Server:
    """Answers the protocol with the engine's results."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def answer(self, message: Mapping[str, Any]) -> dict[str, Any] | None:
        """Answer one message; None to `bye`. Raises `ValueError` for a message that is none."""
        match message.get("m"):
            case "hello":
                return self._hello()
            case "config":
                wanted = message.get("dialect"), message.get("profile")
                return {"m": "config", "ok": wanted == (self._engine.dialect, "compat")}
            case "run":
                return {"m": "result", "id": message.get("id"), **self._run(message)}
            case "bye":
                return None
            case other:
                raise ValueError(f"no message is called {other!r}")

    def _hello(self) -> dict[str, Any]:
        return {
            "m": "hello",
            "protocol": 1,
            "testee": {"name": "qemu", "version": self._engine.version, "language": "c"},
            "dialects": [self._engine.dialect],
            "abis": ["lp64-le"],
            "profiles": ["compat"],
            "descriptions": "dynamic",
            "caps": {
                "ops": self._engine.ops,
                "infos": list(INFOS),
                "flags": list(FLAGS),
                "vmdesc": True,
                "heap": True,
                "hooks": True,
                "errors": "fine",
            },
            "window": 8,
        }

    def _run(self, message: Mapping[str, Any]) -> dict[str, Any]:
        if message.get("op") not in self._engine.ops:
            return {"verdict": "unsupported", "needs": f"ops:{message.get('op')}"}
        try:
            return self._engine.ask(message)
        except CaseError as error:
            return {"verdict": "failure", "detail": str(error)}


def _wanted(arguments: list[str]) -> Qemu:
    """Find the provisioned binary, that of another release, or the one at a path."""
    match arguments:
        case ["--release", release]:
            return find(None, release=release)
        case [path]:
            return find(path)
    return find(None)


def main() -> int:
    """Serve standard input."""
    # QEMU must not outlive us, whatever ends us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        engine = Engine(_wanted(sys.argv[1:]))
    except QemuError as error:
        print(error, file=sys.stderr)
        return 2
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        try:
            serve(Server(engine).answer, sys.stdin.buffer, out)
        except (QemuError, ValueError) as error:
            print(error, file=sys.stderr)
            return 2
        except (BrokenPipeError, KeyboardInterrupt):
            return 1
        finally:
            engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
