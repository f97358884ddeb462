# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from vmstate_conformance.cases import Case
from vmstate_conformance.runner.select import read, select


@pytest.fixture(scope="module")
def everything() -> list[Case]:
    return read(())


@pytest.mark.parametrize(
    "pattern",
    ["=k-aa-marker-32", "marker", "auto-alloc/*", "*#*-cut-00?", "auto-alloc/uint32", "=none"],
)
def test_reading_by_a_pattern_gives_what_it_would_choose_of_all(
    everything: list[Case], pattern: str
) -> None:
    assert read((), pattern) == select(everything, pattern=pattern)


def test_one_case_of_a_family_is_read_by_its_id(everything: list[Case]) -> None:
    member = next(case for case in everything if "-cut-" in case.id)

    found = read((), f"={member.id}")
    assert member in found
    assert {case.id for case in found} == {member.id}


def test_the_line_of_a_case_is_where_it_stands(everything: list[Case]) -> None:
    for case in everything[::97]:
        file, _, line = case.source.rpartition(":")
        text = "\n".join(Path(file).read_text().splitlines()[int(line) - 1 : int(line) + 1])
        identity = case.id.rpartition("#")[2]
        assert identity in text or identity.startswith(text.split('"id": "')[1].split('"')[0])
