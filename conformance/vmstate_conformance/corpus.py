# SPDX-License-Identifier: Apache-2.0
"""Where the golden cases are: beside the packages in a checkout, inside this one in a wheel."""

from __future__ import annotations

from pathlib import Path


def corpus_dir() -> Path:
    """Give the directory of the corpus. Raises `FileNotFoundError` where none was shipped."""
    package = Path(__file__).parent
    for place in (package / "corpus", package.parent.parent / "corpus"):
        if place.is_dir():
            return place
    raise FileNotFoundError("this installation holds no corpus")
