# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from vmstate_conformance.qemu.build import adapter
from vmstate_conformance.qemu.fuzz.arena import Arena
from vmstate_conformance.qemu.fuzz.faults import faults, signature
from vmstate_conformance.qemu.fuzz.findings import keys, known, write
from vmstate_conformance.qemu.fuzz.minimise import Confirmed, confirm
from vmstate_conformance.qemu.fuzz.mutate import Edit, Mutant, Mutator
from vmstate_conformance.qemu.fuzz.seeds import Seed, plant
from vmstate_conformance.qemu.judge import Machinery, Verdict, feed
from vmstate_conformance.qemu.provision import Qemu, QemuError, find
from vmstate_conformance.qemu.recipes import nvme, recipe

Ask = Callable[..., Result]
FRAMES = "vmstate-frame: faults.so+0x10\nvmstate-frame: libc.so.6+0x20\n"
REPORT = f"\nvmstate-fault: signal 11 address 0x8\n{FRAMES}vmstate-frame: qemu-system-x+0x30\n"


def section(name: bytes, payload: bytes, number: int) -> bytes:
    head = b"\4" + number.to_bytes(4, "big") + bytes((len(name),)) + name + bytes(7) + b"\1"
    return head + payload + b"\x7e" + number.to_bytes(4, "big")


@pytest.fixture
def seed() -> Seed:
    """Two sections; `dev` has an array of 200 bytes, a count and a flag."""
    fields = [
        {"name": "n", "type": "uint32", "size": 4},
        {"name": "a", "type": "uint8", "size": 1, "array_len": 200},
        {"name": "on", "type": "bool", "size": 1},
    ]
    other = [{"name": "v", "type": "uint16", "size": 2}]
    devices = [
        {"name": name, "instance_id": 0, "vmsd_name": name, "version": 1, "fields": each}
        for name, each in (("dev", fields), ("other", other))
    ]
    text = json.dumps({"page_size": 4096, "devices": devices}).encode()
    body = section(b"dev", bytes(4) + bytes(200) + b"\1", 3) + section(b"other", b"\0\7", 4)
    data = b"QEVM\0\0\0\3\7\0\0\0\4none" + body + b"\0\6" + len(text).to_bytes(4, "big") + text
    return plant(data, ("dev",))


def mutants(seed: Seed, count: int, number: int = 1) -> list[Mutant]:
    mutator = Mutator(seed, random.Random(number))
    return [mutator.next() for _ in range(count)]


def test_a_seed_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(QemuError, match="the seed cannot be read"):
        plant(b"QEVM\0\0\0\2", ())


def test_long_bytes_are_windows_and_each_that_holds_something_is_a_group() -> None:
    field = {"name": "b", "type": "buffer", "size": 4096}
    device = {"name": "dev", "instance_id": 0, "vmsd_name": "d", "version": 1, "fields": [field]}
    text = json.dumps({"page_size": 4096, "devices": [device]}).encode()
    body = section(b"dev", b"\1" + bytes(2000) + b"\2" + bytes(2094), 3)
    head = b"QEVM\0\0\0\3\7\0\0\0\4none"
    made = plant(head + body + b"\0\6" + len(text).to_bytes(4, "big") + text, ())

    sizes = {name: len(each) for name, each in made.groups.items() if name.startswith("dev#0.b")}
    assert sizes == {"dev#0.b+0x0": 1, "dev#0.b+0x7d0": 1, "dev#0.b+zeros[]": 254}


def test_the_same_seed_makes_the_same_mutants(seed: Seed) -> None:
    one, other, third = mutants(seed, 50), mutants(seed, 50), mutants(seed, 50, 2)

    assert [each.bytes() for each in one] == [each.bytes() for each in other]
    assert [each.bytes() for each in one] != [each.bytes() for each in third]


