# SPDX-License-Identifier: Apache-2.0
"""Whatever the reference saves as a whole stream is read to its last byte and written back as it was."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, given, target
from hypothesis import strategies as st

from vmstate.operations import perform
from vmstate.whole import Stream, read_file
from vmstate.whole.fromjson import encode
from vmstate.whole.source import open_file
from vmstate.whole.tojson import write
from vmstate_conformance.strategies import documents, note_case, states


def again(data: bytes) -> bytes:
    """Decode to JSON and encode that."""
    text: list[str] = []
    write(open_file(data), text.append)
    out: list[bytes] = []
    encode(json.loads("".join(text)), out.append)
    return b"".join(out)


def covered(stream: Stream) -> bool:
    """Whether the leaves cover every byte once."""
    assert stream.spans is not None
    at = 0
    for span in sorted(stream.spans, key=lambda one: (one.offset, one.size)):
        if span.size and span.offset != at:
            return False
        at += span.size
    return at == stream.size


@given(st.data())
def test_what_is_saved_is_read_to_its_last_byte_and_written_back(data: st.DataObject) -> None:
    document = data.draw(documents())
    devices = [
        {"idstr": f"dev{i}", "instance_id": i, "state": data.draw(states(document))}
        for i in range(2)
    ]
    machine = {"footers": data.draw(st.booleans()), "configuration": data.draw(st.booleans())}
    request: dict[str, Any] = {"op": "savevm", "document": document, "devices": devices}
    saved = perform({**request, "machine": machine})
    note_case(request)
    assume(saved["verdict"] == "ok")
    stream = bytes.fromhex(saved["stream"])
    read = read_file(stream, spans=True)
    assert covered(read)
    assert again(stream) == stream
    decoded = [section for section in read.sections() if not section.raw]
    target(float(sum(section.end - section.payload for section in decoded)))
    if machine["footers"]:
        # Without footers or a layout, where one section ends is a guess.
        labels = [section.label for section in read.sections()]
        assert labels == [f"{one['idstr']}#{one['instance_id']}" for one in devices][: len(labels)]


@given(st.data())
def test_damage_is_never_more_than_a_fault(data: st.DataObject) -> None:
    document = data.draw(documents())
    devices = [{"idstr": "dev", "state": data.draw(states(document))}]
    saved = perform({"op": "savevm", "document": document, "devices": devices})
    assume(saved["verdict"] == "ok")
    stream = bytearray.fromhex(saved["stream"])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(stream) - 1))
        stream[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
        assume(stream)
    damaged = bytes(stream)
    read = read_file(damaged, spans=True)
    assert covered(read)
    assert again(damaged) == damaged
    for fault in read.faults:
        assert str(fault).isprintable()
