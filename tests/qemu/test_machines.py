# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from vmstate_conformance.qemu.harvest import STREAM, binary, harvest, program
from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.provision import find
from vmstate_conformance.qemu.recipes import RECIPES, recipe
from vmstate_conformance.qemu.recipes.model import equip

pytestmark = pytest.mark.qemu
Ask = Callable[..., Result]


@pytest.mark.parametrize("name", [name for name, each in RECIPES.items() if each.alone])
def test_a_fresh_process_takes_what_a_recipe_gives(name: str, ask: Ask, tmp_path: Path) -> None:
    made = ask("harvest", name, "--into", str(tmp_path))
    assert made.exit_code == 0, made.output

    fed = ask("feed", str(tmp_path / name / STREAM), "--drive", "--json")

    assert fed.exit_code == 0, fed.output
    assert json.loads(fed.output)["verdict"] == "accepted"


def test_a_stream_of_another_machine_is_rejected_with_the_reason(ask: Ask, tmp_path: Path) -> None:
    ask("harvest", "none", "--into", str(tmp_path))

    fed = ask("feed", str(tmp_path / "none" / STREAM), "--recipe", "isapc")

    assert fed.exit_code == 1
    assert "rejected: " in fed.output
    assert "Machine type received is 'none' and local is 'isapc'" in fed.output


def test_arguments_after_the_dashes_make_the_machine(ask: Ask, tmp_path: Path) -> None:
    ask("harvest", "none", "--into", str(tmp_path))

    fed = ask("feed", str(tmp_path / "none" / STREAM), "--", "-M", "none", "-nodefaults")

    assert fed.exit_code == 1
    assert "Unknown section or instance" in fed.output


def test_a_truncated_stream_is_rejected(ask: Ask, tmp_path: Path) -> None:
    stream = harvest(recipe("none"), find(None)).stream
    (tmp_path / "cut.bin").write_bytes(stream[: len(stream) // 4])

    fed = ask("feed", str(tmp_path / "cut.bin"), "--recipe", "none")

    assert fed.exit_code == 1
    assert "rejected" in fed.output


def test_a_device_comes_into_its_state_by_its_registers() -> None:
    nvme = recipe("nvme")
    stream = harvest(nvme, binary(None, nvme.arch, program(nvme))).stream

    described = harvest(nvme, find(None)).vmdesc
    assert described is not None
    section = next(each for each in described["devices"] if each["name"].endswith("/nvme"))
    # Three outstanding requests, and of 65 queues each the admin queue and the two created.
    markers = [each for each in section["fields"] if each["type"] == "ptr-marker"]
    assert {each["name"] for each in markers} == {"aer_reqs", "sq", "cq"}
    assert len([each for each in section["fields"] if each["name"] == "aer_reqs"]) > 0
    assert stream[:8] == b"QEVM\0\0\0\3"


def test_the_processes_end_with_the_run_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import time; from vmstate_conformance.qemu.machine import Machine\n"
        "from vmstate_conformance.qemu.provision import find\n"
        "machine = Machine(find(None), ['-M', 'none']); print(machine.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        assert alive(pid)
        run.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not alive(pid):
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("QEMU lives on")


def test_a_campaign_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    mark = f"VMSTATE_TEST_MARK={tmp_path}"
    command = [sys.executable, "-m", "vmstate_conformance", "qemu", "fuzz", "--recipe", "none"]
    with subprocess.Popen(
        [*command, "-j", "2", "--minutes", "5", "--into", str(tmp_path)],
        env={**os.environ, "VMSTATE_TEST_MARK": str(tmp_path)},
        stdout=subprocess.DEVNULL,
    ) as run:
        wait_for(lambda: sum("qemu-system" in each for each in marked(mark).values()) == 2)
        run.kill()
    wait_for(lambda: not marked(mark))


def test_a_software_tpm_ends_with_its_machine() -> None:
    tpm = recipe("tpm")
    with tempfile.TemporaryDirectory() as folder:
        with Machine(find(None), equip(tpm.arguments, Path(folder), find(None))):
            assert [each for each in commands() if f"dir={folder}" in each]

        wait_for(lambda: not [each for each in commands() if f"dir={folder}" in each])


def commands() -> list[str]:
    """Give the command lines of all processes that are none of the dead."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.append((process / "cmdline").read_text(errors="replace"))
    return found


def marked(mark: str) -> dict[int, str]:
    """Give the command lines of the living processes that have the mark in their environment."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "cmdline").read_text(errors="replace")
        except OSError:
            continue
    return found


def wait_for(done: Callable[[], bool]) -> None:
    for _ in range(300):
        if done():
            return
        time.sleep(0.1)
    pytest.fail("it does not come to that")


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_machine_is_gone_when_its_block_ends() -> None:
    with Machine(find(None), ["-M", "none"]) as machine:
        pid = machine.pid
        assert alive(pid)

    assert not alive(pid)


def test_a_folder_that_cannot_be_made_is_named(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    made = ask("harvest", "none", "--into", str(tmp_path / "file/x"))

    assert made.exit_code == 2
    assert made.output.endswith("file/x/none: Not a directory [unwritable]\n")