def test_a_group_is_chosen_before_its_element(seed: Seed) -> None:
    paths = [edit.path for each in mutants(seed, 2000) for edit in each.edits]

    array = sum(path.startswith("dev#0.a[") for path in paths)
    count = paths.count("dev#0.n")
    assert count > 100
    assert array < 3 * count


def test_most_changes_are_in_the_sections_that_the_recipe_is_about(seed: Seed) -> None:
    paths = [edit.path for each in mutants(seed, 1000) for edit in each.edits]

    assert sum(path.startswith("dev#0") for path in paths) > len(paths) * 0.7
    assert any(path.startswith("other#0") for path in paths)


def test_framing_is_broken_and_kept(seed: Seed) -> None:
    made = mutants(seed, 1000)

    whats = {edit.what for each in made for edit in each.edits}
    assert {"left out", "sent twice", "truncated", "bytes more", "bytes less"} <= whats
    same = [each for each in made if all(edit.size == len(edit.new) for edit in each.edits)]
    assert len(same) > len(made) / 2
    assert {len(each.bytes()) for each in same} == {seed.end + 7}


def test_a_mutant_differs_from_its_seed_only_where_it_says(seed: Seed) -> None:
    for mutant in mutants(seed, 300):
        if any(edit.size != len(edit.new) for edit in mutant.edits):
            continue
        touched = {
            at for edit in mutant.edits for at in range(edit.offset, edit.offset + edit.size)
        }
        data = mutant.bytes()
        changed = {at for at in range(seed.end) if data[at] != seed.data[at]}
        assert changed <= touched


def test_what_is_tired_is_chosen_seldom(seed: Seed) -> None:
    mutator = Mutator(seed, random.Random(1))
    mutator.tire([Edit(0, 0, b"", "dev#0.n", "")], 20)

    paths = [edit.path for _ in range(1000) for edit in mutator.next().edits if edit.size == 4]

    assert paths.count("dev#0.n") < 10


def crash(message: str = "signal 11") -> Verdict:
    return Verdict("crashed", message, signal=11, said=REPORT)


def byte_at(data: bytes, at: int) -> Verdict:
    return crash() if data[at] == 0xFF else Verdict("accepted")


def test_a_finding_is_brought_down_to_its_one_field(seed: Seed) -> None:
    spot = seed.groups["dev#0.on"][0]
    edits = (
        Edit(seed.groups["dev#0.n"][0].offset, 4, b"\0\0\0\1", "dev#0.n", "one more"),
        Edit(spot.offset, 1, b"\xff", spot.path, "bool"),
        Edit(seed.groups["other#0.v"][0].offset, 2, b"\1\1", "other#0.v", "any"),
    )

    found = confirm(Mutant(seed, edits), [("incoming", lambda data: byte_at(data, spot.offset))])

    assert found is not None
    assert found.mutant.edits == (edits[1],)
    assert found.signature == "signal 11 through NULL: at qemu-system-x+0x30"


def test_two_fields_that_are_both_needed_are_kept(seed: Seed) -> None:
    spots = [seed.groups[name][0] for name in ("dev#0.on", "other#0.v", "dev#0.n")]
    edits = tuple(
        Edit(each.offset, each.size, b"\xff" * each.size, each.path, "") for each in spots
    )

    def both(data: bytes) -> Verdict:
        needed = data[spots[0].offset] == data[spots[1].offset] == 0xFF
        return crash() if needed else Verdict("rejected")

    found = confirm(Mutant(seed, edits), [("incoming", both)])

    assert found is not None
    assert found.mutant.edits == edits[:2]


def test_the_bytes_of_a_long_field_that_do_not_matter_are_put_back(seed: Seed) -> None:
    start = seed.groups["dev#0.a[]"][0].offset
    edit = Edit(start, 200, b"\xff" * 200, "dev#0.a", "bytes")

    found = confirm(Mutant(seed, (edit,)), [("incoming", lambda data: byte_at(data, start + 77))])

    assert found is not None
    assert found.mutant.edits[0].new == bytes(77) + b"\xff" + bytes(122)


