#!/usr/bin/env python3
# SPDX-License-Identifier: CC0-1.0
"""A testee to begin with, in one file of Python 3.11 and its standard library.

It loads and saves scalars, buffers, arrays, structs and arrays of pointers with AUTO_ALLOC, in the profile
`hardened` of qemu-11.1.3; to everything else it says `unsupported`. Run the suite against it:

    vmstate-conformance run --profile hardened --testee 'python3 testee.py'

Then put your own implementation in the place of `Load` and `Save`, and take away from `NEEDS` what it can do.
"""

from __future__ import annotations

import json
import sys
from graphlib import CycleError, TopologicalSorter
from typing import Any, NoReturn

Json = dict[str, Any]

SCALARS = {
    name: (size, name.startswith("i"))
    for size in (1, 2, 4, 8)
    for name in (f"int{8 * size}", f"uint{8 * size}")
} | {"bool": (1, False)}
INFOS = [*SCALARS, "buffer"]
FLAGS = [
    "VMS_SINGLE",
    "VMS_POINTER",
    "VMS_ARRAY",
    "VMS_STRUCT",
    "VMS_BUFFER",
    "VMS_ALLOC",
    "VMS_ARRAY_OF_POINTER",
    "VMS_ARRAY_OF_POINTER_AUTO_ALLOC",
    "VMS_VARRAY_UINT8",
    "VMS_VARRAY_UINT16",
    "VMS_VARRAY_UINT32",
    "VMS_VARRAY_INT32",
]
#: In the order in which QEMU asks for them.
COUNTS = {
    "VMS_VARRAY_INT32": 4,
    "VMS_VARRAY_UINT32": 4,
    "VMS_VARRAY_UINT16": 2,
    "VMS_VARRAY_UINT8": 1,
}
HELLO = {
    "m": "hello",
    "protocol": 1,
    "testee": {"name": "starter-kit", "version": "1", "language": "python"},
    "dialects": ["qemu-11.1.3"],
    "profiles": ["hardened"],
    "descriptions": "dynamic",
    "caps": {
        "ops": ["load", "save"],
        "infos": INFOS,
        "flags": FLAGS,
        "hooks": False,
        "vmdesc": False,
        "heap": False,
        "errors": "fine",
    },
    "window": 8,
}
POINTER = 8
#: No element of a real device is larger, and a stream must not make us believe otherwise.
MOST = 16 << 20
#: Elements that consume nothing; a count from a stream may be anything.
IDLE = 1 << 16
MARKER_NULL, MARKER_VALID = 0x30, 0x31
QEMU_VM_SUBSECTION = 0x05
EIO, EINVAL = -5, -22
#: Where QEMU's own process would end; a hardened implementation refuses, and sets the stream's error.
ABORTS = {
    "allocation-failed",
    "destination-not-null",
    "null-array",
    "out-of-bounds",
    "unexpected-valid-marker",
}


class RefusedError(Exception):
    """The stream, or what it would do to memory, is refused; the argument is the class of error."""


class UnsupportedError(Exception):
    """This testee cannot do what the case needs; the argument says what that is."""


def refuse(error: str) -> NoReturn:
    """Refuse with a class of the case format."""
    raise RefusedError(error)


# ---- memory: blocks of bytes, whose pointers are kept beside the bytes ----


