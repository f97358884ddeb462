# SPDX-License-Identifier: Apache-2.0
"""Files that a command is given: read whole and bounded, each fault as one line."""

from __future__ import annotations

import json
import sys
import zlib
from typing import Any, Final, NoReturn

#: The largest file that is read as JSON or as a stream.
MOST: Final = 64 << 20
_GZIP: Final = b"\x1f\x8b"


class InputError(Exception):
    """A file that cannot be used; `str()` is the one line to print."""


def read_file(file: str) -> bytes:
    """Read a file, or standard input for `-`. Raises `InputError`."""
    try:
        if file == "-":
            data = sys.stdin.buffer.read(MOST + 1)
        else:
            with open(file, "rb") as opened:  # noqa: PTH123 - pathlib takes long to load
                data = opened.read(MOST + 1)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}") from None
    except ValueError as error:
        raise InputError(f"{file!r}: {error}") from None
    if len(data) > MOST:
        raise InputError(f"{file}: larger than {MOST >> 20} MiB")
    return data


def read_json(file: str) -> Any:
    """Read a file that holds one JSON value, packed by gzip or not.

    Raises `InputError` with line and column.
    """
    data = read_file(file)
    if data[:2] == _GZIP:
        data = _unpacked(file, data)
    try:
        return json.loads(data, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: offset {error.start}: no UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno} (offset {error.pos})"
        raise InputError(f"{file}: {where}: {error.msg}") from None
    except (RecursionError, ValueError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise InputError(f"{file}: {reason}") from None


def _unpacked(file: str, data: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(data, MOST + 1)
    except zlib.error as error:
        raise InputError(f"{file}: no gzip data: {error}") from None
    if len(data) > MOST:
        raise InputError(f"{file}: holds more than {MOST >> 20} MiB")
    if not unpacker.eof:
        raise InputError(f"{file}: the gzip data ends before its end")
    return data


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
