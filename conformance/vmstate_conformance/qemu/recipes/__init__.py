# SPDX-License-Identifier: Apache-2.0
"""The recipes by name."""

from __future__ import annotations

import difflib
from typing import Final

from vmstate_conformance.qemu.provision import QemuError
from vmstate_conformance.qemu.recipes import (
    board,
    boards,
    channels,
    devices,
    machines,
    nvme,
    rich,
    usb,
    virtio,
)
from vmstate_conformance.qemu.recipes.model import Recipe

RECIPES: Final[dict[str, Recipe]] = {
    recipe.name: recipe
    for module in (machines, nvme, virtio, board, devices, usb, rich, boards, channels)
    for recipe in module.RECIPES
}


def recipe(name: str) -> Recipe:
    """Give the recipe called `name`. Raises `QemuError` where there is none."""
    found = RECIPES.get(name)
    if found is None:
        near = difflib.get_close_matches(name, RECIPES, 1)
        hint = f"; is '{near[0]}' meant?" if near else "; --list shows them all"
        raise QemuError(f"no recipe is called '{name}'{hint}")
    return found
