# SPDX-License-Identifier: Apache-2.0
"""`python -m vmstate` is the command `vmstate`."""

import sys

from vmstate.cli import main

sys.exit(main())
