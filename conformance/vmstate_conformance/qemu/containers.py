# SPDX-License-Identifier: Apache-2.0
"""The operation `stream`, asked of QEMU's own engine: devices are registered, and a stream is loaded.

QEMU has handlers of its own beside those of the request, and a machine without any device. What
would tell the difference is said to be unsupported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from vmstate.container.model import Device, Machine
from vmstate.container.operations import read_devices, read_machine
from vmstate.layout import StructRef
from vmstate.operations import perform
from vmstate.state import Reader
from vmstate.values import hexadecimal
from vmstate_conformance.qemu.translate import Answer, Question, error_class

#: The handlers that `-M none` registers itself.
_OWN: Final = frozenset({"timer", "ram", "globalstate", "cpu_common", "slirp"})
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
#: QEMU's first handler, as far as its version goes.
_TIMER: Final = {"struct": "timer", "version_id": 2, "minimum_version_id": 2}
#: What is printed where the error is the same for several causes.
_PRINTED: Final = ((b"Mismatched section id in footer", "footer-mismatch"),)
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
        if self.machine != Machine():
            return "machine"
        odd = any(
            device.idstr in _OWN
            or device.handler is not None
            or device.idstr != device.vmsd.name
            or device.compat
            or device.early
            or device.unmigratable
            for device in self.devices
        )
        if odd or not 0 < len(self.devices) <= _MOST:
            return "devices"
        if _ASKS_BACK.search(hexadecimal(self._request.get("stream", ""), "stream")):
            return "a way back"
        return "a machine without handlers of its own" if self._first_counts() else ""

    def _first_counts(self) -> bool:
        """Whether it makes a difference who is registered first."""
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
            "devices": [timer, *self._request["devices"]],
        }
        answers = [perform(_asked(request)) for request in (self._request, more)]
        return answers[0].get("message") != answers[1].get("message")

    def lines(self) -> Iterator[str]:
        """Give all lines, `run` last."""
        body = [*self._descriptions(), *self._blocks()]
        yield from self._predicates
        yield from body
        at = {block.base: number for number, block in enumerate(self.plain_blocks())}
        for device in self.devices:
            vmsd = self._numbers[id(device.vmsd)]
            yield f"device {vmsd} {at[device.opaque]} {device.instance_id} {device.alias_id}"
        stream = hexadecimal(self._request.get("stream", ""), "stream").hex() or "-"
        yield f"run stream 0 0 {self._numbers[id(self.devices[0].vmsd)]} 0 {stream}"


def _asked(message: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("op", "document", "devices", "machine", "stream")
    return {key: message[key] for key in keys if key in message}


class ContainerAnswer(Answer):
    """The adapter's lines as a result of `stream`, without what only the model knows."""

    _question: ContainerQuestion

    def __init__(self, question: ContainerQuestion, lines: Iterable[str]) -> None:
        self._bases: list[int] = []
        super().__init__(question, lines)

    def _block(self, address: str, size: str, made: str, data: str) -> None:
        super()._block(address, size, made, data)
        if not int(made):
            self._bases.append(int(address))

    def result(self) -> dict[str, Any]:
        """Give the result."""
        found = super().result()
        if found["verdict"] == "reject":
            inner = _DEVICE.sub("", found["message"])
            known = (name for pattern, name in _CLASSES if re.search(pattern, inner))
            printed = bytes.fromhex(self._found.get("printed", ["-"])[0].replace("-", ""))
            told = (name for text, name in _PRINTED if text in printed)
            found["error"] = next(told, None) or next(known, error_class(inner))
        return found

    def _loaded(self, consumed: int, stream_error: int) -> dict[str, Any]:
        reader = Reader(self._question.document.layout, self._heap)
        question = self._question
        before = [block.base for block in question.plain_blocks()]
        devices = [
            {
                "idstr": device.idstr,
                "instance_id": device.instance_id,
                "state": reader.value(
                    StructRef(device.vmsd.struct), self._bases[before.index(device.opaque)]
                ),
            }
            for device in question.devices
        ]
        return {"devices": devices, "consumed": consumed, "stream_error": stream_error}
