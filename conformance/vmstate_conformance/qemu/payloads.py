# SPDX-License-Identifier: Apache-2.0
"""Payloads that no description describes, asked of whole machines that have their handlers.

A case's stream is one for `-M none` with a single device. The machine that has such a device gets it
under its own name, with nothing else in it: QEMU misses no section. It shows whether it accepted, its
words, and where it can what was loaded, but not how far it read.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from vmstate.whole import read_file, wire
from vmstate_conformance.qemu.harvest import binary
from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.streams import load, save

#: The start of a stream of a case: header, and a configuration that names the machine "none".
_HEAD: Final = bytes.fromhex("5145564d0000000307")
NONE: Final = _HEAD + b"\0\0\0\4none"
_PROGRAM: Final = re.compile(r"^\S*qemu-system-\S*: ", re.MULTILINE)
_KEY: Final = re.compile(r"key\((\w+)\)")

#: What the machines of the releases below speak.
DIALECT: Final = "qemu-11.1.3"

State = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A machine that has a handler. `seen` gives what it shows afterwards, None where it shows nothing.

    `shows` gives the same of a state of the reference; `fits` says whether `prepare` can bring the machine
    into a destination.
    """

    arch: str
    machine: str
    arguments: Callable[[State], tuple[str, ...]]
    seen: Callable[[Machine, Path, bool], Any]
    shows: Callable[[State], Any]
    fits: Callable[[State], bool]
    prepare: Callable[[Machine, State], None]


@dataclass(frozen=True, slots=True)
class Told:
    """What a machine said: its reason (None: it accepted), what it printed, and what it shows."""

    reason: str | None
    printed: list[str]
    seen: Any


def differences(request: Mapping[str, Any], result: Mapping[str, Any]) -> list[str] | None:
    """Ask of a request of `stream` in what a result differs; None where no machine has its devices.

    Raises `QemuError` where QEMU cannot be had or used.
    """
    devices = request.get("devices", [])
    handlers = [device.get("handler") for device in devices]
    if len(handlers) != 1 or handlers[0] not in PLACES or request.get("machine") != "none":
        return None
    place = PLACES[handlers[0]]
    destination = devices[0].get("destination", {})
    if not place.fits(destination):
        return None
    told = ask(place, destination, bytes.fromhex(request["stream"]))
    reason = result.get("message", "")
    found = []
    if (told.reason is None) != (result["verdict"] == "accept"):
        found.append("verdict")
    if not (told.reason or "").endswith(reason):
        found.append("message")
    if told.printed != result["printed"]:
        found.append("printed")
    if told.seen is not None and told.seen != place.shows(result["devices"][0]["state"]):
        found.append("devices")
    return found


def ask(place: Place, destination: State, stream: bytes) -> Told:
    """Feed a case's stream to a machine. Raises `QemuError`, of which `GoneError` and `LateError`."""
    if not stream.startswith(NONE):
        # What ends before its sections is the same to any machine.
        place = replace(place, machine="none", arguments=lambda _: ())
        place = replace(place, seen=lambda *_: None, prepare=_as_started)
    with tempfile.TemporaryDirectory(prefix="vmstate-") as made:
        folder = Path(made)
        file = folder / "stream.bin"
        file.write_bytes(named(stream, place.machine))
        arguments = ("-M", place.machine, "-nodefaults", *place.arguments(destination))
        qemu = binary(None, place.arch)
        with Machine(qemu, [*arguments, "-S", "-incoming", "defer"], arch=place.arch) as machine:
            place.prepare(machine, destination)
            before = len(machine.said)
            reason = load(machine, file)
            printed = _PROGRAM.sub("", machine.said[before:].strip("\n")).split("\n")
            return Told(
                reason,
                printed if printed != [""] else [],
                place.seen(machine, folder, reason is None),
            )


def named(stream: bytes, machine: str) -> bytes:
    """Give a case's stream with another machine's name."""
    name = machine.encode()
    return stream.replace(NONE, _HEAD + len(name).to_bytes(4, "big") + name, 1)


def _as_started(machine: Machine, destination: State) -> None:
    """Leave the machine as it starts, which must be what the destination says."""


# s390: keys of so many MiB, all zero at first


def _keys(machine: Machine, folder: Path, accepted: bool) -> list[int] | None:  # noqa: FBT001
    file = folder / "keys"
    if "not using storage keys" in machine.qmp.hmp("info skeys 0"):
        return None
    machine.qmp.execute("dump-skeys", filename=str(file))
    return [int(key, 0) for key in _KEY.findall(file.read_text(encoding="ascii"))]


def _shown_keys(state: State) -> list[int]:
    from vmstate.container.payloads import runs  # noqa: PLC0415 - only here

    return list(runs.parse(state["keys"], "keys"))


