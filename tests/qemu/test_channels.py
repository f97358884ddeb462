# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from vmstate_conformance.qemu.harvest import binary, harvest, program
from vmstate_conformance.qemu.pair import Recorder
from vmstate_conformance.qemu.provision import QemuError
from vmstate_conformance.qemu.recipes import RECIPES, recipe


def test_a_recorder_keeps_each_channel_the_main_one_first_and_passes_answers_back(
    tmp_path: Path,
) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(far))
        listener.listen()

        def answer() -> None:
            for _ in range(2):
                peer, _ = listener.accept()
                with peer:
                    heard.append(peer.recv(100))
                    peer.sendall(b"pong")

        thread = threading.Thread(target=answer)
        thread.start()
        with Recorder(near, far) as recorder:
            for said in (b"\x11\x22pages", b"QEVM main"):
                with socket.socket(socket.AF_UNIX) as sender:
                    sender.connect(str(near))
                    sender.sendall(said)
                    assert sender.recv(100) == b"pong"
        thread.join()

    assert recorder.channels == [b"QEVM main", b"\x11\x22pages"]
    assert heard == [b"\x11\x22pages", b"QEVM main"]


def test_a_recorder_through_which_no_stream_came_says_so(tmp_path: Path) -> None:
    with Recorder(tmp_path / "near", tmp_path / "far") as recorder:
        pass

    with pytest.raises(QemuError, match="no stream"):
        _ = recorder.channels


MARKS = {
    "q35-return-path": b"\x08\0\x01\0\0\x08\0\x02\0\4",
    "q35-postcopy-advise": b"\x08\0\x03\0\x10",
    "q35-postcopy": b"\x08\0\x07\0\4",
    "q35-multifd": b"\0\0\0\0\0\0\x02\0",
    "q35-emmc-rpmb": b"sd-card/ext_csd_modes-state",
    "q35-devices-only": b"QEVM\0\0\0\3\4",
}


@pytest.mark.qemu
@pytest.mark.parametrize("name", [name for name, each in RECIPES.items() if not each.alone])
def test_a_stream_between_two_machines_has_what_it_is_recorded_for(name: str) -> None:
    each = recipe(name)
    got = harvest(each, binary(None, each.arch, program(each)))

    assert got.stream.startswith(b"QEVM\0\0\0\3")
    assert MARKS.get(name, b"") in got.stream
    assert (got.vmdesc is None) == (each.via in {"postcopy", "devices"})
