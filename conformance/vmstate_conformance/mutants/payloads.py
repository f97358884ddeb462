# SPDX-License-Identifier: Apache-2.0
"""Wrong handlers: storage keys and attributes, hash page tables and dirty bitmaps."""

from __future__ import annotations

from typing import Final

from vmstate.container import operations
from vmstate.container.payloads import bitmaps, blocks, htab, sparse, stattrib, words
from vmstate.container.payloads.bitmaps import DirtyBitmaps
from vmstate.container.payloads.htab import HashTable
from vmstate.container.payloads.skeys import StorageKeys
from vmstate.container.payloads.stattrib import StorageAttributes
from vmstate.whole import wire
from vmstate_conformance.mutants.patching import edit, table, value

_KEYS_END: Final = "if flags == wire.S390_EOS:"
_MORE: Final = "if flags != wire.S390_MORE:"
_ERROR: Final = "raise PayloadError('payload-reported', EINVAL, {})"
_STORE: Final = "self.keys[page:page + part] = keys"
_BEYOND: Final = "if page + part > len(self.keys):"
_COUNT: Final = "if not 0 < count < _MOST:"
_ROOM: Final = "if index + valid + invalid > room(self.shift):"
_CLEAR: Final = "self.entries.clear(index + valid, invalid)"
_FIT: Final = "if not needed <= length <= -(-needed // _ALIGN) * _ALIGN:"

S390 = table(
    "payloads",
    {
        "keys-flags-by-bit": (
            "Flags of keys are looked at bit by bit.",
            edit(StorageKeys.load, _MORE, "if not flags & wire.S390_MORE:"),
        ),
        "keys-error-ends": (
            "An error of the source ends the keys with success.",
            edit(StorageKeys.load, _ERROR.format("'Storage key data is incomplete'"), "return"),
        ),
        "keys-end-without-address": (
            "The word that ends the keys has no address.",
            edit(StorageKeys.load, _KEYS_END, "if flags == wire.S390_EOS and (not page):"),
        ),
        "keys-of-version-1-only": (
            "Keys of version 0 are refused.",
            edit(
                StorageKeys.load,
                _KEYS_END,
                "if not version_id:\n"
                "            raise PayloadError('payload-version', EINVAL)\n"
                "        if flags == wire.S390_EOS:",
            ),
        ),
        "keys-last-page-refused": (
            "The last page has no key.",
            edit(StorageKeys._take, _BEYOND, "if page + part >= len(self.keys):"),
        ),
        "keys-beyond-cut": (
            "Keys beyond the memory are left out.",
            edit(
                StorageKeys._take,
                _BEYOND,
                "if page + part > len(self.keys):\n"
                "            self.keys[page:] = keys[:max(len(self.keys) - page, 0)]\n"
                "            return\n"
                "        if False:",
            ),
        ),
        "keys-stored-before-check": (
            "Keys are stored as far as the memory goes, and then refused.",
            edit(
                StorageKeys._take,
                _BEYOND,
                "self.keys[page:page + part] = keys[:max(len(self.keys) - page, 0)]\n"
                "        if page + part > len(self.keys):",
            ),
        ),
        "keys-number-0-beyond-refused": (
            "A number of 0 beyond the memory is refused.",
            edit(
                StorageKeys._take,
                "while count:",
                "if page > len(self.keys):\n"
                "        raise PayloadError('payload-offset', EINVAL)\n"
                "    while count:",
            ),
        ),
        "keys-cut-to-7-bits": (
            "A key has seven bits.",
            edit(StorageKeys._take, _STORE, f"{_STORE[:-4]}bytes(key & 127 for key in keys)"),
        ),
        "page-of-64-KiB": (
            "A word names a page of 64 KiB.",
            edit(words.word, "value // wire.S390_PAGE", "value // 65536"),
        ),
        "flags-of-eight-bits": (
            "The flags of a word are its lowest byte.",
            edit(words.word, "value % wire.S390_PAGE", "value % 256"),
        ),
        "attributes-done-ends": (
            "0x08 ends the attributes.",
            edit(StorageAttributes.load, "continue", "return"),
        ),
        "attributes-done-unknown": (
            "0x08 is an unknown flag of attributes.",
            edit(StorageAttributes.load, "if flags == wire.S390_DONE:", "if False:"),
        ),
        "attributes-flags-by-bit": (
            "Flags of attributes are looked at bit by bit.",
            edit(StorageAttributes.load, _MORE, "if not flags & wire.S390_MORE:"),
        ),
        "attributes-error-ends": (
            "An error of the source ends the attributes with success.",
            edit(
                StorageAttributes.load,
                _ERROR.format("'Storage attributes data is incomplete'"),
                "return",
            ),
        ),
        "attributes-number-0-taken": (
            "A number of 0 is no attributes.",
            edit(StorageAttributes.load, _COUNT, "if count >= _MOST:"),
        ),
        "attributes-of-any-number": (
            "A number that nobody can allocate is read as far as the stream goes.",
            edit(StorageAttributes.load, _COUNT, "if not count:"),
        ),
        "attributes-error-number": (
            "Memory that is not there is an invalid argument.",
            value(stattrib, "ENOMEM", -22),
        ),
        "attributes-of-version-1": (
            "Attributes have version 1.",
            value(StorageAttributes, "version_id", 1),
        ),
    },
)

