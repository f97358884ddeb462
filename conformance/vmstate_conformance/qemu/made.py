# SPDX-License-Identifier: Apache-2.0
"""Which machine a stream belongs to: what was said about it, or on the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from vmstate_conformance.qemu.harvest import MADE, binary, program
from vmstate_conformance.qemu.judge import Machinery
from vmstate_conformance.qemu.provision import ARCHS, QemuError
from vmstate_conformance.qemu.recipes import recipe


class MadeError(Exception):
    """Nobody says which machine a stream is of, or wrongly: one line, with the file."""


def machinery(
    stream: Path, name: str | None, arguments: Sequence[str], path: str | None, arch: str | None
) -> Machinery:
    """Give the machine for a stream: by recipe, by arguments, else by the `made.json` beside it.

    Raises `MadeError`, and `QemuError` where the binary is not to be had.
    """
    if name is not None:
        try:
            found = recipe(name)
        except QemuError as error:
            raise MadeError(str(error)) from None
        qemu = binary(path, found.arch, program(found))
        return Machinery(qemu, found.arguments, found.arch, found.capabilities)
    if arguments:
        return Machinery(binary(path, arch or "x86_64"), tuple(arguments), arch or "x86_64")
    return _said(stream, path)


def _said(stream: Path, path: str | None) -> Machinery:
    note = stream.with_name(MADE)
    try:
        made = json.loads(note.read_bytes())
        texts = [made["program"], *made["arguments"], *made["capabilities"]]
        known = made["arch"] in ARCHS and all(isinstance(text, str) for text in texts)
    except FileNotFoundError:
        raise MadeError(
            f"{stream}: of which machine? Name a --recipe, or give QEMU's arguments after --"
        ) from None
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        known = False
    if not known:
        raise MadeError(f"{note}: no note of how a stream was made")
    qemu = binary(path, made["arch"], made["program"])
    return Machinery(qemu, tuple(made["arguments"]), made["arch"], tuple(made["capabilities"]))
