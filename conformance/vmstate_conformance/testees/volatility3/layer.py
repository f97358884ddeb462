# SPDX-License-Identifier: Apache-2.0
"""A stream read by volatility3's QEMU layer, and what came of it.

The layer looks for the description behind the last section in steps of 4096 bytes from the end, and takes
no file of one such step or less. A small stream says nothing about the rest of it then, so its description
is looked for in the same bytes with zeros behind them; the sections are read from the bytes as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from volatility3.framework import constants, contexts, exceptions
from volatility3.framework.layers import physical, qemu

VERSION: Final = str(constants.PACKAGE_VERSION)
_STEP: Final = 4096

# What it has to say of each stream stands in its exceptions.
logging.getLogger("volatility3").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the layer made of a stream. `end`: behind the last byte that it took, in the stream.

    `refused`: the layer says no in its own words; `broke`: some other exception left it.
    """

    end: int
    pages: int = 0
    refused: str = ""
    broke: str = ""


class _Bytes(physical.BufferDataLayer):  # type: ignore[misc]
    """The stream in memory; notes where the last read ended."""

    end: int = 0

    def read(self, address: int, length: int, pad: bool = False) -> bytes:  # noqa: FBT001, FBT002 - its signature
        """Read as the class does."""
        data: bytes = super().read(address, length, pad)
        self.end = address + length
        return data


class _Small(qemu.QemuSuspendLayer):  # type: ignore[misc]
    """The layer, for streams that are shorter than its step."""

    def _read_configuration(self, base_layer: Any, name: str) -> Any:
        whole = base_layer.read(0, base_layer.maximum_address + 1)
        padded = whole.ljust(_STEP + 1, b"\0")
        longer = physical.BufferDataLayer(self.context, "padded", "padded", padded)
        return super()._read_configuration(longer, name)


def read(data: bytes, *, help_small: bool = True) -> Reading:
    """Let the layer read a whole stream."""
    context = contexts.Context()
    base = _Bytes(context, "stream", "stream", data)
    context.add_layer(base)
    context.config["qemu.base_layer"] = "stream"
    make = _Small if help_small and len(data) <= _STEP else qemu.QemuSuspendLayer
    try:
        layer = make(context, "qemu", "qemu")
    except exceptions.VolatilityException as error:
        return Reading(base.end, refused=_text(error))
    except Exception as error:  # noqa: BLE001 - whatever leaves it is the finding
        return Reading(base.end, broke=_text(error))
    segments: Sequence[object] = layer._segments  # noqa: SLF001 - it has no other list of them
    return Reading(base.end, len(segments))


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
