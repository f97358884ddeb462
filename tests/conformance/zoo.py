# SPDX-License-Identifier: Apache-2.0
"""Testees that are wrong in one way each: `python zoo.py KIND`. The runner is tested against them."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

HELLO = {
    "m": "hello",
    "protocol": 1,
    "testee": {"name": "zoo", "version": "1", "language": "python"},
    "dialects": ["qemu-11.1.3"],
    "profiles": ["compat", "hardened"],
    "descriptions": "dynamic",
    "caps": {"ops": ["check", "save", "load"]},
    "window": 4,
}


def say(value: Any) -> None:
    print(json.dumps(value), flush=True)


def accept(message: dict[str, Any]) -> None:
    verdict = {"check": "valid", "save": "ok", "load": "accept"}[message["op"]]
    say({"m": "result", "id": message["id"], "verdict": verdict})


def reject(message: dict[str, Any]) -> None:
    verdict = {"check": "invalid", "save": "error", "load": "reject"}[message["op"]]
    say({"m": "result", "id": message["id"], "verdict": verdict})


def misbehave(kind: str, message: dict[str, Any], served: int) -> None:
    third = served == 2
    match kind:
        case "accept-all":
            return accept(message)
        case "reject-all":
            return reject(message)
        case "unsupported":
            return say({**message, "m": "result", "verdict": "unsupported", "needs": "x"})
        case "wrong-id" if third:
            message["id"] += 1
        case "repeated" if third:
            accept(message)
        case "half-line" if third:
            print('{"m":"result","id":', end="", flush=True)
            sys.exit(0)
        case "huge-line" if third:
            print("x" * (5 << 20), flush=True)
        case "stray" if third:
            print("debug: here I am", flush=True)
        case "no-object" if third:
            say([1, 2])
        case "no-verdict" if third:
            return say({"m": "result", "id": message["id"], "verdict": "fine"})
        case "hang" if third:
            time.sleep(60)
        case "exit" if third:
            print("I have had enough", file=sys.stderr)
            sys.exit(0)
        case "crash" if third:
            os.kill(os.getpid(), signal.SIGSEGV)
    return accept(message)


def main() -> None:
    kind, served = sys.argv[1], 0
    if kind == "deaf":
        time.sleep(60)
    if kind == "slow-start":
        time.sleep(0.3)
    for line in sys.stdin:
        message = json.loads(line)
        if message["m"] == "hello":
            say({**HELLO, "protocol": 2} if kind == "other-protocol" else HELLO)
        elif message["m"] == "config":
            say({"m": "config", "ok": kind != "no-config", "detail": "not today"})
        elif message["m"] == "run":
            misbehave(kind, message, served)
            served += 1
        else:
            return


if __name__ == "__main__":
    main()
