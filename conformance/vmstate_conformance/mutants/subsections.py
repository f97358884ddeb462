# SPDX-License-Identifier: Apache-2.0
"""Wrong subsections."""

from __future__ import annotations

from typing import Final

from vmstate import subsections
from vmstate.subsections import load_subsections, save_subsections
from vmstate_conformance.mutants.patching import edit, table, value

_SHORT: Final = "if length < len(prefix) + 1:"
_CUT: Final = "if len(seen) < length:\n            return"
_PREFIX: Final = "if not name.startswith(prefix):"
_FOUND: Final = "if found is None:"
_NEEDED: Final = "if sub.needed is not None and (not sub.needed(saver.heap, opaque)):"
_LENGTH: Final = "saver.stream.put_number(len(name), 1)"

SUBSECTIONS = table(
    "subsections",
    {
        "sub-prefix-off-by-one": (
            "A name as long as the parent's is taken for a subsection's.",
            edit(load_subsections, _SHORT, "if length < len(prefix):"),
        ),
        "sub-prefix-longer": (
            "A subsection's name must be two bytes longer than its parent's.",
            edit(load_subsections, _SHORT, "if length < len(prefix) + 2:"),
        ),
        "sub-prefix-with-slash": (
            "A name must go on with a slash to be a subsection's.",
            edit(load_subsections, _PREFIX, "if not name.startswith(prefix + b'/'):"),
        ),
        "sub-prefix-unchecked": (
            "Any name is taken for a subsection's.",
            edit(load_subsections, _PREFIX, "if False:"),
        ),
        "sub-cut-name-refused": (
            "A name that the end cuts short is refused.",
            edit(
                load_subsections,
                _CUT,
                "if len(seen) < length:\n            raise Reject('stream-error', '')",
            ),
        ),
        "sub-name-with-nul": (
            "A name does not end at a NUL.",
            edit(load_subsections, "seen.split(b'\\x00', 1)[0]", "seen"),
        ),
        "sub-unknown-is-data": (
            "An unknown subsection ends the search with success.",
            edit(
                load_subsections, _FOUND, "if found is None:\n            return\n        if False:"
            ),
        ),
        "sub-unknown-consumed": (
            "An unknown subsection's header is consumed.",
            edit(
                load_subsections,
                _FOUND,
                "if found is None:\n            stream.skip(2 + length)\n        if found is None:",
            ),
        ),
        "sub-without-list-is-data": (
            "Without a list, nothing is an unknown subsection.",
            edit(
                load_subsections,
                _FOUND,
                "if vmsd.subsections is None:\n            return\n        if found is None:",
            ),
        ),
        "sub-version-not-cut": (
            "A subsection's version keeps its 32 bits.",
            edit(load_subsections, "stream.number(4) & 255", "stream.number(4)"),
        ),
        "sub-version-16-bit": (
            "A subsection's version is two bytes in the stream.",
            edit(load_subsections, "stream.number(4) & 255", "stream.number(2) & 255"),
        ),
        "sub-version-ignored": (
            "A subsection is loaded at its local version.",
            edit(
                load_subsections,
                "loader.load_vmsd(found, opaque, version_id)",
                "loader.load_vmsd(found, opaque, found.version_id)",
            ),
        ),
        "sub-first-only": (
            "One subsection is loaded, and no more.",
            edit(load_subsections, "loader.trace.leave()", "loader.trace.leave()\n        return"),
        ),
        "sub-in-order": (
            "Subsections come in the order of the list, each once.",
            edit(
                load_subsections,
                "while stream.peek_byte(0)",
                "left = list(vmsd.subsections or ())\n    while stream.peek_byte(0)",
                _FOUND,
                "if found is not None:\n"
                "            if found not in left:\n"
                "                raise Reject('unknown-subsection', '')\n"
                "            del left[: left.index(found) + 1]\n"
                "        if found is None:",
            ),
        ),
        "sub-needed-on-load": (
            "A subsection that is not needed is not known on load.",
            edit(
                load_subsections,
                _FOUND,
                "if found and found.needed and not found.needed(loader.heap, opaque):\n"
                "            found = None\n"
                "        if found is None:",
            ),
        ),
        "sub-required": (
            "A needed subsection that does not come is an error.",
            edit(
                load_subsections,
                "while stream.peek_byte(0)",
                "if vmsd.subsections and stream.peek_byte(0) != QEMU_VM_SUBSECTION:\n"
                "        raise Reject('unknown-subsection', '')\n"
                "    while stream.peek_byte(0)",
            ),
        ),
        "sub-type-byte": (
            "Subsections begin with 0x06.",
            value(subsections, "QEMU_VM_SUBSECTION", 6),
        ),
        "sub-always-saved": (
            "A subsection that is not needed is saved all the same.",
            edit(save_subsections, _NEEDED, "if False:"),
        ),
        "sub-without-needed-not-saved": (
            "A subsection without `needed` is not saved.",
            edit(
                save_subsections,
                _NEEDED,
                "if sub.needed is None or not sub.needed(saver.heap, opaque):",
            ),
        ),
        "sub-not-needed-ends": (
            "A subsection that is not needed ends the list.",
            edit(save_subsections, "        continue", "        break"),
        ),
        "sub-saved-backwards": (
            "Subsections are saved from the last to the first.",
            edit(
                save_subsections,
                "for sub in vmsd.subsections or ():",
                "for sub in reversed(vmsd.subsections or ()):",
            ),
        ),
        "sub-length-of-parent": (
            "Only what follows the parent's name is sent.",
            edit(
                save_subsections,
                "name = sub.name.encode()",
                "name = sub.name.encode()[len(vmsd.name):]",
            ),
        ),
        "sub-long-name-whole": (
            "A name of more than 255 bytes is sent whole.",
            edit(save_subsections, "name[:len(name) & 255]", "name"),
        ),
        "sub-length-16-bit": (
            "A name's length is two bytes.",
            edit(save_subsections, _LENGTH, "saver.stream.put_number(len(name), 2)"),
        ),
        "sub-version-one-byte": (
            "A subsection's version is sent as one byte.",
            edit(save_subsections, "(sub.version_id, 4)", "(sub.version_id, 1)"),
        ),
        "sub-parents-version-sent": (
            "A subsection is sent with its parent's version.",
            edit(save_subsections, "(sub.version_id, 4)", "(vmsd.version_id, 4)"),
        ),
        "sub-list-always-described": (
            "The vmdesc lists subsections even where none was saved.",
            edit(
                save_subsections,
                "listed = False",
                "listed = saver.vmdesc is not None and vmsd.subsections is not None\n"
                "    if listed:\n        saver.vmdesc.start_array('subsections')",
            ),
        ),
        "sub-version-by-parent": (
            "A subsection's version must not be above its parent's.",
            edit(
                load_subsections,
                "version_id = stream.number(4) & 255",
                "version_id = stream.number(4) & 255\n"
                "        if version_id > vmsd.version_id:\n"
                "            raise Reject('version-too-new', '')",
            ),
        ),
        "sub-of-root-only": (
            "Only the root looks for subsections.",
            edit(
                load_subsections,
                "prefix = vmsd.name.encode()",
                "prefix = vmsd.name.encode()\n    if loader.depth > 1:\n        return",
            ),
        ),
        "sub-empty-name-is-data": (
            "A description with an empty name has no subsections.",
            edit(load_subsections, _PREFIX, "if not prefix or not name.startswith(prefix):"),
        ),
        "sub-cut-version-refused": (
            "A version that the end cuts short is refused as that end.",
            edit(
                load_subsections,
                "version_id = stream.number(4) & 255",
                "version_id = stream.number(4) & 255\n"
                "        if stream.error:\n"
                "            raise Reject('stream-error', '')",
            ),
        ),
        "sub-of-descendants": (
            "A subsection of a subsection is found at its grandparent's level.",
            edit(
                load_subsections,
                "for sub in vmsd.subsections or () if",
                "for one in vmsd.subsections or () for sub in (one, *(one.subsections or ())) if",
            ),
        ),
        "sub-same-twice-refused": (
            "A subsection that comes twice is refused.",
            edit(
                load_subsections,
                "prefix = vmsd.name.encode()",
                "prefix = vmsd.name.encode()\n    met = []",
                "start = stream.position",
                "if found in met:\n            raise Reject('unknown-subsection', '')\n"
                "        met.append(found)\n        start = stream.position",
            ),
        ),
    },
)
