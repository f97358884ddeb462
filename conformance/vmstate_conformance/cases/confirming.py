# SPDX-License-Identifier: Apache-2.0
"""Whether an expectation stands: by the reference, and by QEMU's engine of the dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vmstate_conformance.cases.expectation import OPEN, choose, for_grader
from vmstate_conformance.cases.filling import Variant, resave
from vmstate_conformance.cases.groups import before
from vmstate_conformance.cases.model import Case
from vmstate_conformance.cases.witness import Witness, disagreement
from vmstate_conformance.runner.grade import grade

#: What QEMU's engine can be asked: all but to write whole streams.
ASKED: Final = frozenset({"check", "save", "load", "stream"})


class RefusedError(Exception):
    """What does not stand: `str()` is one line with the reason and the rule."""


class DisagreementError(RefusedError):
    """The reference and QEMU's engine do not agree with each other, whatever is expected."""


def must_pass(
    identity: str,
    request: Mapping[str, Any],
    expect: Any,
    variant: Variant,
    result: Mapping[str, Any],
    who: str,
) -> None:
    """Raise `RefusedError` where a result is not what is expected of its dialect and profile."""
    dialect, profile = variant
    op = str(request["op"])
    chosen = for_grader(choose(expect, dialect, profile), op, before(request))
    if chosen["verdict"] == "survive" and result["verdict"] == "abort" and profile == "compat":
        return
    case = Case(identity, dialect, dict(request), chosen, (), "", hardened=chosen)
    differences = grade(case, dict(result), profile).differences
    if differences:
        first = differences[0]
        raise RefusedError(
            f"{identity}: in {dialect}, {profile}, {first.path} is {_brief(first.got)} for {who}, "
            f"not {_brief(first.wanted)} as stated [stated]"
        )


def ask_engine(
    witness: Witness,
    identity: str,
    request: Mapping[str, Any],
    expect: Any,
    result: Mapping[str, Any],
) -> bool:
    """Compare what QEMU's engine says with the reference's result in compat, and what is expected.

    Give whether the engine has anything to say at all. Raises `RefusedError`.
    """
    dialect = witness.dialect
    if request["op"] not in ASKED:
        return False
    seen = witness.ask(request)
    if seen["verdict"] == "unsupported":
        return request["op"] == "stream" and _ask_machine(dialect, identity, request, result)
    if choose(expect, dialect, "compat").get("verdict") not in OPEN:
        facets = disagreement(result, seen)
        if facets:
            mine, yours = result.get(facets[0]), seen.get(facets[0])
            raise DisagreementError(
                f"{identity}: the witnesses disagree on {', '.join(facets)}: the reference has "
                f"{_brief(mine)}, QEMU ({dialect}) {_brief(yours)} [witnesses]"
            )
    must_pass(identity, request, expect, (dialect, "compat"), seen, "QEMU")
    if choose(expect, dialect, "compat").get("canonical") and "state" in seen:
        again = witness.ask(resave(request, seen))
        if again.get("stream") != request["stream"][: 2 * seen["consumed"]]:
            raise RefusedError(f"{identity}: QEMU saves other bytes than it loaded [canonical]")
    return True


def _ask_machine(
    dialect: str, identity: str, request: Mapping[str, Any], result: Mapping[str, Any]
) -> bool:
    """Ask a whole machine, where one has the handler that the stream is for."""
    from vmstate_conformance.qemu import payloads  # noqa: PLC0415 - brings a process
    from vmstate_conformance.qemu.provision import QemuError  # noqa: PLC0415

    if dialect != payloads.DIALECT:
        return False
    try:
        facets = payloads.differences(request, result)
    except QemuError as error:
        raise RefusedError(f"{identity}: {error} [witnesses]") from None
    if facets:
        raise DisagreementError(
            f"{identity}: the reference and a machine of QEMU ({dialect}) disagree on "
            f"{', '.join(facets)} [witnesses]"
        )
    return facets is not None


def _brief(value: Any) -> str:
    shown = str(value)
    return shown if len(shown) <= 120 else f"{shown[:117]}..."
