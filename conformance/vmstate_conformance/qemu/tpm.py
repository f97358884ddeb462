# SPDX-License-Identifier: Apache-2.0
"""A software TPM (swtpm) beside a machine; it ends when QEMU closes its socket, and with us."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Final

from vmstate_conformance.qemu.machine import die_with_parent
from vmstate_conformance.qemu.provision import Qemu, QemuError

_START: Final = 10.0
#: Those that may still run: asked now and then, so that none stays a zombie.
_RUNNING: Final[list[subprocess.Popen[bytes]]] = []


def start(qemu: Qemu, folder: Path) -> Path:
    """Start one with its state in `folder`; give its socket. Raises `QemuError`."""
    _RUNNING[:] = [each for each in _RUNNING if each.poll() is None]
    path = folder / "tpm.sock"
    command = [
        *(*qemu.tool("swtpm"), "socket", "--tpm2", "--terminate", "--seccomp", "action=none"),
        *("--tpmstate", f"dir={folder}", "--ctrl", f"type=unixio,path={path}"),
    ]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads here
    )
    _RUNNING.append(process)
    deadline = time.monotonic() + _START
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise QemuError("swtpm does not start")
        time.sleep(0.005)
    return path