def test_what_no_fresh_process_shows_is_no_finding(seed: Seed) -> None:
    mutant = mutants(seed, 1)[0]

    assert confirm(mutant, [("incoming", lambda _: Verdict("accepted"))]) is None


def test_another_way_is_tried_where_the_first_does_not_show_it(seed: Seed) -> None:
    ways = [("incoming", lambda _: Verdict("accepted")), ("loadvm", lambda _: crash())]

    found = confirm(mutants(seed, 1)[0], ways)

    assert found is not None
    assert found.way == "loadvm"


@pytest.mark.parametrize(
    ("verdict", "said", "expected"),
    [
        (crash(), REPORT, "signal 11 through NULL: at qemu-system-x+0x30"),
        (crash(), REPORT.replace("0x8\n", "0x7f0012345678\n"), "signal 11: at qemu-system-x+0x30"),
        (crash(), f"qemu-system-x: ../hw/a.c:12: f: Assertion `x' failed.\n{REPORT}",
         "assertion: ../hw/a.c:12: f: Assertion `x' failed."),
        (crash(), "**\nERROR:../hw/a.c:7:f: code should not be reached\n",
         "assertion: ../hw/a.c:7:f: code should not be reached"),
        (Verdict("blown-up", "…"), REPORT, "blown-up: at qemu-system-x+0x30"),
        (crash("signal 9"), "", "crashed: signal N"),
        (Verdict("hung"), "", "hung: nowhere known"),
    ],
)  # fmt: skip
def test_a_signature_names_the_cause(verdict: Verdict, said: str, expected: str) -> None:
    assert signature(verdict, said) == expected


def test_a_loop_is_named_by_what_all_looks_at_it_have_in_common() -> None:
    said = "".join(
        f"\nvmstate-sample: signal 23 address (nil)\nvmstate-frame: qemu-system-x+{inner}\n"
        "vmstate-frame: qemu-system-x+0x20\nvmstate-frame: qemu-system-x+0x10\nvmstate-end\n"
        for inner in ("0x31", "0x32", "0x33")
    )

    assert signature(Verdict("hung"), said) == "hung: below qemu-system-x+0x20"


def confirmed(seed: Seed) -> Confirmed:
    spot = seed.groups["dev#0.on"][0]
    mutant = Mutant(seed, (Edit(spot.offset, 1, b"\xff", spot.path, "bool"),))
    return Confirmed(mutant, crash(), signature(crash(), REPORT), "incoming", 3)


def test_a_finding_is_a_folder_that_says_all(seed: Seed, tmp_path: Path) -> None:
    machinery = Machinery(Qemu(Path("/usr/bin/qemu-system-x86_64"), None), ("-M", "none"))

    folder = write(confirmed(seed), recipe("nvme"), machinery, tmp_path, {"seconds": 1})

    assert folder is not None
    assert (folder / "stream.bin").read_bytes()[: seed.end] != seed.data[: seed.end]
    told = (folder / "reproducer.txt").read_text()
    assert "-incoming file:stream.bin" in told
    assert "dev#0.on: bool, '01' to 'ff'" in told
    assert known(tmp_path) == {
        "signal 11 through NULL: at qemu-system-x+0x30",
        "crashed by dev#0.on",
    }


def test_the_same_cause_is_written_once(seed: Seed, tmp_path: Path) -> None:
    machinery = Machinery(Qemu(Path("/usr/bin/qemu-system-x86_64"), None), ("-M", "none"))
    write(confirmed(seed), recipe("nvme"), machinery, tmp_path, {})

    assert write(confirmed(seed), recipe("xhci"), machinery, tmp_path, {}) is None


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("0000:00:04.0/nvme#0.sq[3].size", "nvme#0.sq[].size"),
        ("0000:00:02.0/4.1/usb-hub#0.dev.addr", "4.1/usb-hub#0.dev.addr"),
        ("hpet#0.timer[1].cmp", "hpet#0.timer[].cmp"),
    ],
)
def test_one_field_is_one_cause_wherever_its_device_stands(path: str, field: str) -> None:
    assert keys("s", "crashed", [Edit(0, 1, b"", path, "")]) == ["s", f"crashed by {field}"]


