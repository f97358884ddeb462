# SPDX-License-Identifier: Apache-2.0
"""What the commands under `qemu` share: exit status, options, how a failure is said."""

from __future__ import annotations

import sys
from typing import Final, NoReturn

import click

from vmstate_conformance.qemu.provision import ARCHS, RELEASE, RELEASES

FAILED: Final = 1
BAD_INPUT: Final = 2
BROKEN: Final = 3
#: So many paths of a section are shown in a line.
SHOWN: Final = 8

QEMU = click.option("--qemu", "path", help="Your own binary; default: the provisioned one.")
TIMEOUT = click.option(
    "--timeout", type=click.FloatRange(0.1, 600), default=20, show_default=True, help="Seconds."
)
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
RECIPE = click.option("--recipe", "name", help="The machine: a recipe's; see harvest --list.")
OF_RELEASE = click.option(
    "--release", type=click.Choice(list(RELEASES)), default=RELEASE, show_default=True
)
ARCH = click.option("--arch", type=click.Choice(list(ARCHS)), help="Of QEMU's arguments after --.")


def fail(message: object, status: int) -> NoReturn:
    """Say what is wrong in one line, and end."""
    click.echo(f"vmstate-conformance: {message}", err=True)
    sys.exit(status)
