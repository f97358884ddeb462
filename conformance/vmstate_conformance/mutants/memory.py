# SPDX-License-Identifier: Apache-2.0
"""Wrong ends of streams, wrong memory, wrong reports and wrong predicates."""

from __future__ import annotations

from typing import Final

from vmstate import layout, load, operations, predicates, stream
from vmstate.heap import Heap
from vmstate.load import Loader
from vmstate.stream import InputStream
from vmstate_conformance.mutants.patching import edit, table, value

_MISSING: Final = "if self.position >= self._end and (not self._fill()):\n        return 0"

STREAM = table(
    "stream",
    {
        "error-last-stays": (
            "A later error replaces the first.",
            edit(InputStream.set_error, "if not self.error:", "if True:"),
        ),
        "end-is-einval": (
            "The end of the stream is an error of -22.",
            value(stream, "EIO", -22),
        ),
        "failure-is-eio": (
            "A failed element sets an error of -5.",
            value(load, "EINVAL", -5),
        ),
        "missing-bytes-all-ones": (
            "Bytes that are missing read as 0xff.",
            edit(InputStream._byte, "return 0", "return 255"),
        ),
        "missing-bytes-high": (
            "A number that the end cuts short has its high bytes missing.",
            edit(
                InputStream.number,
                "value = value << 8 | self._byte()",
                "value = value << 8 | self._byte() if self.position < len(self.data) else "
                "value | self._byte()",
            ),
        ),
        "missing-bytes-counted": (
            "Bytes that are missing count as consumed.",
            edit(
                InputStream._byte,
                "        return 0",
                "        self.position += 1\n        return 0",
            ),
        ),
        "peek-sets-no-error": (
            "Looking for a subsection at the end sets no error.",
            edit(
                InputStream.peek_byte,
                "    self._fill()",
                "    error = self.error\n    self._fill()\n    self.error = error",
            ),
        ),
        "peek-of-name-sets-no-error": (
            "A name that the end cuts short sets no error.",
            edit(
                InputStream.peek,
                "    return self.data",
                "    self.error = 0\n    return self.data",
            ),
        ),
        "short-read-overlap": (
            "A buffer that the end cuts short is read as if nothing had moved.",
            edit(InputStream._window, "if self._base == self.position and index:", "if False:"),
        ),
        "stream-trailing-refused": (
            "Bytes that are left are refused.",
            edit(
                operations._load,
                "        loader.load_vmsd(document.root, root, version_id)",
                "        loader.load_vmsd(document.root, root, version_id)\n"
                "        if stream.left():\n            raise Reject('stream-error', '')",
            ),
        ),
        "stream-error-refused": (
            "A load that ends with the stream's error is refused.",
            edit(
                operations._load,
                "        loader.load_vmsd(document.root, root, version_id)",
                "        loader.load_vmsd(document.root, root, version_id)\n"
                "        if stream.error:\n            raise Reject('stream-error', '')",
            ),
        ),
        "window-of-4096": (
            "A stream is read through a buffer of 4096 bytes.",
            value(stream, "IO_BUF_SIZE", 4096),
        ),
        "nothing-behind-an-error": (
            "After an error every number is 0.",
            edit(
                InputStream.number,
                "start = self.position",
                "start = self.position\n    if self.error:\n        return 0",
            ),
        ),
    },
)

MEMORY = table(
    "memory",
    {
        "not-zeroed": (
            "New memory is not zeroed.",
            edit(
                Heap.allocate,
                "bytearray(size)",
                "bytearray(size) if not self.step else bytearray(b'\\xa5' * size)",
            ),
        ),
        "bounds-unchecked-by-a-byte": (
            "An access may reach a byte beyond its block.",
            edit(
                Heap._find,
                "if 0 <= offset <= block.size - size:",
                "if False:",
                "address - block.base + size <= block.size:",
                "address - block.base + size <= block.size + 1:",
            ),
        ),
        "bounds-start-only": (
            "Only where an access begins must be inside a block.",
            edit(
                Heap._find,
                "if 0 <= offset <= block.size - size:",
                "if False:",
                "address - block.base + size <= block.size:",
                "address - block.base < block.size:",
            ),
        ),
        "free-forgotten": (
            "Nothing is ever released.",
            edit(Heap.free, "block.live, block.data, block.pages = (False, None, {})", "pass"),
        ),
        "huge-block-made": (
            "A block of any size can be made.",
            edit(Heap.allocate, "if size >= self.limits.block:", "if False:"),
        ),
        "leak-of-new-only": (
            "Only what the load made itself can leak.",
            edit(
                operations.heap_report,
                "if block not in reached",
                "if block not in reached and block.made",
            ),
        ),
        "leak-unseen": (
            "Nothing leaks.",
            edit(operations.heap_report, "if block not in reached", "if False"),
        ),
        "old-blocks-counted": (
            "What stood before the load counts as allocated.",
            edit(operations.heap_report, "block.made > 0 for", "True for"),
        ),
        "null-element-loaded": (
            "A NULL element is loaded, at address 0.",
            edit(Loader.new, "if size else 0", "if size or self.steps else 0"),
        ),
    },
)

PREDICATES = table(
    "predicates",
    {
        "version-ge-strict": (
            "version_ge is true above its number only.",
            edit(
                predicates._compile,
                "version >= least",
                "version > least",
            ),
        ),
        "member-ge-strict": (
            "A member that equals the number is not `ge`.",
            edit(predicates._compare, ">= wanted", "> wanted"),
        ),
        "member-unsigned": (
            "Members are compared as unsigned numbers.",
            edit(predicates._compare, "signed=scalar.signed", "signed=False"),
        ),
        "member-of-outer-struct": (
            "A dotted member is looked up from the outer struct's start.",
            edit(
                layout.Layout.scalar,
                "return (offset + member.offset, member.type)",
                "return (member.offset, member.type)",
            ),
        ),
        "any-is-all": (
            "`any` wants all of its parts.",
            edit(predicates._compile, "any((t(heap", "all((t(heap"),
        ),
        "all-is-any": (
            "`all` wants one of its parts.",
            edit(predicates._compile, "all((t(heap", "any((t(heap"),
        ),
        "not-ignored": (
            "`not` turns nothing.",
            edit(predicates._compile, "not test(heap", "test(heap"),
        ),
    },
)