HTAB = table(
    "payloads",
    {
        "htab-version-unchecked": (
            "A table of any version is taken.",
            edit(HashTable.load, "if version_id != self.version_id:", "if False:"),
        ),
        "htab-more-behind-a-shift": (
            "Chunks follow a shift.",
            edit(HashTable.load, "else:\n        while", "if self.shift:\n        while"),
        ),
        "htab-none-is-a-shift": (
            "A header of -1 is a shift.",
            edit(HashTable.load, "None if header == wire.HTAB_NONE else header", "header"),
        ),
        "htab-keeps-entries": (
            "A new table has the entries of the old one.",
            edit(HashTable._allocate, "self.entries = sparse.Cells(wire.HTAB_ENTRY)", "pass"),
        ),
        "htab-shift-of-empty-tables": (
            "A shift is ignored where the table has entries.",
            edit(
                HashTable._allocate,
                "self.shift = shift",
                "self.shift = self.shift if self.entries.state() else shift",
            ),
        ),
        "htab-index-0-ends": (
            "An index of 0 ends the chunks.",
            edit(HashTable._chunk, "if not (index or valid or invalid):", "if not index:"),
        ),
        "htab-empty-chunk-ends": (
            "A chunk without entries ends them.",
            edit(
                HashTable._chunk,
                "if not (index or valid or invalid):",
                "if not (valid or invalid):",
            ),
        ),
        "htab-only-index-checked": (
            "Only the index must be within the table.",
            edit(HashTable._chunk, _ROOM, "if index >= room(self.shift):"),
        ),
        "htab-invalid-unchecked": (
            "Invalid entries may lie beyond the table.",
            edit(HashTable._chunk, _ROOM, "if index + valid > room(self.shift):"),
        ),
        "htab-last-entry-refused": (
            "The last entry is beyond the table.",
            edit(HashTable._chunk, _ROOM, "if index + valid + invalid >= room(self.shift):"),
        ),
        "htab-index-signed": (
            "A negative index is within the table.",
            edit(
                HashTable._chunk,
                _ROOM,
                "if 0 < _signed(index, 32) + valid + invalid > room(self.shift):",
            ),
        ),
        "htab-room-in-bytes": (
            "A table has as many entries as bytes.",
            edit(htab.room, "(1 << shift) // wire.HTAB_ENTRY", "1 << shift"),
        ),
        "htab-invalid-kept": (
            "Invalid entries stay as they were.",
            edit(HashTable._chunk, _CLEAR, "pass"),
        ),
        "htab-invalid-from-the-index": (
            "Invalid entries come before the valid ones.",
            edit(HashTable._chunk, _CLEAR, "self.entries.clear(index, invalid)"),
        ),
        "cells-rest-zeroed": (
            "An entry that the stream ends in is zero from there on.",
            edit(sparse.Cells.set, "self._held.get(last, bytes(self.size))", "bytes(self.size)"),
        ),
    },
)