def test_the_same_field_that_kills_elsewhere_is_no_new_finding(seed: Seed, tmp_path: Path) -> None:
    machinery = Machinery(Qemu(Path("/usr/bin/qemu-system-x86_64"), None), ("-M", "none"))
    write(confirmed(seed), recipe("nvme"), machinery, tmp_path, {})

    other = replace(confirmed(seed), signature="signal 11: at qemu-system-x+0x99")

    assert write(other, recipe("nvme"), machinery, tmp_path, {}) is None


def test_an_unknown_recipe_is_refused(ask: Ask, tmp_path: Path) -> None:
    result = ask("fuzz", "--recipe", "nil", "--into", str(tmp_path / "new"))

    assert result.exit_code == 2
    assert "no recipe is called 'nil'" in result.output
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written_is_named(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    result = ask("fuzz", "--recipe", "none", "--into", str(tmp_path / "file/x"))

    assert result.exit_code == 2
    assert "Not a directory [unwritable]" in result.output


def test_without_a_compiler_it_says_so(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)

    result = ask("fuzz", "--recipe", "none", "--into", str(tmp_path))

    assert result.exit_code == 3
    assert "needs a C compiler: install gcc, or set CC" in result.output


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_preloaded_library_says_where_a_process_died() -> None:
    library = adapter("faults")
    done = subprocess.run(
        [sys.executable, "-c", "import ctypes; ctypes.string_at(0)"],
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == -11
    assert [each.signal for each in faults(done.stderr)] == [11]
    assert faults(done.stderr)[0].address == 0


@pytest.mark.qemu
def test_a_public_crash_gives_its_assertion_as_signature() -> None:
    machinery = Machinery(find(None), recipe("nvme").arguments)

    with pytest.raises(QemuError, match=r"cannot be loaded twice: .*pptr == NULL"):
        Arena(machinery, nvme.events, adapter("faults"), 10)


@pytest.mark.qemu
def test_one_process_loads_many_streams_and_says_no_to_some() -> None:
    arena = Arena(
        Machinery(find(None), recipe("none").arguments), lambda _: None, adapter("faults"), 10
    )
    try:
        good = arena.stream
        verdicts = [arena.attempt(each).verdict for each in (good, b"QEVM" + bytes(99), good)]
    finally:
        arena.close()

    assert verdicts == ["accepted", "rejected", "accepted"]


@pytest.mark.qemu
def test_a_campaign_ends_in_time_and_writes_only_where_it_may(ask: Ask, tmp_path: Path) -> None:
    into = tmp_path / "findings"

    result = ask("fuzz", "--recipe", "none", "--minutes", "0.05", "--into", str(into), "--json")

    assert result.exit_code in {0, 1}, result.output
    total = json.loads(result.output.splitlines()[-1])["summary"]
    assert total["inputs"] > 50
    assert {"accepted", "rejected"} <= total["verdicts"].keys()
    assert [each.name for each in tmp_path.iterdir()] == ["findings"]


@pytest.mark.qemu
def test_a_stream_may_be_driven_after_it_is_accepted(tmp_path: Path) -> None:
    arena = Arena(
        Machinery(find(None), recipe("none").arguments), lambda _: None, adapter("faults"), 10
    )
    (tmp_path / "a.bin").write_bytes(arena.stream)
    arena.close()

    verdict = feed(Machinery(find(None), ("-M", "none")), tmp_path / "a.bin", drive=True)

    assert verdict.verdict == "accepted"