class Block:
    """One allocation."""

    def __init__(self, size: int) -> None:
        self.data = bytearray(size)
        self.pointers: dict[int, Block] = {}

    def at(self, offset: int, size: int) -> slice:
        """Check that `size` bytes at `offset` are there."""
        if size and not 0 <= offset <= len(self.data) - size:
            refuse("out-of-bounds")
        return slice(offset, offset + size)

    def get(self, offset: int, size: int) -> bytes:
        """Read bytes."""
        where = self.at(offset, size)
        self.no_pointer(offset, size)
        return bytes(self.data[where])

    def put(self, offset: int, data: bytes) -> None:
        """Write bytes."""
        where = self.at(offset, len(data))
        self.no_pointer(offset, len(data))
        self.data[where] = data

    def no_pointer(self, offset: int, size: int) -> None:
        """Give up where bytes and a pointer share a place: the two are kept apart here."""
        for slot in range(offset - POINTER + 1, offset + size):
            if slot in self.pointers:
                raise UnsupportedError("pointers-as-bytes")

    def number(self, offset: int, size: int) -> int:
        """Read an unsigned number."""
        return int.from_bytes(self.get(offset, size), "little")

    def pointer(self, offset: int) -> Block | None:
        """Follow a pointer."""
        self.at(offset, POINTER)
        return self.pointers.get(offset)


