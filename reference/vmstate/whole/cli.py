# SPDX-License-Identifier: Apache-2.0
"""The commands of `vmstate` for whole streams. Exit status: 0 good, 1 different, 2 bad input.

Nothing but argparse is imported before a command runs: `vmstate check` starts no slower for these.
"""

from __future__ import annotations

import argparse
from typing import Any, Final

_FILE: Final = "a migration stream, libvirt save image or qcow2 image; - for stdin"
_DECODE: Final = """\
Sections are called IDSTR#INSTANCE, and the pieces of an iterative one ram#0!start, ram#0!part[3],
ram#0!end; fields follow as .sq[3].head and subsections as :nvme/extra.

  vmstate decode guest.bin --section '*/nvme*'
  vmstate decode guest.bin --field '0000:00:04.0/nvme#0.sq[0].head'
  vmstate decode guest.bin --json -o guest.json && vmstate encode guest.json -o again.bin
  vmstate decode guest.bin --extract-ram blocks/
"""


def add_commands(commands: Any) -> None:
    """Add the commands to the subparsers of `vmstate`."""
    decode = _command(commands, "decode", "what a migration stream holds", _DECODE)
    decode.add_argument("file", metavar="FILE", help=_FILE)
    _snapshot(decode)
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
