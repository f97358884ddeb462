# SPDX-License-Identifier: Apache-2.0
"""Between requests and the adapter's lines: descriptions and memory in, results and memory out.

Memory is laid out by the reference's own `Writer` and read back by its `Reader`; the engine in between
is QEMU's. A word that is an address of the model becomes a pointer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from vmstate.description import VMStateDescription, VMStateField
from vmstate.dialects import PROFILES
from vmstate.document import Document
from vmstate.flags import VARRAY_WIDTHS, VMS_VBUFFER
from vmstate.heap import POINTER, Block, Heap, Tree
from vmstate.layout import Layout, StructRef
from vmstate.operations import heap_report
from vmstate.state import Reader, Writer
from vmstate.values import hexadecimal, integer

_NONE: Final = "-"


class Question:
    """One request as lines for the adapter. Raises `CaseError` where the request is wrong."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.op = request["op"]
        self.document = Document.from_json(request.get("document"))
        self._numbers = {
            id(vmsd): at for at, vmsd in enumerate(self.document.descriptions.values())
        }
        self._predicates: list[str] = []
        self._source = request["document"]
        self._heap = Heap(PROFILES["compat"].limits)
        self._root = self._memory(request)
        self._request = request

    def lines(self) -> Iterator[str]:
        """Give all lines, `run` last."""
        body = [*self._descriptions(), *self._blocks()]
        yield from self._predicates
        yield from body
        request = self._request
        version = integer(request.get("version_id", 0), "version_id", range(-(1 << 31), 1 << 31))
        stream = hexadecimal(request.get("stream", ""), "stream").hex() or _NONE
        described = int(request.get("vmdesc", True) is True)
        root = self._numbers[id(self.document.root)]
        yield f"run {self.op} {version} {described} {root} 0 {stream}"

    def _memory(self, request: Mapping[str, Any]) -> int:
        struct = self.document.root.struct
        if self.op == "check":
            size = self.document.layout.struct(struct).size
            return self._heap.allocate(size, "state", f"struct {struct}")
        name = "state" if self.op == "save" else "destination"
        return Writer(self.document.layout, self._heap).struct(struct, request.get(name), name)

    def _descriptions(self) -> Iterator[str]:
        for name, vmsd in self.document.descriptions.items():
            source = self._source["descriptions"][name]
            words = [
                "desc",
                self._numbers[id(vmsd)],
                _hex(name),
                vmsd.version_id,
                vmsd.minimum_version_id,
                *(_maybe(hook) for hook in (vmsd.pre_load, vmsd.post_load, vmsd.pre_save)),
                self._predicate(source.get("needed"), vmsd),
                int(vmsd.subsections is not None),
            ]
            yield " ".join(map(str, words))
            for sub in vmsd.subsections or ():
                yield f"sub {self._numbers[id(vmsd)]} {self._numbers[id(sub)]}"
            for field, given in zip(vmsd.fields, source.get("fields") or (), strict=True):
                yield self._field(vmsd, field, given)

    def _field(self, vmsd: VMStateDescription, field: VMStateField, given: Any) -> str:
        # The case format's rule for the widths of 11.1.3's indirect members.
        num_width = next((width for flag, width in VARRAY_WIDTHS if field.flags & flag), 0)
        size_width = 4 if field.size_offset or field.flags & VMS_VBUFFER else 0
        words = [
            "field",
            self._numbers[id(vmsd)],
            _hex(field.name),
            field.offset,
            field.size,
            field.size_offset,
            size_width,
            field.num_offset,
            num_width,
            field.start,
            field.num,
            field.info or _NONE,
            field.flags,
            _maybe(None if field.vmsd is None else self._numbers[id(field.vmsd)]),
            _maybe(None if field.key_vmsd is None else self._numbers[id(field.key_vmsd)]),
            field.version_id,
            field.struct_version_id,
            self._predicate(given.get("exists"), vmsd),
        ]
        return " ".join(map(str, words))

    def _predicate(self, source: Any, vmsd: VMStateDescription) -> str:
        if source is None:
            return _NONE
        number = len(self._predicates)
        tokens = " ".join(_tokens(source, self.document.layout, vmsd.struct))
        self._predicates.append(f"pred {number} {tokens}")
        return str(number)

    def plain_blocks(self) -> list[Block]:
        """Give the blocks that are nothing but memory, in the order in which the adapter has them."""
        return [block for block in self._heap.blocks() if block.kind not in _SPECIAL]

    def _blocks(self) -> Iterator[str]:
        blocks = self.plain_blocks()
        numbers = {block.base: at for at, block in enumerate(blocks)}
        trees = 0
        for at, block in enumerate(blocks):
            yield f"block {at} {block.size} {block.read(0, block.size).hex() or _NONE}"
        for at, block in enumerate(blocks):
            for offset in range(0, block.size - POINTER + 1, POINTER):
                word = int.from_bytes(block.read(offset, POINTER), "little")
                target = self._heap.block_at(word)
                if target is None:
                    continue
                if target.tree is not None:
                    yield f"tree {at} {offset} {_order(target.tree)}"
                    yield from self._nodes(trees, target.tree, numbers)
                    trees += 1
                elif target.kind == "GByteArray":
                    data = self._heap.pointer(target.base)
                    length = self._heap.number(target.base + POINTER, 4)
                    yield f"bytes {at} {offset} {self._heap.read(data, length).hex() or _NONE}"
                elif target.base == word:
                    yield f"ptr {at} {offset} {numbers[word]}"
                else:
                    yield f"into {at} {offset} {numbers[target.base]} {word - target.base}"

    @staticmethod
    def _nodes(number: int, tree: Tree, numbers: Mapping[int, int]) -> Iterator[str]:
        for _, key, value in tree.nodes:
            yield f"node {number} {numbers.get(key, key)} {numbers[value]}"