class Memory:
    """Reads and writes states of a document's structs."""

    def __init__(self, document: Json) -> None:
        self.structs = document["structs"]

    def size(self, kind: Any) -> int:
        """Give the bytes that a type takes in place."""
        if isinstance(kind, str):
            if kind not in SCALARS:
                raise UnsupportedError(f"types:{kind}")
            return SCALARS[kind][0]
        if "struct" in kind:
            return int(self.structs[kind["struct"]]["size"])
        if "bytes" in kind:
            return int(kind["bytes"])
        if "array" in kind:
            return self.size(kind["array"]) * int(kind["count"])
        if "pointer" in kind:
            return POINTER
        raise UnsupportedError(f"types:{next(iter(kind))}")

    def write(self, kind: Any, state: Any, block: Block, offset: int) -> None:
        """Put a state where it belongs."""
        size = self.size(kind)
        if isinstance(kind, str):
            number = int(state) & ((1 << 8 * size) - 1)
            block.put(offset, number.to_bytes(size, "little"))
        elif "struct" in kind:
            for member in self.structs[kind["struct"]]["members"]:
                self.write(member["type"], state[member["name"]], block, offset + member["offset"])
        elif "bytes" in kind:
            block.put(offset, bytes.fromhex(state))
        elif "array" in kind:
            step = self.size(kind["array"])
            for index, item in enumerate(state):
                self.write(kind["array"], item, block, offset + index * step)
        elif state == {"wild": 1}:
            raise UnsupportedError("wild")
        elif state is not None:
            block.pointers[offset] = self.made(kind["pointer"], state)

    def made(self, target: Any, state: Any) -> Block:
        """Make the block that a pointer points at."""
        if target == {"bytes": None}:
            block = Block(len(state) // 2)
            block.data[:] = bytes.fromhex(state)
        elif isinstance(target, dict) and target.keys() == {"array"}:
            step = self.size(target["array"])
            block = Block(step * len(state))
            for index, item in enumerate(state):
                self.write(target["array"], item, block, index * step)
        else:
            block = Block(self.size(target))
            self.write(target, state, block, 0)
        return block

    def read(self, kind: Any, block: Block, offset: int) -> Any:
        """Give the state that stands there."""
        size = self.size(kind)
        if isinstance(kind, str):
            signed = SCALARS[kind][1]
            return str(int.from_bytes(block.data[offset : offset + size], "little", signed=signed))
        if "struct" in kind:
            return {
                member["name"]: self.read(member["type"], block, offset + member["offset"])
                for member in self.structs[kind["struct"]]["members"]
            }
        if "bytes" in kind:
            return block.data[offset : offset + size].hex()
        if "array" in kind:
            step = self.size(kind["array"])
            return [
                self.read(kind["array"], block, offset + index * step)
                for index in range(kind["count"])
            ]
        target = block.pointers.get(offset)
        return None if target is None else self.behind(kind["pointer"], target)

    def behind(self, target: Any, block: Block) -> Any:
        """Give the state of a block that a pointer points at."""
        if target == {"bytes": None}:
            return block.data.hex()
        if isinstance(target, dict) and target.keys() == {"array"}:
            step = self.size(target["array"])
            count = len(block.data) // step if step else 0
            return [self.read(target["array"], block, index * step) for index in range(count)]
        if self.size(target) > len(block.data):
            raise UnsupportedError("wild")
        return self.read(target, block, 0)


# ---- the stream, with QEMU's rules for its end ----


class Stream:
    """Bytes to load. At their end numbers go on with zeros, and `error` is set."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.error = 0

    def set_error(self, error: int) -> None:
        """Note an error; the first one stays."""
        self.error = self.error or error

    def take(self, size: int) -> bytes:
        """Consume up to `size` bytes."""
        start = self.position
        taken = self.data[start : start + size]
        self.position += len(taken)
        if len(taken) < size:
            if not self.error and start < len(taken):
                # QEMU has moved the unread bytes to its buffer's front when it finds that no more
                # come, and then copies from where they were. (Its buffer has 32 KiB; longer streams
                # would need their place in it.)
                taken = taken[start:] + taken[len(taken) - start :]
            self.set_error(EIO)
        return taken

    def number(self, size: int) -> int:
        """Consume a big-endian number, byte by byte."""
        return int.from_bytes(
            (b"".join(self.take(1) for _ in range(size))).ljust(size, b"\0"), "big"
        )

    def peek(self, offset: int) -> int:
        """Look at a byte ahead."""
        at = self.position + offset
        if at < len(self.data):
            return self.data[at]
        self.set_error(EIO)
        return 0


# ---- loading and saving by description ----


class Engine:
    """What loading and saving have in common: which elements a field has, and where."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self.descriptions = document["descriptions"]

    def extent(self, field: Json, block: Block, base: int) -> tuple[int, int]:
        """Give count and size of the elements, as memory has them now."""
        flags = field.get("flags", ())
        count = 1
        if "VMS_ARRAY" in flags:
            count = field.get("num", 0) % (1 << 64)
        else:
            for flag, width in COUNTS.items():
                if flag in flags:
                    count = block.number(base + field.get("num_offset", 0), width)
                    break
        size = POINTER if "VMS_ARRAY_OF_POINTER" in flags else field.get("size", 0)
        return count, size

    @staticmethod
    def follow(block: Block, first: int, count: int, size: int) -> tuple[Block | None, int]:
        """Dereference a VMS_POINTER field."""
        target = block.pointer(first)
        if target is None and count and size:
            refuse("null-array")
        return target, 0


class Load(Engine):
    """vmstate_load_vmsd(), step by step."""

    def __init__(self, document: Json, stream: Stream) -> None:
        super().__init__(document)
        self.stream = stream

    def vmsd(self, name: str, block: Block, base: int, version_id: int) -> None:
        """Load the object at `base` in `block`."""
        description = self.descriptions[name]
        if version_id > description.get("version_id", 0):
            refuse("version-too-new")
        if version_id < description.get("minimum_version_id", 0):
            refuse("version-too-old")
        for field in description.get("fields") or ():
            if field.get("version_id", 0) <= version_id:
                self.field(field, block, base)
        try:
            self.subsections(name)
        except RefusedError:
            self.stream.set_error(EINVAL)
            raise

    def field(self, field: Json, block: Block, base: int) -> None:
        """Load all elements of one field."""
        flags = field.get("flags", ())
        count, size = self.extent(field, block, base)
        there: Block | None = block
        first = base + field.get("offset", 0)
        if "VMS_POINTER" in flags:
            if "VMS_ALLOC" in flags and count * size:
                if count * size > MOST:
                    refuse("allocation-failed")
                block.at(first, POINTER)
                block.pointers[first] = Block(count * size)
            there, first = self.follow(block, first, count, size)
        idle = 0
        for index in range(count):
            before = self.stream.position
            # QEMU cuts the distance of an element to 32 bits, with their sign.
            distance = (index * size + (1 << 31)) % (1 << 32) - (1 << 31)
            if there is None or not self.element(field, there, first + distance, size):
                if not size:
                    return
                continue
            if self.stream.error:
                refuse("stream-error")
            if self.stream.position == before and not size:
                return  # all further elements are like this one
            idle = idle + 1 if self.stream.position == before else 0
            if idle > IDLE:
                refuse("bad-count")

    def element(self, field: Json, block: Block, at: int, size: int) -> bool:
        """Load one element; whether there was one."""
        flags = field.get("flags", ())
        if "VMS_ARRAY_OF_POINTER" in flags:
            target = self.pointed(field, block, at)
            if target is None:
                return False
            block, at = target, 0
        try:
            if "VMS_STRUCT" in flags:
                child = self.descriptions[field["vmsd"]]
                self.vmsd(field["vmsd"], block, at, child.get("version_id", 0))
            elif field["info"] == "buffer":
                block.at(at, size)
                block.put(at, self.stream.take(size))
            else:
                width = SCALARS[field["info"]][0]
                number = self.stream.number(width)
                if field["info"] == "bool":
                    number = int(number != 0)
                block.put(at, number.to_bytes(width, "little"))
        except RefusedError:
            self.stream.set_error(EINVAL)
            raise
        return True

    def pointed(self, field: Json, block: Block, slot: int) -> Block | None:
        """Read the marker of a slot, if it has one, and give what it points at."""
        auto = "VMS_ARRAY_OF_POINTER_AUTO_ALLOC" in field.get("flags", ())
        target = block.pointer(slot)
        if target is not None:
            if auto:
                refuse("destination-not-null")
            return target
        marker = self.stream.number(1)
        if marker == MARKER_NULL:
            return None
        if marker != MARKER_VALID:
            refuse("unexpected-ptr-marker")
        if not auto:
            refuse("unexpected-valid-marker")
        size = field.get("size", 0)
        if size > MOST:
            refuse("allocation-failed")
        if size:
            block.pointers[slot] = Block(size)
        return block.pointers.get(slot)

    def subsections(self, name: str) -> None:
        """Refuse a subsection: none is known, for descriptions with some are not supported."""
        prefix = name.encode()
        if self.stream.peek(0) != QEMU_VM_SUBSECTION:
            return
        length = self.stream.peek(1)
        if length <= len(prefix):
            return
        start = self.stream.position + 2
        seen = self.stream.data[start : start + length]
        if len(seen) < length:
            self.stream.set_error(EIO)
        elif seen.startswith(prefix):
            refuse("unknown-subsection")


class Save(Engine):
    """vmstate_save_vmsd(), less the vmdesc."""

    def __init__(self, document: Json) -> None:
        super().__init__(document)
        self.out = bytearray()

    def vmsd(self, name: str, block: Block, base: int) -> None:
        """Save the object at `base` in `block`."""
        description = self.descriptions[name]
        for field in description.get("fields") or ():
            if field.get("version_id", 0) <= description.get("version_id", 0):
                self.field(field, block, base)

    def field(self, field: Json, block: Block, base: int) -> None:
        """Save all elements of one field."""
        flags = field.get("flags", ())
        count, size = self.extent(field, block, base)
        there: Block | None = block
        first = base + field.get("offset", 0)
        if "VMS_POINTER" in flags:
            there, first = self.follow(block, first, count, size)
        idle = 0
        for index in range(count):
            before = len(self.out)
            self.element(field, there, first + index * size, size)
            if len(self.out) == before and not size:
                return
            idle = idle + 1 if len(self.out) == before else 0
            if idle > IDLE:
                refuse("bad-count")

    def element(self, field: Json, block: Block | None, at: int, size: int) -> None:
        """Save one element, behind a marker where it needs one."""
        flags = field.get("flags", ())
        auto = "VMS_ARRAY_OF_POINTER_AUTO_ALLOC" in flags
        if auto and "VMS_ARRAY_OF_POINTER" not in flags:
            refuse("bad-count")
        if "VMS_ARRAY_OF_POINTER" in flags and block is not None:
            block, at = block.pointer(at), 0
            if block is None:
                self.out.append(MARKER_NULL)
                return
            if auto:
                self.out.append(MARKER_VALID)
                size = field.get("size", 0)
        if block is None:
            if "VMS_STRUCT" in flags or field["info"] != "buffer":
                refuse("out-of-bounds")
        elif "VMS_STRUCT" in flags:
            self.vmsd(field["vmsd"], block, at)
        elif field["info"] == "buffer":
            self.out += block.get(at, size)
        else:
            width = SCALARS[field["info"]][0]
            self.out += block.get(at, width)[::-1]


# ---- the protocol ----


def children(document: Json) -> dict[str, list[str]]:
    """Give the descriptions of each description's structs."""
    return {
        name: [
            str(field.get("vmsd"))
            for field in description.get("fields") or ()
            if "VMS_STRUCT" in field.get("flags", ())
        ]
        for name, description in document["descriptions"].items()
    }


def demand(document: Json) -> None:
    """Say what of a document this testee cannot do; infos and flags are in the hello already."""
    try:
        TopologicalSorter(children(document)).prepare()
    except CycleError:
        raise UnsupportedError("circles") from None
    for description in document["descriptions"].values():
        for key in ("subsections", "needed", "hooks"):
            if description.get(key) is not None:
                raise UnsupportedError(key)
        for field in description.get("fields") or ():
            if field.get("exists") is not None:
                raise UnsupportedError("exists")
            if isinstance(field.get("vmsd"), list) or field.get("size_offset"):
                raise UnsupportedError("fields")
            if "VMS_STRUCT" in field.get("flags", ()) and "vmsd" not in field:
                raise UnsupportedError("fields")
            if "VMS_STRUCT" not in field.get("flags", ()) and "info" not in field:
                raise UnsupportedError("fields")


def run(message: Json) -> Json:
    """Do one case."""
    document = message["document"]
    try:
        demand(document)
        memory = Memory(document)
        name = document["root"]
        struct = {"struct": document["descriptions"][name]["struct"]}
        root = Block(memory.size(struct))
        if message["op"] == "save":
            memory.write(struct, message["state"], root, 0)
            return save(document, name, root)
        memory.write(struct, message["destination"], root, 0)
        result = load(document, name, root, message)
        return result | {"state": memory.read(struct, root, 0)}
    except UnsupportedError as missing:
        return {"verdict": "unsupported", "needs": str(missing)}


def load(document: Json, name: str, root: Block, message: Json) -> Json:
    """Load a stream into the root."""
    stream = Stream(bytes.fromhex(message["stream"]))
    result: Json = {"verdict": "accept"}
    try:
        Load(document, stream).vmsd(name, root, 0, int(message["version_id"]))
    except (RefusedError, RecursionError) as refused:
        error = str(refused) if isinstance(refused, RefusedError) else "out-of-bounds"
        if error in ABORTS:
            stream.set_error(EINVAL)
        result = {"verdict": "reject", "error": error}
    return result | {"consumed": stream.position, "stream_error": stream.error}


def save(document: Json, name: str, root: Block) -> Json:
    """Save the root."""
    saving = Save(document)
    try:
        saving.vmsd(name, root, 0)
    except RefusedError as refused:
        return {"verdict": "error", "error": str(refused)}
    except RecursionError:
        return {"verdict": "error", "error": "out-of-bounds"}
    return {"verdict": "ok", "stream": saving.out.hex()}


def main() -> None:
    """Answer line by line, until `bye` or the end."""
    out, sys.stdout = sys.stdout, sys.stderr  # whatever prints must not print into the protocol
    for line in sys.stdin:
        message = json.loads(line)
        match message["m"]:
            case "hello":
                answer: Json = HELLO
            case "config":
                wanted = message["dialect"], message["profile"]
                answer = {"m": "config", "ok": wanted == ("qemu-11.1.3", "hardened")}
            case "run":
                answer = {"m": "result", "id": message["id"], **run(message)}
            case _:
                return
        out.write(json.dumps(answer, separators=(",", ":")) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
