# SPDX-License-Identifier: Apache-2.0
"""The vmdesc at the end of a stream: found, bounded, and read with its duplicate keys."""

from __future__ import annotations

import json
from typing import Any, Final

from vmstate.whole.cursor import text
from vmstate.whole.errors import StreamFault

#: A vmdesc of QEMU's largest machines has some 200 KB; nobody's has this much.
MOST: Final = 16 << 20
#: What is looked through at once.
_STEP: Final = 1 << 18


class Repeated(dict[str, Any]):
    """An object in which keys repeat: the first of each, and all `pairs` in their order."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(reversed(pairs))
        self.pairs: Final = pairs


class Vmdesc:
    """A vmdesc: its `text`, the offset of its bytes in the file, and what it says.

    `devices` maps (idstr, instance_id) to the descriptions in their order: a name that occurs twice
    keeps both. `page_size` is 0 where there is none that could be one.
    """

    def __init__(self, source: str, offset: int) -> None:
        self.text: Final = source
        self.offset: Final = offset
        top = _parse(source, offset)
        devices = top.get("devices", [])
        if not isinstance(devices, list):
            raise StreamFault("vmdesc.shape", offset, "`devices` is no array", path="vmdesc")
        self.devices: Final[dict[tuple[str, int], list[dict[str, Any]]]] = {}
        for device in devices:
            if isinstance(device, dict) and isinstance(device.get("name"), str):
                key = (device["name"], as_int(device.get("instance_id")))
                self.devices.setdefault(key, []).append(device)
        page_size = as_int(top.get("page_size"))
        good = page_size & (page_size - 1) == 0 and 1024 <= page_size <= 1 << 24
        self.page_size: Final = page_size if good else 0
        self.configuration: Final = top.get("configuration")

    @classmethod
    def at(cls, data: memoryview, place: int) -> Vmdesc:
        """Read the one whose type byte is at `place`. Raises `StreamFault`."""
        length = int.from_bytes(data[place + 1 : place + 5], "big")
        return cls(text(data[place + 5 : place + 5 + length]), place + 5)

    def device(self, idstr: str, instance_id: int, nth: int) -> dict[str, Any]:
        """Give the description of the `nth` section of that name, {} if there is none."""
        known = self.devices.get((idstr, instance_id & 0xFFFFFFFF), [])
        return known[min(nth, len(known) - 1)] if known else {}


def as_int(value: Any) -> int:
    """Give an integer of the JSON as unsigned 32 bits, 0 if it is none."""
    return value & 0xFFFFFFFF if isinstance(value, int) and not isinstance(value, bool) else 0


def pairs_of(entry: dict[str, Any]) -> list[tuple[str, Any]]:
    """Give the members of an object in their order, duplicates and all."""
    return entry.pairs if isinstance(entry, Repeated) else list(entry.items())


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Repeated(pairs)


def _parse(source: str, offset: int) -> dict[str, Any]:
    try:
        top = json.loads(source, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        where = offset + error.pos
        raise StreamFault("vmdesc.json", where, f"no JSON: {error.msg}", path="vmdesc") from None
    except (RecursionError, ValueError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise StreamFault("vmdesc.json", offset, reason, path="vmdesc") from None
    if not isinstance(top, dict):
        raise StreamFault("vmdesc.shape", offset, "no JSON object", path="vmdesc")
    return top


def locate(data: memoryview, start: int) -> int:
    """Find the type byte of the vmdesc, from the end of the file backwards; -1 if there is none.

    What counts is an EOF byte, the type, a length that the file can hold, and a brace. The last
    such place wins; a snapshot or a padded file may have bytes behind it.
    """
    size = len(data)
    end = size
    while end > start and size - end <= MOST:
        low = max(start, end - _STEP)
        chunk = bytes(data[low : min(size, end + 8)])
        at = chunk.rfind(b"\x00\x06")
        while at >= 0:
            place = low + at + 1
            length = int.from_bytes(data[place + 1 : place + 5], "big")
            if 2 <= length <= size - place - 5 and data[place + 5] == 0x7B:
                return place
            at = chunk.rfind(b"\x00\x06", 0, at + 1)
        end = low
    return -1
