# SPDX-License-Identifier: Apache-2.0
"""VMStateInfo: the codec of one leaf."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmstate.description import VMStateField

if TYPE_CHECKING:
    from vmstate.load import Loader
    from vmstate.save import Saver


@dataclass(frozen=True, slots=True)
class Info(ABC):
    """A codec. `name` is what a vmdesc calls it, which is not always its C name."""

    name: str

    @abstractmethod
    def load(self, loader: Loader, element: int, size: int, field: VMStateField) -> None:
        """Load the element at address `element`; `size` is what the core passes as size_t.

        Raises `Reject` where the codec refuses, `Abort` where QEMU dies.
        """

    @abstractmethod
    def save(self, saver: Saver, element: int, size: int, field: VMStateField) -> None:
        """Save the element at address `element`."""
