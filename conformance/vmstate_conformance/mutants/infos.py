# SPDX-License-Identifier: Apache-2.0
"""Wrong codecs of leaves."""

from __future__ import annotations

from typing import Final

from vmstate import bulk, infos_plain
from vmstate.infos import INFOS
from vmstate.infos_plain import (
    Bitmap,
    Buffer,
    Equal,
    Fd,
    Int32LE,
    Number,
    PtrMarker,
    Timer,
    UnusedBuffer,
)
from vmstate_conformance.mutants.patching import Change, edit, table, together, value

_DIFFERS: Final = "if held != received:"
_RANGE: Final = "if not 0 <= value <= held:"
_WORDS: Final = "(bits + 63 & U64) // 64"


def _size(name: str, size: int) -> Change:
    """Give a number another width."""
    return value(INFOS[name], "size", size)


INFO = table(
    "infos",
    {
        "bool-kept": (
            "A bool keeps the byte that was sent.",
            together(
                edit(Number.load, "int(value != 0)", "value"),
                value(bulk, "_TO_BOOL", bytes(range(256))),
            ),
        ),
        "bool-saved-as-1": (
            "A bool is saved as 1 whatever byte but 0 memory holds.",
            edit(
                Number.save,
                "saver.heap.read(element, self.size)[::-1]",
                "bytes([saver.heap.number(element, 1) != 0]) if self.boolean"
                " else saver.heap.read(element, self.size)[::-1]",
            ),
        ),
        "bool-lowest-bit": (
            "A bool is the lowest bit of the byte that was sent.",
            together(
                edit(Number.load, "int(value != 0)", "value & 1"),
                value(bulk, "_TO_BOOL", bytes([0, 1] * 128)),
            ),
        ),
        "bool-refused": (
            "A bool other than 0 and 1 is refused.",
            edit(
                Number.load,
                "value = int(value != 0)",
                "if value > 1:\n            raise failed('no bool')",
            ),
        ),
        "number-little-endian-on-load": (
            "Numbers are loaded in the order of memory.",
            together(
                edit(Number.load, "(self.size, 'little')", "(self.size, 'big')"),
                edit(bulk._swap, "if size == 1:", "if True:"),
            ),
        ),
        "number-little-endian-on-save": (
            "Numbers are saved in the order of memory.",
            edit(Number.save, "[::-1]", ""),
        ),
        "int16-of-4-bytes": ("int16 takes 4 bytes.", _size("int16", 4)),
        "uint16-of-1-byte": ("uint16 takes 1 byte.", _size("uint16", 1)),
        "int32-of-2-bytes": ("int32 takes 2 bytes.", _size("int32", 2)),
        "uint32-of-2-bytes": ("uint32 takes 2 bytes.", _size("uint32", 2)),
        "int64-of-4-bytes": ("int64 takes 4 bytes.", _size("int64", 4)),
        "uint64-of-4-bytes": ("uint64 takes 4 bytes.", _size("uint64", 4)),
        "int8-of-2-bytes": ("int8 takes 2 bytes.", _size("int8", 2)),
        "uint8-of-2-bytes": ("uint8 takes 2 bytes.", _size("uint8", 2)),
        "double-of-4-bytes": ("cpudouble takes 4 bytes.", _size("cpudouble", 4)),
        "double-halves-swapped": (
            "The halves of a cpudouble are swapped.",
            edit(
                Number.load,
                "value = loader.stream.number(self.size)",
                "value = loader.stream.number(self.size)\n"
                "    if self.name == 'CPU_Double_U':\n"
                "        value = value >> 32 | (value & 4294967295) << 32",
            ),
        ),
        "equal-unchecked": (
            "An equal number may differ.",
            edit(Equal.load, _DIFFERS, "if False:"),
        ),
        "equal-stored": (
            "An equal number that differs is stored.",
            edit(
                Equal.load,
                _DIFFERS,
                "if held != received:\n"
                "        loader.heap.write(element, received.to_bytes(self.size, 'little'))\n"
                "    if held != received:",
            ),
        ),
        "equal-may-be-less": (
            "An equal number may be less than the one held.",
            edit(Equal.load, _DIFFERS, "if held < received:"),
        ),
        "equal-may-be-more": (
            "An equal number may be more than the one held.",
            edit(Equal.load, _DIFFERS, "if held > received:"),
        ),
        "equal-after-end": (
            "An equal number that the end cuts short is taken.",
            edit(Equal.load, _DIFFERS, "if held != received and not loader.stream.error:"),
        ),
        "uint8-equal-of-2-bytes": ("uint8_equal takes 2 bytes.", _size("uint8_equal", 2)),
        "uint16-equal-of-1-byte": ("uint16_equal takes 1 byte.", _size("uint16_equal", 1)),
        "int32-equal-of-2-bytes": ("int32_equal takes 2 bytes.", _size("int32_equal", 2)),
        "uint32-equal-of-2-bytes": ("uint32_equal takes 2 bytes.", _size("uint32_equal", 2)),
        "uint64-equal-of-4-bytes": ("uint64_equal takes 4 bytes.", _size("uint64_equal", 4)),
        "le-negative-taken": (
            "int32_le takes negative numbers.",
            edit(
                Int32LE.load,
                _RANGE,
                "if not value <= held:",
                "value.to_bytes(4, 'little')",
                "value.to_bytes(4, 'little', signed=True)",
            ),
        ),
        "le-zero-refused": (
            "int32_le refuses 0.",
            edit(Int32LE.load, _RANGE, "if not 0 < value <= held:"),
        ),
        "le-same-refused": (
            "int32_le refuses the number that is held.",
            edit(Int32LE.load, _RANGE, "if not 0 <= value < held:"),
        ),
        "le-any-taken": (
            "int32_le takes what is above the number held.",
            edit(Int32LE.load, _RANGE, "if not 0 <= value:"),
        ),
        "le-unsigned": (
            "int32_le compares with the number held as an unsigned one.",
            edit(Int32LE.load, "4, signed=True", "4, signed=False"),
        ),
        "le-stored-first": (
            "int32_le stores what it refuses.",
            edit(
                Int32LE.load,
                _RANGE,
                "loader.heap.write(element, value.to_bytes(4, 'little', signed=True))\n"
                "    if not 0 <= value <= held:",
            ),
        ),
        "le-not-stored": (
            "int32_le stores nothing.",
            edit(Int32LE.load, "loader.heap.write(element, value.to_bytes(4, 'little'))", "pass"),
        ),
        "timer-negative-kept": (
            "A negative expiry is kept.",
            edit(Timer.load, "max(expiry, 0)", "expiry"),
        ),
        "timer-all-ones-armed": (
            "An expiry of all ones arms the timer at once.",
            edit(Timer.load, "expiry if expiry == -1 else max(expiry, 0)", "max(expiry, 0)"),
        ),
        "timer-in-ms": (
            "An expiry is sent in microseconds.",
            edit(
                Timer.save,
                "max(saver.heap.number(element, 8, signed=True), -1)",
                "max(saver.heap.number(element, 8, signed=True) // 1000, -1)",
            ),
        ),
        "timer-idle-as-zero": (
            "A timer that is not pending is sent as 0.",
            edit(Timer.save, ", -1)", ", 0)"),
        ),
        "timer-of-4-bytes": (
            "An expiry takes 4 bytes.",
            edit(Timer.load, "loader.stream.number(8)", "loader.stream.number(4)"),
        ),
        "buffer-tail-cleared": (
            "A short read clears the rest of a buffer.",
            edit(
                Buffer.load,
                "loader.stream.take(size)",
                "loader.stream.take(size).ljust(min(size, 4096), b'\\0')",
            ),
        ),
        "buffer-short-unstored": (
            "A short read stores nothing.",
            edit(
                Buffer.load,
                "loader.heap.write(element, loader.stream.take(size))",
                "data = loader.stream.take(size)\n"
                "    if len(data) == size:\n        loader.heap.write(element, data)",
            ),
        ),
        "buffer-with-length": (
            "A buffer is sent with its length.",
            edit(
                Buffer.save,
                "saver.stream.room(size)",
                "saver.stream.put_number(size, 4)",
            ),
        ),
        "unused-not-consumed": (
            "Unused bytes are not consumed.",
            edit(UnusedBuffer.load, "loader.stream.take(size)", "pass"),
        ),
        "unused-stored": (
            "Unused bytes are stored.",
            edit(
                UnusedBuffer.load,
                "loader.stream.take(size)",
                "loader.heap.write(element, loader.stream.take(size))",
            ),
        ),
        "unused-must-be-zero": (
            "Unused bytes that are not zero are refused.",
            edit(
                UnusedBuffer.load,
                "loader.stream.take(size)",
                "data = loader.stream.take(size)\n"
                "    if any(data):\n        raise failed('not zero')",
            ),
        ),
        "unused-from-memory": (
            "Unused bytes are saved from memory.",
            edit(
                UnusedBuffer.save,
                "saver.stream.put(bytes(size))",
                "saver.stream.put(saver.heap.read(element, size))",
            ),
        ),
        "bitmap-size-in-bytes": (
            "A bitmap's size counts bytes.",
            edit(infos_plain._words, _WORDS, "(bits + 7 & U64) // 8"),
        ),
        "bitmap-rounded-down": (
            "A bitmap loses the bits of its last, partial word.",
            edit(infos_plain._words, _WORDS, "bits // 64"),
        ),
        "bitmap-words-in-memory-order": (
            "A bitmap's words come in the order of memory.",
            edit(Bitmap.load, "stream.take(_WORD)[::-1]", "stream.take(_WORD)"),
        ),
        "bitmap-high-bits-cleared": (
            "Bits beyond a bitmap's size are cleared.",
            edit(
                Bitmap.load,
                "heap.write(element + _WORD * index, stream.take(_WORD)[::-1])",
                "word = int.from_bytes(stream.take(_WORD), 'big')\n"
                "        word &= (1 << min(64, max(size - 64 * index, 0))) - 1\n"
                "        heap.write(element + _WORD * index, word.to_bytes(_WORD, 'little'))",
            ),
        ),
        "bitmap-saved-backwards": (
            "A bitmap's last word is sent first.",
            edit(
                Bitmap.save,
                "for index in range(_words(size)):",
                "for index in reversed(range(_words(size))):",
            ),
        ),
        "bitmap-missing-words-kept": (
            "Words that the end cuts off stay as they were.",
            edit(Bitmap.load, "if whole < count:", "if whole < count and stream.number(8) < 0:"),
        ),
        "marker-info-loads": (
            "The info ptr_marker can be loaded as a field.",
            edit(
                PtrMarker.load,
                "raise self._unreachable('load_ptr_marker')",
                "loader.stream.number(1)",
            ),
        ),
        "timer-not-armed-at-end": (
            "A timer beyond the end of the stream is left as it was.",
            edit(
                Timer.load,
                "held = ",
                "if loader.stream.error:\n        return\n    held = ",
            ),
        ),
        "fd-as-number": (
            "A file descriptor is taken from the stream as a number.",
            edit(
                Fd.load,
                "loader.stream.set_error(EIO)",
                "return loader.heap.write(element, loader.stream.number(4).to_bytes(4, 'little'))",
            ),
        ),
    },
)
