# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from vmstate.dialects import PROFILES, Limits
from vmstate.errors import Abort
from vmstate.heap import Heap

LIMITS = PROFILES["compat"].limits


def test_a_fresh_block_reads_as_zero_up_to_its_last_byte_and_no_further() -> None:
    heap = Heap(LIMITS)
    address = heap.allocate(5, "p", "array")

    assert heap.read(address, 5) == bytes(5)
    for at, size in ((address, 6), (address + 5, 1), (address - 1, 1), (address - 1, 2)):
        with pytest.raises(Abort):
            heap.read(at, size)
        with pytest.raises(Abort):
            heap.write(at, bytes(size))


def test_a_block_of_no_bytes_has_an_address_and_nothing_else() -> None:
    heap = Heap(LIMITS)
    address = heap.allocate(0, "p", "array")

    assert address
    assert heap.read(address, 0) == b""
    with pytest.raises(Abort):
        heap.read(address, 1)


def test_freed_memory_is_gone_for_reading_writing_and_freeing() -> None:
    heap = Heap(LIMITS)
    address = heap.allocate(8, "p", "array")
    heap.write(address, b"12345678")
    heap.free(address)

    for use in (
        lambda: heap.read(address, 1),
        lambda: heap.write(address, b"x"),
        lambda: heap.free(address),
    ):
        with pytest.raises(Abort, match="wild"):
            use()
    assert list(heap.blocks()) == []


def test_gigabytes_cost_only_the_pages_that_were_written() -> None:
    heap = Heap(LIMITS)
    address = heap.allocate(1 << 40, "p", "array")
    heap.write(address + (1 << 39), b"here")

    assert heap.read(address + (1 << 39) - 2, 8) == b"\0\0here\0\0"
    assert heap.read(address + (1 << 40) - 4, 4) == bytes(4)


@pytest.mark.parametrize("size", [1 << 46, 1 << 63, (1 << 64) - 1])
def test_what_no_machine_has_is_out_of_memory(size: int) -> None:
    with pytest.raises(Abort) as abort:
        Heap(LIMITS).allocate(size, "p", "array")

    assert abort.value.kind == "oom"


def test_what_the_model_really_stores_is_bounded() -> None:
    heap = Heap(Limits(1 << 40, 1 << 20, 100, 10, 10, 10))
    address = heap.allocate(1 << 30, "p", "array")

    def touch() -> None:
        for page in range(100):
            heap.write(address + (page << 16), b"x")

    with pytest.raises(Abort, match="in use"):
        touch()


def test_a_leak_is_what_nothing_reachable_points_into() -> None:
    heap = Heap(LIMITS)
    root = heap.allocate(16, "root", "struct")
    held, inner, lost = (heap.allocate(16, name, "array") for name in ("held", "inner", "lost"))
    heap.store_pointer(root + 8, held)
    heap.store_pointer(held, inner + 16)
    heap.store_pointer(lost, root)

    reached = {block.owner for block in heap.reachable(root)}

    assert reached == {"root", "held", "inner"}


def test_each_block_knows_who_made_it_and_when() -> None:
    heap = Heap(LIMITS)
    heap.allocate(4, "destination.p", "array")
    heap.step = 1
    heap.allocate(4, "q[3]", "element")

    assert [(block.owner, block.kind, block.made) for block in heap.blocks()] == [
        ("destination.p", "array", 0),
        ("q[3]", "element", 1),
    ]
