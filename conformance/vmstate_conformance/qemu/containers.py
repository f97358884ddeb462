# SPDX-License-Identifier: Apache-2.0
"""The operation `stream`, asked of QEMU's own engine: devices are registered, and a stream is loaded.

QEMU has handlers of its own beside those of the request, and a machine without any device. What
would tell the difference is said to be unsupported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from vmstate.container.model import Device, Machine
from vmstate.container.operations import read_devices, read_machine
from vmstate.container.payloads import runs
from vmstate.container.payloads.ram import Ram
from vmstate.container.payloads.ramblocks import Block
from vmstate.errors import EINVAL
from vmstate.layout import StructRef
from vmstate.operations import perform
from vmstate.state import Reader
from vmstate.values import hexadecimal
from vmstate_conformance.qemu.translate import Answer, Question, error_class

#: The handlers that `-M none` registers itself, and that of them which the request may say more of.
_OWN: Final = frozenset({"timer", "ram", "globalstate", "cpu_common", "slirp"})
_RAM: Final = "ram"
#: The capabilities that it can have.
_CAPABILITIES: Final = frozenset({"x-ignore-shared", "mapped-ram"})
_MOST: Final = 64

_CLASSES: Final = (
    (r"^Not a migration stream", "bad-magic"),
    (r"^(SaveVM v2 format|Unsupported migration stream version)", "unsupported-version"),
    (r"^Configuration section missing", "bad-configuration"),
    (r"Received unknown capability", "bad-configuration"),
    (r"^post load hook failed for: configuration(/uuid)?, ", "bad-configuration"),
    (r"^(Failed to load section ID|Failed to read |Unable to read ID string)", "truncated"),
    (r"^(Failed to load VM process command|CMD_PACKAGED: Buffer)", "truncated"),
    (r"^Unknown section type ", "unknown-section-type"),
    (r"^Unknown section or instance ", "unknown-section"),
    (r"^Unknown section ", "unknown-section-id"),
    (r"^unsupported version ", "section-version"),
    (r"^Section footer error", "missing-footer"),
    (r"^Error while loading vmstate", "stream-error"),
    (r"^(MIG_CMD |CMD_|RAM postcopy|Failed to discard)|received with bad length", "bad-command"),
    (r"^(invalid payload|failed to read block|block ')", "bad-command"),
)
#: A way back is opened, and a PING asks for an answer, which would go where the stream comes from.
_ASKS_BACK: Final = re.compile(rb"\x08\0\x01\0\0.*\x08\0\x02\0\x04", re.DOTALL)
#: After LISTEN another thread reads on, and how far it gets is chance.
_LISTENS: Final = re.compile(rb"\x08\0\x03\0.*\x08\0\x04\0\0", re.DOTALL)
#: QEMU's first handler, as far as its version goes.
_TIMER: Final = {"struct": "timer", "version_id": 2, "minimum_version_id": 2}
#: What is printed where the error is the same for several causes.
_FOOTER: Final = (("Mismatched section id in footer", "footer-mismatch"),)
_PAYLOAD: Final = (
    ("Getting RAM address failed", "payload-ended"),
    ("(Unexpected RAM flags|Unknown combination of migration flags)", "payload-flags"),
    ("(Can't find block|Ack, bad migration stream|Unknown ramblock)", "payload-block"),
    ("block .* should not be migrated", "payload-block"),
    ("(Illegal RAM offset|Mismatched GPAs for block)", "payload-offset"),
    ("Size (mismatch|too large): ", "payload-length"),
    ("Migration mapped-ram capability version not supported", "payload-version"),
    ("Migration mapped-ram header has invalid page_size", "payload-content"),
    ("(Error reading ramblock .* pages, region has|page outside of ramblock)", "payload-offset"),
    (".*failed to read page .*: Bad address", "payload-offset"),
    ("(Error reading dirty bitmap|Could not read whole mapped-ram)", "payload-ended"),
    (".*failed to read page ", "payload-ended"),
    ("(Found a zero page|Failed to load XBZRLE page)", "payload-content"),
)
#: What a handler that printed nothing returned.
_RETURNED: Final = re.compile(r"^Failed to load vmstate version_id: -?\d+, ret: (-\d+)$")
_DEVICE: Final = re.compile(
    r"^error while loading state for instance 0x[0-9a-f]+ of device '.*?': "
)


class ContainerQuestion(Question):
    """A request with devices. `unsupported` says what QEMU's side lacks for it, "" if nothing."""

    devices: list[Device]

    def _memory(self, request: Mapping[str, Any]) -> int:
        self.machine = read_machine(request.get("machine", "none"))
        self.devices = read_devices(
            request.get("devices"), self.document, self._heap, self.machine, loading=True
        )
        return self.devices[0].opaque if self.devices else 0

    @property
    def unsupported(self) -> str:
        """What the engine cannot be made to be."""
        asked = replace(self.machine, capabilities=self.machine.capabilities - _CAPABILITIES)
        if asked != Machine():
            return "machine"
        odd = any(
            device.idstr in _OWN
            or device.handler is not None
            or device.idstr != device.vmsd.name
            or device.compat
            or device.early
            or device.unmigratable
            for device in self.devices[self.ram is not None :]
        )
        if odd or not 0 < len(self.devices) <= _MOST:
            return "devices"
        stream = hexadecimal(self._request.get("stream", ""), "stream")
        if _ASKS_BACK.search(stream):
            return "a way back"
        if _LISTENS.search(stream):
            return "a thread that listens"
        return "a machine without handlers of its own" if self._first_counts() else ""

    @property
    def ram(self) -> Ram | None:
        """The binary's own handler `ram`, where it is the first device as it is in QEMU."""
        first = self.devices[0] if self.devices else None
        known = first is not None and first.idstr == _RAM and not first.instance_id
        plain = first is not None and not first.alias_id and first.compat is None
        if first is None or not isinstance(first.handler, Ram) or not (known and plain):
            return None
        return first.handler

    def _first_counts(self) -> bool:
        """Whether it makes a difference that others are registered, and first."""
        document = self._request["document"]
        if "timer" in document["descriptions"] or "timer" in document["structs"]:
            return True
        timer = {"idstr": "timer", "instance_id": 0, "description": "timer", "destination": {}}
        more = {
            **self._request,
            "document": {
                **document,
                "structs": {**document["structs"], "timer": {"size": 0, "members": []}},
                "descriptions": {**document["descriptions"], "timer": _TIMER},
            },
            "devices": [timer, *([] if self.ram else [_NO_RAM]), *self._request["devices"]],
        }
        answers = [perform(_asked(request)) for request in (self._request, more)]
        return answers[0].get("message") != answers[1].get("message")

    def lines(self) -> Iterator[str]:
        """Give all lines, `run` last."""
        body = [*self._descriptions(), *self._blocks()]
        yield from self._predicates
        yield from body
        at = {block.base: number for number, block in enumerate(self.plain_blocks())}
        for capability in sorted(self.machine.capabilities):
            yield f"capability {capability.encode().hex()}"
        for block in self.ram.blocks if self.ram is not None else ():
            yield _ram_line(block)
        for device in self.devices:
            if device.handler is not None:
                continue
            vmsd = self._numbers[id(device.vmsd)]
            yield f"device {vmsd} {at[device.opaque]} {device.instance_id} {device.alias_id}"
        stream = hexadecimal(self._request.get("stream", ""), "stream").hex() or "-"
        yield f"run stream 0 0 0 0 {stream}"


