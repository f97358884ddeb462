# SPDX-License-Identifier: Apache-2.0
"""`vmstate check-dump OLD NEW`."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import Any, Final

from vmstate.dumpcheck.compare import compare
from vmstate.dumpcheck.model import Dump, parse_dump
from vmstate.dumpcheck.rules import ERROR, NOTE, RULES, WARNING, Finding
from vmstate.errors import CaseError, one_line
from vmstate.files import InputError, read_json

_EPILOG: Final = """\
OLD and NEW are files of 'qemu-system-… -M MACHINE -dump-vmstate FILE'. Each finding is a line:
severity, device class, path, what it is, [rule]. Exit status: 0 nothing that stops a stream,
1 an error (with --strict also a warning), 2 a file that cannot be used.

  vmstate check-dump qemu-10.0.json qemu-11.1.json
  vmstate check-dump --reverse --json qemu-10.0.json qemu-11.1.json
"""


def add_commands(commands: Any) -> None:
    """Add `check-dump` to the subcommands of `vmstate`."""
    command = commands.add_parser(
        "check-dump",
        help="whether NEW can load what OLD saves, by two -dump-vmstate files",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("old", metavar="OLD", nargs="?", help="the saving side, - for stdin")
    command.add_argument("new", metavar="NEW", nargs="?", help="the loading side")
    command.add_argument("--reverse", action="store_true", help="NEW saves, OLD loads")
    command.add_argument("--notes", action="store_true", help="also what does no harm")
    command.add_argument("--strict", action="store_true", help="warnings count as errors")
    command.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    command.add_argument("--rules", action="store_true", help="show the table of rules")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.rules:
        for rule, (severity, meaning) in RULES.items():
            print(f"{rule:<24} {severity:<8} {meaning}")
        return 0
    if options.old is None or options.new is None:
        raise InputError("check-dump wants two files, OLD and NEW")
    if options.old == options.new == "-":
        raise InputError("check-dump: only one of OLD and NEW can be standard input")
    names = [options.old, options.new][:: -1 if options.reverse else 1]
    old, new = map(_dump, names)
    findings = compare(old, new)
    count = Counter(each.severity for each in findings)
    if options.json:
        print(_as_json(names, findings, count))
    else:
        for each in findings:
            if each.severity != NOTE or options.notes:
                print(_line(each))
        print(
            f"{_some(count[ERROR], 'error')}, {_some(count[WARNING], 'warning')}, "
            f"{_some(count[NOTE], 'note')}: {len(old.devices)} devices of OLD"
        )
    return int(bool(count[ERROR] or (options.strict and count[WARNING])))


def _dump(file: str) -> Dump:
    try:
        return parse_dump(read_json(file))
    except CaseError as error:
        raise InputError(f"{'<stdin>' if file == '-' else file}: {error}") from None


def _line(finding: Finding) -> str:
    where = f"{one_line(finding.device)}: {one_line(finding.path)}"
    return f"{finding.severity:<7} {where}: {one_line(finding.detail)} [{finding.rule}]"


def _as_json(names: list[str], findings: list[Finding], count: Counter[str]) -> str:
    shown = [
        {
            "rule": each.rule,
            "severity": each.severity,
            "device": each.device,
            "path": each.path,
            "detail": each.detail,
        }
        for each in findings
    ]
    counts = {f"{severity}s": count[severity] for severity in (ERROR, WARNING, NOTE)}
    return json.dumps({"old": names[0], "new": names[1], **counts, "findings": shown}, indent=1)


def _some(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
