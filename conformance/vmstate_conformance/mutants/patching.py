# SPDX-License-Identifier: Apache-2.0
"""How a mutant changes the reference: a snippet of a function, a value of an object, or its own way."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

#: A way to change the reference for a while.
Change = Callable[[], AbstractContextManager[None]]


class StaleError(Exception):
    """A mutant that fits the reference no longer: `str()` says which snippet is gone."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A wrong implementation: the reference with one small change."""

    name: str
    sentence: str
    """What it does wrong."""
    area: str
    change: Change

    def applied(self) -> AbstractContextManager[None]:
        """Change the reference of this process, until the block ends. Raises `StaleError`."""
        return self.change()


@dataclass(slots=True, eq=False)
class Edit:
    """The change of one function's source; see `edit`."""

    function: FunctionType
    snippets: tuple[str, ...]
    #: Once is enough: a fuzzer makes the change for each of its inputs.
    _made: CodeType | None = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Exchange the function's code until the block ends. Raises `StaleError`."""
        if self._made is None:
            self._made = _edited(self.function, self.snippets)
        held, self.function.__code__ = self.function.__code__, self._made
        try:
            yield
        finally:
            self.function.__code__ = held


def edit(function: Any, *snippets: str) -> Edit:
    """Replace snippets of a function's source, each of which must be there once: old, new, old, new.

    The source is as `ast.unparse` writes it, without comments, so that its layout does not matter. The
    function's code is exchanged, so that whoever holds the function has the changed one.
    """
    return Edit(_function(function), snippets)


def _edited(target: FunctionType, snippets: tuple[str, ...]) -> CodeType:
    source = ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(target))))
    for old, new in zip(snippets[::2], snippets[1::2], strict=True):
        if source.count(old) != 1:
            where = f"{target.__module__}.{target.__qualname__}"
            raise StaleError(f"{where} has {source.count(old)} times: {old!r}")
        source = source.replace(old, new)
    return _compiled(target, source)


def _function(function: Any) -> FunctionType:
    found = function.fget if isinstance(function, property) else function
    assert isinstance(found, FunctionType)
    return found


def _compiled(target: FunctionType, source: str) -> CodeType:
    lines = source.splitlines()
    while lines[0].lstrip().startswith("@"):
        lines.pop(0)
    made: dict[str, Any] = {}
    text = "from __future__ import annotations\n" + "\n".join(lines)
    exec(compile(text, target.__code__.co_filename, "exec"), target.__globals__ | {}, made)  # noqa: S102
    code: CodeType = made[target.__name__].__code__
    if code.co_freevars != target.__code__.co_freevars:
        raise StaleError(f"{target.__qualname__} closes over {target.__code__.co_freevars}")
    return code


def value(target: Any, attribute: str, new: object) -> Change:
    """Set an attribute, of a frozen object too."""

    @contextmanager
    def change() -> Iterator[None]:
        held = getattr(target, attribute)
        _set(target, attribute, new)
        try:
            yield
        finally:
            _set(target, attribute, held)

    return change


def _set(target: Any, attribute: str, new: object) -> None:
    if isinstance(target, ModuleType | type):
        setattr(target, attribute, new)
    else:
        object.__setattr__(target, attribute, new)


def together(*changes: Change) -> Change:
    """Make several changes as one."""

    @contextmanager
    def change() -> Iterator[None]:

        with ExitStack() as stack:
            for each in changes:
                stack.enter_context(each())
            yield

    return change


def table(area: str, rows: Mapping[str, tuple[str, Change]]) -> dict[str, Mutant]:
    """Name the mutants of an area."""
    return {name: Mutant(name, sentence, area, change) for name, (sentence, change) in rows.items()}
