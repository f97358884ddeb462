# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from vmstate.inputs.clusters import Run
from vmstate_conformance.qemu import qcow2
from vmstate_conformance.qemu.provision import QemuError


def test_an_empty_image_has_no_snapshot(tmp_path: Path) -> None:
    image = tmp_path / "a.qcow2"
    qcow2.create(image)

    with pytest.raises(QemuError, match="no qcow2 image with a snapshot 's'"):
        qcow2.snapshot(image, "s")


@pytest.mark.parametrize("content", [b"", b"QFI\xfb", b"\0" * 4096])
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    image = tmp_path / "a.qcow2"
    image.write_bytes(content)

    with pytest.raises(QemuError, match="no qcow2 image"):
        qcow2.snapshot(image, "s")


def test_a_snapshot_is_overwritten_in_its_clusters_and_nowhere_else(tmp_path: Path) -> None:
    image = tmp_path / "a"
    image.write_bytes(b"x" * 32)
    place = qcow2.Snapshot(6, (Run(8, 4), Run(20, 4)))
    with image.open("r+b") as file:
        place.write(file, b"abcde")

        assert place.read(file) == b"abcde\0"
    assert image.read_bytes() == b"x" * 8 + b"abcd" + b"x" * 8 + b"e\0\0\0" + b"x" * 8


def test_what_does_not_fit_into_a_snapshot_is_refused(tmp_path: Path) -> None:
    image = tmp_path / "a"
    image.write_bytes(b"x" * 32)
    with image.open("r+b") as file, pytest.raises(ValueError, match="do not fit"):
        qcow2.Snapshot(6, (Run(8, 4), Run(20, 4))).write(file, b"123456789")
