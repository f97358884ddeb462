# SPDX-License-Identifier: Apache-2.0
"""A mutant as a testee: `python -m vmstate_conformance.mutants.serve NAME`."""

from __future__ import annotations

import sys

from vmstate_conformance.mutants import MUTANTS, StaleError
from vmstate_conformance.testees import reference


def main() -> int:
    """Serve standard input as the mutant that the command line names."""
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in MUTANTS:
        print(f"mutants: {name!r} is none; see `vmstate-conformance mutants`", file=sys.stderr)
        return 2
    try:
        with MUTANTS[name].applied():
            return reference.main()
    except StaleError as error:
        print(f"mutants: {name}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
