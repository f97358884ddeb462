# SPDX-License-Identifier: Apache-2.0
"""How fast whole streams are read: `python benchmarks/whole.py [STREAM]`.

Cpu seconds and peak memory of whole processes, the median of several runs, beside two yardsticks that
are measured in the same run: an interpreter that starts and ends, and one that reads the file once.
STREAM is a stream of a machine rich in devices; without one, a made one of 100,000 fields is used. The
stream of 1 GiB of normal pages is made on the way, in the folder for temporary files.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final

_RUNS: Final = 5
_PAGE: Final = 4096
_PAGES: Final = 1 << 18
_PER_SECTION: Final = 3200
_EOS: Final = (0x10).to_bytes(8, "big")
_READ: Final = """\
import sys
buffer = bytearray(1 << 20)
file = open(sys.argv[1], "rb", buffering=0)
while file.readinto(buffer):
    pass
"""
#: What the installed command `vmstate` does.
_COMMAND: Final = "import sys; from vmstate.cli import main; sys.exit(main())"
#: Microseconds and KB a field, and the ratio to reading the file, that are not to be exceeded.
_LIMITS: Final = (2.5, 0.35, 1.5)


def measure(*arguments: str) -> tuple[float, float]:
    """Give the median cpu seconds and the peak KB of a Python process."""
    seconds, peaks = [], []
    for _ in range(_RUNS):
        child = os.posix_spawn(
            sys.executable,
            [sys.executable, *arguments],
            {**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
            file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
        )
        _, status, usage = os.wait4(child, 0)
        if os.waitstatus_to_exitcode(status):
            raise SystemExit(f"{' '.join(arguments[:4])}: failed")
        seconds.append(usage.ru_utime + usage.ru_stime)
        peaks.append(usage.ru_maxrss)
    return statistics.median(seconds), max(peaks)


def section(
    kind: int, payload: bytes, section_id: int = 1, name: str = "", version: int = 4
) -> bytes:
    """A section with its footer."""
    head = bytes((kind,)) + section_id.to_bytes(4, "big")
    if name:
        head += bytes((len(name),)) + name.encode() + bytes(4) + version.to_bytes(4, "big")
    return head + payload + b"\x7e" + section_id.to_bytes(4, "big")


HEADER: Final = bytes.fromhex("5145564d00000003") + b"\7\0\0\0\4none"


def vmdesc(devices: list[dict[str, object]]) -> bytes:
    """EOF and vmdesc."""
    text = json.dumps({"page_size": _PAGE, "devices": devices}).encode()
    return b"\0\6" + len(text).to_bytes(4, "big") + text


def make_ram(file: Path) -> None:
    """Write a stream of 1 GiB of normal pages."""
    page = os.urandom(_PAGE)
    size = (_PAGES * _PAGE).to_bytes(8, "big")
    start = (_PAGES * _PAGE | 4).to_bytes(8, "big") + b"\6pc.ram" + size + _EOS
    with file.open("wb") as out:
        out.write(HEADER + section(1, start, name="ram"))
        for low in range(0, _PAGES, _PER_SECTION):
            out.write(b"\2" + (1).to_bytes(4, "big"))
            for i in range(low, min(_PAGES, low + _PER_SECTION)):
                flags, name = (0x28, b"") if i else (0x08, b"\6pc.ram")
                out.write((i * _PAGE | flags).to_bytes(8, "big") + name + page)
            out.write(_EOS + b"\x7e" + (1).to_bytes(4, "big"))
        out.write(section(3, _EOS) + vmdesc([]))


def make_devices(file: Path) -> None:
    """Write a stream of 50 devices of 2,000 fields each."""
    fields: list[dict[str, object]] = [
        {"name": f"f{i}", "type": f"uint{8 << i % 4}", "size": 1 << i % 4} for i in range(200)
    ]
    inner = {"vmsd_name": "inner", "version": 1, "fields": fields[:18]}
    size = sum(1 << i % 4 for i in range(18))
    fields.append({"name": "s", "array_len": 100, "type": "struct", "struct": inner, "size": size})
    payload = bytes(sum(1 << i % 4 for i in range(200)) + 100 * size)
    devices: list[dict[str, object]] = [
        {"name": f"d{i}", "instance_id": 0, "vmsd_name": "d", "version": 4, "fields": fields}
        for i in range(50)
    ]
    parts = [section(4, payload, 10 + i, f"d{i}") for i in range(50)]
    file.write_bytes(HEADER + b"".join(parts) + vmdesc(devices))


def count(value: object) -> int:
    """Count the leaves of a decoded state."""
    if isinstance(value, dict):
        return sum(map(count, value.values()))
    return sum(map(count, value)) if isinstance(value, list) else 1


def main() -> int:
    """Measure and print; the exit status says whether all limits hold."""
    from vmstate.whole import read_file  # noqa: PLC0415 - after the children have been measured

    with tempfile.TemporaryDirectory() as name:
        rich = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(name) / "devices.bin"
        if len(sys.argv) < 2:
            make_devices(rich)
        start, floor = measure("-c", "pass")
        print(f"interpreter: {start:.3f} s, {floor / 1024:.1f} MiB")
        cpu, peak = measure("-c", _COMMAND, "decode", str(rich), "--json")
        fields = sum(count(one.state) for one in read_file(rich).sections() if one.kind == "full")
        each, held = (cpu - start) / fields * 1e6, (peak - floor) / fields
        print(f"decode --json of {fields:,} fields: {cpu:.3f} s, {peak / 1024:.1f} MiB")
        print(f"  above the interpreter: {each:.2f} µs and {held:.2f} KB a field")
        big = Path(name) / "ram.bin"
        make_ram(big)
        reading, _ = measure("-c", _READ, str(big))
        framing, peak = measure("-c", _COMMAND, "decode", str(big), "--ram")
        ratio = framing / reading
        print(
            f"1 GiB of pages: read {reading:.3f} s, framed {framing:.3f} s, {peak / 1024:.1f} MiB"
        )
        print(f"  {ratio:.2f} times the reading")
    good = all(a <= b for a, b in zip((each, held, ratio), _LIMITS, strict=True))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
