# SPDX-License-Identifier: Apache-2.0
"""What virtio-net saves of its own, between its queues and its subsections."""

from __future__ import annotations

from typing import Any, Final

from vmstate.whole.fields import Fields
from vmstate.whole.nodes import Array, Bytes, Node, Scalar, ScalarArray
from vmstate.whole.private_infos import numbers

_MAC: Final = 6
#: One bit for each VLAN.
_VLANS: Final = 512
_BEFORE: Final = 22
_BEHIND: Final = 11
_OFFLOADS: Final = 8


def own_fields(data: bytes) -> Fields | None:
    """Lay out the device's own bytes; None if they are not laid out so."""
    if len(data) < _BEFORE + _VLANS + _BEHIND:
        return None
    macs = int.from_bytes(data[18:22], "big")
    at = _BEFORE + macs * _MAC + _VLANS + _BEHIND
    left = len(data) - at
    if left in {0, _OFFLOADS}:
        return _fields(macs, -1, offloads=left > 0)
    pairs = int.from_bytes(data[at + 2 : at + 4], "big")
    for offloads in (False, True):
        if pairs and left == 4 + 4 * (pairs - 1) + _OFFLOADS * offloads:
            return _fields(macs, pairs - 1, offloads=offloads)
    return None


def fields_of(value: dict[str, Any]) -> Fields:
    """Give the layout of what was decoded. Raises `KeyError` and `TypeError`."""
    pairs = len(value["more_tx_waiting"]) if "more_tx_waiting" in value else -1
    return _fields(len(value["macs"]), pairs, offloads="curr_guest_offloads" in value)


def _fields(macs: int, pairs: int, *, offloads: bool) -> Fields:
    steps: list[tuple[str, Node]] = [
        ("mac", Bytes(_MAC, "buffer")),
        (
            "",
            numbers(
                "IIHBBI",
                "tx_waiting",
                "mergeable_rx_bufs",
                "status",
                "promisc",
                "allmulti",
                "mac_table.in_use",
            ),
        ),
        ("macs", Array(Bytes(_MAC, "buffer"), macs)),
        ("vlans", Bytes(_VLANS, "buffer")),
        (
            "",
            numbers(
                "IBBBBBBB",
                "has_vnet_hdr",
                "mac_table.multi_overflow",
                "mac_table.uni_overflow",
                "alluni",
                "nomulti",
                "nouni",
                "nobcast",
                "has_ufo",
            ),
        ),
    ]
    if pairs >= 0:
        steps.append(("", numbers("H", "max_queue_pairs", "curr_queue_pairs")))
        steps.append(("more_tx_waiting", ScalarArray(Scalar("I", "uint32"), pairs)))
    if offloads:
        steps.append(("", numbers("Q", "curr_guest_offloads")))
    return Fields(steps, [])
