# SPDX-License-Identifier: Apache-2.0
"""How fast the runner is: `python benchmarks/runner.py`.

Each figure stands beside a yardstick of the same run. The rate of whole runs (asked, answered,
graded, logged) against a testee in C that answers at once is compared with the rate at which the
same request lines go through a bare pipe to a C program that echoes them, eight at a time and
nothing else done. Then the start-up of the command, and its memory.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Final

from vmstate_conformance.cases import Case
from vmstate_conformance.runner.execute import Execution, Options
from vmstate_conformance.runner.select import read
from vmstate_conformance.testees.hello import Hello
from vmstate_conformance.testees.reference import HELLO, Reference
from vmstate_conformance.testees.wire import Requests

_ROUNDS: Final = 12
_CASES: Final = 6_000
#: How often the lines are echoed, so that all measurements take about as long.
_ECHOES: Final = 4
_SMALL: Final = 1500
_WINDOW: Final = 8

_ECHO: Final = r"""
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    char *line = NULL; size_t size = 0; ssize_t got;
    while ((got = getline(&line, &size, stdin)) > 0) {
        fwrite(line, 1, got, stdout); fflush(stdout);
    }
    return 0;
}
"""

#: Answers the n-th line with the n-th line of a file.
_TESTEE: Final = r"""
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    FILE *replies = fopen(argv[1], "r");
    char *line = NULL, *reply = NULL; size_t size = 0, room = 0; ssize_t got;
    while (getline(&line, &size, stdin) > 0) {
        if ((got = getline(&reply, &room, replies)) <= 0) return 0;
        fwrite(reply, 1, got, stdout); fflush(stdout);
    }
    return 0;
}
"""


def compiled(folder: Path, name: str, source: str) -> Path:
    """Compile a program."""
    file = folder / f"{name}.c"
    file.write_text(source)
    program = folder / name
    subprocess.run(["cc", "-O2", "-o", program, file], check=True)  # noqa: S607
    return program


def chosen() -> list[Case]:
    """Give small cases of one dialect, over and over, each time under ids of its own."""
    dialect = "qemu-11.1.3"
    small = [
        case
        for case in read(())
        if case.dialect == dialect
        and case.op in ("check", "save", "load")
        and len(json.dumps(case.request)) < _SMALL
        and case.expect.get("canonical") is not True
    ]
    found: list[Case] = []
    while len(found) < _CASES:
        turn = len(found) // len(small)
        found += [
            replace(case, id=f"{case.id}-{turn}", group="small/cases", title="A small case.")
            for case in small
        ]
    return found[:_CASES]


def echo(program: Path, lines: list[bytes]) -> float:
    """Give the lines a second that come back, with eight on their way."""
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        begun, flying = time.perf_counter(), 0
        for line in lines:
            process.stdin.write(line)
            flying += 1
            if flying == _WINDOW:
                process.stdin.flush()
                process.stdout.readline()
                flying -= 1
        process.stdin.flush()
        for _ in range(flying):
            process.stdout.readline()
        seconds = time.perf_counter() - begun
        process.stdin.close()
    return len(lines) / seconds


def batched(program: Path, lines: list[bytes]) -> float:
    """Give the lines a second with the least calls: eight written at once, eight read at once."""
    with subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        out, into = process.stdin.fileno(), process.stdout.fileno()
        begun, flying, todo = time.perf_counter(), 0, deque(lines)
        while todo or flying:
            free = min(_WINDOW - flying, len(todo))
            if free:
                os.write(out, b"".join(todo.popleft() for _ in range(free)))
                flying += free
            flying -= os.read(into, 1 << 18).count(b"\n")
        seconds = time.perf_counter() - begun
        process.stdin.close()
    return len(lines) / seconds


def whole(testee: str, cases: list[Case], folder: Path) -> float:
    """Give the cases a second of a run with its log, once it has begun."""
    options = Options(
        testee=testee,
        places=(),
        profile="compat",
        dialect=None,
        pattern=None,
        areas=(),
        as_of=None,
        jobs=1,
        expect=None,
        log=folder / "results.jsonl",
        junit=None,
        html=None,
        replay=folder / "replay",
        isolate=False,
        seed=None,
        timeout_factor=1.0,
        memory_limit=2048,
        in_process=False,
        smoke=False,
        recommended=False,
        failures=20,
        quiet=True,
    )
    execution = Execution(options, cases)
    execution.run.begin(cases[0].dialect)
    with execution.log(len(cases), [cases[0].dialect]) as results:
        begun = time.perf_counter()
        for row in execution.run.rows(cases):
            execution.add(results, row)
        footer = execution.end(results, 0)
        seconds = time.perf_counter() - begun
    assert footer["verdict"] == "conforms", footer
    return len(cases) / seconds


def replies(cases: list[Case]) -> list[str]:
    """Give what a testee that conforms says: hello, config, and the results of all cases."""
    reference, hello = Reference(), Hello.read(HELLO)
    reference.config = {"dialect": cases[0].dialect, "profile": "compat"}
    said = [json.dumps(HELLO), '{"m":"config","ok":true}']
    kept: dict[int, str] = {}
    for at, case in enumerate(cases):
        assert hello.missing(case.request) is None
        if id(case.request) not in kept:
            result = reference.run({"id": 0, **case.request})
            for key in ("m", "id", "us"):
                result.pop(key, None)
            kept[id(case.request)] = json.dumps(result, separators=(",", ":"))[1:]
        said.append(f'{{"m":"result","id":{at},{kept[id(case.request)]}')
    return said


def started(*arguments: str) -> float:
    """Give the best seconds of a command."""
    times = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        command = [sys.executable, "-m", "vmstate_conformance", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begun)
    return min(times)


def main() -> None:
    """Print the figures."""
    cases = chosen()
    requests = Requests(Hello.read(HELLO))
    lines = [requests.line(at, case.request) + b"\n" for at, case in enumerate(cases)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "replies").write_text("\n".join(replies(cases)) + "\n")
        echoes = compiled(folder, "echo", _ECHO)
        testee = f"{compiled(folder, 'testee', _TESTEE)} {folder / 'replies'}"
        rates = [
            (
                echo(echoes, lines * _ECHOES),
                batched(echoes, lines * _ECHOES),
                whole(testee, cases, folder),
            )
            for _ in range(_ROUNDS)
        ]
    bare, fewest, ours = (max(column) for column in zip(*rates, strict=True))
    size = sum(map(len, lines)) / len(lines)
    print(f"bare echo, window {_WINDOW}, {size:.0f} bytes a line {bare:12,.0f} lines/s")
    print(f"bare echo, eight at a time               {fewest:12,.0f} lines/s")
    print(f"whole runs: asked, graded, logged         {ours:12,.0f} cases/s")
    print(f"ratio to the echo                         {ours / bare:12.2f}   (wanted: 0.25)")
    print(f"ratio to the echo, eight at a time        {ours / fewest:12.2f}")
    print(f"--version                                 {started('--version') * 1e3:12.0f} ms")
    one = started("run", "-k", "=k-aa-marker-32")
    print(f"run -k =ONE                               {one * 1e3:12.0f} ms")
    begun = time.perf_counter()
    command = [sys.executable, "-m", "vmstate_conformance", "run"]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    print(f"run, the whole corpus                     {time.perf_counter() - begun:12.1f} s")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"memory of the largest of these processes  {peak:12.0f} MiB")


if __name__ == "__main__":
    main()
