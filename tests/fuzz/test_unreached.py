# SPDX-License-Identifier: Apache-2.0
"""Branches that no input reaches: measured by replay, named so that lines may move, explained one by one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import vmstate
from vmstate_conformance.cases import InputError
from vmstate_conformance.fuzzing.unreached import MODULES, corpus, explained

FUZZ = Path(__file__).parents[2] / "fuzz"
PACKAGE = Path(vmstate.__file__).parent
MEASURE = """
import sys, json
from vmstate_conformance.fuzzing.unreached import unreached
from vmstate_conformance.fuzzing import load
few = [("load", seed) for seed in list(load.seeds())[: int(sys.argv[1])]]
print(json.dumps([branch.key for branch in unreached(few)]))
"""


def measured(count: int) -> set[str]:
    """Measure in a process of its own: coverage of the coverage would be its own end."""
    command = [sys.executable, "-c", MEASURE, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split('["')[1:])


def test_more_inputs_leave_fewer_branches_and_no_input_leaves_them_all() -> None:
    none, some = measured(0), measured(200)
    assert some < none
    assert any(key.startswith('load", "if version_id > vmsd.version_id:') for key in none)


def test_every_explained_branch_is_still_there() -> None:
    known = explained(FUZZ / "unreached.toml")
    assert known
    for (module, source, target), why in known.items():
        assert module in MODULES
        lines = {line.strip() for line in (PACKAGE / f"{module}.py").read_text().splitlines()}
        assert source in lines
        assert target in lines | {"exit"}
        assert why


@pytest.mark.parametrize(
    ("text", "rule"),
    [("[[branch", "toml"), ('[[branch]]\nmodule = "load"', "branch"), ("branch = [1]", "branch")],
)
def test_a_list_that_is_none_is_refused_in_one_line(tmp_path: Path, text: str, rule: str) -> None:
    file = tmp_path / "unreached.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=rf"unreached\.toml: .*\[{rule}\]"):
        explained(file)
    with pytest.raises(InputError, match="unreadable"):
        explained(tmp_path / "none.toml")


def test_inputs_are_found_below_a_directory_a_target(tmp_path: Path) -> None:
    for place, data in (("load", b"a"), ("load/corpus", b"b"), ("vmdesc/seeds", b"c"), ("x", b"d")):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "file").write_bytes(data)
    found = set(corpus(tmp_path, ["load", "vmdesc"]))
    assert found == {("load", b"a"), ("load", b"b"), ("vmdesc", b"c")}


def test_no_directory_is_one_line() -> None:
    command = [sys.executable, str(FUZZ / "unreached.py"), "/no/such/place"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "unreached.py: /no/such/place: no such directory\n"