def _megabytes(destination: State) -> tuple[str, ...]:
    return ("-m", str(len(_shown_keys(destination)) // 256))


def _without_keys(destination: State) -> bool:
    keys = _shown_keys(destination)
    return not any(keys) and len(keys) % 256 == 0 and len(keys) >= 4096


# pseries: the table shows in what the machine saves, as far as its entries are valid


def _table(machine: Machine, folder: Path, accepted: bool) -> dict[str, Any] | None:  # noqa: FBT001
    if not accepted:  # Nothing is saved while a stream is waited for.
        return None
    file = folder / "saved.bin"
    save(machine, file)
    shift: str | None = None
    entries = {}
    for section in read_file(file).sections():
        if section.idstr != "spapr/htab":
            continue
        for piece in section.state:
            if section.kind == "start":
                shift = None if piece["value"] == wire.HTAB_NONE else str(piece["value"])
            elif piece["op"] == "chunk":
                data = piece["data"]
                for at in range(0, len(data), 32):
                    entries[str(piece["index"] + at // 32)] = data[at : at + 32]
    return {"shift": shift, "entries": entries}


# bitmaps of `-M none`: what is queried, and a digest of all words


def _nodes(destination: State) -> tuple[str, ...]:
    out: list[str] = []
    for name, node in destination["nodes"].items():
        only = ",read-only=on" if node.get("read_only") else ""
        out += ["-blockdev", f"null-co,read-zeroes=on,node-name={name},size={node['size']}{only}"]
    return tuple(out)


def _without_bits(destination: State) -> bool:
    """Whether the machine's own bitmaps are as they are made."""
    own = (
        each for node in destination["nodes"].values() for each in node.get("bitmaps", {}).values()
    )
    return all(
        each.get("enabled", True)
        and not (each.get("words") or each.get("busy") or each.get("persistent"))
        for each in own
    )


def _bitmaps(machine: Machine, destination: State) -> None:
    for name, node in destination["nodes"].items():
        for each, bitmap in node.get("bitmaps", {}).items():
            granularity = int(bitmap["granularity"])
            machine.qmp.execute(
                "block-dirty-bitmap-add", node=name, name=each, granularity=granularity
            )
    mapping = [
        {
            "node-name": each["node"],
            "alias": alias,
            "bitmaps": [
                {
                    "name": one["name"],
                    "alias": other,
                    **(
                        {"transform": {"persistent": one["persistent"]}}
                        if "persistent" in one
                        else {}
                    ),
                }
                for other, one in each.get("bitmaps", {}).items()
            ],
        }
        for alias, each in (destination.get("mapping") or {}).items()
    ]
    if destination.get("mapping") is not None:
        machine.qmp.execute("migrate-set-parameters", block_bitmap_mapping=mapping)


def _queried(machine: Machine, folder: Path, accepted: bool) -> dict[str, Any]:  # noqa: FBT001
    out: dict[str, Any] = {}
    for node in machine.qmp.execute("query-named-block-nodes"):
        for bitmap in node.get("dirty-bitmaps", []):
            # What a guest writes meanwhile goes to one without a name.
            if "name" not in bitmap:
                continue
            digest = machine.qmp.execute(
                "x-debug-block-dirty-bitmap-sha256", node=node["node-name"], name=bitmap["name"]
            )["sha256"]
            out[f"{node['node-name']}/{bitmap['name']}"] = {
                "granularity": str(bitmap["granularity"]),
                "enabled": bitmap["recording"],
                "persistent": bitmap["persistent"],
                "busy": bitmap["busy"],
                "sha256": digest,
            }
    return out


def _shown_bitmaps(state: State) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, node in state["nodes"].items():
        for each, bitmap in node.get("bitmaps", {}).items():
            granularity = int(bitmap["granularity"])
            words = max(1, -(-int(node["size"]) // (granularity * 64)))
            raw = b"".join(
                bytes.fromhex(bitmap.get("words", {}).get(str(at), "00" * 8)) for at in range(words)
            )
            out[f"{name}/{each}"] = {
                "granularity": str(granularity),
                "enabled": bitmap.get("enabled", True),
                "persistent": bitmap.get("persistent", False),
                "busy": bitmap.get("busy", False),
                "sha256": hashlib.sha256(raw).hexdigest(),
            }
    return out


_S390: Final = ("s390x", "s390-ccw-virtio-11.1")
_SMALL: Final = ("-m", "16")
_PSERIES: Final = ("ppc64", "pseries-11.1", lambda _: ("-m", "256"))
_NO_ENTRIES: Final = {"shift": "21", "entries": {}}
#: Where each handler is.
PLACES: Final[Mapping[str, Place]] = MappingProxyType(
    {
        "s390-skeys": Place(*_S390, _megabytes, _keys, _shown_keys, _without_keys, _as_started),
        "s390-storage_attributes": Place(
            *_S390, lambda _: _SMALL, lambda *_: {}, dict, lambda _: True, _as_started
        ),
        "spapr/htab": Place(*_PSERIES, _table, dict, _NO_ENTRIES.__eq__, _as_started),
        "dirty-bitmap": Place(
            "x86_64", "none", _nodes, _queried, _shown_bitmaps, _without_bits, _bitmaps
        ),
    }
)
