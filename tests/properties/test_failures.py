# SPDX-License-Identifier: Apache-2.0
"""What a failed load leaves behind: truncation at every byte, versions, subsections, leaks."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from loads import AFTER, Sent, inside, load, sent, version

from vmstate.dialects import PROFILES
from vmstate.operations import perform
from vmstate_conformance.strategies import (
    FIELD_KINDS,
    documents,
    mutations,
    note_case,
    states,
    streams,
    successors,
)
from vmstate_conformance.strategies.landing import cleared
from vmstate_conformance.strategies.plan import Plan
from vmstate_conformance.strategies.wire import Part

LIMITS = PROFILES["compat"].limits
# The node that a fault is in has no place yet: it is released.
LISTS = ("qtailq", "qlist", "gtree", "gtree-direct")
NO_LISTS = [kind for kind in FIELD_KINDS if kind not in LISTS]
STEP = re.compile(r"<[^>]*>|[^.\[\]<>]+|\[\d+\]")
REFUSALS = {"field-load-failed", "stream-error", "unexpected-ptr-marker", "validation-failed"}
# What is missing of a version reads as 0.
CUT = {*REFUSALS, "version-too-old"}


def value(state: Any, path: str) -> Any:
    """The value at a field path, where names of fields are those of members; None where they are not."""
    for step in STEP.findall(path):
        if step.startswith("<"):
            continue
        key: Any = int(step[1:-1]) if step.startswith("[") else step
        try:
            state = state[key]
        except (KeyError, IndexError, TypeError):
            return None
    return state if isinstance(state, str) else None


def headers(sent: Sent) -> list[range]:
    """Where the root's own subsections have their headers, and the end.

    A stream may end there: what is left of a header only looks like one, and with a version of 0, which
    is what a missing version reads as, a subsection that sends nothing needs no more.
    """
    own = [part for part in sent.wire.of("subsection") if "." not in part.path]
    length = len(sent.wire.stream)
    return [range(length, length + 1), *(range(part.start, part.end) for part in own)]


def sound(result: dict[str, Any], cut: int, ends: list[range]) -> bool:
    """Whether that is what may come of a cut stream."""
    if result["verdict"] == "accept":
        within = any(cut in each and result["consumed"] in (each.start, cut) for each in ends)
        return within and result["stream_error"] in (0, -5)
    told = result["verdict"] == "reject" and result["error"] in CUT
    return told and result["consumed"] <= cut and result["stream_error"] in (-5, -22)


@given(sent(max_fields=4))
def test_a_stream_cut_at_any_byte_is_refused_and_consumed_no_further(sent: Sent) -> None:
    ends, length = headers(sent), len(sent.wire.stream)
    for cut in range(0, length + 1, length // 48 + 1):
        request = sent.request(sent.wire.stream[:cut])
        result = perform(request)
        if not sound(result, cut, ends):
            note_case(request)
        assert sound(result, cut, ends), cut


@given(st.data())
def test_what_was_loaded_before_the_fault_stays(data: st.DataObject) -> None:
    drawn: Sent = data.draw(sent(kinds=NO_LISTS))
    cut = data.draw(st.integers(0, len(drawn.wire.stream)))
    request = drawn.request(drawn.wire.stream[:cut])
    note_case(request)
    result = perform(request)
    assert result["verdict"] in ("accept", "reject")
    # A member that is sent twice is not what it was where the second time is cut short.
    again = {part.path for part in drawn.wire.parts if part.end > cut}
    for part in drawn.wire.parts:
        whole = part.end <= cut and part.path not in again
        if whole and part.kind in ("number", "count", "bytes") and _own(part):
            assert value(result["state"], part.path) == value(drawn.state, part.path), part.path


def _own(part: Part) -> bool:
    """Whether the part is a member's, and not a temporary's."""
    return "tmp" not in part.path and part.info != "g_byte_array"


@given(st.data())
def test_a_cut_stream_makes_a_load_lose_no_more_than_what_a_released_node_held(
    data: st.DataObject,
) -> None:
    drawn: Sent = data.draw(sent())
    cut = data.draw(st.integers(0, len(drawn.wire.stream)))
    request = drawn.request(drawn.wire.stream[:cut])
    note_case(request)
    whole = inside(drawn.request(drawn.wire.stream + AFTER), LIMITS)
    failed = inside(request, LIMITS)
    fault = str(perform(request).get("path"))
    assert whole.outcome is None
    known = {(block.owner, block.made) for block in whole.lost}
    for block in failed.lost:
        assert (block.owner, block.made) in known or _in_the_node_at(fault, block.owner)


def _in_the_node_at(fault: str, owner: str) -> bool:
    """Whether a block was made for the list's node that the fault is in: QEMU loses what it holds."""
    ends = [match.end() for match in re.finditer(r"\[\d+\]", owner)]
    return any(fault.startswith(f"{owner[:end]}.") for end in ends)


