# SPDX-License-Identifier: Apache-2.0
"""The comparison: every device that OLD saves, as NEW would load it.

A dump does not show predicates, codecs, flags or defaults of the machine type, so what it shows
equal may still differ; what it shows to differ, differs. QEMU's own checker finds less
[DUMP-COMPARE-1], and leaves counts aside [DUMP-COMPARE-2]; here they are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from vmstate.dumpcheck.align import align, same_bytes, without_equal_padding
from vmstate.dumpcheck.model import Description, Dump, Field
from vmstate.dumpcheck.rules import Finding


def compare(old: Dump, new: Dump) -> list[Finding]:
    """Compare two dumps; findings stand in the order of OLD's devices and fields."""
    findings = []
    if old.machine != new.machine:
        detail = f"{old.machine} became {new.machine}"
        findings.append(Finding("machine", "vmschkmachine", "Name", detail))
    names: dict[str, str] = {}
    for name, each in new.devices.items():
        if name not in old.devices:
            names.setdefault(each.name, name)
    taken = set()
    counted = old.counted == new.counted
    for name, before in old.devices.items():
        comparison = _Comparison(name, counted=counted)
        after = new.devices.get(name)
        if after is None and before.name in names:
            renamed = names[before.name]
            taken.add(renamed)
            after = new.devices[renamed]
            comparison.add("device-renamed", before.name, f"{name} became {renamed}")
        if after is None:
            comparison.add("device-missing", before.name, "not in NEW")
        else:
            comparison.device(before, after)
        findings += comparison.findings
    for name, each in new.devices.items():
        if name not in old.devices and name not in taken:
            findings.append(Finding("device-added", name, each.name, "not in OLD"))
    return findings