_SPECIAL: Final = frozenset({"GTree", "GByteArray", "GByteArray data"})


def _order(tree: Tree) -> str:
    if tree.members is None:
        return "direct"
    return ",".join(f"{at}:{size}" for at, size in tree.members if size) or "0:0"


def _tokens(source: Mapping[str, Any], layout: Layout, struct: str) -> Iterator[str]:
    """Write a predicate in postfix; the document has been checked."""
    if "const" in source:
        yield f"c{int(source['const'])}"
    elif "version_ge" in source:
        # Beyond C's int, all versions are below it, or none.
        least = min(max(int(source["version_ge"]), -(1 << 31)), 1 << 31)
        yield f"v{least}"
    elif "not" in source:
        yield from _tokens(source["not"], layout, struct)
        yield "not"
    elif "member" in source:
        offset, scalar = layout.scalar(struct, source["member"])
        how = "eq" if "eq" in source else "ge"
        yield f"m{offset}:{scalar.size}:{int(scalar.signed)}:{how}:{int(source[how])}"
    else:
        how = "all" if "all" in source else "any"
        for each in source[how]:
            yield from _tokens(each, layout, struct)
        yield f"{how}{len(source[how])}"


def _hex(name: str) -> str:
    return name.encode().hex() or _NONE


def _maybe(value: int | None) -> str:
    return _NONE if value is None else str(value)


def _bytes(word: str) -> bytes:
    return b"" if word == _NONE else bytes.fromhex(word)


class Answer:
    """The adapter's lines as a result of the case format."""

    def __init__(self, question: Question, lines: Iterable[str]) -> None:
        self._question = question
        self._heap = Heap(PROFILES["compat"].limits)
        self._root = 0
        self._found: dict[str, list[str]] = {}
        for line in lines:
            verb, *words = line.split()
            if verb in ("block", "part", "tree", "array", "ram"):
                getattr(self, f"_{verb}")(*words)
            else:
                self._found[verb] = words

    def result(self) -> dict[str, Any]:
        """Give the result."""
        if "abort" in self._found:
            return _aborted(self._question.op, *self._found["abort"])
        good, stream_error, consumed, told = self._found["result"]
        message = _bytes(told).decode(errors="replace")
        if self._question.op == "check":
            return {"verdict": "valid"}
        failed = {"error": error_class(message), "message": message}
        if self._question.op == "save":
            if good != "1":
                return {"verdict": "error", **failed}
            result = {"verdict": "ok", "stream": _bytes(self._found["wire"][0]).hex()}
            if "json" in self._found:
                result["vmdesc"] = _bytes(self._found["json"][0]).decode()
            return result
        verdict = {"verdict": "accept"} if good == "1" else {"verdict": "reject", **failed}
        return {**verdict, **self._loaded(int(consumed), int(stream_error))}

    def _loaded(self, consumed: int, stream_error: int) -> dict[str, Any]:
        struct = self._question.document.root.struct
        reader = Reader(self._question.document.layout, self._heap)
        return {
            "state": reader.value(StructRef(struct), self._root),
            "consumed": consumed,
            "stream_error": stream_error,
            "heap": heap_report(self._heap, self._root),
        }

    def _block(self, address: str, size: str, made: str, data: str) -> None:
        block = Block(int(address), int(size), "", "block", int(made))
        block.data = (
            bytearray(_bytes(data).ljust(int(size), b"\0")) if int(size) < _DUMPED else None
        )
        self._heap.place(block)
        self._root = self._root or block.base

    def _part(self, address: str, offset: str, data: str) -> None:
        self._heap.write(int(address) + int(offset), _bytes(data))

    def _tree(self, address: str, *nodes: str) -> None:
        tree = Tree(self._heap, None)
        pairs = zip(nodes[::2], nodes[1::2], strict=True)
        tree.nodes = [(at, int(key), int(value)) for at, (key, value) in enumerate(pairs)]
        block = Block(int(address), 0, "", "GTree", 0, data=bytearray(), tree=tree)
        self._heap.place(block)

    def _ram(self, name: str, used: str, runs: str) -> None:
        """Take what has become of a block of RAM; only whole streams have some."""

    def _array(self, address: str, data: str, length: str, held: str) -> None:
        pointer = int(data).to_bytes(POINTER, "little")
        header = bytearray(pointer + int(length).to_bytes(POINTER, "little"))
        self._heap.place(Block(int(address), len(header), "", "GByteArray", 0, data=header))
        if int(data):
            block = Block(int(data), int(length), "", "GByteArray data", 0)
            if int(length) < _DUMPED:
                block.data = bytearray(_bytes(held).ljust(int(length), b"\0"))
            self._heap.place(block)


