# SPDX-License-Identifier: Apache-2.0
"""Each strategy finds the faults in its reach within so many examples, and shrinks them small.

A fault is a small change to the reference; it is found where the changed reference answers a request
otherwise than the whole one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from loads import AFTER, Sent, load, migrated, save, sent

from vmstate import bulk, extent, infos_nested, operations
from vmstate import load as loading
from vmstate import subsections as subs
from vmstate.check import check
from vmstate.dialects import DIALECTS, PROFILES
from vmstate.errors import Reject
from vmstate.infos import INFOS
from vmstate.infos_plain import Number
from vmstate.load import Loader
from vmstate.operations import perform
from vmstate_conformance.strategies import (
    destinations,
    documents,
    illegal_descriptions,
    mutations,
    states,
    streams,
)

# A fault may have no end where the whole reference has one.
LIMITS = replace(PROFILES["compat"].limits, work=1 << 11)
Patch = pytest.MonkeyPatch


@st.composite
def loads(draw: st.DrawFn, **scope: Any) -> Any:
    """A state into another destination."""
    drawn = draw(sent(**scope))
    return drawn.request(drawn.wire.stream + AFTER)


@st.composite
def respelled(draw: st.DrawFn) -> Any:
    drawn: Sent = draw(sent())
    return drawn.request(draw(streams(drawn.document, drawn.state, canonical=False)).stream + AFTER)


@st.composite
def mutated(draw: st.DrawFn, *names: str) -> Any:
    drawn: Sent = draw(sent())
    return drawn.request(draw(mutations(drawn.wire, names=names or None)).stream)


@st.composite
def dirty(draw: st.DrawFn) -> Any:
    document = draw(documents())
    state = draw(states(document))
    stream = draw(streams(document, state)).stream
    return load(document, draw(destinations(document, state, odd_ones=True)), stream + AFTER)


@st.composite
def saves(draw: st.DrawFn) -> Any:
    document = draw(documents())
    return save(document, draw(states(document)))


def checks() -> st.SearchStrategy[Any]:
    return illegal_descriptions().map(lambda broken: {"op": "check", "document": broken.document})


def legal_checks() -> st.SearchStrategy[Any]:
    return documents().map(lambda document: {"op": "check", "document": document})


class Backwards(Number):
    """A number in the wrong byte order."""

    def load(self, loader: Any, element: int, size: int, field: Any) -> None:
        value = loader.stream.number(self.size)
        loader.heap.write(element, value.to_bytes(self.size, "big"))


class OnlyOne(Number):
    """A boolean that is true where the byte is 1."""

    def load(self, loader: Any, element: int, size: int, field: Any) -> None:
        loader.heap.write(element, bytes([loader.stream.number(1) == 1]))


def byte_order(patch: Patch) -> None:
    patch.setattr(loading, "INFOS", {**INFOS, "uint32": Backwards("uint32", 4)})


def strict_bool(patch: Patch) -> None:
    patch.setattr(loading, "INFOS", {**INFOS, "bool": OnlyOne("bool", 1)})
    patch.setattr(bulk, "_TO_BOOL", bytes([0, 1] + [0] * 254))


def any_marker(patch: Patch) -> None:
    whole = Loader.next_pointer

    def next_pointer(self: Loader, field: Any, slot: int) -> int:
        try:
            return whole(self, field, slot)
        except Reject:
            return 0

    patch.setattr(Loader, "next_pointer", next_pointer)


def dialect(**changed: bool) -> Callable[[Patch], None]:
    def plant(patch: Patch) -> None:
        changed_one = replace(DIALECTS["qemu-11.1.3"], **changed)
        patch.setattr(operations, "DIALECTS", {"qemu-11.1.3": changed_one})

    return plant


def any_name(patch: Patch) -> None:
    def lenient(vmsd: Any, dialect: Any) -> None:
        try:
            check(vmsd, dialect)
        except Reject as reject:
            if reject.error != "subsection-name":
                raise

    patch.setattr(operations, "check", lenient)


def no_minimum(patch: Patch) -> None:
    whole = Loader.load_vmsd

    def load_vmsd(self: Loader, vmsd: Any, opaque: int, version_id: int) -> None:
        whole(self, vmsd, opaque, max(version_id, vmsd.minimum_version_id))

    patch.setattr(Loader, "load_vmsd", load_vmsd)


def no_post_load(patch: Patch) -> None:
    whole = Loader.load_vmsd

    def load_vmsd(self: Loader, vmsd: Any, opaque: int, version_id: int) -> None:
        vmsd.post_load = None
        whole(self, vmsd, opaque, version_id)

    patch.setattr(Loader, "load_vmsd", load_vmsd)


def forgotten_error(patch: Patch) -> None:
    patch.setattr(loading, "EINVAL", 0)


def last_first(patch: Patch) -> None:
    def insert(heap: Any, head: int, node: int, entry: int, previous: int) -> None:
        infos_nested.insert_after(heap, head, node, entry, 0)

    patch.setattr(infos_nested, "insert_tail", insert)


def no_multiply(patch: Patch) -> None:
    patch.setattr(extent, "VMS_MULTIPLY", 0)


def no_allocation(patch: Patch) -> None:
    patch.setattr(loading, "allocation", lambda field, extent: 0)


def swapped_markers(patch: Patch) -> None:
    from vmstate import save as saving  # noqa: PLC0415 - beside the strategy save

    patch.setattr(saving, "PTR_MARKER_NULL", saving.PTR_MARKER_VALID)


def no_subsections(patch: Patch) -> None:
    patch.setattr(loading, "load_subsections", lambda loader, vmsd, opaque: None)


def other_subsection(patch: Patch) -> None:
    patch.setattr(subs, "QEMU_VM_SUBSECTION", 0x06)


@dataclass(frozen=True)
class Fault:
    """A fault, the requests that reach it, and within how many examples it is found."""

    plant: Callable[[Patch], None]
    strategy: st.SearchStrategy[Any]
    examples: int


FAULTS = {
    "the byte order of uint32": Fault(byte_order, loads(), 200),
    "true is 1 alone": Fault(strict_bool, respelled(), 300),
    "any marker but 0x31 is NULL": Fault(any_marker, mutated(), 500),
    "any marker, aimed at": Fault(any_marker, mutated("marker"), 150),
    "stale pointers are written over": Fault(dialect(markers_unguarded=True), dirty(), 500),
    "counts are signed": Fault(dialect(wide_counts=False), mutated("count"), 500),
    "every array of pointers is checked as AUTO_ALLOC": Fault(
        dialect(check_auto_by_constant=True), legal_checks(), 200
    ),
    "names of subsections are not checked": Fault(any_name, checks(), 200),
    "older than the minimum is fine": Fault(no_minimum, migrated(), 200),
    "post_load is not called": Fault(no_post_load, loads(failing_hooks=True), 2000),
    "a failed element sets no error": Fault(forgotten_error, mutated(), 200),
    "the last of a queue comes first": Fault(
        last_first, loads(kinds=("info-inline-one-embedded", "qtailq", "qlist")), 300
    ),
    "VMS_MULTIPLY does nothing": Fault(no_multiply, loads(), 700),
    "VMS_ALLOC does nothing": Fault(no_allocation, loads(), 200),
    "NULL is sent as valid": Fault(swapped_markers, saves(), 100),
    "subsections are not looked for": Fault(no_subsections, loads(), 200),
    "subsections begin with another byte": Fault(other_subsection, saves(), 200),
}

# Descriptions and fields that may be left when hypothesis has shrunk it; the least that shows most is 2 and 3.
SMALL = {
    "true is 1 alone": (2, 4),
    "every array of pointers is checked as AUTO_ALLOC": (1, 2),
    "names of subsections are not checked": (2, 2),
    "NULL is sent as valid": (1, 2),
}


def smallest(fault: Fault, seed: int) -> Any:
    """A request that the fault answers otherwise. Raises `NoSuchExample` where none is found."""

    def differs(request: Any) -> bool:
        whole = perform(request, limits=LIMITS)
        with Patch.context() as patch:
            fault.plant(patch)
            return perform(request, limits=LIMITS) != whole

    phases = (Phase.generate, Phase.shrink)
    few = settings(max_examples=fault.examples, database=None, phases=phases)
    return find(fault.strategy, differs, settings=few, random=Random(seed))


@pytest.mark.parametrize("name", list(FAULTS))
def test_a_planted_fault_is_found_soon_and_shrinks_small(name: str) -> None:
    most = SMALL.get(name, (2, 3))
    left: list[Any] = []
    # What hypothesis draws depends on how the package is installed; it may stop at what only looks least, or
    # go on changing what it has.
    for seed in range(3):
        try:
            request = smallest(FAULTS[name], seed)
        except NoSuchExample:
            left.append("nothing found")
            continue
        made = request["document"]["descriptions"].values()
        size = len(made), sum(len(each["fields"]) for each in made)
        if size[0] <= most[0] and size[1] <= most[1]:
            return
        left.append(size)
    pytest.fail(f"descriptions and fields that are left: {left}, of which {most} are enough")
