# SPDX-License-Identifier: Apache-2.0
"""A QEMU process with the adapter in it: asked one case at a time."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any, Final

from vmstate_conformance.qemu.build import adapter
from vmstate_conformance.qemu.containers import ContainerAnswer, ContainerQuestion
from vmstate_conformance.qemu.provision import Qemu, QemuError
from vmstate_conformance.qemu.translate import Answer, Question

#: The engines whose layout the adapter knows, and the dialect that each speaks.
KNOWN: Final = {"11.1.3": "qemu-11.1.3"}
_MACHINE: Final = ("-M", "none,accel=qtest", "-display", "none", "-nodefaults", "-S")

#: A description whose result is known: an array of pointers, one of them sent.
_SELF_TEST: Final[dict[str, Any]] = {
    "op": "load",
    "document": {
        "structs": {
            "E": {"size": 4, "members": [{"name": "v", "offset": 0, "type": "uint32"}]},
            "S": {
                "size": 16,
                "members": [
                    {
                        "name": "a",
                        "offset": 0,
                        "type": {"array": {"pointer": {"struct": "E"}}, "count": 2},
                    }
                ],
            },
        },
        "descriptions": {
            "e": {
                "struct": "E",
                "version_id": 1,
                "fields": [{"name": "v", "info": "uint32", "size": 4, "flags": ["VMS_SINGLE"]}],
            },
            "s": {
                "struct": "S",
                "version_id": 1,
                "fields": [
                    {
                        "name": "a",
                        "vmsd": "e",
                        "size": 4,
                        "num": 2,
                        "flags": [
                            "VMS_ARRAY",
                            "VMS_STRUCT",
                            "VMS_ARRAY_OF_POINTER",
                            "VMS_ARRAY_OF_POINTER_AUTO_ALLOC",
                        ],
                    }
                ],
            },
        },
        "root": "s",
    },
    "destination": {"a": [None, None]},
    "version_id": 1,
    "stream": "30310000000700",
}
_SELF_TEST_RESULT: Final = {
    "verdict": "accept",
    "state": {"a": [None, {"v": "7"}]},
    "consumed": 6,
    "stream_error": 0,
    "heap": {"allocated": 1, "leaked": 0},
}


class Engine:
    """Runs requests in QEMU's own engine. Raises `QemuError` where the binary is not one it knows."""

    def __init__(self, qemu: Qemu) -> None:
        if platform.machine() != "x86_64":
            raise QemuError(f"the adapter knows x86-64, not {platform.machine()}")
        self.version = qemu.version()
        if self.version not in KNOWN:
            known = ", ".join(KNOWN)
            raise QemuError(f"{qemu.binary}: QEMU {self.version} is not known, only {known}")
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._start(qemu)
        result = self.ask(_SELF_TEST)
        if result != _SELF_TEST_RESULT:
            self.close()
            raise QemuError(f"{qemu.binary}: the self-test gave {result}")

    @property
    def dialect(self) -> str:
        """The dialect that this engine speaks."""
        return KNOWN[self.version]

    def _start(self, qemu: Qemu) -> None:
        library = adapter()
        ours, theirs = os.pipe()
        from_us, to_them = os.pipe()
        env = {**os.environ, **qemu.environment(), "VMSTATE_ADAPTER": f"{from_us},{theirs}"}
        if qemu.sysroot is None:
            env["LD_PRELOAD"] = str(library)
        self._process = subprocess.Popen(
            qemu.command(*_MACHINE, preload=library),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=env,
            pass_fds=(from_us, theirs),
        )
        os.close(from_us)
        os.close(theirs)
        self._in = os.fdopen(ours, "r", encoding="ascii", errors="replace")
        self._out = os.fdopen(to_them, "w", encoding="ascii")
        greeting = self._in.readline().strip()
        if greeting != "ready":
            status = self._process.wait()
            said = greeting.removeprefix("unknown ") or self._said() or f"exit status {status}"
            raise QemuError(f"{qemu.binary}: the adapter does not get in: {said}")

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Run one request. Raises `CaseError` where it is wrong, `QemuError` where QEMU is gone."""
        whole = request.get("op") == "stream"
        question = ContainerQuestion(request) if whole else Question(request)
        if isinstance(question, ContainerQuestion) and question.unsupported:
            return {"verdict": "unsupported", "needs": question.unsupported}
        lines: list[str] = []
        try:
            self._out.write("\n".join(question.lines()) + "\n")
            self._out.flush()
        except OSError:
            raise QemuError("QEMU has ended") from None
        while (line := self._in.readline().rstrip("\n")) != "end":
            if not line:
                raise QemuError(f"QEMU ended in a case: {self._said()}")
            lines.append(line)
        if isinstance(question, ContainerQuestion):
            return ContainerAnswer(question, lines).result()
        return Answer(question, lines).result()

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            self._out.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._in.close()
        self._log.close()

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace").strip()[-300:]
