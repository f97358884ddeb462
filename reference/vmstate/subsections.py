# SPDX-License-Identifier: Apache-2.0
"""Subsections: vmstate_subsection_load() and vmstate_subsection_save()."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vmstate.description import VMStateDescription
from vmstate.errors import ENOENT, Reject, out_of_bounds

if TYPE_CHECKING:
    from vmstate.load import Loader
    from vmstate.save import Saver

QEMU_VM_SUBSECTION: Final = 0x05


def load_subsections(loader: Loader, vmsd: VMStateDescription, opaque: int) -> None:
    """Load all subsections that follow here. Raises `Reject`. [SUB-LOAD-1]

    Anything that only looks like one ends the search with success and nothing consumed.
    """
    stream = loader.stream
    prefix = vmsd.name.encode()
    while stream.peek_byte(0) == QEMU_VM_SUBSECTION:
        # A name is at least one byte longer than its parent's [SUB-LOAD-3]
        length = stream.peek_byte(1)
        if length < len(prefix) + 1:
            return
        seen = stream.peek(length, 2)
        if len(seen) < length:  # [SUB-LOAD-7]
            return
        name = seen.split(b"\0", 1)[0]  # [SUB-LOAD-8]
        if not name.startswith(prefix):  # [SUB-LOAD-4]
            return

        found = next((sub for sub in vmsd.subsections or () if sub.name.encode() == name), None)
        shown = name.decode(errors="replace")
        if found is None:  # [SUB-LOAD-5]
            raise Reject(
                "unknown-subsection",
                f"VM subsection '{shown}' in '{vmsd.name}' does not exist",
                ENOENT,
            )

        start = stream.position
        stream.skip(2 + length)
        # 32 bits are read, 8 are kept [SUB-LOAD-6]
        version_id = stream.number(4) & 0xFF
        loader.trace.enter(f"<{shown}>")
        loader.trace.note(start, stream.position, "subsection", f"version {version_id}")
        try:
            loader.load_vmsd(found, opaque, version_id)  # into the same object [SUB-LOAD-10]
        except Reject as reject:
            if not reject.message:  # no error object to put the prefix on [INFO-FD-2]
                raise out_of_bounds("read through a wild pointer") from None
            reject.message = (
                f"Loading VM subsection '{shown}' in '{vmsd.name}' failed: {reject.message}"
            )
            raise
        loader.trace.leave()


def save_subsections(saver: Saver, vmsd: VMStateDescription, opaque: int) -> None:
    """Save the subsections that are needed, in the order of the list. [SUB-SAVE-1]"""
    listed = False
    for sub in vmsd.subsections or ():
        if sub.needed is not None and not sub.needed(saver.heap, opaque):
            continue
        if saver.vmdesc is not None:
            if not listed:
                saver.vmdesc.start_array("subsections")  # [VMDESC-SUB-1]
                listed = True
            saver.vmdesc.start_object()
        # The length is one byte, and the name is cut to it [SUB-SAVE-2]
        name = sub.name.encode()
        start = saver.stream.transferred()
        saver.stream.put_number(QEMU_VM_SUBSECTION, 1)
        saver.stream.put_number(len(name), 1)
        saver.stream.put(name[: len(name) & 0xFF])
        saver.stream.put_number(sub.version_id, 4)  # [SUB-SAVE-3]
        saver.trace.enter(f"<{sub.name}>")
        end = saver.stream.transferred()
        saver.trace.note(start, end, "subsection", f"version {sub.version_id}")
        saver.save_vmsd(sub, opaque, sub.version_id)
        saver.trace.leave()
        if saver.vmdesc is not None:
            saver.vmdesc.end_object()
    if listed and saver.vmdesc is not None:
        saver.vmdesc.end_array()
