# SPDX-License-Identifier: Apache-2.0
"""Whole migration files: framing, RAM, devices by their vmdesc.

    stream = read_file("guest.bin")              # or bytes; never raises for what is in the file
    for section in stream.sections(): ...        # section.label, .offset, .payload, .end, .state
    if stream.fault: print(stream.fault)         # the first of stream.faults: rule, offset, path

    stream = read_file("guest.bin", spans=True)  # for tools that change bytes
    for span in stream.spans: ...                # span.path, .offset, .size, .kind

Paths. A section is called `IDSTR#INSTANCE` (`0000:00:04.0/nvme#0`; a second one of the name has `~2`
behind it), a piece of an iterative one `ram#0!start`, `ram#0!part[3]`, `ram#0!end`; `$header`,
`$configuration`, `$command[0]`, `$eof`, `$vmdesc`, `$trailing` are the rest of the container. Fields
follow as `.sq[3].head`, subsections as `:nvme/extra`. What frames a section has names that begin with
`$`: `.$type .$section_id .$idlen .$idstr .$instance_id .$version_id .$footer .$footer_id`.

Kinds of spans: numbers under the type that the vmdesc shows (`uint32`, `int32 le`, `timer`, `bool` …),
bytes under theirs (`buffer`, `unused_buffer`, `bitmap`, `pci config` …; `bytes` where nothing is known),
and `magic version section-type section-id instance-id length count name footer command payload flags
subsection-type ptr-marker more end key ram-word ram-fill ram-page ram-pages padding xbzrle-flag xbzrle
json trailing`. Spans cover every byte of a sound file once, in ascending order within a section.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from vmstate.whole.errors import StreamFault
    from vmstate.whole.model import Block, Command, End, Item, Record, Section, Stream
    from vmstate.whole.nodes import Span
    from vmstate.whole.source import open_file, read_file

#: Where each name comes from; a command that needs none of them starts no slower for them.
_PLACES: Final = {
    "Block": "model",
    "Command": "model",
    "End": "model",
    "Item": "model",
    "Record": "model",
    "Section": "model",
    "Span": "nodes",
    "Stream": "model",
    "StreamFault": "errors",
    "open_file": "source",
    "read_file": "source",
}

__all__ = [
    "Block",
    "Command",
    "End",
    "Item",
    "Record",
    "Section",
    "Span",
    "Stream",
    "StreamFault",
    "open_file",
    "read_file",
]


def __getattr__(name: str) -> Any:
    """Load a name when it is first asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value
