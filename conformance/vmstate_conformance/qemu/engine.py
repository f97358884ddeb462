# SPDX-License-Identifier: Apache-2.0
"""A QEMU process with the adapter in it: asked one case at a time."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vmstate.dialects import DIALECTS
from vmstate_conformance.qemu.build import adapter
from vmstate_conformance.qemu.containers import ContainerAnswer, ContainerQuestion
from vmstate_conformance.qemu.provision import Qemu, QemuError
from vmstate_conformance.qemu.translate import Answer, PrintedAnswer, Question


@dataclass(frozen=True, slots=True)
class Known:
    """An engine that the adapter knows: its dialect, and the `abi-VERSION.h` of its layout."""

    dialect: str
    abi: str
    answer: type[Answer] = Answer
    """How its answers are read."""


#: The engines whose layout the adapter knows, by how their versions begin: all parts of one.
KNOWN: Final = {
    "11.1.3": Known("qemu-11.1.3", "11.1"),
    "10.0": Known("qemu-10.0", "10.0", PrintedAnswer),
}
_OTHERS: Final = ("-display", "none", "-nodefaults", "-S")

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
#: One for every engine: counts and pointers by members, a NULL, a subsection.
_PLAIN_TEST: Final[dict[str, Any]] = {
    "op": "load",
    "document": {
        "structs": {
            "S": {
                "size": 32,
                "members": [
                    {"name": "n", "offset": 0, "type": "uint16"},
                    {"name": "m", "offset": 2, "type": "uint16"},
                    {"name": "d", "offset": 8, "type": {"pointer": {"array": "uint16"}}},
                    {"name": "p", "offset": 16, "type": {"pointer": "uint8"}},
                    {"name": "t", "offset": 24, "type": "uint64"},
                ],
            },
        },
        "descriptions": {
            "s": {
                "struct": "S",
                "version_id": 1,
                "fields": [
                    {"name": "n", "info": "uint16", "size": 2, "flags": ["VMS_SINGLE"]},
                    {
                        "name": "d",
                        "info": "uint16",
                        "size": 2,
                        "offset": 8,
                        "num_offset": 0,
                        "flags": ["VMS_VARRAY_UINT16", "VMS_POINTER", "VMS_ALLOC"],
                    },
                    {
                        "name": "p",
                        "info": "uint8",
                        "size": 8,
                        "offset": 16,
                        "num": 1,
                        "flags": ["VMS_ARRAY", "VMS_ARRAY_OF_POINTER"],
                    },
                ],
                "subsections": ["s/t"],
            },
            "s/t": {
                "struct": "S",
                "version_id": 3,
                "fields": [
                    {
                        "name": "t",
                        "info": "timer",
                        "size": 8,
                        "offset": 24,
                        "version_id": 3,
                        "flags": ["VMS_SINGLE"],
                    }
                ],
            },
        },
        "root": "s",
    },
    "destination": {"n": 0, "m": 9, "d": None, "p": None, "t": 0},
    "version_id": 1,
    "stream": "000200010002300503732f7400000003000000000000000900",
}
_PLAIN_RESULT: Final = {
    "verdict": "accept",
    "state": {"n": "2", "m": "9", "d": ["1", "2"], "p": None, "t": "9"},
    "consumed": 24,
    "stream_error": 0,
    "heap": {"allocated": 1, "leaked": 0},
}
_SELF_TESTS: Final = ((_SELF_TEST, _SELF_TEST_RESULT), (_PLAIN_TEST, _PLAIN_RESULT))


class Engine:
    """Runs requests in QEMU's own engine. Raises `QemuError` where the binary is not one it knows."""

    def __init__(self, qemu: Qemu) -> None:
        if platform.machine() != "x86_64":
            raise QemuError(f"the adapter knows x86-64, not {platform.machine()}")
        self.version = qemu.version()
        known = self._of(self.version)
        if known is None:
            known_ones = ", ".join(KNOWN)
            raise QemuError(f"{qemu.binary}: QEMU {self.version} is not known, only {known_ones}")
        self.known = known
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._start(qemu)
        for test, wanted in _SELF_TESTS:
            result = self.ask(test)
            if result["verdict"] != "unsupported" and result != wanted:
                self.close()
                raise QemuError(f"{qemu.binary}: the self-test gave {result}")

    @classmethod
    def _of(cls, version: str) -> Known | None:
        """Find what is known of a version."""
        return next(
            (known for begin, known in KNOWN.items() if f"{version}.".startswith(f"{begin}.")), None
        )

    @property
    def dialect(self) -> str:
        """The dialect that this engine speaks."""
        return self.known.dialect

    def _start(self, qemu: Qemu) -> None:
        library = adapter(abi=self.known.abi)
        # Of a binary that is not ours nobody knows what it has.
        accel = qemu.accel if qemu.sysroot is not None else "qtest:tcg"
        ours, theirs = os.pipe()
        from_us, to_them = os.pipe()
        env = {**os.environ, **qemu.environment(), "VMSTATE_ADAPTER": f"{from_us},{theirs}"}
        if qemu.sysroot is None:
            env["LD_PRELOAD"] = str(library)
        self._process = subprocess.Popen(
            qemu.command("-M", f"none,accel={accel}", *_OTHERS, preload=library),
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
        descriptions = question.document.descriptions.values()
        lacking = DIALECTS[self.dialect].lacks(question.op, descriptions)
        if not lacking and isinstance(question, ContainerQuestion):
            lacking = question.unsupported
        if lacking:
            return {"verdict": "unsupported", "needs": lacking}
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
        return self.known.answer(question, lines).result()

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

    @property
    def ops(self) -> list[str]:
        """The operations that it can be asked for."""
        absent = DIALECTS[self.dialect].absent
        return [op for op in ("check", "save", "load", "stream") if f"ops:{op}" not in absent]

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace").strip()[-300:]
