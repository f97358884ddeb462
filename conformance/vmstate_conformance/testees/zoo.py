# SPDX-License-Identifier: Apache-2.0
"""Testees that are wrong in one way each: `python -m vmstate_conformance.testees.zoo KIND`.

The runner is tested against them; so can be whatever else drives testees. Those of `TROUBLED` begin
well and go wrong at the third request of each process; `--at N` moves that.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, Final

HELLO: Final[dict[str, Any]] = {
    "m": "hello",
    "protocol": 1,
    "testee": {"name": "zoo", "version": "1", "language": "python"},
    "dialects": ["qemu-11.1.3"],
    "profiles": ["compat", "hardened"],
    "descriptions": "dynamic",
    "caps": {
        "ops": ["check", "save", "load", "stream", "savevm"],
        "hooks": True,
        "vmdesc": True,
        "heap": True,
        "errors": "fine",
    },
    "window": 4,
}
_GOOD: Final = {
    "check": "valid",
    "save": "ok",
    "load": "accept",
    "stream": "accept",
    "savevm": "ok",
}
_BAD: Final = {
    "check": "invalid",
    "save": "error",
    "load": "reject",
    "stream": "reject",
    "savevm": "error",
}


def say(value: Any) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def answer(message: dict[str, Any], verdict: str, **more: Any) -> None:
    """Answer a request."""
    say({"m": "result", "id": message["id"], "verdict": verdict, **more})


def accept(message: dict[str, Any]) -> None:
    """Find everything good."""
    answer(message, _GOOD[message["op"]])


def reject(message: dict[str, Any]) -> None:
    """Find everything bad."""
    answer(message, _BAD[message["op"]])


def _wrong_id(message: dict[str, Any]) -> None:
    accept({**message, "id": message["id"] + 1})


def _repeated(message: dict[str, Any]) -> None:
    accept(message)
    accept(message)


def _half_line(_: dict[str, Any]) -> None:
    sys.stdout.write('{"m":"result","id":')
    sys.stdout.flush()
    sys.exit(0)


def _huge_line(_: dict[str, Any]) -> None:
    for _chunk in range(80):
        sys.stdout.write("x" * (1 << 16))
    say("")


def _stray(message: dict[str, Any]) -> None:
    sys.stdout.write("debug: here I am\n")
    accept(message)


def _no_object(_: dict[str, Any]) -> None:
    say([1, 2])


def _no_verdict(message: dict[str, Any]) -> None:
    answer(message, "fine")


def _hang(_: dict[str, Any]) -> None:
    time.sleep(60)


def _exit(_: dict[str, Any]) -> None:
    sys.stderr.write("I have had enough\n")
    sys.exit(0)


def _exit_3(_: dict[str, Any]) -> None:
    sys.exit(3)


def _crash(_: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _blow_up(_: dict[str, Any]) -> None:
    held = bytearray(b"x") * (384 << 20)
    time.sleep(60)
    del held


def _caught(message: dict[str, Any]) -> None:
    answer(message, "failure", detail="KeyError: 'op'")


def _lying(message: dict[str, Any]) -> None:
    answer(message, "unsupported", needs=f"ops:{message['op']}")


def _deep(message: dict[str, Any]) -> None:
    state = "[" * 900 + "]" * 900
    verdict = _GOOD[message["op"]]
    sys.stdout.write(
        f'{{"m":"result","id":{message["id"]},"verdict":"{verdict}","state":{state}}}\n'
    )
    sys.stdout.flush()


def _infinite(message: dict[str, Any]) -> None:
    sys.stdout.write(
        f'{{"m":"result","id":{message["id"]},"verdict":"reject","error":1e999,'
        '"state":[1e999],"consumed":-1e999,"message":"\\u001b[31m"}\n'
    )
    sys.stdout.flush()


def _unsupported(message: dict[str, Any]) -> None:
    answer(message, "unsupported", needs="infos:uint8")


#: Kinds that are wrong in each answer.
ALWAYS: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
    "accept-all": accept,
    "reject-all": reject,
    "caught": _caught,
    "deep": _deep,
    "infinite": _infinite,
    "lying": _lying,
    "unsupported": _unsupported,
}
#: Kinds that go wrong once, and what the runner calls it.
TROUBLED: Final[dict[str, tuple[str, Callable[[dict[str, Any]], None]]]] = {
    "wrong-id": ("protocol", _wrong_id),
    "repeated": ("protocol", _repeated),
    "half-line": ("protocol", _half_line),
    "huge-line": ("protocol", _huge_line),
    "stray": ("protocol", _stray),
    "no-object": ("protocol", _no_object),
    "no-verdict": ("protocol", _no_verdict),
    "hang": ("timeout", _hang),
    "exit": ("exit", _exit),
    "exit-3": ("exit", _exit_3),
    "crash": ("crash", _crash),
    "blow-up": ("resource", _blow_up),
}
#: Kinds that cannot begin, or begin in an odd way.
STARTS: Final = ("slow-start", "deaf", "other-protocol", "no-config", "ill-typed", "changing")
#: Answers rightly until another case has been there: it remembers.
ORDER: Final = "order-dependent"


def _hello(kind: str) -> dict[str, Any]:
    match kind:
        case "other-protocol":
            return {**HELLO, "protocol": 2}
        case "ill-typed":
            return {**HELLO, "window": "wide"}
        case "changing":
            return {**HELLO, "testee": {"name": "zoo", "version": str(os.getpid())}}
    return HELLO


def _run(kind: str, message: dict[str, Any], served: int, at: int) -> None:
    if kind in ALWAYS:
        ALWAYS[kind](message)
    elif kind in TROUBLED and served == at:
        TROUBLED[kind][1](message)
    elif kind == "changing" and served == at:
        sys.exit(1)
    elif kind == ORDER and served > at:
        reject(message)
    else:
        accept(message)


def main() -> None:
    """Serve standard input in the way that the command line names."""
    kinds = [*ALWAYS, *TROUBLED, *STARTS, ORDER]
    parser = argparse.ArgumentParser(prog="vmstate_conformance.testees.zoo", description=__doc__)
    parser.add_argument("kind", choices=kinds)
    parser.add_argument("--at", type=int, default=2, help="the request that goes wrong, from 0")
    arguments = parser.parse_args()
    kind: str = arguments.kind
    if kind == "deaf":
        time.sleep(60)
    if kind == "slow-start":
        time.sleep(0.3)
    served = 0
    for line in sys.stdin:
        message = json.loads(line)
        match message["m"]:
            case "hello":
                say(_hello(kind))
            case "config":
                say({"m": "config", "ok": kind != "no-config", "detail": "not today"})
            case "run":
                _run(kind, message, served, arguments.at)
                served += 1
            case _:
                return


if __name__ == "__main__":
    main()
