# SPDX-License-Identifier: Apache-2.0
"""Codecs that hold descriptions: tmp, qtailq, qlist, gtree; and GByteArray, which owns a block.

Children are loaded at the field's version_id, and saved at their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vmstate.description import VMStateDescription, VMStateField
from vmstate.errors import Abort, Outcome, Reject, out_of_bounds
from vmstate.extent import int32
from vmstate.heap import POINTER, Heap, Tree
from vmstate.info import Info
from vmstate.infos_plain import failed

if TYPE_CHECKING:
    from vmstate.load import Loader
    from vmstate.save import Saver


def _child(vmsd: VMStateDescription | None) -> VMStateDescription:
    if vmsd is None:
        raise out_of_bounds("read through a wild pointer")
    return vmsd


def _check_version(field: VMStateField, vmsd: VMStateDescription) -> None:
    """Compare before anything is read. [INFO-QUEUE-1]"""
    if field.version_id > vmsd.version_id:
        raise Reject("version-too-new", f"{vmsd.name} too new")
    if field.version_id < vmsd.minimum_version_id:
        raise Reject("version-too-old", f"{vmsd.name} too old")


def _load_node(
    loader: Loader, vmsd: VMStateDescription, size: int, version_id: int, *, lost: bool = False
) -> int:
    """Load a new node of `size` bytes; one that fails is released, unless lost. [INFO-QUEUE-4]"""
    node = loader.new(size)
    try:
        loader.load_vmsd(vmsd, node, version_id)
    except Outcome:
        if node and not lost:
            loader.heap.free(node)
        raise
    return node


@dataclass(frozen=True, slots=True)
class Tmp(Info):
    """A struct that lives only while it is sent; its first member points to the parent. [INFO-TMP-1]"""

    def load(self, loader: Loader, element: int, size: int, field: VMStateField) -> None:
        """Load the temporary, whose hooks would use it, and release it. [INFO-TMP-2]"""
        tmp = loader.new(size)
        loader.heap.store_pointer(tmp, element)
        try:
            loader.load_vmsd(_child(field.vmsd), tmp, field.version_id)
        finally:
            loader.heap.free(tmp)

    def save(self, saver: Saver, element: int, size: int, field: VMStateField) -> None:
        """Save the temporary and release it."""
        vmsd = _child(field.vmsd)
        tmp = saver.heap.allocate(size, saver.trace.path(), "tmp") if size else 0
        saver.heap.store_pointer(tmp, element)
        try:
            saver.save_vmsd(vmsd, tmp, vmsd.version_id)
        finally:
            saver.heap.free(tmp)


@dataclass(frozen=True, slots=True)
class Queue(Info):
    """A linked list: 01 before each element, 00 at the end. [INFO-QUEUE-2]

    Links are those of QTAILQ (`tail`) or QLIST, at `start` in each node.
    """

    tail: bool

    def load(self, loader: Loader, element: int, size: int, field: VMStateField) -> None:
        """Load nodes and link them in; any byte but 0 announces one. [INFO-QUEUE-3]"""
        vmsd = _child(field.vmsd)
        _check_version(field, vmsd)
        insert = insert_tail if self.tail else insert_after
        previous = at = 0
        while loader.stream.number(1):
            loader.trace.index(at)
            # By clause [INFO-QTAILQ-3]
            lost = self.tail and loader.dialect.by_number
            node = _load_node(loader, vmsd, field.size, field.version_id, lost=lost)
            insert(loader.heap, element, node, field.start, previous)
            previous, at = node, at + 1

    def save(self, saver: Saver, element: int, size: int, field: VMStateField) -> None:
        """Save the nodes in order; an empty list needs no description."""
        node, at = saver.heap.pointer(element), 0
        while node:
            if at > saver.heap.limits.blocks:
                raise Abort("hang", "bad-count", "a list without an end")
            saver.trace.index(at)
            saver.stream.put_number(1, 1)
            vmsd = _child(field.vmsd)
            saver.save_vmsd(vmsd, node, vmsd.version_id)
            node, at = saver.heap.pointer(node + field.start), at + 1
        saver.stream.put_number(0, 1)


def insert_tail(heap: Heap, head: int, node: int, entry: int, previous: int) -> None:
    """As QTAILQ_RAW_INSERT_TAIL(): behind what the list already has. [INFO-QTAILQ-1]"""
    link = node + entry
    last = heap.pointer(head + POINTER)
    heap.store_pointer(link, 0)
    heap.store_pointer(link + POINTER, last)
    heap.store_pointer(last, node)
    heap.store_pointer(head + POINTER, link)


def insert_after(heap: Heap, head: int, node: int, entry: int, previous: int) -> None:
    """As QLIST_RAW_INSERT_HEAD() for the first node and QLIST_RAW_INSERT_AFTER() for the others.

    The latter cuts off what stood behind `previous`. [INFO-QLIST-1]
    """
    link, before = node + entry, previous + entry if previous else head
    following = 0 if previous else heap.pointer(head)
    heap.store_pointer(link, following)
    if following:
        heap.store_pointer(following + entry + POINTER, link)
    heap.store_pointer(before, node)
    heap.store_pointer(link + POINTER, before)


_NODE: Final = 1


@dataclass(frozen=True, slots=True)
class GTree(Info):
    """A balanced tree: count, then 01, key, value for each node, then 00. [INFO-GTREE-1]"""

    def load(self, loader: Loader, element: int, size: int, field: VMStateField) -> None:
        """Insert what was sent; refuse where the count was wrong. [INFO-GTREE-4]"""
        value_vmsd = _child(field.vmsd)
        key_vmsd = _child(field.key_vmsd) if field.start else None
        # By clause [INFO-GTREE-9]
        if key_vmsd is not None:
            _check_version(field, key_vmsd)
        _check_version(field, value_vmsd)
        held = loader.heap.pointer(element)
        declared, count = int32(loader.stream.number(4)), 0  # [INFO-GTREE-5]
        while loader.stream.number(1):
            count += 1
            if count > declared:
                break
            loader.trace.index(count - 1)
            key = _load_key(loader, field, key_vmsd)
            try:
                value = _load_node(loader, value_vmsd, field.size, field.version_id)
            except Outcome:
                # By clause [INFO-GTREE-10]
                if key_vmsd is not None and key:
                    loader.heap.free(key)
                raise
            tree = _tree(loader.heap, held)
            if tree is not None:
                tree.insert(key, value)
        if count != declared:
            raise failed(f"{field.name} inconsistent stream when loading the gtree")

    def save(self, saver: Saver, element: int, size: int, field: VMStateField) -> None:
        """Save the nodes in key order."""
        tree = _tree(saver.heap, saver.heap.pointer(element))
        nodes = [] if tree is None else tree.nodes
        value_vmsd = _child(field.vmsd)
        saver.stream.put_number(len(nodes), 4)
        for at, (_, key, value) in enumerate(nodes):
            saver.trace.index(at)
            saver.stream.put_number(_NODE, 1)
            if field.start:
                key_vmsd = _child(field.key_vmsd)  # [INFO-GTREE-3]
                saver.save_vmsd(key_vmsd, key, key_vmsd.version_id)
            else:
                saver.stream.put_number(key, 8)
            saver.save_vmsd(value_vmsd, value, value_vmsd.version_id)
        saver.stream.put_number(0, 1)


def _load_key(loader: Loader, field: VMStateField, vmsd: VMStateDescription | None) -> int:
    """A direct key is the pointer's own 64 bits. [INFO-GTREE-2]"""
    if vmsd is None:
        return loader.stream.number(8)
    return _load_node(loader, vmsd, field.start, field.version_id)


