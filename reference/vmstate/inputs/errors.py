# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the wrapping of a stream."""

from __future__ import annotations

from typing import Final

from vmstate.errors import one_line
from vmstate.files import InputError


class InputFault(InputError):  # noqa: N818 - the fault lies in the file
    """A file that holds no stream that can be read: `str()` names file, offset and rule.

    `rule` is a short dotted class like `qcow2.no-snapshot`, `offset` the byte of the file.
    """

    def __init__(self, rule: str, offset: int, detail: str, file: str = "") -> None:
        super().__init__(rule, offset, detail)
        self.rule: Final = rule
        self.offset: Final = offset
        self.detail: Final = detail
        self.file = file

    def __str__(self) -> str:
        where = f"{one_line(self.file)}: " if self.file else ""
        return f"{where}offset {self.offset:#x}: {one_line(self.detail)} [{self.rule}]"
