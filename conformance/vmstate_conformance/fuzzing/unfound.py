# SPDX-License-Identifier: Apache-2.0
"""Why some planted bugs are not found within the executions that `fuzz/prove.py` grants, by groups.

Each shows in some input of the target: the sentence says what has to come together in it, which from an
empty corpus may take more executions than granted. Those of `load` and `loadvm` are shown by a seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: Of what is built from bytes.
_BUILT: Final = (
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
    (
        (
            "In the dialect qemu-10.0, a pointer must be NULL beside elements without bytes,"
            " slots lie elsewhere than pointers do, or a hook or codec fail in one place."
        ),
        (
            "before-null-outside-arrays before-null-saved-outside-arrays"
            " before-slots-at-null-read before-stride-of-a-pointer before-fd-kept"
            " before-fd-without-message before-fd-save-dies before-prefix-of-codecs"
            " before-prefix-of-no-codec before-pre-load-above-ignored"
            " before-marker-of-an-object before-multiply-elements-ignored"
            " before-null-without-a-look before-silent-for-good"
        ),
    ),
    (
        "A queue's head must lie in memory that the load itself has made.",
        "qtailq-zero-head-empty",
    ),
    (
        (
            "The version of a list or temporary must be at odds with its child's, and the"
            " child must have what tells."
        ),
        (
            "gtree-value-version-first gtree-key-version-unchecked tmp-at-childs-version"
            " queue-checked-per-node queue-node-at-childs-version"
            " queue-saved-at-fields-version"
        ),
    ),
    (
        (
            "Flags that exclude each other must meet in one field, or its size or count be"
            " at odds with them, where that makes a difference."
        ),
        (
            "pointer-info-gets-own-size save-pointer-info-own-size auto-info-gets-own-size"
            " save-auto-by-stride multiply-without-vbuffer varray-flags-backwards"
            " count-read-anew pointer-array-before-vbuffer check-size-member-by-width"
            " check-size-member-by-offset check-size-member-not-counted"
            " missing-info-refused slot-64-bit save-slot-32-bit num-32-bit"
        ),
    ),
    (
        (
            "The header of a subsection must be cut, moved or spelt otherwise in one place,"
            " or its name be empty or very long."
        ),
        (
            "sub-cut-version-refused sub-of-descendants sub-long-name-whole"
            " sub-empty-name-is-data sub-needed-on-load sub-version-not-cut"
        ),
    ),
    (
        "A bool must be saved from a member that is a number above 1.",
        "bool-saved-as-1",
    ),
    (
        "A stream must end inside of a byte array, or what fails read on.",
        "bytearray-emptied nothing-behind-an-error",
    ),
    (
        "A byte array must be loaded twice, and the stream end in it the second time.",
        "bytearray-not-resized",
    ),
    (
        "A valid marker must stand where an ordinary array of pointers has that of a NULL.",
        "valid-marker-on-ordinary-array valid-marker-refused-on-ordinary-array",
    ),
    (
        (
            "Two things must be wrong at once: a version and a hook, or a rule of the check"
            " in a field and in a subsection."
        ),
        "pre-load-before-version check-subsection-by-fields",
    ),
    (
        "A predicate must ask a member of an inner struct, and the outer one differ there.",
        "member-of-outer-struct",
    ),
)

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
                    " sub-of-descendants sub-same-twice-refused sub-version-not-cut"
                    " sub-needed-on-load sub-version-by-parent"
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
                "A header must be cut in one place, or the stream's version be 2; a seed shows it.",
                "version-2-taken cut-section-header-taken cut-part-id-taken cut-command-taken",
            ),
            (
                (
                    "A command must name a block or a bitmap of the very machine at hand, and be"
                    " altered in one place; a seed shows it."
                ),
                (
                    "discard-keeps discard-of-bytes discard-within-used discard-cut-to-block"
                    " discard-name-with-nul bitmap-name-with-nul bitmap-of-any-block"
                    " bitmap-of-no-block"
                ),
            ),
            (
                "A section must have the old name of a device on a bus; a seed shows it.",
                "compat-ignored",
            ),
        ),
        "payload": (
            (
                "A page must have more than 16 KiB, where those that are built have 4.",
                "xbzrle-third-byte",
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
        "structure": _BUILT,
        # Its inputs are those of `structure`, among others.
        "differential": _BUILT,
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