class _Comparison:
    """The findings about one device class."""

    def __init__(self, device: str, *, counted: bool) -> None:
        self.device_class = device
        self.counted = counted
        self.findings: list[Finding] = []

    def add(self, rule: str, path: str, detail: str) -> None:
        self.findings.append(Finding(rule, self.device_class, path, detail))

    def device(self, old: Description, new: Description) -> None:
        if old.name != new.name:
            self.add("description-name", old.name, f"became {new.name}")
        self._section(old, new, old.name)

    def _section(self, old: Description, new: Description, path: str) -> None:
        """Compare two descriptions whose version is in the stream: sections and subsections."""
        if old.version_id > new.version_id:
            detail = f"version {old.version_id} is saved, at most {new.version_id} is loaded"
            self.add("version-too-new", path, detail)
        elif old.version_id < new.minimum_version_id:
            lowest = new.minimum_version_id
            detail = f"version {old.version_id} is saved, at least {lowest} is loaded"
            self.add("version-too-old", path, detail)
        else:
            self._fields(old, new, old.version_id, path)
        self._subsections(old, new, path)

    def _struct(self, old: Description, new: Description, path: str) -> None:
        """Compare two nested structs: NEW loads its own version, whatever OLD had."""
        if old.name != new.name:
            self.add("struct-name", path, f"{old.name} became {new.name}")
        if old.version_id > new.version_id:
            self.add("struct-version", path, f"{old.version_id} became {new.version_id}")
        self._fields(old, new, new.version_id, path)
        self._subsections(old, new, path)

    def _fields(self, old: Description, new: Description, version_id: int, path: str) -> None:
        saved = [each for each in old.fields if each.read_at(old.version_id)]
        later = [each for each in new.fields if not each.read_at(version_id)]
        found = align(saved, [each for each in new.fields if each.read_at(version_id)])
        paths = _Paths(path)
        for before, after in found.pairs:
            self._field(before, after, paths.of(before))
        for before, _ in found.moved:
            self.add("field-order", paths.of(before), "stands at another place in NEW")
        unread = {each.name: each for each in later}
        for left, right in found.gaps:
            self._gap(left, right, unread, old.version_id, path)

    def _gap(
        self,
        old: list[Field],
        new: list[Field],
        later: Mapping[str, Field],
        version_id: int,
        path: str,
    ) -> None:
        rule = same_bytes(old, new)
        if rule:
            changed = [each for each in old if not each.padding] != [
                each for each in new if not each.padding
            ]
            if changed:
                self.add(rule, f"{path}.{old[0].name}", f"{_listed(old)} became {_listed(new)}")
            return
        unsure = old and new and any(all(each.padding for each in side) for side in (old, new))
        if unsure and not self.counted:
            detail = f"{_listed(old)} became {_listed(new)}"
            self.add("field-padding-unsure", f"{path}.{old[0].name}", detail)
            return
        removed, added = without_equal_padding(old, new)
        for each in removed:
            where = f"{path}.{each.name}"
            if each.name in later and not each.padding:
                first = later[each.name].version_id
                detail = f"is read from version {first} on, version {version_id} has it"
                self.add("field-version", where, detail)
            elif each.field_exists:
                self.add("field-removed-conditional", where, "its predicate must have kept it out")
            else:
                self.add("field-removed", where, f"{each.extent} bytes that NEW does not read")
        for each in added:
            where = f"{path}.{each.name}"
            if each.field_exists:
                self.add("field-added-conditional", where, "its predicate must keep it out")
            else:
                detail = f"{each.extent} bytes that OLD does not save"
                if each.version_id > version_id:
                    detail += (
                        f"; a nested struct's version ({each.version_id}) is not in the stream"
                    )
                self.add("field-added", where, detail)

    def _field(self, old: Field, new: Field, path: str) -> None:
        if old.field_exists != new.field_exists:
            words = ("no predicate", "a predicate")
            detail = f"{words[old.field_exists]} became {words[new.field_exists]}"
            self.add("field-condition", path, detail)
        if old.num is not None and new.num is not None:
            if old.num != new.num:
                self.add("field-count", path, f"{old.num} elements became {new.num}")
        elif old.num != new.num:
            self.add("field-array", path, f"{_length(old.num)} became {_length(new.num)}")
        before, after = old.description, new.description
        if before is not None and after is not None:
            self._struct(before, after, path)
        elif before is not None or after is not None:
            kinds = ["a plain value" if each is None else "a struct" for each in (before, after)]
            self.add("field-kind", path, f"{kinds[0]} became {kinds[1]}")
        elif old.size != new.size:
            self.add("field-size", path, f"{old.size} bytes became {new.size}")

    def _subsections(self, old: Description, new: Description, path: str) -> None:
        counts = [Counter(each.name for each in side.subsections) for side in (old, new)]
        for name in dict.fromkeys([*counts[0], *counts[1]]):
            where = f"{path}/{_tail(name, new.name)}"
            many = [count[name] for count in counts]
            if max(many) > 1:
                times = " and ".join(
                    f"{many[at]} times in {side}"
                    for at, side in enumerate(("OLD", "NEW"))
                    if many[at] > 1
                )
                self.add("subsection-duplicate", where, f"{name} occurs {times}")
        for each in new.subsections:
            if not each.name.startswith(new.name):
                detail = f"{each.name} is a subsection of {new.name}"
                self.add("subsection-prefix", path, detail)
        places: dict[str, Iterator[Description]] = {
            name: iter([each for each in new.subsections if each.name == name])
            for name in counts[1]
        }
        for number, each in _numbered(old.subsections):
            where = f"{path}/{_tail(each.name, old.name)}{number}"
            after = next(places.get(each.name, iter(())), None)
            if after is None:
                self.add("subsection-missing", where, f"{each.name} is not in NEW")
            else:
                self._section(each, after, where)


class _Paths:
    """Paths of fields: the second of one name is `name#2`."""

    def __init__(self, outer: str) -> None:
        self._outer = outer
        self._seen: Counter[str] = Counter()

    def of(self, field: Field) -> str:
        self._seen[field.name] += 1
        times = self._seen[field.name]
        return f"{self._outer}.{field.name}" + (f"#{times}" if times > 1 else "")


def _numbered(subsections: tuple[Description, ...]) -> Iterator[tuple[str, Description]]:
    seen: Counter[str] = Counter()
    for each in subsections:
        seen[each.name] += 1
        yield (f"#{seen[each.name]}" if seen[each.name] > 1 else ""), each


def _tail(name: str, parent: str) -> str:
    """Shorten a subsection's name by its parent's."""
    return name.removeprefix(f"{parent}/")


def _listed(fields: list[Field]) -> str:
    names = [each.name for each in fields[:4]]
    return ", ".join(names) + (f" and {len(fields) - 4} more" if len(fields) > 4 else "")


def _length(num: int | None) -> str:
    return "no fixed length" if num is None else f"an array of {num}"
