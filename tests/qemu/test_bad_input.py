# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from vmstate_conformance.qemu.engine import Engine
from vmstate_conformance.qemu.machine import Machine
from vmstate_conformance.qemu.provision import Qemu, QemuError, find

Ask = Callable[..., Result]
Program = Callable[[str], str]


@pytest.fixture
def stream(tmp_path: Path) -> str:
    file = tmp_path / "a.bin"
    file.write_bytes(b"QEVM\0\0\0\3")
    return str(file)


def one_line(result: Result) -> str:
    assert result.output.count("\n") == 1, result.output
    assert "Traceback" not in result.output
    return result.output


def test_a_program_that_is_not_there_is_named(ask: Ask, stream: str) -> None:
    result = ask("feed", stream, "--recipe", "none", "--qemu", "/no/such/qemu")

    assert result.exit_code == 3
    assert "/no/such/qemu: there is no such program" in one_line(result)


def test_a_program_that_is_no_qemu_is_named(ask: Ask, program: Program, stream: str) -> None:
    result = ask("feed", stream, "--recipe", "none", "--qemu", program("echo hello; exit 0"))

    assert result.exit_code == 3
    assert "qemu-system-fake: does not start: hello" in one_line(result)


def test_a_binary_that_this_machine_cannot_run_is_named(
    ask: Ask, tmp_path: Path, stream: str
) -> None:
    foreign = tmp_path / "foreign"
    # An ELF header of the s390 architecture.
    foreign.write_bytes(b"\x7fELF\2\2\1".ljust(16, b"\0") + b"\0\2\0\x16\0\0\0\1".ljust(48, b"\0"))
    foreign.chmod(0o755)

    result = ask("feed", stream, "--recipe", "none", "--qemu", str(foreign))

    assert result.exit_code == 3
    assert f"{foreign}: cannot be run: Exec format error" in one_line(result)


def test_a_monitor_that_speaks_no_qmp_is_no_qemu(ask: Ask, program: Program, stream: str) -> None:
    # The monitor's descriptor stands in the arguments.
    body = (
        'fd=$(echo "$*" | sed "s/.*monitor,fd=\\([0-9]*\\).*/\\1/"); eval "echo hi >&$fd"; sleep 9'
    )

    result = ask("feed", stream, "--recipe", "none", "--qemu", program(body))

    assert result.exit_code == 3
    assert "does not start" in one_line(result)


def test_an_unknown_recipe_comes_with_the_one_that_is_meant(ask: Ask, stream: str) -> None:
    result = ask("feed", stream, "--recipe", "nvmee")

    assert result.exit_code == 2
    assert "no recipe is called 'nvmee'; is 'nvme' meant?" in one_line(result)
    assert ask("harvest", "nvmee").exit_code == 2


def test_a_stream_of_an_unknown_machine_is_refused(ask: Ask, stream: str) -> None:
    result = ask("feed", stream)

    assert result.exit_code == 2
    assert f"{stream}: of which machine?" in one_line(result)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "nil", '{"program":1,"arguments":[],"capabilities":[],"arch":"x86_64"}',
     '{"program":"q","arguments":[],"capabilities":[],"arch":"vax"}', "[" * 100000],
)  # fmt: skip
def test_a_note_that_is_none_is_named(ask: Ask, stream: str, text: str) -> None:
    note = Path(stream).with_name("made.json")
    note.write_text(text)

    result = ask("feed", stream)

    assert result.exit_code == 2
    assert f"{note}: no note of how a stream was made" in one_line(result)


def test_a_file_that_is_not_there_is_named(ask: Ask, tmp_path: Path) -> None:
    result = ask("feed", str(tmp_path / "gone"), "--recipe", "none")

    assert result.exit_code == 2
    assert "gone: No such file or directory [unreadable]" in one_line(result)


def test_an_architecture_that_is_not_provisioned_comes_with_the_command(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VMSTATE_CONFORMANCE_CACHE", str(tmp_path))

    result = ask("harvest", "s390x", "--into", str(tmp_path))

    assert result.exit_code == 3
    assert "qemu provision --arch s390x" in one_line(result)


def test_ones_own_binary_gets_the_fault_reporter_by_its_environment(program: Program) -> None:
    qemu = Qemu(Path(program('echo "with $LD_PRELOAD" >&2; exit 1')), None)

    with pytest.raises(QemuError, match=r"does not start: .*/no/such/library\.so"):
        Machine(qemu, [], preload=Path("/no/such/library.so"))


@pytest.mark.qemu
def test_a_binary_of_another_architecture_is_told_from_its_own_words(ask: Ask, stream: str) -> None:
    other = str(find(None).binary)

    result = ask("feed", stream, "--recipe", "s390x", "--qemu", other)

    assert result.exit_code == 3
    assert "does not start: " in one_line(result)


@pytest.mark.qemu
def test_arguments_that_qemu_does_not_know_come_with_its_reason(ask: Ask, stream: str) -> None:
    result = ask("feed", stream, "--", "-M", "none", "-device", "no-such-device")

    assert result.exit_code == 3
    assert "'no-such-device' is not a valid device model name" in one_line(result)


@pytest.mark.parametrize("release", ["9.9", "11", ""])
def test_a_release_that_debian_has_not_is_refused(tmp_path: Path, release: str) -> None:
    with pytest.raises(QemuError, match=rf"QEMU {release} cannot be provisioned, only .*10\.0"):
        find(None, cache=tmp_path, release=release)


def test_a_binary_of_ours_asked_for_by_its_path_keeps_its_sysroot(tmp_path: Path) -> None:
    binary = tmp_path / "usr" / "bin" / "qemu-system-x86_64"
    binary.parent.mkdir(parents=True)
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)

    assert find(str(binary)).sysroot is None
    (tmp_path / "provisioned.json").write_text("{}")
    assert find(str(binary)).sysroot == tmp_path


def test_a_version_of_another_layout_is_not_known(program: Program) -> None:
    for version in ("10.1.0", "10.00.1", "9.2.0"):
        with pytest.raises(QemuError, match=rf"QEMU {version} is not known, only 11\.1\.3, 10\.0"):
            Engine(find(program(f"echo 'QEMU emulator version {version}'")))
