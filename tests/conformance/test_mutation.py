# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys

import pytest

from vmstate.check import check
from vmstate_conformance.adequacy import mutation

SOURCE = """
class C:
    def f(self, a):
        if a > 1:
            raise Reject("class", f"text {a}")
        return a
"""


def changed(old: str, new: str) -> mutation.Mutation | None:
    return mutation._changed("check", SOURCE, SOURCE.replace(old, new))


def test_a_mutation_is_known_by_its_function_and_lines() -> None:
    found = changed("a > 1", "a >= 1")

    assert found is not None
    assert found.key() == ("check.C.f", "if a > 1:", "if a >= 1:")
    assert not found.told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('f"text {a}"', "None", True),
        ('"class"', '"CLASS"', False),
        ("return a", "return None", False),
        ('raise Reject("class", f"text {a}")', "raise KeyError", False),
    ],
)
def test_what_people_read_is_told_from_what_decides(old: str, new: str, *, told: bool) -> None:
    found = changed(old, new)

    assert found is not None
    assert found.told is told


def test_a_change_is_made_and_undone() -> None:
    def other(vmsd: object, dialect: object = None) -> None:
        """Accept all."""

    code, defaults = check.__code__, check.__defaults__

    with mutation._change(check, other)():
        assert check.__code__ is other.__code__
        assert check.__defaults__ == (None,)

    assert check.__code__ is code
    assert check.__defaults__ == defaults


def test_what_survives_says_why() -> None:
    for (function, old, new), why in mutation.explained().items():
        assert any(function.startswith(f"{module}.") for module in mutation.MODULES)
        assert old != new
        assert why.endswith(".")


def test_without_mutmut_it_says_what_to_install() -> None:
    blocked = (
        "import sys; sys.modules['mutmut'] = None; sys.argv = ['x', 'check'];"
        "from vmstate_conformance.adequacy.mutation import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", blocked], capture_output=True, text=True, check=False, timeout=120
    )

    assert done.returncode == 2
    assert "pip install" in done.stderr
    assert len(done.stderr.splitlines()) == 1
