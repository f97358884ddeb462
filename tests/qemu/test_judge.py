# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from vmstate_conformance.qemu.judge import Machinery, Verdict, feed
from vmstate_conformance.qemu.machine import Limits
from vmstate_conformance.qemu.provision import Qemu

FAKE = Path(__file__).with_name("fake.py")
Ask = Callable[..., Result]
Program = Callable[[str], str]


@pytest.fixture
def fed(program: Program, tmp_path: Path) -> Callable[..., Verdict]:
    """Feeds a file to a program that ends as it is told."""

    def run(how: str, *, drive: bool = False, limits: Limits | None = None) -> Verdict:
        path = program(f'exec {sys.executable} {FAKE} {how} "$@"')
        stream = tmp_path / "a.bin"
        stream.touch()
        machinery = Machinery(Qemu(Path(path), None), ("-M", "none"))
        limits = limits or Limits(file=1 << 20)
        return feed(machinery, stream, timeout=2, drive=drive, limits=limits)

    return run


@pytest.mark.parametrize(
    ("how", "verdict", "message"),
    [
        ("accept", "accepted", ""),
        ("reject", "rejected", "because I say so"),
        ("exit", "rejected", "cannot load that"),
        ("assertion", "crashed", "../hw/fake.c:12: fake_load: Assertion `x < 2' failed."),
        ("glib", "crashed", "../hw/fake.c:12:fake_load: code should not be reached"),
        ("segv", "crashed", "signal 11"),
        ("memory", "blown-up", "../glib/gmem.c:106: failed to allocate 99999999999 bytes"),
        ("printing", "blown-up", "it prints without end"),
        ("hang", "hung", "it does not answer"),
    ],
)
def test_what_becomes_of_a_process_is_told_apart(
    fed: Callable[..., Verdict], how: str, verdict: str, message: str
) -> None:
    found = fed(how)

    assert (found.verdict, found.message, found.stage) == (verdict, message, "load")


def test_what_dies_after_it_accepted_is_seen_where_it_is_driven(
    fed: Callable[..., Verdict],
) -> None:
    assert fed("after").verdict == "accepted"
    found = fed("after", drive=True)

    assert (found.verdict, found.stage) == ("crashed", "cont")


def test_a_process_may_use_so_much_memory_and_no_more(fed: Callable[..., Verdict]) -> None:
    assert fed("limit", limits=Limits(memory=3 << 30)).message == f"address space {3 << 30}"


def test_the_exit_status_tells_whether_all_were_accepted(
    ask: Ask, program: Program, tmp_path: Path
) -> None:
    stream = tmp_path / "a.bin"
    stream.touch()
    for how, status in (("accept", 0), ("reject", 1), ("segv", 1)):
        path = program(f'exec {sys.executable} {FAKE} {how} "$@"')

        result = ask("feed", str(stream), "--recipe", "none", "--qemu", path)

        assert result.exit_code == status, result.output


def test_what_is_no_regular_file_is_not_waited_for(ask: Ask, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    result = ask("feed", str(tmp_path / "pipe"), "--recipe", "none")

    assert result.exit_code == 2
    assert result.output == f"vmstate-conformance: {tmp_path}/pipe: no regular file [unreadable]\n"
