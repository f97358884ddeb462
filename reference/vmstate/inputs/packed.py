# SPDX-License-Identifier: Apache-2.0
"""Compressed streams: gzip, bzip2, xz and, where Python has it, zstd."""

from __future__ import annotations

import bz2
import importlib
import lzma
import zlib
from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Protocol, cast

from vmstate.inputs.errors import InputFault
from vmstate.inputs.spool import STEP, Spool

#: The first bytes of each kind.
MAGICS: Final = MappingProxyType(
    {
        "gzip": b"\x1f\x8b",
        "bzip2": b"BZh",
        "xz": b"\xfd7zXZ\0",
        "lzop": b"\x89LZO\0\r\n\x1a\n",
        "zstd": b"\x28\xb5\x2f\xfd",
    }
)


#: What `xz -9` needs is a quarter of this.
_XZ_MEMORY: Final = 256 << 20


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def needs_input(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gunzip:
    """zlib's object with the manners of the other modules' unpackers."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)
        self._rest = b""

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._rest

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        out = self._zlib.decompress(self._rest + data, max_length)
        self._rest = self._zlib.unconsumed_tail
        return out


def unpack(kind: str, data: memoryview, start: int, spool: Spool) -> InputFault | None:
    """Unpack `data` from `start` into the spool; what was wrong behind the last byte, if anything.

    Raises `InputFault` where nothing can be unpacked: no unpacker, or no byte that came out.
    """
    make = _maker(kind, start)
    unpacker = make()
    at = start
    try:
        while True:
            if unpacker.eof:
                # Files may be strung together, and padded with zeros behind the last.
                at -= len(unpacker.unused_data)
                if not bytes(data[at : at + 6]).startswith(MAGICS[kind]):
                    return _behind(data, at)
                unpacker = make()
            piece = b""
            if unpacker.needs_input:
                piece = bytes(data[at : at + STEP])
                if not piece:
                    return _or_nothing(
                        InputFault("cut", at, f"the {kind} data ends before its end"), spool
                    )
                at += len(piece)
            spool.write(unpacker.decompress(piece, STEP), at)
    except errors() as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        return _or_nothing(InputFault("corrupt", at, f"no {kind} data: {error}"), spool)


def _or_nothing(fault: InputFault, spool: Spool) -> InputFault:
    if not spool.size:
        raise fault
    return fault


def _behind(data: memoryview, at: int) -> InputFault | None:
    for place in range(at, len(data), STEP):
        piece = bytes(data[place : place + STEP])
        if piece.count(0) != len(piece):
            return InputFault("trailing", at, "bytes behind the end of the compressed data")
    return None


def _maker(kind: str, offset: int) -> Callable[[], _Unpacker]:
    if kind == "gzip":
        return _Gunzip
    if kind == "bzip2":
        return bz2.BZ2Decompressor
    if kind == "xz":
        return partial(lzma.LZMADecompressor, memlimit=_XZ_MEMORY)
    if kind == "zstd" and (found := zstd()) is not None:
        return found
    wants = "Python 3.14 or the package backports.zstd, or " if kind == "zstd" else ""
    raise InputFault(
        f"{kind}.missing",
        offset,
        f"to read {kind} needs {wants}a pipe: "
        f"tail -c +{offset + 1} FILE | {kind} -dc | vmstate … -",
    )


def zstd() -> Callable[[], _Unpacker] | None:
    """Find an unpacker of zstd; the standard library has one since Python 3.14."""
    module = _zstd()
    return None if module is None else cast("Callable[[], _Unpacker]", module.ZstdDecompressor)


def errors() -> tuple[type[Exception], ...]:
    """Give what unpackers raise at data that is none of theirs."""
    module = _zstd()
    own = () if module is None else (module.ZstdError,)
    return (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, *own)


def _zstd() -> Any:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None
