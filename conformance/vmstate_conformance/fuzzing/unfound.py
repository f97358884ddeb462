# SPDX-License-Identifier: Apache-2.0
"""Why some planted bugs are not found within the executions that `fuzz/prove.py` grants, by groups.

Those of `NEVER` show in nothing that the target can build. The others show in some of its inputs: their
sentence says what has to come together, which from an empty corpus takes more executions than granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

#: Of each target, sentences, and the bugs that each explains.
Groups: TypeAlias = Mapping[str, tuple[tuple[str, str], ...]]

#: What no input of a target can show.
NEVER: Final[Groups] = MappingProxyType(
    {
        "structure": (
            (
                "No field that is built is of the info ptr_marker.",
                "marker-info-loads",
            ),
            (
                "No predicate that is built has a dotted member.",
                "member-of-outer-struct",
            ),
            (
                (
                    "No subsection that is built has its parent's very name, which is taken, and"
                    " none has it inside its own name but at the start."
                ),
                "check-prefix-longer check-prefix-inside",
            ),
        ),
    }
)

#: What takes more executions from an empty corpus.
RARE: Final[Groups] = MappingProxyType(
    {
        "load": (
            (
                (
                    "A stream must have a subsection's name, or several, of the very description"
                    " at hand, altered in one place, behind fields that load; a seed shows it."
                ),
                (
                    "sub-prefix-off-by-one sub-prefix-longer sub-name-with-nul sub-first-only"
                    " sub-in-order"
                ),
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
                "A stream must end inside of one kind of field, or of a subsection's name.",
                "equal-after-end bitmap-missing-words-kept peek-of-name-sets-no-error",
            ),
            (
                "A tree must have keys out of order, or a temporary send a scalar of its parent.",
                "gtree-unsorted tmp-without-parent tmp-saved-without-parent",
            ),
            (
                (
                    "Flags that exclude each other must meet in one field, or a size or count be"
                    " at odds with the rest of it."
                ),
                (
                    "vstruct-before-struct info-before-struct varray-before-array"
                    " multiply-elements-kept pointer-array-before-vbuffer auto-info-gets-own-size"
                    " save-auto-by-stride vmdesc-type-of-info-first"
                ),
            ),
            (
                "A valid marker must stand where an ordinary array of pointers has that of a NULL.",
                "valid-marker-on-ordinary-array valid-marker-refused-on-ordinary-array",
            ),
            (
                (
                    "A number must lie beyond a bound, in one of the few fields for which that"
                    " bound tells."
                ),
                (
                    "num-32-bit vbuffer-size-signed vbuffer-size-unsigned slot-64-bit"
                    " alloc-positive-only count-uint8-as-uint16 count-uint16-as-uint8"
                    " gtree-count-unsigned member-unsigned le-negative-taken le-zero-refused"
                    " le-same-refused le-unsigned le-not-stored timer-negative-kept"
                    " negative-count-positive equal-may-be-less le-any-taken le-stored-first"
                ),
            ),
            (
                "The version of a field must be at odds with its child's, in one kind of field.",
                (
                    "queue-too-new-taken queue-too-old-taken queue-checked-per-node"
                    " queue-node-at-childs-version queue-saved-at-fields-version"
                    " gtree-key-version-unchecked gtree-value-version-first tmp-at-childs-version"
                    " save-vstruct-too-new-refused"
                ),
            ),
            (
                (
                    "A description must have several subsections, or the header of one be altered"
                    " in one place."
                ),
                (
                    "sub-prefix-off-by-one sub-prefix-with-slash sub-cut-name-refused"
                    " sub-version-not-cut sub-first-only sub-in-order sub-needed-on-load"
                    " sub-not-needed-ends sub-saved-backwards sub-long-name-whole"
                    " sub-prefix-longer sub-name-with-nul sub-version-ignored"
                ),
            ),
            (
                (
                    "A hook must fail, or a predicate of several parts decide, where that makes a"
                    " difference."
                ),
                (
                    "pre-load-before-version post-load-before-subsections pre-save-after-fields"
                    " all-is-any pre-load-negative-only post-load-ignored must-exist-ignored"
                ),
            ),
            (
                (
                    "A load must fail inside of a queue, tree or byte array, or find one that is"
                    " not empty."
                ),
                "qlist-keeps-the-rest gtree-failed-key-leaks bytearray-emptied queue-emptied-first",
            ),
            (
                (
                    "A description must break one rule of the check in a certain place, or two at"
                    " once."
                ),
                (
                    "check-array-before-size check-size-member-not-counted"
                    " check-size-member-by-offset check-size-member-by-width"
                    " check-prefix-unchecked check-all-children check-subsection-by-fields"
                    " check-circle-taken check-missing-child-taken check-array-unchecked"
                    " check-subsection-unvisited"
                ),
            ),
            (
                (
                    "A vmdesc must have a certain kind of name, type or list, or the save fail in"
                    " the"
                    " middle of one."
                ),
                (
                    "vmdesc-marker-numbered vmdesc-empty-list-compressed vmdesc-failure-unfinished"
                    " json-delete-plain json-slash-escaped vmdesc-nullptr vmdesc-test-compressed"
                ),
            ),
        ),
    }
)

#: The sentence for a target and a bug.
UNFOUND: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        (target, name): why
        for kind in (NEVER, RARE)
        for target, groups in kind.items()
        for why, names in groups
        for name in names.split()
    }
)
