# SPDX-License-Identifier: Apache-2.0
"""Damaged streams: what is wrong is said, what is right is kept, and nothing else happens."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vmstate.whole.errors import StreamFault
from vmstate.whole.fromjson import encode
from vmstate.whole.source import open_file
from vmstate.whole.tojson import write
from vmstate_conformance.corpus import corpus_dir
from vmstate_conformance.damage import Damage, damage, mutations, small_stream, truncations

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
SHELF = corpus_dir() / "streams"
#: What only a loader refuses: it knows which machine, sections and blocks there are to be.
LOADERS = {
    *("configuration-capability-unknown", "configuration-version-9", "configuration-missing"),
    *("configuration-name-odd", "configuration-name-other", "configuration-length-4096"),
    *("command-advise-odd", "command-bitmap-of-nobody", "xbzrle-run-past-page"),
    *("section-instance", "section-name-255", "section-name-odd", "section-no-utf-8"),
    "section-unknown",
}


def real(name: str) -> bytes:
    return gzip.decompress((SHELF / f"{name}.bin.gz").read_bytes())


STREAMS = {"small": small_stream(), "nvme": real("nvme")}


def read(data: bytes) -> tuple[dict[str, Any], list[StreamFault]]:
    """Decode to JSON, as far as it goes."""
    text: list[str] = []
    walker = open_file(data)
    write(walker, text.append)
    return json.loads("".join(text)), walker.stream.faults


def check(each: Damage) -> list[StreamFault]:
    """What must hold whatever the damage: one line a fault, in the file, and no byte made up."""
    document, faults = read(each.data)
    for fault in faults:
        assert str(fault).isprintable(), each.name
        assert 0 <= fault.offset <= len(each.data), each.name
        assert fault.rule, each.name
    if not faults:
        out: list[bytes] = []
        encode(document, out.append)
        assert b"".join(out) == each.data, each.name
    return faults


@pytest.mark.parametrize("name", STREAMS)
def test_every_kind_of_damage_is_told_by_a_line_where_qemu_refuses(name: str) -> None:
    for each in damage(STREAMS[name]):
        if name != "small" and each.name.startswith("vmdesc-"):
            continue  # one vmdesc is as good as the other
        faults = check(each)
        if each.name in LOADERS or each.name.startswith(("block-", "blocks-")):
            continue
        if each.rejected:
            assert faults, each.name
        elif each.rejected is False and not each.name.startswith("vmdesc-"):
            assert not faults, each.name


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_is_cut_anywhere_is_read_up_to_the_cut(name: str) -> None:
    whole, _ = read(STREAMS[name])
    end = STREAMS[name].index(b"\0\6\0")
    for each in truncations(STREAMS[name], 5000 if NIGHTLY else 150):
        document, faults = read(each.data)
        check(each)
        if 8 < len(each.data) < end:
            assert faults
            # What stood before the cut is there, but for the item that the cut goes through.
            kept = [item.get("label") for item in document["items"]]
            assert kept[:-1] == [item.get("label") for item in whole["items"]][: len(kept[:-1])]


@pytest.mark.parametrize("name", STREAMS)
def test_mutations_end_in_faults_or_in_the_same_bytes(name: str) -> None:
    for each in mutations(STREAMS[name], 10_000 if NIGHTLY else 150, seed=1):
        check(each)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vmstate", *arguments],
        capture_output=True,
        text=True,
        errors="backslashreplace",
        check=False,
        timeout=120,
    )


COMMANDS = [
    "empty",
    "magic-wrong",
    "cut-in-section",
    "footer-missing",
    "command-unknown",
    "packages-nested",
    "page-outside",
    "vmdesc-nested",
    "vmdesc-array-len-99999999-last",
    "vmdesc-page-size-0-last",
    "vmdesc-names-odd-last",
]


@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize("verb", ["decode", "explain", "skeleton"])
def test_a_command_says_it_in_one_line_and_gives_2(kind: str, verb: str, tmp_path: Path) -> None:
    (bad,) = [each for each in damage(small_stream()) if each.name == kind]
    file = tmp_path / "bad.bin"
    file.write_bytes(bad.data)
    more = ["-o", str(tmp_path / "out")] if verb == "skeleton" else []

    done = command(verb, str(file), *more)

    assert done.returncode in {0, 1, 2}
    assert "Traceback" not in done.stderr
    assert len(done.stdout) + len(done.stderr) < 100_000
    if bad.rejected and verb == "decode":
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "offset 0x" in done.stderr


@pytest.mark.parametrize("name", ["parent", "absolute", "dot-dot", "odd", "no-utf-8", "long"])
def test_blocks_are_extracted_into_their_folder_whatever_they_are_called(
    name: str, tmp_path: Path
) -> None:
    (bad,) = [each for each in damage(small_stream()) if each.name == f"blocks-{name}"]
    file = tmp_path / "bad.bin"
    file.write_bytes(bad.data)
    target = tmp_path / "in" / "here"
    target.mkdir(parents=True)

    done = command("decode", "--extract-ram", str(target), str(file))

    assert "Traceback" not in done.stderr
    written = [each for each in tmp_path.rglob("*") if each.is_file() and each != file]
    assert all(each.parent == target for each in written)
    assert not Path("/tmp/outside").exists()
