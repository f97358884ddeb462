# SPDX-License-Identifier: Apache-2.0
"""The log of a run: header, one row a case, footer. A log without footer is of no run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from vmstate_conformance import __version__
from vmstate_conformance.cases import InputError
from vmstate_conformance.runner.run import Row


class ResultLog:
    """Appends rows to a JSON Lines file as they come."""

    def __init__(self, file: Path, header: Mapping[str, Any]) -> None:
        """Open the file and write the header. Raises `InputError`."""
        try:
            self._out: IO[str] = file.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise InputError(f"{file}: {error.strerror or error} [unwritable]") from None
        self._counts: Counter[str] = Counter()
        self._complete = False
        self._write({"m": "header", "suite": __version__, **header})

    def __enter__(self) -> Self:
        """Write rows until the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """Close, with a footer where all went well."""
        if kind is None:
            self._write({"m": "footer", "complete": True, "counts": dict(self._counts)})
        self._out.close()

    def add(self, row: Row) -> None:
        """Write one row."""
        self._counts[row.grade.grade] += 1
        differences = [
            {"path": each.path, "wanted": each.wanted, "got": each.got}
            for each in row.grade.differences
        ]
        self._write(
            {
                "m": "row",
                "id": row.case.id,
                "dialect": row.case.dialect,
                "area": row.case.area,
                "op": row.case.op,
                "grade": row.grade.grade,
                "verdict": row.result.get("verdict"),
                "differences": differences,
                **({"needs": row.result["needs"]} if "needs" in row.result else {}),
                **({"us": row.result["us"]} if "us" in row.result else {}),
            }
        )

    def _write(self, value: Mapping[str, Any]) -> None:
        self._out.write(json.dumps(value, separators=(",", ":")) + "\n")
