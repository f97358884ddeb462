# SPDX-License-Identifier: Apache-2.0
"""Layouts of the infos that devices keep to themselves; their fields are in no vmdesc."""

from __future__ import annotations

from typing import Final

from vmstate.whole.nodes import Bytes, Node, Scalar, ScalarArray


def private(kind: str, size: int) -> Node | None:
    """Give the layout of `size` bytes of a private info, None if nobody knows one."""
    if kind == "pci config" and size >= 64:
        return Bytes(size, kind)
    if kind == "pci irq state" and size == 16:
        return ScalarArray(_WORD, 4)
    return None


_WORD: Final = Scalar("I", "uint32")
