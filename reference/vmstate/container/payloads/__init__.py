# SPDX-License-Identifier: Apache-2.0
"""Payloads that no description describes: sections whose handler reads the stream by itself.

A device of a request may name a `handler` instead of a `description`; its destination and its state are
then of the handler's own form, which the module of each gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from vmstate.container.model import Handler, Machine
from vmstate.container.payloads import bitmaps, htab, ram_request, skeys, stattrib

#: How the handler of a request's device is made: of its destination, where that stands, and the machine.
HANDLERS: Final[Mapping[str, Callable[[object, str, Machine], Handler]]] = MappingProxyType(
    {
        "dirty-bitmap": bitmaps.read,
        "ram": ram_request.read,
        "s390-skeys": skeys.read,
        "s390-storage_attributes": stattrib.read,
        "spapr/htab": htab.read,
    }
)