@given(sent())
def test_a_load_loses_only_what_stood_where_it_allocates(sent: Sent) -> None:
    request = sent.request(sent.wire.stream + AFTER)
    note_case(request)
    assert all(block.made == 0 for block in inside(request, LIMITS).lost)


@given(sent(), st.integers(-(1 << 31), (1 << 31) - 1) | st.integers(-1, 260))
def test_a_version_outside_of_the_range_is_refused_and_nothing_touched(
    sent: Sent, asked: int
) -> None:
    root = sent.document["descriptions"][sent.document["root"]]
    assume(not root["minimum_version_id"] <= asked <= root["version_id"])
    request = load(sent.document, sent.destination, sent.wire.stream, asked)
    note_case(request)
    result = perform(request)
    wanted = "version-too-new" if asked > root["version_id"] else "version-too-old"
    assert (result["verdict"], result["error"]) == ("reject", wanted)
    assert (result["consumed"], result["stream_error"]) == (0, 0)
    assert result["state"] == sent.destination
    assert result["heap"] == {"allocated": 0, "leaked": 0}


def roots(sent: Sent) -> list[tuple[int, int, str]]:
    """The root's own subsections in the stream."""
    own = {part.start for part in sent.wire.of("subsection") if "." not in part.path}
    return [each for each in sent.wire.subsections if each[0] in own]


@st.composite
def with_subsections(draw: st.DrawFn) -> Sent:
    """A root with subsections of its own, of which most are sent."""
    kinds = ["info-inline-one-embedded", "buffer", "info-auto-fixed-embedded"]
    old = draw(documents(kinds=kinds, max_fields=5))
    document = draw(successors(old, steps=["subsection"])).document
    state = draw(states(document))
    return Sent(document, state, draw(streams(document, state)), cleared(Plan(document), state))


@given(with_subsections(), st.randoms(use_true_random=False))
def test_subsections_may_come_in_any_order_and_may_lack(sent: Sent, random: Any) -> None:
    found = roots(sent)
    assume(found)
    head = sent.wire.stream[: found[0][0]]
    pieces = [sent.wire.stream[start:end] for start, end, _ in found]
    shuffled = random.sample(pieces, len(pieces))
    request = sent.request(head + b"".join(shuffled) + AFTER)
    note_case(request)
    result = perform(request)
    assert result["verdict"] == "accept"
    assert result["state"] == sent.state

    less = perform(sent.request(head + b"".join(shuffled[1:]) + AFTER))
    assert less["verdict"] == "accept"
    assert less["consumed"] == len(head) + sum(map(len, shuffled[1:]))


@given(with_subsections(), st.text("ab-", min_size=1, max_size=3))
def test_a_subsection_that_nobody_knows_is_refused_by_name(sent: Sent, suffix: str) -> None:
    name = f"{sent.document['root']}/{suffix}~"
    header = b"\5" + bytes([len(name)]) + name.encode() + bytes(4)
    request = sent.request(sent.wire.stream + header + AFTER)
    note_case(request)
    result = perform(request)
    assert (result["verdict"], result["error"]) == ("reject", "unknown-subsection")
    assert name in result["message"]
    assert result["consumed"] == len(sent.wire.stream)
    assert result["stream_error"] == -22


@given(with_subsections())
def test_what_only_looks_like_a_subsection_is_left_where_it_is(sent: Sent) -> None:
    for alike in (b"\5", b"\5\1x", b"\5\xff" + b"x" * 20, b"\5\3zzz\0\0\0\1"):
        result = perform(sent.request(sent.wire.stream + alike + AFTER))
        assert result["verdict"] == "accept"
        assert result["consumed"] == len(sent.wire.stream)
        assert result["state"] == sent.state


@given(st.data())
def test_a_too_new_subsection_is_refused_and_an_old_one_by_its_minimum(
    data: st.DataObject,
) -> None:
    drawn: Sent = data.draw(with_subsections())
    assume(roots(drawn))
    mutated = data.draw(mutations(drawn.wire, names=["subsection-version"]))
    request = drawn.request(mutated.stream + AFTER)
    note_case(request)
    result = perform(request)
    assert result["verdict"] in ("accept", "reject")
    if result["verdict"] == "reject":
        assert result["error"] in {
            "version-too-new",
            "version-too-old",
            *REFUSALS,
            "unknown-subsection",
        }


@given(sent())
def test_the_same_load_twice_gives_the_same(sent: Sent) -> None:
    request = load(sent.document, sent.destination, sent.wire.stream, version(sent.document))
    assert perform(request) == perform(request)
