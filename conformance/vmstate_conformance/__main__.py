# SPDX-License-Identifier: Apache-2.0
"""`python -m vmstate_conformance` is the command `vmstate-conformance`."""

from vmstate_conformance.cli import main

main()
