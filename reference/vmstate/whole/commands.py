# SPDX-License-Identifier: Apache-2.0
"""`vmstate decode` and `vmstate encode`: from a file to text or JSON, and back."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import IO, Any, Final

from vmstate.files import InputError
from vmstate.whole.errors import StreamFault, printable
from vmstate.whole.fields import SUBSECTIONS
from vmstate.whole.model import Command, Item, Section
from vmstate.whole.ramview import RamSummary
from vmstate.whole.source import open_file
from vmstate.whole.tojson import write
from vmstate.whole.tree import hex_lines, item_lines, summary, undecoded
from vmstate.whole.walk import Walker

_BATCH: Final = 1 << 16


@contextlib.contextmanager
def output(name: str) -> Iterator[IO[bytes]]:
    """Open the output; a file appears whole or not at all."""
    if name == "-":
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    from pathlib import Path  # noqa: PLC0415 - takes long to load

    path = Path(name)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def opened(
    name: str,
    select: Callable[[str], bool] | None = None,
    *,
    spans: bool = False,
    snapshot: str | None = None,
    described: str | None = None,
) -> Walker:
    """Open a stream for a command; `described` names one whose vmdesc serves. Raises `InputError`."""
    vmdesc = open_file(described).stream.vmdesc if described else None
    if described and vmdesc is None:
        raise InputError(f"{described}: no vmdesc that can be read")
    return open_file(name, select=select, spans=spans, snapshot=snapshot, described=vmdesc)


def refuse(name: str, walker: Walker) -> None:
    """Raise the first fault of a stream as one line, if there is one."""
    faults = walker.stream.faults
    behind = getattr(walker.stream.source, "fault", None)
    if behind is not None and not faults:
        raise behind
    if not faults:
        return
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    shown = "<stdin>" if name == "-" else name
    raise InputError(f"{printable(shown)}: {faults[0]}{more}")


def decode(options: argparse.Namespace) -> int:
    """Run `vmstate decode`."""
    select = _selection(options)
    walker = opened(
        options.file, select, spans=options.hex, snapshot=options.snapshot, described=options.vmdesc
    )
    with output(options.output) as file:
        lines = _lines(options, walker, select)
        if options.json and not (options.field or options.section):
            _write_json(walker, file, pages=not options.no_pages)
        else:
            with _joined(file) as put:
                for line in lines:
                    put(line + "\n")
    refuse(options.file, walker)
    return 0


def _write_json(walker: Walker, file: IO[bytes], *, pages: bool) -> None:
    with _joined(file) as put:
        write(walker, put, pages=pages)


@contextlib.contextmanager
def _joined(file: IO[bytes]) -> Iterator[Callable[[str], None]]:
    """Collect small texts into larger writes."""
    parts: list[str] = []
    size = 0

    def put(text: str) -> None:
        nonlocal size
        parts.append(text)
        size += len(text)
        if size > _BATCH:
            file.write("".join(parts).encode("utf-8", "backslashreplace"))
            parts.clear()
            size = 0

    yield put
    file.write("".join(parts).encode("utf-8", "backslashreplace"))


def _selection(options: argparse.Namespace) -> Callable[[str], bool] | None:
    if options.ram or options.extract_ram:
        return lambda _label: False
    globs, fields = options.section, options.field
    if not globs and not fields:
        return None

    def select(label: str) -> bool:
        if any(field.startswith(label) for field in fields or ()):
            return True
        name = label.partition("#")[0]
        return any(fnmatchcase(label, glob) or fnmatchcase(name, glob) for glob in globs or ())

    return select


def _lines(
    options: argparse.Namespace, walker: Walker, select: Callable[[str], bool] | None
) -> Iterator[str]:
    if options.ram or options.extract_ram:
        return _ram_lines(options, walker)
    if options.field:
        return _field_lines(options, walker)
    return _tree_lines(options, walker, select)


def _tree_lines(
    options: argparse.Namespace, walker: Walker, select: Callable[[str], bool] | None
) -> Iterator[str]:
    devices: list[Section] = []
    found = False
    for item in walker.walk():
        devices.extend(one for one in _flat(item) if one.kind == "full")
        wanted = select is None or (isinstance(item, Section) and select(item.label))
        found = found or wanted
        if walker.spans is not None:
            if wanted:
                yield from hex_lines(walker.data, walker.spans)
            walker.spans.clear()
        elif wanted and options.json:
            assert isinstance(item, Section)
            yield json.dumps({"label": item.label, "state": _plain(item)}, indent=1)
        elif wanted:
            yield from item_lines(item, whole=options.full)
        for one in _flat(item):
            one.state = None
    if walker.spans is not None and select is None:
        yield from hex_lines(walker.data, walker.spans)
    if select is None and walker.spans is None and walker.stream.version:
        yield from summary(walker.stream, options.file)
        yield undecoded(devices)
    elif not found and not walker.stream.faults:
        raise InputError(f"{options.file}: no section like {' or '.join(options.section)}")


def _plain(section: Section) -> Any:
    return None if section.idstr == "ram" else section.state


def _ram_lines(options: argparse.Namespace, walker: Walker) -> Iterator[str]:
    total = RamSummary(walker)
    if not options.extract_ram:
        for section in _sections(walker):
            total.add(section)
        yield from total.lines()
        return
    from pathlib import Path  # noqa: PLC0415

    from vmstate.whole.extract import Extractor  # noqa: PLC0415

    try:
        with Extractor(walker, Path(options.extract_ram)) as extractor:
            for section in _sections(walker):
                total.add(section)
                extractor.add(section)
                section.state = None
            for name, path in extractor.names.items():
                yield f"{printable(name)}: {path}"
            yield from walker.ram.elsewhere()
    except StreamFault as fault:
        raise InputError(f"{options.file}: {fault}") from None
    except OSError as error:
        raise InputError(f"{options.extract_ram}: {error.strerror}") from None


def _sections(walker: Walker) -> Iterator[Section]:
    for item in walker.walk():
        yield from _flat(item)


def _flat(item: Item) -> Iterator[Section]:
    if isinstance(item, Section):
        yield item
    elif isinstance(item, Command):
        for one in item.items:
            yield from _flat(one)


def _field_lines(options: argparse.Namespace, walker: Walker) -> Iterator[str]:
    left = list(options.field)
    for section in _sections(walker):
        for path in options.field:
            if path.startswith(section.label) and section.idstr != "ram":
                try:
                    value = follow(section.state, path[len(section.label) :])
                except KeyError:
                    continue
                if path in left:
                    left.remove(path)
                yield f"{printable(path)}: {json.dumps(value)}"
        section.state = None
    if left and not walker.stream.faults:
        raise InputError(f"{options.file}: no field {left[0]}")


def follow(value: Any, path: str) -> Any:
    """Give what a path leads to inside a state. Raises `KeyError` where it leads nowhere.

    Names of fields may hold dots and brackets of their own, so the longest that fits is taken.
    """
    if not path:
        return value
    if path[0] == ":" and isinstance(value, dict):
        for one in value.get(SUBSECTIONS, []):
            if path[1:].startswith(one["name"]):
                with contextlib.suppress(KeyError):
                    return follow(one["state"], path[1 + len(one["name"]) :])
    elif path[0] == "." and isinstance(value, dict):
        rest = path[1:]
        for name in sorted(value, key=len, reverse=True):
            if rest.startswith(name) and (rest == name or rest[len(name)] in ".[:"):
                with contextlib.suppress(KeyError):
                    return follow(value[name], rest[len(name) :])
    elif path[0] == "[" and isinstance(value, list):
        index, closed, rest = path[1:].partition("]")
        if closed and index.isascii() and index.isdigit() and int(index) < len(value):
            return follow(value[int(index)], rest)
    raise KeyError(path)


def encode(options: argparse.Namespace) -> int:
    """Run `vmstate encode`."""
    from vmstate.whole.fromjson import encode as encode_document  # noqa: PLC0415

    name = options.file
    try:
        if name == "-":
            document = json.load(sys.stdin.buffer)
        else:
            with open(name, "rb") as file:  # noqa: PTH123 - a path of the user's, as it is
                document = json.load(file)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from None
    except (RecursionError, ValueError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{name}: {printable(reason)}") from None
    if options.output == "-" and os.isatty(sys.stdout.fileno()):
        raise InputError("a stream is no text for a terminal: give -o FILE")
    with output(options.output) as out:
        try:
            encode_document(document, out.write)
        except StreamFault as fault:
            where = f"{fault.path}: " if fault.path else ""
            raise InputError(printable(f"{name}: {where}{fault.detail} [{fault.rule}]")) from None
    return 0
