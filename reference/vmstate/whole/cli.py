# SPDX-License-Identifier: Apache-2.0
"""The commands of `vmstate` for whole streams. Exit status: 0 good, 1 different, 2 bad input.

Nothing but argparse is imported before a command runs: `vmstate check` starts no slower for these.
"""

from __future__ import annotations

import argparse
from typing import Any, Final

#: The commands that `add_commands` adds.
NAMES: Final = ("decode", "encode", "explain", "diff", "skeleton")
_FILE: Final = "a migration stream, libvirt save image or qcow2 image; - for stdin"
_DECODE: Final = """\
Sections are called IDSTR#INSTANCE, and the pieces of an iterative one ram#0!start, ram#0!part[3],
ram#0!end; fields follow as .sq[3].head and subsections as :nvme/extra.

  vmstate decode guest.bin --section '*/nvme*'
  vmstate decode guest.bin --field '0000:00:04.0/nvme#0.sq[0].head'
  vmstate decode guest.bin --json -o guest.json && vmstate encode guest.json -o again.bin
  vmstate decode guest.bin --extract-ram blocks/
"""

_EXPLAIN: Final = """\
Exit status 1 means that a loader would refuse the stream.

  vmstate explain guest.bin
  qemu-system-x86_64 -M q35 -dump-vmstate q35.json && vmstate explain guest.bin --dump-vmstate q35.json
"""
_DIFF: Final = """\
Exit status 1 means that the streams differ. Sections are matched by name and instance, and pages of
RAM are counted, not compared.

  vmstate diff before.bin after.bin --ignore 'timer#*'
"""
_SKELETON: Final = """\
What is left is a whole stream with all devices, small enough for a report.

  vmstate skeleton guest.bin -o guest.skeleton.bin
"""


def add_commands(commands: Any) -> None:
    """Add the commands to the subparsers of `vmstate`."""
    decode = _command(commands, "decode", "what a migration stream holds", _DECODE)
    decode.add_argument("file", metavar="FILE", help=_FILE)
    _snapshot(decode)
    decode.add_argument(
        "--vmdesc", metavar="FILE", help="a stream of such a machine, for one without a vmdesc"
    )
    decode.add_argument("--json", action="store_true", help="JSON that `encode` turns back")
    decode.add_argument(
        "--no-pages", action="store_true", help="leave the contents of RAM out of the JSON"
    )
    decode.add_argument(
        "--section", action="append", metavar="GLOB", help="only these (name or label); repeatable"
    )
    decode.add_argument("--field", action="append", metavar="PATH", help="only this; repeatable")
    decode.add_argument("--hex", action="store_true", help="every byte, with its path")
    decode.add_argument("--full", action="store_true", help="shorten nothing in the tree")
    decode.add_argument("--ram", action="store_true", help="only a summary of RAM")
    decode.add_argument("--extract-ram", metavar="DIR", help="write each RAM block to a file")
    decode.add_argument("-o", "--output", metavar="FILE", default="-", help="default: stdout")
    decode.set_defaults(run=_decode)
    encode = _command(commands, "encode", "the stream that JSON of `decode` describes", _DECODE)
    encode.add_argument("file", metavar="JSON", help="JSON of `vmstate decode --json`, or -")
    encode.add_argument("-o", "--output", metavar="FILE", default="-", help="default: stdout")
    encode.set_defaults(run=_encode)
    _add_looking(commands)


def _add_looking(commands: Any) -> None:
    """Add the commands that say something about streams."""
    explain = _command(
        commands, "explain", "what a loader would say to a stream, where, and why", _EXPLAIN
    )
    explain.add_argument("file", metavar="FILE", help=_FILE)
    _snapshot(explain)
    explain.add_argument(
        "--dump-vmstate", metavar="DUMP", help="`-dump-vmstate` of the QEMU that is to load it"
    )
    explain.set_defaults(run=_explain)
    diff = _command(commands, "diff", "in which fields two streams differ", _DIFF)
    diff.add_argument("left", metavar="A", help=_FILE)
    diff.add_argument("right", metavar="B", help="another")
    diff.add_argument("--section", action="append", metavar="GLOB", help="only these; repeatable")
    diff.add_argument("--ignore", action="append", metavar="GLOB", help="not these paths")
    diff.add_argument("--json", action="store_true", help="a JSON object for each difference")
    diff.set_defaults(run=_diff)
    skeleton = _command(commands, "skeleton", "a stream without the contents of its RAM", _SKELETON)
    skeleton.add_argument("file", metavar="FILE", help=_FILE)
    _snapshot(skeleton)
    skeleton.add_argument("-o", "--output", metavar="FILE", default="-", help="default: stdout")
    skeleton.set_defaults(run=_skeleton)


def _snapshot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--snapshot", metavar="NAME", help="which snapshot of a qcow2 image")


def _command(commands: Any, name: str, text: str, epilog: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"Show {text}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def _decode(options: argparse.Namespace) -> int:
    from vmstate.whole.commands import decode  # noqa: PLC0415 - see the module's docstring

    return decode(options)


def _encode(options: argparse.Namespace) -> int:
    from vmstate.whole.commands import encode  # noqa: PLC0415

    return encode(options)


def _explain(options: argparse.Namespace) -> int:
    from vmstate.whole.commands_more import explain  # noqa: PLC0415

    return explain(options)


def _diff(options: argparse.Namespace) -> int:
    from vmstate.whole.commands_more import diff  # noqa: PLC0415

    return diff(options)


def _skeleton(options: argparse.Namespace) -> int:
    from vmstate.whole.commands_more import skeleton  # noqa: PLC0415

    return skeleton(options)
