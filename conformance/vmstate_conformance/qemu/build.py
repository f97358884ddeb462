# SPDX-License-Identifier: Apache-2.0
"""Compiling the adapter with the system's compiler, once for each compiler and version of its source."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from vmstate_conformance.qemu.provision import QemuError, cache_dir

_HERE: Final = Path(__file__).parent
_FLAGS: Final = ("-std=gnu17", "-O1", "-g", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror")


def adapter(name: str = "adapter", abi: str | None = None) -> Path:
    """Give the compiled adapter, or another library to be preloaded, from the folder of that name.

    `abi` is the version of QEMU whose layout it is made for: there is an `abi-VERSION.h`.

    Raises `QemuError` where there is no compiler, or it fails.
    """
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc")
    if compiler is None:
        raise QemuError(f"the {name} needs a C compiler: install gcc, or set CC")
    sources = sorted((_HERE / name).glob("*.[ch]"))
    asked = subprocess.run([compiler, "--version"], capture_output=True, check=False)
    flags = _FLAGS if abi is None else (*_FLAGS, f'-DABI="abi-{abi}.h"')
    digest = hashlib.sha256(asked.stdout + " ".join(flags).encode())
    for source in sources:
        digest.update(source.read_bytes())
    built = cache_dir() / name / f"{digest.hexdigest()[:16]}.so"
    if built.is_file():
        return built
    built.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=built.parent) as work:
        fresh = Path(work) / f"{name}.so"
        files = [str(source) for source in sources if source.suffix == ".c"]
        done = subprocess.run(
            [compiler, *flags, "-o", str(fresh), *files, "-ldl"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise QemuError(f"{compiler} cannot build the {name}: {done.stderr.strip()[:500]}")
        fresh.rename(built)
    return built
