# SPDX-License-Identifier: Apache-2.0
"""A public report against 11.1: an NVMe guest's `loadvm` in the process of its `savevm` aborts QEMU.

Every driver keeps Asynchronous Event Requests outstanding. A reset forgets their number but not the
pointers to them; a load that is then told of as many finds pointers where an AUTO_ALLOC array must
have none.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vmstate_conformance.qemu.judge import death
from vmstate_conformance.qemu.lines import GoneError
from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.provision import find
from vmstate_conformance.qemu.recipes import nvme, recipe
from vmstate_conformance.qemu.recipes.model import equip

pytestmark = pytest.mark.qemu


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    """Starts machines with an NVMe controller; all have the same disk."""
    arguments = equip(recipe("nvme").arguments, tmp_path, find(None))
    machines: list[Machine] = []

    def make(*more: str) -> Machine:
        for machine in machines:
            machine.close()
        machines.append(Machine(find(None), [*arguments, *more]))
        return machines[-1]

    yield make
    for machine in machines:
        machine.close()


def loadvm_aborts(machine: Machine) -> None:
    with pytest.raises(GoneError):
        machine.qmp.hmp("loadvm s")
    verdict = death(machine, "load", time.monotonic(), late=False)
    assert verdict.verdict == "crashed"
    assert "!auto_alloc || *pptr == NULL" in verdict.message
    assert verdict.signal == signal.SIGABRT


def test_loadvm_in_the_process_that_saved_outstanding_events_aborts(
    start: Callable[..., Machine],
) -> None:
    machine = start()
    nvme.events(machine)
    assert machine.qmp.hmp("savevm s") == ""

    loadvm_aborts(machine)


def test_a_reset_before_the_load_does_not_help(start: Callable[..., Machine]) -> None:
    machine = start()
    nvme.events(machine)
    machine.qmp.hmp("savevm s")
    machine.qmp.execute("system_reset")
    machine.qmp.event("RESET")

    loadvm_aborts(machine)


def test_a_fresh_process_loads_it_once_and_aborts_the_second_time(
    start: Callable[..., Machine],
) -> None:
    machine = start()
    nvme.events(machine)
    machine.qmp.hmp("savevm s")
    machine = start("-loadvm", "s", "-S")
    assert machine.qmp.execute("query-status")["status"] == "prelaunch"

    loadvm_aborts(machine)


def test_without_events_it_can_be_loaded_as_often_as_one_likes(
    start: Callable[..., Machine],
) -> None:
    machine = start()
    nvme.queues(machine)
    machine.qmp.hmp("savevm s")

    assert [machine.qmp.hmp("loadvm s") for _ in range(3)] == ["", "", ""]
