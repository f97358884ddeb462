# SPDX-License-Identifier: Apache-2.0
"""Boards of embedded systems: devices that no virtual server has."""

from __future__ import annotations

from typing import Final

from vmstate_conformance.qemu.recipes.model import Recipe


def _board(name: str, machine: str, arch: str, *more: str) -> Recipe:
    arguments = ("-M", machine, "-serial", "null", "-audio", "none", *more)
    return Recipe(name, f"the board {machine}", arguments, arch=arch)


RECIPES: Final = (
    _board("zynq", "xilinx-zynq-a9", "aarch64", "-m", "16"),
    _board("zynqmp", "xlnx-zcu102", "aarch64", "-m", "16"),
    _board("npcm", "npcm750-evb", "aarch64", "-m", "512"),
    _board("aspeed", "ast2600-evb", "aarch64"),
    _board("raspi", "raspi2b", "aarch64"),
    _board("realview", "realview-pb-a8", "aarch64", "-m", "16"),
    _board("imx", "sabrelite", "aarch64", "-m", "16"),
    _board("exynos", "smdkc210", "aarch64", "-m", "16"),
    _board("mps2", "mps2-an385", "aarch64"),
    _board("musicpal", "musicpal", "aarch64"),
    _board("sx1", "sx1", "aarch64"),
    _board("digic", "canon-a1100", "aarch64"),
    _board("mac99", "mac99", "ppc64", "-m", "64"),
    _board("e500", "ppce500", "ppc64", "-m", "64"),
)
