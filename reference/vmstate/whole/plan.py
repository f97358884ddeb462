# SPDX-License-Identifier: Apache-2.0
"""From the vmdesc of one section to the plan that decodes it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from vmstate.whole.errors import StreamFault
from vmstate.whole.fields import Fields, FlatArray, Subsection
from vmstate.whole.lists import CountedBytes, Nodes, Tree
from vmstate.whole.nodes import Array, Bytes, Node, Scalar, ScalarArray, Scalars
from vmstate.whole.pointers import Entry, Group
from vmstate.whole.private_infos import private
from vmstate.whole.virtio import Virtio
from vmstate.whole.vmdesc import Repeated, pairs_of

#: The numbers of vmstate-types.c and of the devices, by the name that the vmdesc shows. All are
#: big-endian on the wire, `int32 le` too, whose name means "less or equal".
SCALARS: Final = MappingProxyType(
    {
        "bool": "B",
        "int8": "b",
        "uint8": "B",
        "int16": "h",
        "uint16": "H",
        "int32": "i",
        "uint32": "I",
        "int64": "q",
        "uint64": "Q",
        "uint8 equal": "B",
        "uint16 equal": "H",
        "int32 equal": "i",
        "uint32 equal": "I",
        "int64 equal": "Q",  # what vmstate_info_uint64_equal is called
        "uint64 equal": "Q",
        "int32 le": "i",
        "timer": "q",
        "CPU_Double_U": "Q",
        "float64": "Q",
        "int32_as_uint16": "H",
        "uint16_from_uint8": "H",
        "cpsr": "I",
        "fpscr": "I",
        "fpsr": "I",
        "fpcr": "I",
        "powered_off": "B",
        "pstate64": "Q",
        "fpr": "Q",
        "vsr": "Q",
        "cpu/altivec/vscr": "I",
    }
)
_NUMBERS: Final = MappingProxyType({kind: Scalar(code, kind) for kind, code in SCALARS.items()})
_RAW: Final = frozenset({"buffer", "unused_buffer", "bitmap", "fd"})
#: A tuple: what is looked for in it may be anything that JSON holds.
_MARKERS: Final = ("ptr-marker", "nullptr")
#: Structs inside each other; QEMU's have a dozen.
DEEPEST: Final = 100
_BY_SIZE: Final = MappingProxyType({1: "B", 2: "H", 4: "I", 8: "Q"})


def compile_section(device: dict[str, Any], offset: int) -> Fields:
    """Make the plan of a section out of its item of the vmdesc's `devices`.

    Raises `StreamFault` (rule `vmdesc.shape`) where that is not what QEMU writes.
    """
    try:
        return _fields(device, 0)
    except StreamFault as fault:
        fault.offset = offset
        raise


def _wrong(detail: str) -> StreamFault:
    return StreamFault("vmdesc.shape", 0, detail, path="vmdesc")


def _fields(vmsd: dict[str, Any], depth: int) -> Fields:
    if depth > DEEPEST:
        raise _wrong(f"more than {DEEPEST} structs inside each other")
    entries = vmsd.get("fields", [])
    inner = vmsd.get("subsections", [])
    if not isinstance(entries, list) or not isinstance(inner, list):
        raise _wrong("`fields` or `subsections` is no array")
    groups = _groups(entries)
    steps: list[tuple[str, Node]] = []
    names: list[str] = []
    numbers: list[Scalar] = []
    used: set[str] = set()
    for base, members in groups:
        key = base
        while not key or key in used or key.startswith("$"):
            key += f"#{len(used)}"
        used.add(key)
        node = _group(members, depth)
        if isinstance(node, Scalar):
            names.append(key)
            numbers.append(node)
            continue
        if names:
            steps.append(("", Scalars(names, numbers)))
            names, numbers = [], []
        steps.append((key, node))
    if names:
        steps.append(("", Scalars(names, numbers)))
    return Fields(steps, [_subsection(item, depth) for item in inner])


def _subsection(item: Any, depth: int) -> Subsection:
    name = item.get("vmsd_name") if isinstance(item, dict) else None
    version = item.get("version") if isinstance(item, dict) else None
    if not isinstance(name, str) or not isinstance(version, int):
        raise _wrong("a subsection without name or version")
    return Subsection(name, version & 0xFFFFFFFF, _fields(item, depth + 1))


def _groups(entries: list[Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Put the neighbouring entries of one field together: elements that differ have one each."""
    groups: list[tuple[str, list[dict[str, Any]]]] = []
    base = ""
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise _wrong("a field without a name")
        name = entry["name"]
        # The marker of an array whose name is not unique is called ar[-1], its elements ar[k].
        nameless = name.endswith("[-1]")
        stem = name[:-4] if nameless else name
        if groups and (
            name == base
            or (nameless and base.startswith(stem + "["))
            or (base.endswith("[-1]") and name.startswith(base[:-4] + "["))
        ):
            groups[-1][1].append(entry)
            if not nameless:
                groups[-1] = (name, groups[-1][1])
                base = name
            continue
        groups.append((name, [entry]))
        base = name
    return groups