def _tree(heap: Heap, address: int) -> Tree | None:
    """Find the tree; GLib takes NULL for one without nodes that loses what is put in. [INFO-GTREE-8]"""
    if not address:
        return None
    block = heap.block_at(address)
    if block is None or block.tree is None:
        raise out_of_bounds("read through a wild pointer")
    return block.tree


@dataclass(frozen=True, slots=True)
class GByteArray(Info):
    """A length and as many bytes, behind a GByteArray *. [INFO-GBYTEARRAY-1]

    Modelled as 16 bytes: the data's address, and the length.
    """

    def load(self, loader: Loader, element: int, size: int, field: VMStateField) -> None:
        """Resize to the length first, whatever follows. [INFO-GBYTEARRAY-2]"""
        heap, held = loader.heap, loader.heap.pointer(element)
        length = loader.stream.number(4)
        old = heap.pointer(held)
        kept = heap.read(old, min(length, heap.number(held + POINTER, 4)))
        data = heap.allocate(length, loader.trace.path(), "GByteArray data")
        if old:
            heap.free(old)
        heap.store_pointer(held, data)
        heap.write(held + POINTER, length.to_bytes(4, "little"))
        heap.write(data, kept)
        heap.write(data, loader.stream.take(length))

    def save(self, saver: Saver, element: int, size: int, field: VMStateField) -> None:
        """Send length and bytes."""
        held = saver.heap.pointer(element)
        length = saver.heap.number(held + POINTER, 4)
        saver.stream.put_number(length, 4)
        saver.heap.check(saver.heap.pointer(held), length, "read")
        saver.stream.room(length)
        saver.stream.put(saver.heap.read(saver.heap.pointer(held), length))
