# SPDX-License-Identifier: Apache-2.0
"""A program that talks like QEMU's monitor and ends as its first argument says."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import sys
import time

GREETING = {"QMP": {"version": {"qemu": {"major": 99, "minor": 1, "micro": 2}}, "capabilities": []}}


def die(how: str) -> None:
    match how:
        case "assertion":
            os.write(
                2, b"qemu-system-fake: ../hw/fake.c:12: fake_load: Assertion `x < 2' failed.\n"
            )
            os.abort()
        case "glib":
            os.write(2, b"**\nERROR:../hw/fake.c:12:fake_load: code should not be reached\n")
            os.abort()
        case "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "memory":
            os.write(2, b"../glib/gmem.c:106: failed to allocate 99999999999 bytes\n")
            os.kill(os.getpid(), signal.SIGTRAP)
        case "printing":
            # Python leaves this signal out of its own life.
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            while True:
                os.write(2, b"again\n" * 10000)
        case "exit":
            os.write(2, b"qemu-system-fake: warning: odd\nqemu-system-fake: cannot load that\n")
            os._exit(1)
        case "hang":
            time.sleep(60)
        case "limit":
            soft = resource.getrlimit(resource.RLIMIT_AS)[0]
            os.write(2, f"address space {soft}\n".encode())
            os._exit(1)


def main() -> None:
    how = sys.argv[1]
    found = re.search(r"id=vmstate-monitor,fd=(\d+)", " ".join(sys.argv))
    assert found is not None
    with socket.socket(fileno=int(found[1])) as monitor, monitor.makefile("r") as lines:

        def say(message: object) -> None:
            monitor.sendall(json.dumps(message).encode() + b"\r\n")

        say(GREETING)
        for line in lines:
            command = json.loads(line)["execute"]
            if command == "migrate-incoming":
                die(how)
                say({"return": {}})
                status = "completed" if how in {"accept", "after"} else "failed"
                say({"event": "MIGRATION", "data": {"status": "setup"}})
                say({"event": "MIGRATION", "data": {"status": status}})
            elif command == "query-migrate":
                say({"return": {"status": "failed", "error-desc": "because I say so"}})
            elif command == "cont" and how == "after":
                die("assertion")
            else:
                say({"return": {}})


main()
