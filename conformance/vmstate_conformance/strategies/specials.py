# SPDX-License-Identifier: Apache-2.0
"""Fields that are no plain combination of flags: buffers, lists, trees, temporaries, validations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from vmstate_conformance.strategies.parts import single
from vmstate_conformance.strategies.tables import FREE_LEAVES, VBUFFERS

if TYPE_CHECKING:
    from vmstate_conformance.strategies.fields import Fields

_TAILQ: Final = 16
_LIST: Final = 16
_RAW: Final = {"pointer": {"bytes": None}}
#: What needs memory that was there before the load.
_HELD: Final = frozenset(
    {"buffer-pointer", "bitmap", "qtailq", "gtree-direct", "gtree", "g-byte-array"}
)
_SELF_MADE: Final = tuple(row for row in VBUFFERS if "VMS_ALLOC" in row or "VMS_POINTER" not in row)
_DEEP: Final = frozenset({"tmp", "qtailq", "qlist", "gtree-direct", "gtree"})


def special(fields: Fields, kind: str) -> None:
    """Make the special field `kind`, or where it cannot be, a buffer."""
    if fields.parent.fresh and kind in _HELD:
        # A list may stand in memory of zeros where its head is one pointer.
        kind = "qlist" if kind == "qtailq" else "buffer"
    if fields.deep and kind in _DEEP:
        kind = "buffer"
    _MAKERS[kind](fields)


def _length(fields: Fields) -> int:
    return fields.choices.below(300) if fields.choices.chance(12) else fields.choices.below(12) + 1


def _buffer(fields: Fields) -> None:
    name, size = fields.member(), _length(fields)
    offset = fields.struct.add(name, {"bytes": size}, size, 1)
    made = {"name": name, "info": "buffer", "offset": offset, "size": size}
    fields.put({**made, "flags": ["VMS_BUFFER"]})


def _buffer_pointer(fields: Fields) -> None:
    name, size = fields.member(), _length(fields)
    offset = fields.struct.add_pointer(name, _RAW)
    made = {"name": name, "info": "buffer", "offset": offset, "size": size}
    fields.put({**made, "flags": ["VMS_BUFFER", "VMS_POINTER"]})


def _unused(fields: Fields) -> None:
    made = {"name": "unused", "info": "unused_buffer", "size": _length(fields)}
    if fields.choices.chance(96):
        count = fields.scalar("uint32")
        fields.put({**made, "num_offset": count, "flags": ["VMS_VARRAY_UINT32", "VMS_BUFFER"]})
    else:
        fields.put({**made, "flags": ["VMS_BUFFER"]})


def _vbuffer(fields: Fields) -> None:
    rows = [row for row in VBUFFERS if not fields.parent.fresh or row in _SELF_MADE]
    flags = list(fields.choices.pick(rows))
    size_offset = fields.scalar(fields.choices.pick(("uint32", "int32")))
    name = fields.member()
    made: dict[str, Any] = {"name": name, "info": "buffer", "size_offset": size_offset}
    if "VMS_MULTIPLY" in flags:
        made["size"] = fields.choices.below(4) + 1
    if "VMS_POINTER" in flags:
        made["offset"] = fields.struct.add_pointer(name, _RAW)
    else:
        capacity = made.get("size", 1) * (fields.choices.below(8) + 1)
        made["offset"] = fields.struct.add(name, {"bytes": capacity}, capacity, 1)
    fields.put({**made, "flags": flags})


def _bitmap(fields: Fields) -> None:
    size_offset = fields.scalar("int32")
    name = fields.member()
    offset = fields.struct.add_pointer(name, _RAW)
    made = {"name": name, "info": "bitmap", "offset": offset, "size_offset": size_offset}
    fields.put({**made, "flags": ["VMS_VBUFFER", "VMS_POINTER"]})


def _validate(fields: Fields) -> None:
    predicate = {"const": True} if fields.choices.chance(64) else _check(fields)
    name = f"check {len(fields.made)}"
    flags = ["VMS_ARRAY", "VMS_MUST_EXIST"]
    fields.made.append({"name": name, "num": 0, "flags": flags, "exists": predicate})


def _check(fields: Fields) -> dict[str, Any]:
    # A member of its own, so that no other rule has a say in its value.
    name = fields.member()
    fields.scalar(fields.choices.pick(("uint8", "uint32", "int32")))
    how = fields.choices.pick(("ge", "eq"))
    return {"member": name, how: str(fields.choices.below(4))}


def _again(fields: Fields) -> None:
    """Send a scalar once more, under a name that another field has too."""
    scalars = fields.struct.scalars
    if not scalars:
        return _buffer(fields)
    member, offset, kind = fields.choices.pick(scalars)
    fields.put({"name": member, "info": kind, "offset": offset, **single(kind)})
    return None


def _flat(fields: Fields, *members: tuple[str, Any, int]) -> tuple[str, str, int, int]:
    """Build a description of a few scalars, of the members given and of some more.

    Gives its name, its struct's, the struct's size, and its version.
    """
    build, choices = fields.build, fields.choices
    name, struct = build.name(), build.struct()
    for member, kind, size in members:
        struct.add(member, kind, size, min(size, 8))
    made: list[dict[str, Any]] = []
    for at in range(choices.below(2) + 1):
        kind = choices.pick(FREE_LEAVES).scalar
        offset = struct.add_scalar(f"k{at}", kind)
        made.append({"name": f"k{at}", "info": kind, "offset": offset, **single(kind)})
    version = choices.below(min(fields.parent.version_id + 1, 256))
    build.structs[struct.name] = struct.finish()
    build.descriptions[name] = {
        "struct": struct.name,
        "version_id": version,
        "minimum_version_id": choices.below(version + 1),
        "fields": made,
    }
    return name, struct.name, struct.size, version


def _tmp(fields: Fields) -> None:
    """Make a temporary that may send a scalar of its parent through the pointer to it."""
    choices, parent = fields.choices, fields.parent
    pointer = {"pointer": {"struct": parent.struct.name}}
    name, _, size, version = _flat(fields, ("parent", pointer, 8))
    if parent.struct.scalars:
        member, offset, kind = choices.pick(parent.struct.scalars)
        inner = f"{name} parent"
        fields.build.descriptions[inner] = {
            "struct": parent.struct.name,
            "version_id": 1,
            "minimum_version_id": 1,
            "fields": [{"name": member, "info": kind, "offset": offset, **single(kind)}],
        }
        link = {"name": "parent", "vmsd": inner, "offset": 0, "size": 8}
        fields.build.descriptions[name]["fields"].append(
            {**link, "flags": ["VMS_STRUCT", "VMS_POINTER"]}
        )
    fields.put(
        {"name": "tmp", "info": "tmp", "vmsd": name, "size": size, "version_id": version},
        versioned=False,
    )


def _queue(fields: Fields, info: str, link: int) -> None:
    vmsd = fields.child(gap=link, fresh=True)
    name = fields.member()
    size = 16 if info == "qtailq" else 8
    head = {info: vmsd.struct.name, "entry": 0}
    made = {"name": name, "info": info, "vmsd": vmsd.name, "size": vmsd.struct.size}
    made["offset"] = fields.struct.add(name, head, size, 8)
    # Nodes are saved at their own version and loaded at the field's, which decides about the
    # field too.
    fields.put({**made, "start": 0, **_at_version(fields, vmsd.version_id)}, versioned=False)


def _at_version(fields: Fields, version: int) -> dict[str, Any]:
    if version <= fields.parent.version_id:
        return {"version_id": version}
    return {"version_id": version, "exists": {"const": True}}


def _qtailq(fields: Fields) -> None:
    _queue(fields, "qtailq", _TAILQ)


def _qlist(fields: Fields) -> None:
    _queue(fields, "qlist", _LIST)


def _gtree_direct(fields: Fields) -> None:
    vmsd = fields.child(fresh=True)
    name = fields.member()
    made = {"name": name, "info": "gtree", "vmsd": [vmsd.name], "size": vmsd.struct.size}
    kind = {"gtree": {"key": None, "value": vmsd.struct.name}}
    made["offset"] = fields.struct.add_pointer(name, kind)
    fields.put({**made, "start": 0, **_at_version(fields, vmsd.version_id)}, versioned=False)


def _gtree(fields: Fields) -> None:
    key, key_struct, key_size, version = _flat(fields)
    value, value_struct, value_size, other = _flat(fields)
    # Both are loaded at the field's one version.
    low = min(version, other)
    for each in (key, value):
        fields.build.descriptions[each].update(version_id=low, minimum_version_id=0)
    name = fields.member()
    made = {"name": name, "info": "gtree", "vmsd": [value, key], "size": value_size}
    kind = {"gtree": {"key": key_struct, "value": value_struct}}
    made["offset"] = fields.struct.add_pointer(name, kind)
    fields.put({**made, "start": key_size, **_at_version(fields, low)}, versioned=False)


def _g_byte_array(fields: Fields) -> None:
    name = fields.member()
    offset = fields.struct.add_pointer(name, "gbytearray")
    made = {"name": name, "info": "g_byte_array", "offset": offset, "size": 16}
    fields.put({**made, "flags": ["VMS_SINGLE"]})


_MAKERS: Final[dict[str, Callable[[Fields], None]]] = {
    "buffer": _buffer,
    "unused": _unused,
    "buffer-pointer": _buffer_pointer,
    "vbuffer": _vbuffer,
    "bitmap": _bitmap,
    "validate": _validate,
    "again": _again,
    "tmp": _tmp,
    "qtailq": _qtailq,
    "qlist": _qlist,
    "gtree-direct": _gtree_direct,
    "gtree": _gtree,
    "g-byte-array": _g_byte_array,
}
