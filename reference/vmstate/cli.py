# SPDX-License-Identifier: Apache-2.0
"""The command `vmstate`: look at one thing. Exit status: 0 good, 1 refused, 2 bad input."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from vmstate import __version__
from vmstate.errors import CaseError
from vmstate.files import InputError, read_file, read_json

_GOOD: Final = frozenset({"valid", "ok", "accept"})
#: Modules whose `add_commands(commands)` adds commands; each is loaded only when it is there.
_COMMANDS: Final = ("vmstate.dumpcheck.cli",)
_WHOLE: Final = "vmstate.whole.cli"

_EPILOG: Final = """\
DOCUMENT is a JSON file with structs, descriptions and root, or a whole request that also has
what the command needs (state; or destination, version_id and stream). '-' is standard input.

  vmstate check nvme.json
  vmstate save nvme.json --state state.json --annotate
  vmstate load nvme.json --destination before.json --stream section.bin
  vmstate load request.json --dialect qemu-11.1.0 --profile hardened
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser(given[:1]).parse_args(given)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except (InputError, CaseError) as error:
        print(f"vmstate: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return status


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print one line, not the usage, and exit 2."""
        self.exit(2, f"vmstate: {message} (try '{self.prog} --help')\n")


def _parser(first: Sequence[str]) -> argparse.ArgumentParser:
    """Make the parser: with all commands, unless the first argument is one of whole streams."""
    parser = _Parser(
        prog="vmstate",
        description="Check a VMState description, or save and load one state with it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"vmstate {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    whole = importlib.import_module(_WHOLE)
    if first and first[0] in whole.NAMES:
        # These read large files, and need nothing of the engine.
        whole.add_commands(commands)
        return parser
    _add_engine(commands)
    whole.add_commands(commands)
    for module in _COMMANDS:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module).add_commands(commands)
    return parser


def _add_engine(commands: Any) -> None:
    """Add the commands that check, save and load by description."""
    from vmstate.dialects import DEFAULT_DIALECT, DIALECTS, PROFILES  # noqa: PLC0415

    for name, text in (
        ("check", "what QEMU asserts of the description when it is registered"),
        ("save", "the stream and the vmdesc of a state"),
        ("load", "what a stream makes of a state"),
    ):
        command = commands.add_parser(
            name, help=text, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.add_argument("document", metavar="DOCUMENT", help="JSON file, or - for stdin")
        command.add_argument("--dialect", choices=list(DIALECTS), default=DEFAULT_DIALECT)
        command.add_argument("--profile", choices=list(PROFILES), default="compat")
        command.set_defaults(run=_run, op=name)
        if name != "check":
            command.add_argument("--annotate", action="store_true", help="a dump instead of JSON")
        if name == "save":
            command.add_argument("--state", metavar="FILE", help="JSON of the state to save")
            command.add_argument("--no-vmdesc", action="store_true", help="save without vmdesc")
        if name == "load":
            command.add_argument("--destination", metavar="FILE", help="JSON of the state before")
            command.add_argument("--stream", metavar="FILE", help="the bytes, raw")
            command.add_argument("--hex", metavar="HEX", help="the bytes, as hex")
            command.add_argument("--version-id", type=int, metavar="N", help="default: the root's")


def _run(options: argparse.Namespace) -> int:
    # The engine is loaded only by what needs it: `decode` and the like start faster without.
    from vmstate.annotate import annotate, dump  # noqa: PLC0415
    from vmstate.operations import perform  # noqa: PLC0415

    request, name = _request(options)
    named = {"dialect": options.dialect, "profile": options.profile}
    try:
        if getattr(options, "annotate", False):
            result, segments, stream = annotate(request, **named)
            good = result["verdict"] in _GOOD
            print("\n".join(dump(segments, stream, None if good else result)))
            print(f"{result['verdict']}: {len(stream)} bytes", end="")
            print(f", {result['consumed']} consumed" if "consumed" in result else "")
        else:
            result = perform(request, **named)
            print(json.dumps(result, indent=2))
    except CaseError as error:
        raise InputError(f"{name}: {error}") from None
    return 0 if result["verdict"] in _GOOD else 1


def _request(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    name = "<stdin>" if options.document == "-" else options.document
    given = read_json(options.document)
    if not isinstance(given, dict):
        raise InputError(f"{name}: a JSON object is wanted, with structs, descriptions and root")
    request = {"document": given} if "document" not in given else dict(given)
    document = request["document"]
    inputs: dict[str, Any] = {"op": options.op, "document": document}
    if options.op == "save":
        inputs["state"] = read_json(options.state) if options.state else request.get("state")
        inputs["vmdesc"] = request.get("vmdesc", True) and not options.no_vmdesc
    if options.op == "load":
        before = options.destination
        inputs["destination"] = read_json(before) if before else request.get("destination")
        inputs["stream"] = _stream(options, request, name)
        version_id = options.version_id
        if version_id is None:
            version_id = request.get("version_id", _root_version(document))
        inputs["version_id"] = version_id
    return inputs, name


def _stream(options: argparse.Namespace, request: dict[str, Any], name: str) -> Any:
    if options.stream:
        return read_file(options.stream).hex()
    if options.hex is not None:
        return "".join(options.hex.split()).lower()
    if "stream" not in request:
        wanted = "--stream FILE, --hex HEX, or `stream` in the request"
        raise InputError(f"{name}: a stream is wanted: {wanted}")
    return request["stream"]


def _root_version(document: Any) -> Any:
    try:
        return document["descriptions"][document["root"]].get("version_id", 0)
    except (KeyError, TypeError, AttributeError):
        return 0


if __name__ == "__main__":
    sys.exit(main())