BITMAPS = table(
    "payloads",
    {
        "bitmap-one-byte-of-flags": (
            "0x80 is a flag that means nothing.",
            edit(
                wire.bitmap_flags,
                "if flags & BITMAP_EXTRA_FLAGS:\n        flags = number(1)",
                "if False:\n        flags = number(1)",
            ),
        ),
        "bitmap-two-bytes-of-flags": (
            "There are at most two bytes of flags.",
            edit(wire.bitmap_flags, "flags = number(2) & 255", "pass"),
        ),
        "bitmap-first-byte-of-flags": (
            "Of two bytes of flags all bits count.",
            edit(
                wire.bitmap_flags,
                "        flags = number(1)\n        if",
                "        flags |= number(1)\n        if",
            ),
        ),
        "bitmap-third-byte-of-flags": (
            "Of four bytes of flags the third counts.",
            edit(wire.bitmap_flags, "number(2) & 255", "number(2) >> 8"),
        ),
        "bitmap-eos-by-itself": (
            "EOS is a chunk by itself only.",
            edit(
                DirtyBitmaps.load,
                "while not self._chunk(stream, trace) & wire.BITMAP_EOS:",
                "while self._chunk(stream, trace) != wire.BITMAP_EOS:",
            ),
        ),
        "bitmap-complete-before-start": (
            "COMPLETE goes before START.",
            edit(
                DirtyBitmaps._chunk,
                "if flags & wire.BITMAP_START:",
                "if flags & wire.BITMAP_START and (not flags & wire.BITMAP_COMPLETE):",
            ),
        ),
        "bitmap-bits-before-complete": (
            "BITS go before COMPLETE.",
            edit(
                DirtyBitmaps._chunk,
                "elif flags & wire.BITMAP_COMPLETE:",
                "elif flags & wire.BITMAP_COMPLETE and (not flags & wire.BITMAP_BITS):",
            ),
        ),
        "bitmap-names-not-kept": (
            "Each section begins without a node and a bitmap.",
            edit(
                DirtyBitmaps.load,
                "self._machine = machine",
                "self._machine = machine\n    self._node = self._bitmap = None",
            ),
        ),
        "bitmap-cancelled-for-a-section": (
            "What is cancelled is cancelled until the section ends.",
            edit(
                DirtyBitmaps.load,
                "self._machine = machine",
                "self._machine = machine\n    self.cancelled = False",
            ),
        ),
        "bitmap-empty-name-taken": (
            "A name may be empty.",
            edit(
                DirtyBitmaps._string,
                "if name is None:",
                "if name is None and (not stream.error):\n        return b''\n    if name is None:",
            ),
        ),
        "bitmap-node-of-anyone": (
            "A node needs nothing that the stream has begun.",
            edit(
                DirtyBitmaps._find_node,
                "self._begun_on.get(alias)",
                "self._begun_on.get(alias) or self.nodes.get(real)",
            ),
        ),
        "bitmap-of-anyone": (
            "A bitmap needs not be one that the stream has begun.",
            edit(
                DirtyBitmaps._find_bitmap,
                "self._begun.get((node.name, self._name))",
                "node.bitmaps.get(self._name)",
            ),
        ),
        "bitmap-wrong-is-refused": (
            "What cannot be a bitmap refuses the stream.",
            edit(
                DirtyBitmaps._swallow,
                "self.cancel()",
                "raise PayloadError('payload-content', EINVAL)",
            ),
        ),
        "bitmap-wrong-is-skipped": (
            "What cannot be a bitmap cancels nothing that was begun before.",
            edit(
                DirtyBitmaps._swallow,
                "self.cancel()",
                "self.cancelled = True\n        self._node = self._bitmap = None",
            ),
        ),
        "bitmap-completed-stays": (
            "Cancelling leaves what was completed.",
            edit(
                DirtyBitmaps.cancel,
                "del bitmap.node.bitmaps[bitmap.name]",
                "if bitmap.busy:\n            del bitmap.node.bitmaps[bitmap.name]",
            ),
        ),
        "bitmap-refused-later-stays": (
            "A stream that is refused elsewhere leaves its bitmaps.",
            edit(operations._stream, "device.handler.cancel()", "pass"),
        ),
        "bitmap-there-already-taken": (
            "A bitmap that is there already is begun anew.",
            edit(DirtyBitmaps._begin, "if self._bitmap is not None:", "if False:"),
        ),
        "bitmap-reserved-flags-taken": (
            "Flags of START that are reserved are ignored.",
            edit(DirtyBitmaps._begin, "if flags & _RESERVED:", "if False:"),
        ),
        "bitmap-autoload-refused": (
            "The flag that is of no use any more is refused.",
            value(bitmaps, "_RESERVED", 0xFC),
        ),
        "bitmap-flags-when-cancelled": (
            "Flags of START are looked at when all is cancelled, too.",
            edit(
                DirtyBitmaps._begin,
                "if self.cancelled:",
                "if self.cancelled and flags & _RESERVED:\n"
                "        raise PayloadError('payload-flags', EINVAL)\n"
                "    if self.cancelled:",
            ),
        ),
        "bitmap-enabled-always": (
            "A bitmap is enabled, whatever its flags.",
            edit(DirtyBitmaps._begin, "bool(flags & _ENABLED)", "True"),
        ),
        "bitmap-never-persistent": (
            "A bitmap is not persistent, whatever its flags.",
            edit(
                DirtyBitmaps._begin, "persistent = bool(flags & _PERSISTENT)", "persistent = False"
            ),
        ),
        "bitmap-read-only-persistent": (
            "A read-only node takes persistent bitmaps.",
            edit(DirtyBitmaps._begin, "if persistent and node.read_only:", "if False:"),
        ),
        "bitmap-read-only-refused": (
            "A read-only node takes no bitmap.",
            edit(DirtyBitmaps._begin, "if persistent and node.read_only:", "if node.read_only:"),
        ),
        "bitmap-never-busy": (
            "A bitmap is done when it begins.",
            edit(DirtyBitmaps._begin, "busy=True", "busy=False"),
        ),
        "bitmap-busy-for-ever": (
            "COMPLETE does nothing.",
            edit(DirtyBitmaps._complete, "self._bitmap.busy = False", "pass"),
        ),
        "bitmap-sectors-are-bytes": (
            "A range is given in bytes.",
            value(bitmaps, "SECTOR", 1),
        ),
        "bitmap-zeroes-ignored": (
            "ZEROES leaves bits as they are.",
            edit(
                DirtyBitmaps._bits,
                "self._bitmap.words.clear(*self._words(self._bitmap, first, size))",
                "pass",
            ),
        ),
        "bitmap-padding-refused": (
            "Data are not rounded up.",
            edit(DirtyBitmaps._bits, _FIT, "if needed != length:"),
        ),
        "bitmap-any-padding-taken": (
            "Data may be longer than their range.",
            edit(DirtyBitmaps._bits, _FIT, "if not needed <= length:"),
        ),
        "bitmap-padding-stored": (
            "What data are rounded up with is stored.",
            edit(DirtyBitmaps._bits, "data[:needed]", "data"),
        ),
        "bitmap-fewer-bytes-taken": (
            "Data may be shorter than their range.",
            edit(DirtyBitmaps._bits, "if not needed <= length <=", "if not length <="),
        ),
        "bitmap-wrong-size-refused": (
            "Data of a wrong size refuse the stream.",
            edit(
                DirtyBitmaps._bits,
                _FIT,
                f"{_FIT}\n        raise PayloadError('payload-length', EINVAL)\n    if False:",
            ),
        ),
        "bitmap-of-any-size": (
            "Data may have any size.",
            edit(DirtyBitmaps._bits, "if length > wire.BITMAP_MOST:", "if False:"),
        ),
        "bitmap-most-refused": (
            "Data have less than 10240 bytes.",
            edit(
                DirtyBitmaps._bits,
                "if length > wire.BITMAP_MOST:",
                "if length >= wire.BITMAP_MOST:",
            ),
        ),
        "bitmap-size-unchecked-when-cancelled": (
            "Data may have any size when all is cancelled.",
            edit(
                DirtyBitmaps._bits,
                "if length > wire.BITMAP_MOST:",
                "if length > wire.BITMAP_MOST and (not self.cancelled):",
            ),
        ),
        "bitmap-odd-end-refused": (
            "The last range ends at a word.",
            edit(DirtyBitmaps._words, "last < end and size % unit", "size % unit"),
        ),
        "bitmap-without-its-last-bit": (
            "A bitmap has no bit for the rest of a node.",
            edit(blocks.Node.bits, "-(-self.size // granularity)", "self.size // granularity"),
        ),
        "bitmap-end-unnoticed": (
            "The end of the stream is noticed by the next section only.",
            edit(
                DirtyBitmaps._chunk,
                "if stream.error:",
                "if stream.error:\n        return 1\n    if False:",
            ),
        ),
        "bitmap-version-unchecked": (
            "Bitmaps of any version are taken.",
            edit(DirtyBitmaps.load, "if version_id != self.version_id:", "if False:"),
        ),
        "bitmap-mapping-optional": (
            "With a mapping, a node's own name is good as well.",
            edit(
                DirtyBitmaps._find_node,
                "if alias not in self.aliases:",
                "if starts and alias in self.nodes:\n"
                "            self._node = self.nodes[alias]\n"
                "            self._alias = next(iter(self.aliases))\n"
                "            return\n"
                "        if alias not in self.aliases:",
            ),
        ),
        "bitmap-alias-is-its-name": (
            "An alias of a bitmap is its name.",
            edit(DirtyBitmaps._find_bitmap, "self._name = self._inner.name", "pass"),
        ),
        "bitmap-alias-not-forcing": (
            "An alias does not say whether a bitmap is persistent.",
            edit(
                DirtyBitmaps._begin,
                "if self._inner is not None and self._inner.persistent is not None:",
                "if False:",
            ),
        ),
        "bitmap-alias-only-adds": (
            "An alias may make a bitmap persistent, but not the reverse.",
            edit(
                DirtyBitmaps._begin,
                "persistent = self._inner.persistent",
                "persistent |= self._inner.persistent",
            ),
        ),
    },
)