_NO_RAM: Final = {"idstr": _RAM, "handler": "ram", "destination": {"blocks": []}}


def _ram_line(block: Block) -> str:
    kind = (not block.migratable) | 2 * block.shared
    most = len(block.memory) if block.resizable else 0
    held = runs.show(block.memory[: block.used]).replace(" ", ",")
    return (
        f"ram {block.name.encode().hex() or '-'} {block.used} {most} {kind} {block.address} {held}"
    )


def _asked(message: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("op", "document", "devices", "machine", "stream")
    return {key: message[key] for key in keys if key in message}


class ContainerAnswer(Answer):
    """The adapter's lines as a result of `stream`, without what only the model knows."""

    _question: ContainerQuestion

    def __init__(self, question: ContainerQuestion, lines: Iterable[str]) -> None:
        self._bases: list[int] = []
        self._blocks_of_ram = iter(question.ram.blocks if question.ram is not None else ())
        super().__init__(question, lines)

    def _block(self, address: str, size: str, made: str, data: str) -> None:
        super()._block(address, size, made, data)
        if not int(made):
            self._bases.append(int(address))

    def _ram(self, name: str, used: str, held: str) -> None:
        block = next(self._blocks_of_ram)
        block.used = int(used)
        block.memory[: block.used] = runs.parse(held.replace(",", " ").replace("-", ""), "ram")

    def result(self) -> dict[str, Any]:
        """Give the result."""
        found = super().result()
        if found["verdict"] == "reject":
            inner = _DEVICE.sub("", found["message"])
            printed = self._printed()
            returned = _RETURNED.match(inner)
            if returned:
                silent = "payload-version" if int(returned[1]) == EINVAL else "payload-ended"
                found["error"] = _told(_PAYLOAD, printed) or silent
            else:
                known = (name for pattern, name in _CLASSES if re.search(pattern, inner))
                found["error"] = _told(_FOOTER, printed) or next(known, error_class(inner))
        return {**found, "printed": self._printed()}

    def _printed(self) -> list[str]:
        """Give the lines that QEMU printed."""
        told = bytes.fromhex(self._found.get("printed", ["-"])[0].replace("-", ""))
        lines = told.decode(errors="replace").split("\n")
        return [re.sub(r"^qemu-system-\S+: ", "", line) for line in lines if line]

    def _loaded(self, consumed: int, stream_error: int) -> dict[str, Any]:
        reader = Reader(self._question.document.layout, self._heap)
        question = self._question
        before = [block.base for block in question.plain_blocks()]
        devices = [
            {
                "idstr": device.idstr,
                "instance_id": device.instance_id,
                "state": device.handler.state()
                if device.handler is not None
                else reader.value(
                    StructRef(device.vmsd.struct), self._bases[before.index(device.opaque)]
                ),
            }
            for device in question.devices
        ]
        return {"devices": devices, "consumed": consumed, "stream_error": stream_error}


def _told(patterns: Iterable[tuple[str, str]], printed: Iterable[str]) -> str | None:
    """Give the class of the first line that tells one."""
    return next(
        (name for line in printed for pattern, name in patterns if re.match(pattern, line)), None
    )
