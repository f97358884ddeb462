# SPDX-License-Identifier: Apache-2.0
"""A stream against the `-dump-vmstate` of the QEMU that is to load it: what would not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from vmstate.whole.errors import StreamFault
from vmstate.whole.model import Section, Stream

#: The types whose bytes on the wire are those in memory, which a dump has.
_EXACT: Final = MappingProxyType(
    {f"{sign}int{bits}": bits // 8 for sign in ("", "u") for bits in (8, 16, 32, 64)}
)
_DEEPEST: Final = 64
_LATER: Final = (
    "nothing here: the bytes get out of step, and a footer or a later section is refused"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the loading side would take amiss. `sure` is False where it depends."""

    section: Section
    detail: str
    says: str
    sure: bool = True


class Dump:
    """The descriptions of a `-dump-vmstate`, by the name of their vmsd."""

    def __init__(self, source: Any) -> None:
        if not isinstance(source, dict):
            raise StreamFault("dump", 0, "no output of -dump-vmstate: a JSON object is wanted")
        self.machine = ""
        self.by_name: Final[dict[str, list[dict[str, Any]]]] = {}
        for key, entry in source.items():
            if not isinstance(entry, dict):
                raise StreamFault("dump", 0, f"no output of -dump-vmstate: {key} is no object")
            if key == "vmschkmachine":
                self.machine = str(entry.get("Name", ""))
            description = entry.get("Description")
            if isinstance(description, dict) and isinstance(description.get("name"), str):
                self.by_name.setdefault(description["name"], []).append(description)
        if not self.by_name:
            raise StreamFault("dump", 0, "no output of -dump-vmstate: no device in it")

    def findings(self, stream: Stream) -> Iterator[Finding]:
        """Compare every device that both sides know."""
        if stream.vmdesc is None:
            return
        for section in stream.sections():
            if section.kind != "full":
                continue
            name = section.idstr.rpartition("/")[2]
            locals_ = self.by_name.get(name, [])
            described = stream.vmdesc.device(section.idstr, section.instance_id, 0)
            if not locals_ or not described:
                continue
            # Several device types may share a name, and any of them may be meant.
            found = [list(self._device(section, name, one, described)) for one in locals_]
            yield from min(found, key=len)

    def _device(
        self, section: Section, name: str, local: dict[str, Any], described: dict[str, Any]
    ) -> Iterator[Finding]:
        version, least = _number(local, "version_id"), _number(local, "minimum_version_id")
        if section.version_id > version:
            says = f"unsupported version {section.version_id} for '{section.idstr}' v{version}"
            yield Finding(
                section, f"version {section.version_id}, of which {version} is known", says
            )
        elif section.version_id < least:
            says = f"{name}: incoming version_id {section.version_id} is too old for local "
            says += f"minimum version_id {least}"
            yield Finding(section, f"version {section.version_id}, older than {least}", says)
        else:
            yield from self._fields(section, section.label, local, described, 0)

    def _fields(
        self,
        section: Section,
        path: str,
        local: dict[str, Any],
        described: dict[str, Any],
        depth: int,
    ) -> Iterator[Finding]:
        """Walk both lists of fields: all of ours that exist must come, in our order."""
        if depth > _DEEPEST:
            return
        version = _number(described, "version")
        ours = [one for one in _list(local, "Fields") if isinstance(one.get("field"), str)]
        names = _numbered([one["field"] for one in ours])
        at = 0
        for name, entry in _named(described):
            found = next((i for i in range(at, len(ours)) if names[i] == name), -1)
            if found < 0:
                detail = f"{path}.{name} is sent, and the loader has no such field here"
                yield Finding(section, detail, _LATER)
                return
            yield from _unsent(section, path, ours[at:found], version)
            at = found + 1
            yield from self._field(section, f"{path}.{name}", ours[found], entry, depth)
        yield from _unsent(section, path, ours[at:], version)
        yield from self._subsections(section, path, local, described, depth)

    def _field(
        self, section: Section, path: str, ours: dict[str, Any], entry: dict[str, Any], depth: int
    ) -> Iterator[Finding]:
        size = _EXACT.get(str(entry.get("type")))
        local = ours.get("size")
        if size and isinstance(local, int) and local not in {0, size} and "Description" not in ours:
            detail = f"{path} has {size} bytes in the stream and {local} in the loader"
            yield Finding(section, detail, _LATER)
        inner = entry.get("struct", entry if "vmsd_name" in entry else None)
        description = ours.get("Description")
        if isinstance(inner, dict) and inner and isinstance(description, dict):
            yield from self._fields(section, path, description, inner, depth + 1)

    def _subsections(
        self,
        section: Section,
        path: str,
        local: dict[str, Any],
        described: dict[str, Any],
        depth: int,
    ) -> Iterator[Finding]:
        known = {str(one.get("name")): one for one in _list(local, "Subsections")}
        for one in _list(described, "subsections"):
            name = str(one.get("vmsd_name"))
            if name not in known:
                says = f"VM subsection '{name}' in '{local.get('name')}' does not exist"
                yield Finding(section, f"{path}:{name} is unknown to the loader", says)
                continue
            version = _number(known[name], "version_id")
            if _number(one, "version") > version:
                sent = _number(one, "version")
                says = (
                    f"{name}: incoming version_id {sent} is too new for local version_id {version}"
                )
                yield Finding(section, f"{path}:{name} has version {sent}", says)
            else:
                yield from self._fields(section, f"{path}:{name}", known[name], one, depth + 1)


def _named(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the fields of a vmdesc, each once: elements and markers of one array go together."""
    last = ""
    for entry in _list(described, "fields"):
        name = str(entry.get("name"))
        if name != last and not name.endswith("[-1]"):
            yield name, entry
            last = name


def _numbered(names: list[str]) -> list[str]:
    """Number names that repeat, as a vmdesc does."""
    count, seen = Counter(names), Counter[str]()
    out = []
    for name in names:
        out.append(f"{name}[{seen[name]}]" if count[name] > 1 else name)
        seen[name] += 1
    return out


def _unsent(
    section: Section, path: str, fields: list[dict[str, Any]], version: int
) -> Iterator[Finding]:
    """Speak of a field that was not sent. A dump does not tell an array, which may be empty."""
    for field in fields:
        if _certain(field, version) and "Description" not in field:
            detail = f"{path}.{field['field']} is not sent; the loader reads it, unless it is an "
            yield Finding(section, detail + "array of 0 elements", _LATER, sure=False)
            return


def _certain(field: dict[str, Any], version: int) -> bool:
    """Whether a field exists at a version, whatever the state is."""
    return not field.get("field_exists") and _number(field, "version_id") <= version


def _list(holder: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = holder.get(key, [])
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _number(holder: dict[str, Any], key: str) -> int:
    found = holder.get(key, 0)
    return found if isinstance(found, int) else 0