def _group(members: list[dict[str, Any]], depth: int) -> Node:
    if len(members) == 1 and members[0].get("type") not in _MARKERS:
        node, count = _entry(members[0], depth)
        return node if count < 0 else _array(node, count)
    entries = []
    for member in members:
        if _is_marker(member):
            entries.append(Entry(None, _count(member)))
        else:
            entries.append(Entry(*_entry(member, depth)))
    return Group(entries)


def _is_marker(entry: dict[str, Any]) -> bool:
    if entry.get("type") in _MARKERS:
        return True
    # QEMU before 10.0 gives a NULL element the type of the others, with nothing inside.
    return entry.get("type") == "struct" and entry.get("struct") == {} and entry.get("size") == 1


def _array(node: Node, count: int) -> Node:
    if isinstance(node, Scalar):
        return ScalarArray(node, count)
    if isinstance(node, Fields) and node.flat:
        return FlatArray(node, count)
    return Array(node, count)


def _count(entry: dict[str, Any]) -> int:
    """Give `array_len`, or -1 where there is none."""
    count = entry.get("array_len", -1)
    if not isinstance(count, int) or count < -1:
        raise _wrong(f"array_len of {entry['name']} is no count")
    return count


def _entry(entry: dict[str, Any], depth: int) -> tuple[Node, int]:
    size, kind = entry.get("size"), entry.get("type")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _wrong(f"size of {entry['name']} is no size")
    if not isinstance(kind, str):
        raise _wrong(f"type of {entry['name']} is no string")
    return _leaf(entry, kind, size, depth), _count(entry)


def _leaf(entry: dict[str, Any], kind: str, size: int, depth: int) -> Node:
    number = _NUMBERS.get(kind)
    if number is not None and number.size == size:
        return number
    if kind in _RAW:
        return Bytes(size, kind)
    if kind == "struct":
        inner = entry.get("struct")
        if isinstance(inner, dict):
            return _fields(inner, depth + 1)
    elif kind in {"qtailq", "qlist"}:
        return Nodes([_fields(e, depth + 1) for e in _repeats(entry)], size)
    elif kind == "gtree":
        return Tree([_fields(e, depth + 1) for e in _repeats(entry)], size)
    elif kind == "GByteArray":
        return CountedBytes(size)
    elif isinstance(entry.get("fields"), list):  # tmp, vstruct, and whatever else recurses inline
        return _fields(entry, depth + 1)
    known = Virtio(size) if kind == "virtio" else private(kind, size)
    if known is not None:
        return known
    reason = f"a number of {number.size} bytes" if number else f"no known layout of {kind!r}"
    return Bytes(size, kind, reason)


def _repeats(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Split an object in which each element of a list put the same keys again."""
    if not isinstance(entry, Repeated):
        return [entry] if "vmsd_name" in entry else []
    found: list[dict[str, Any]] = []
    for key, value in pairs_of(entry):
        if key == "vmsd_name":
            found.append({})
        if found:
            found[-1].setdefault(key, value)
    return found
