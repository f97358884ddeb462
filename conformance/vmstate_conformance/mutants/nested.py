# SPDX-License-Identifier: Apache-2.0
"""Wrong queues, trees, temporaries and byte arrays."""

from __future__ import annotations

from typing import Final

from vmstate import heap, infos_nested
from vmstate.infos_nested import GByteArray, GTree, Queue, Tmp
from vmstate_conformance.mutants.patching import edit, table

_MORE: Final = "while loader.stream.number(1):"
_NODE: Final = "_load_node(loader, vmsd, field.size, field.version_id, lost=lost)"

NESTED = table(
    "nested",
    {
        "queue-too-new-taken": (
            "A queue's or tree's version above its child's is taken.",
            edit(
                infos_nested._check_version, "if field.version_id > vmsd.version_id:", "if False:"
            ),
        ),
        "queue-too-old-taken": (
            "A queue's or tree's version below its child's minimum is taken.",
            edit(
                infos_nested._check_version,
                "if field.version_id < vmsd.minimum_version_id:",
                "if False:",
            ),
        ),
        "queue-checked-per-node": (
            "A queue's version is compared only when a node comes.",
            edit(
                Queue.load,
                "    _check_version(field, vmsd)\n",
                "",
                "        node = ",
                "        _check_version(field, vmsd)\n        node = ",
            ),
        ),
        "queue-node-one-only": (
            "Only 0x01 announces a node.",
            edit(Queue.load, _MORE, "while loader.stream.number(1) == 1:"),
        ),
        "queue-node-at-childs-version": (
            "A node is loaded at its own version, not the field's.",
            edit(Queue.load, _NODE, "_load_node(loader, vmsd, field.size, vmsd.version_id)"),
        ),
        "queue-failed-node-leaks": (
            "A node that fails is not released.",
            edit(infos_nested._load_node, "if node and (not lost):", "if False:"),
        ),
        "queue-failed-node-linked": (
            "A node is linked in before it is loaded.",
            edit(
                Queue.load,
                f"node = {_NODE}",
                "node = loader.new(field.size)\n"
                "        if self.tail:\n"
                "            insert(loader.heap, element, node, field.start, previous)\n"
                "        loader.load_vmsd(vmsd, node, field.version_id)",
                "        insert(loader.heap, element, node, field.start, previous)\n"
                "        previous",
                "        if not self.tail:\n"
                "            insert(loader.heap, element, node, field.start, previous)\n"
                "        previous",
            ),
        ),
        "queue-emptied-first": (
            "A queue is emptied before it is loaded.",
            edit(
                Queue.load,
                "previous = at = 0",
                "previous = at = 0\n"
                "    loader.heap.store_pointer(element, 0)\n"
                "    if self.tail:\n"
                "        loader.heap.store_pointer(element + 8, element)",
            ),
        ),
        "queue-without-end": (
            "A saved queue has no end.",
            edit(Queue.save, "saver.stream.put_number(0, 1)", "pass"),
        ),
        "queue-with-count": (
            "A saved queue begins with its length.",
            edit(
                Queue.save,
                "    while node:",
                "    saver.stream.put_number(0, 4)\n    while node:",
            ),
        ),
        "queue-node-not-announced": (
            "A saved node is not announced.",
            edit(Queue.save, "saver.stream.put_number(1, 1)", "pass"),
        ),
        "queue-saved-at-fields-version": (
            "A node is saved at the field's version.",
            edit(
                Queue.save,
                "saver.save_vmsd(vmsd, node, vmsd.version_id)",
                "saver.save_vmsd(vmsd, node, field.version_id)",
            ),
        ),
        "qtailq-prepends": (
            "A QTAILQ's nodes are put in front.",
            edit(
                infos_nested.insert_tail,
                "last = heap.pointer(head + POINTER)",
                "last = head",
                "    heap.store_pointer(link, 0)",
                "    heap.store_pointer(link, heap.pointer(head))",
            ),
        ),
        "qlist-prepends": (
            "A QLIST's nodes are put in front.",
            edit(infos_nested.insert_after, "previous + entry if previous else head", "head"),
        ),
        "qlist-keeps-the-rest": (
            "A QLIST keeps what it held, behind what is loaded.",
            edit(
                infos_nested.insert_after,
                "following = 0 if previous else heap.pointer(head)",
                "following = heap.pointer(before)",
            ),
        ),
        "gtree-count-unchecked": (
            "A tree's count is not compared.",
            edit(GTree.load, "if count != declared:", "if False:"),
        ),
        "gtree-count-bounds-only": (
            "A tree may have fewer nodes than counted.",
            edit(GTree.load, "if count != declared:", "if count > declared:"),
        ),
        "gtree-count-decides": (
            "A tree ends after as many nodes as counted.",
            edit(
                GTree.load,
                _MORE,
                "while count < declared:\n        loader.stream.number(1)",
            ),
        ),
        "gtree-extra-node-loaded": (
            "A node beyond the count is loaded before the tree is refused.",
            edit(GTree.load, "if count > declared:", "if False:"),
        ),
        "gtree-count-unsigned": (
            "A tree's count is unsigned.",
            edit(GTree.load, "int32(loader.stream.number(4))", "loader.stream.number(4)"),
        ),
        "gtree-node-one-only": (
            "Only 0x01 announces a tree's node.",
            edit(GTree.load, _MORE, "while loader.stream.number(1) == 1:"),
        ),
        "gtree-key-version-unchecked": (
            "Only the value's version is compared.",
            edit(
                GTree.load,
                "    if key_vmsd is not None:\n        _check_version(field, key_vmsd)\n",
                "",
            ),
        ),
        "gtree-value-version-first": (
            "The value's version is compared before the key's.",
            edit(
                GTree.load,
                "    if key_vmsd is not None:\n        _check_version(field, key_vmsd)\n",
                "    _check_version(field, value_vmsd)\n"
                "    if key_vmsd is not None:\n        _check_version(field, key_vmsd)\n",
            ),
        ),
        "gtree-failed-key-leaks": (
            "The key of a value that fails is not released.",
            edit(GTree.load, "if key_vmsd is not None and key:", "if False:"),
        ),
        "gtree-direct-key-32-bit": (
            "A direct key takes 4 bytes.",
            edit(infos_nested._load_key, "loader.stream.number(8)", "loader.stream.number(4)"),
        ),
        "gtree-direct-key-saved-32-bit": (
            "A direct key is saved as 4 bytes.",
            edit(GTree.save, "saver.stream.put_number(key, 8)", "saver.stream.put_number(key, 4)"),
        ),
        "gtree-first-value-stays": (
            "A key that comes again keeps its value.",
            edit(
                heap.Tree.insert,
                "self.nodes[at] = (rank, self.nodes[at][1], value)",
                "pass",
            ),
        ),
        "gtree-keys-repeat": (
            "A key that comes again is a second node.",
            edit(
                heap.Tree.insert,
                "if at < len(self.nodes) and self.nodes[at][0] == rank:",
                "if False:",
            ),
        ),
        "gtree-unsorted": (
            "Nodes stay in the order in which they came.",
            edit(heap.Tree.insert, "self.nodes.insert(at, ", "self.nodes.insert(len(self.nodes), "),
        ),
        "gtree-saved-without-count": (
            "A saved tree has no count.",
            edit(GTree.save, "saver.stream.put_number(len(nodes), 4)", "pass"),
        ),
        "gtree-saved-without-end": (
            "A saved tree has no end.",
            edit(GTree.save, "    saver.stream.put_number(0, 1)", "    pass"),
        ),
        "gtree-null-refused": (
            "A NULL tree is an access through a wild pointer.",
            edit(
                infos_nested._tree,
                "return None",
                "raise out_of_bounds('read through a wild pointer')",
            ),
        ),
        "tmp-at-childs-version": (
            "A temporary is loaded at its own version.",
            edit(Tmp.load, "tmp, field.version_id)", "tmp, _child(field.vmsd).version_id)"),
        ),
        "tmp-leaks": (
            "A temporary is not released.",
            edit(Tmp.load, "loader.heap.free(tmp)", "pass"),
        ),
        "tmp-leaks-on-failure": (
            "A temporary that fails is not released.",
            edit(
                Tmp.load,
                "    try:\n        loader.load_vmsd(_child(field.vmsd), tmp, field.version_id)\n"
                "    finally:\n        loader.heap.free(tmp)",
                "    loader.load_vmsd(_child(field.vmsd), tmp, field.version_id)\n"
                "    loader.heap.free(tmp)",
            ),
        ),
        "tmp-without-parent": (
            "A temporary does not know its parent.",
            edit(Tmp.load, "loader.heap.store_pointer(tmp, element)", "pass"),
        ),
        "tmp-saved-without-parent": (
            "A saved temporary does not know its parent.",
            edit(Tmp.save, "saver.heap.store_pointer(tmp, element)", "pass"),
        ),
        "bytearray-length-64-bit": (
            "A byte array's length takes 8 bytes.",
            edit(GByteArray.load, "loader.stream.number(4)", "loader.stream.number(8)"),
        ),
        "bytearray-not-resized": (
            "A byte array keeps its length.",
            edit(
                GByteArray.load,
                "heap.write(held + POINTER, length.to_bytes(4, 'little'))",
                "pass",
            ),
        ),
        "bytearray-emptied": (
            "A byte array loses its bytes before a short read.",
            edit(GByteArray.load, "heap.write(data, kept)", "pass"),
        ),
        "bytearray-saved-without-length": (
            "A byte array is saved without its length.",
            edit(GByteArray.save, "saver.stream.put_number(length, 4)", "pass"),
        ),
        "bytearray-null-made": (
            "A NULL byte array is an empty one.",
            edit(
                GByteArray.load,
                "length = loader.stream.number(4)",
                "length = loader.stream.number(4)\n"
                "    if not held:\n"
                "        held = heap.allocate(16, '', 'GByteArray')\n"
                "        heap.store_pointer(element, held)",
            ),
        ),
        "qtailq-zero-head-empty": (
            "A QTAILQ head of zeros is an empty list.",
            edit(
                infos_nested.insert_tail,
                "last = heap.pointer(head + POINTER)",
                "last = heap.pointer(head + POINTER) or head",
            ),
        ),
    },
)