class PrintedAnswer(Answer):
    """The lines of an engine that returns a number and prints the rest, or says nothing more."""

    def result(self) -> dict[str, Any]:
        """Give the result."""
        found = super().result()
        if found["verdict"] not in ("reject", "error"):
            return found
        printed = _bytes(self._found["printed"][0]).decode(errors="replace")
        told = [re.sub(r"^qemu-system-\S+: ", "", line) for line in printed.splitlines()]
        returned, hook, by_hook = self._found["cause"]
        found["message"] = "; ".join([*filter(None, [found["message"]]), *told])
        found["error"] = self._error(told, int(returned), hook, int(by_hook))
        return found

    def _error(self, told: list[str], returned: int, hook: str, by_hook: int) -> str:
        # A hook's failure ends everything, so that the last one to fail is the cause.
        if self._question.op == "save":
            return "hook-failed" if hook == "save" else "field-load-failed"
        if by_hook < 0:
            return f"{hook}-load-failed"
        causes = [line for line in told if not _WRAPS.match(line)]
        if causes:
            return error_class(causes[0])
        return _SILENT.get(returned, "field-load-failed")


#: What every level of an engine without errors prints above the cause, and what GLib grumbles at.
_WRAPS: Final = re.compile(r"(Failed to load \S|.*: failed to load |GLib[\w-]*: )")
#: What some causes return without a word.
_SILENT: Final = {-2: "unknown-subsection", -5: "stream-error"}

_DUMPED: Final = (1 << 20) + 1

_CLASSES: Final = (
    (r"too new( for local version_id -?\d+)?$", "version-too-new"),
    (r"too old( for local minimum version_id +-?\d+)?$", "version-too-old"),
    (r"^pre load hook failed for: ", "pre-load-failed"),
    (r"^post load hook failed for: ", "post-load-failed"),
    (r"^Unexpected ptr marker: ", "unexpected-ptr-marker"),
    (r"^vmstate: get_nullptr expected ", "unexpected-ptr-marker"),
    (r"^Input validation failed: ", "validation-failed"),
    (r"^VM subsection '.*' in '.*' does not exist$", "unknown-subsection"),
    (r"^Failed to load .* state: stream error: -\d+$", "stream-error"),
    (r"(^|failed: )pre-save failed: ", "hook-failed"),
)

_RULES: Final = (
    ("size != 0 ||", "auto-alloc-needs-size"),
    ("size == 0 &&", "pointer-array-has-size"),
    ("VMS_ARRAY |", "pointer-array-needs-array"),
    ("VMS_ARRAY_OF_POINTER", "auto-alloc-needs-pointer-array"),
    ("strncmp(", "subsection-name"),
)


def error_class(message: str) -> str:
    """Find the class of the innermost cause in QEMU's text."""
    inner = re.sub(
        r"^(Loading VM subsection '.*?' in '.*?' failed: )+", "", message, flags=re.DOTALL
    )
    return next(
        (name for pattern, name in _CLASSES if re.search(pattern, inner, re.DOTALL)),
        "field-load-failed",
    )


def _aborted(op: str, kind: str, told: str) -> dict[str, Any]:
    message = _bytes(told).decode(errors="replace")
    if kind == "unsupported":
        return {"verdict": "unsupported", "needs": f"infos:{message}"}
    if kind == "adapter":
        return {"verdict": "failure", "detail": f"the adapter stopped: {message}"}
    if op == "check" and kind == "assert":
        rule = next((rule for text, rule in _RULES if text in message), "other")
        return {"verdict": "invalid", "rule": rule, "message": message}
    return {"verdict": "abort", "abort": kind, "message": message}
