# SPDX-License-Identifier: Apache-2.0
"""The target that builds what it loads: legal inputs come back, and planted faults do not."""

from __future__ import annotations

import random
from typing import Any

import pytest

from vmstate.infos_plain import Buffer, Number
from vmstate.load import Loader
from vmstate.operations import perform
from vmstate.save import Saver
from vmstate_conformance.cases.model import VERDICTS
from vmstate_conformance.fuzzing import structure
from vmstate_conformance.fuzzing.finding import Finding
from vmstate_conformance.fuzzing.structure import Parts, cross, mutate_input, split


def inputs(count: int, seed: int = 1) -> list[bytes]:
    source = random.Random(seed)
    made = []
    for _ in range(count):
        sizes = (source.randrange(9), source.randrange(6), source.randrange(3))
        genes = [source.randbytes(16 * size) for size in sizes]
        made.append(Parts(genes[0], genes[1], source.randrange(256), genes[2]).join())
    return made


def rules_found(data: list[bytes]) -> set[str]:
    found = set()
    for each in data:
        try:
            structure.run(each)
        except Finding as finding:
            found.add(finding.rule)
    return found


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    structure.forget()


def test_seeds_and_chance_find_nothing() -> None:
    assert rules_found([*structure.seeds(), *inputs(300)]) == set()


def test_no_bytes_and_few_bytes_are_inputs_like_any_others() -> None:
    assert rules_found([b"", b"\xff", b"\xff\xff\xff", b"\0\0\0\0"]) == set()


def test_an_input_taken_apart_and_joined_is_the_same() -> None:
    for data in inputs(50):
        assert split(split(data).join()) == split(data)
    assert split(b"\x02\x01\x00\x00abc").document == b"abc"


def test_mutations_change_one_part_or_all_and_keep_to_the_size() -> None:
    source = random.Random(3)

    def native(data: bytes, most: int) -> bytes:
        return (data + source.randbytes(3))[:most]

    changed = set()
    for data in inputs(40):
        for seed in range(16):
            before, after = split(data), split(mutate_input(data, 4096, seed, native))
            parts = ("document", "state", "how", "mutation", "area")
            differ = {part for part in parts if getattr(before, part) != getattr(after, part)}
            assert len(differ) <= (1 if seed < 14 else 5)
            changed |= differ
            assert len(mutate_input(data, 20, seed, native)) <= 20
    assert changed == {"document", "state", "how", "mutation", "area"}


def test_a_crossing_has_parts_of_both() -> None:
    one = Parts(b"\1" * 32, b"\2" * 16, 0, b"\3").join()
    other = Parts(b"\4" * 32, b"\5" * 16, 1, b"\6").join()
    made = split(cross(one, other, 4096, 0b1010 | 1 << 8))
    assert made.document == b"\1" * 16 + b"\4" * 16
    assert (made.state, made.how, made.mutation) == (b"\2" * 16, 1, b"\3")
    assert len(cross(one, other, 10, 7)) == 10


def test_an_input_is_a_case_that_the_reference_performs() -> None:
    for data in inputs(40):
        request = structure.case(data)
        assert request is not None
        dialect = request.pop("dialect")
        assert perform(request, dialect=dialect)["verdict"] in VERDICTS[request["op"]]


def buffers_short(self: Any, saver: Saver, element: int, size: int, field: Any) -> None:
    saver.stream.put(bytes(max(size - 1, 0)))


def numbers_backwards(self: Any, loader: Loader, element: int, size: int, field: Any) -> None:
    value = loader.stream.number(self.size)
    loader.heap.write(element, value.to_bytes(self.size, "big"))


@pytest.mark.parametrize(
    ("owner", "name", "fault"),
    [(Buffer, "save", buffers_short), (Number, "load", numbers_backwards)],
)
def test_planted_faults_do_not_come_back_the_same(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, fault: Any
) -> None:
    monkeypatch.setattr(owner, name, fault)
    assert rules_found(inputs(300)) & {"round-trip", "not-loaded", "canonical", "vmdesc"}
