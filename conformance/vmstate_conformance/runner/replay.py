# SPDX-License-Identifier: Apache-2.0
"""What it takes to see a failure again: one command, and one file to feed to the testee by hand."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vmstate_conformance.cases import Case, InputError
from vmstate_conformance.testees.hello import Hello
from vmstate_conformance.testees.session import configuration, greeting
from vmstate_conformance.testees.wire import Requests


class Replay:
    """Writes replay files into `folder`, which is made when it is needed."""

    def __init__(
        self, folder: Path, command: Sequence[str], alone: Sequence[str], *, needed: bool = True
    ) -> None:
        """Where the folder is not `needed` and cannot be written, there are no files."""
        self._needed = needed
        self._folder = folder
        self._command = command
        self._alone = alone

    def alone(self, case: Case) -> str:
        """Give the command that runs one case through the runner."""
        return shlex.join([*self._alone, "--dialect", case.dialect, "-k", f"={case.id}"])

    def of(
        self,
        case: Case,
        hello: Hello,
        profile: str,
        *,
        before: Sequence[dict[str, Any]] = (),
        after: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Write the file of one case; give the commands. Raises `InputError`.

        `before` are requests without which it does not fail, `after` is the one that follows it.
        """
        file = self._folder / f"{_slug(case)}.jsonl"
        requests = Requests(hello)
        asked = [*before, case.request, *([after] if after else [])]
        lines = [
            json.dumps(greeting()),
            json.dumps(configuration(case.dialect, profile)),
            *(requests.line(at, request).decode() for at, request in enumerate(asked)),
        ]
        alone = self.alone(case)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        except OSError as error:
            if self._needed:
                raise InputError(f"{file}: {error.strerror or error} [unwritable]") from None
            return {"alone": alone}
        return {
            "alone": alone,
            "replay": f"{shlex.join(self._command)} < {shlex.quote(str(file))}",
        }


def _slug(case: Case) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", f"{case.id}@{case.dialect}")[:120]
