# SPDX-License-Identifier: Apache-2.0
"""The recipes by name."""

from __future__ import annotations

import difflib
from typing import Any, Final

from vmstate_conformance.qemu.provision import QemuError
from vmstate_conformance.qemu.recipes import (
    board,
    boards,
    channels,
    devices,
    machines,
    network,
    nvme,
    rich,
    storage,
    usb,
    virtio,
)
from vmstate_conformance.qemu.recipes.model import Recipe

_MODULES: Final[tuple[Any, ...]] = (
    *(machines, nvme, virtio, board, network, storage, devices, usb),
    *(rich, boards, channels),
)
RECIPES: Final[dict[str, Recipe]] = {
    recipe.name: recipe for module in _MODULES for recipe in module.RECIPES
}


def recipe(name: str) -> Recipe:
    """Give the recipe called `name`. Raises `QemuError` where there is none."""
    found = RECIPES.get(name)
    if found is None:
        near = difflib.get_close_matches(name, RECIPES, 1)
        hint = f"; is '{near[0]}' meant?" if near else "; --list shows them all"
        raise QemuError(f"no recipe is called '{name}'{hint}")
    return found
