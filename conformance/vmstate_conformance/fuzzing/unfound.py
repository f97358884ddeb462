# SPDX-License-Identifier: Apache-2.0
"""Why some planted bugs are not found within the executions that `fuzz/prove.py` grants, by groups.

Each shows in some input of the target: the sentence says what has to come together in it, which from an
empty corpus may take more executions than granted. Those of `load` and `loadvm` are shown by a seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: Of each target, sentences, and the bugs that each explains.
GROUPS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        "load": (
            (
                (
                    "A stream must have a subsection's name, or several, of the very description"
                    " at hand, altered in one place, behind fields that load; a seed shows it."
                ),
                (
                    "sub-prefix-off-by-one sub-prefix-longer sub-name-with-nul sub-first-only"
                    " sub-in-order sub-empty-name-is-data sub-cut-version-refused"
                    " sub-of-descendants sub-same-twice-refused"
                ),
            ),
            (
                (
                    "One description of the corpus has what is needed, of more than a thousand, and"
                    " the stream must fit it; a seed shows it."
                ),
                "single-before-array must-exist-passed-over",
            ),
            (
                (
                    "The stream must have failed before a NULL element, and the load gone on; a"
                    " seed shows it."
                ),
                "null-looks-at-error",
            ),
        ),
        "loadvm": (
            (
                (
                    "A stream must have a command behind another, or a subsection of the"
                    " configuration, that no saved stream of a machine has; a seed shows it."
                ),
                "uuid-required advise-in-any-state colo-taken",
            ),
            (
                "A section must have the old name of a device on a bus; a seed shows it.",
                "compat-ignored",
            ),
        ),
        "vmdesc": (
            (
                (
                    "An object of the vmdesc must have a key twice, which only a change of bytes"
                    " makes."
                ),
                "repeated-keys-lost",
            ),
        ),
        "structure": (
            (
                (
                    "The stream must have failed before a NULL element, and the load gone on: in a"
                    " list, behind a header whose name is as long as the marker of NULL says."
                ),
                "null-looks-at-error",
            ),
            (
                "A stream must be longer than 4,096 bytes, and end in the middle of a buffer.",
                "window-of-4096",
            ),
        ),
    }
)

#: The sentence for a target and a bug.
UNFOUND: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        (target, name): why
        for target, groups in GROUPS.items()
        for why, names in groups
        for name in names.split()
    }
)
