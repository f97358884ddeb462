# SPDX-License-Identifier: Apache-2.0
"""Findings on disk: minimised, written as cases with the command that replays them, and listed."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vmstate_conformance.cases import InputError
from vmstate_conformance.fuzzing.finding import rule_of, signature
from vmstate_conformance.fuzzing.target import Target

_TRIES: Final = 4000
_LARGEST: Final = 16 << 20
#: What a case is called, and what a finding that no case can say.
CASE: Final = ".json"
RAW: Final = ".finding"


def sign_of(target: Target, data: bytes) -> str:
    """Run an input and name what it finds; empty where that is nothing."""
    try:
        target.run(data)
    except Exception as error:  # noqa: BLE001 - any error at all is a finding
        return signature(error)
    return ""


def minimise(target: Target, data: bytes, wanted: str, seconds: float = 20.0) -> bytes:
    """Make an input smaller, and its bytes zero, as long as it finds the same."""
    deadline = time.monotonic() + seconds
    tries = 0

    def same(candidate: bytes) -> bool:
        nonlocal tries
        tries += 1
        return sign_of(target, candidate) == wanted

    def left() -> bool:
        return tries < _TRIES and time.monotonic() < deadline

    before = None
    while before != data and left():
        before = data
        data = _shorter(data, same, left)
        data = _simpler(data, same, left)
    return data


def _shorter(data: bytes, same: Callable[[bytes], bool], left: Callable[[], bool]) -> bytes:
    size = max(len(data) // 2, 1)
    while size and left():
        at = 0
        while at < len(data) and left():
            candidate = data[:at] + data[at + size :]
            if same(candidate):
                data = candidate
            else:
                at += size
        size //= 2
    return data


def _simpler(data: bytes, same: Callable[[bytes], bool], left: Callable[[], bool]) -> bytes:
    for at in range(len(data)):
        if not left():
            break
        for byte in {0, data[at] & 0x0F} - {data[at]}:
            candidate = data[:at] + bytes([byte]) + data[at + 1 :]
            if byte < data[at] and same(candidate):
                data = candidate
                break
    return data


def stage(
    target: Target, data: bytes, error: BaseException, place: Path, *, shrink: bool = True
) -> Path:
    """Minimise an input that finds something and write it. Gives the file.

    Of one signature the smaller input is kept. Raises `InputError` where nothing can be written.
    """
    sign = signature(error)
    small = minimise(target, data, sign) if shrink else data
    name = f"{target.name}-{hashlib.sha256(sign.encode()).hexdigest()[:12]}"
    request = None
    with suppress(Exception):  # an input that breaks the code may break its rendering too
        request = target.case(small)
    kind = RAW if request is None or "op" not in request else CASE
    file = place / f"{name}{kind}"
    if file.exists():
        with suppress(InputError):
            kept = _input(read(file), file)
            if len(kept) <= len(small) and sign_of(target, kept) == sign:
                return file
    record = {
        "id": f"fuzz/{name}",
        "tags": ["fuzz", f"target-{target.name}", f"rule-{rule_of(error)}"],
        **(request or {}),
        "finding": {
            "target": target.name,
            "rule": rule_of(error),
            "signature": sign,
            "detail": (str(error).splitlines() or [type(error).__name__])[0][:300],
            "input": small.hex(),
            "replay": f"python fuzz/triage.py --replay {file.name}",
        },
    }
    _write(file, json.dumps(record, indent=1) + "\n")
    return file


def _write(file: Path, text: str) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(file)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error} [unwritable]") from None


@dataclass(frozen=True, slots=True)
class Found:
    """One staged finding."""

    file: Path
    target: str
    rule: str
    signature: str
    detail: str
    input: bytes


def staged(place: Path) -> Iterator[Found]:
    """Give all staged findings of a directory, or of one file. Raises `InputError`."""
    files = sorted(place.iterdir()) if place.is_dir() else [place]
    if not place.is_dir() and not place.exists():
        raise InputError(f"{place}: no such file or directory [missing]")
    for file in files:
        if file.suffix in (CASE, RAW) and not file.name.startswith("."):
            record = read(file)
            if "finding" in record:
                yield _found(file, record)


def read(file: Path) -> dict[str, Any]:
    """Read a file of the staging directory. Raises `InputError`."""
    try:
        if file.stat().st_size > _LARGEST:
            raise InputError(f"{file}: larger than {_LARGEST >> 20} MiB [too-large]")
        record = json.loads(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error} [unreadable]") from None
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else "nested too deeply"
        raise InputError(f"{file}: {reason} [json]") from None
    if not isinstance(record, dict):
        raise InputError(f"{file}: no object [object]")
    return record


def _found(file: Path, record: dict[str, Any]) -> Found:
    finding = record["finding"]
    texts = ("target", "rule", "signature", "detail")
    if not isinstance(finding, dict) or not all(isinstance(finding.get(k), str) for k in texts):
        raise InputError(f"{file}: finding: target, rule, signature and detail are texts [finding]")
    target, rule, sign, detail = (finding[key] for key in texts)
    return Found(file, target, rule, sign, detail, _input(record, file))


def _input(record: dict[str, Any], file: Path | None = None) -> bytes:
    try:
        return bytes.fromhex(record["finding"]["input"])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{file}: finding.input is no hex [finding]") from None
