# SPDX-License-Identifier: Apache-2.0
"""mutmut's mutants of the reference's own code, killed by the corpus.

`python -m vmstate_conformance.adequacy.mutation [MODULE…]`, with mutmut 3.6 or later installed beside.
mutmut makes the mutants; they are applied in this process, one function's code at a time, and the cases
are run until one fails. It prints those that survive and that `survivors.json` does not explain, and
exits 1 where there is any. It mutates what stands inside functions only: tables are for the named
mutants.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import json
import os
import resource
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final

from vmstate_conformance.adequacy.killing import kill
from vmstate_conformance.cases import Case, read_cases
from vmstate_conformance.corpus import corpus_dir
from vmstate_conformance.mutants import Mutant

MODULES: Final = (
    "load",
    "save",
    "save_nulls",
    "check",
    "infos_plain",
    "infos_nested",
    "subsections",
    "extent",
    "vmdesc",
    "jsonwriter",
    "stream",
    "container.load",
    "container.commands",
    "container.configuration",
    "container.save",
)
#: The operations that run a module; those not named are run by all.
_RUN_BY: Final = {
    "load": {"load", "stream"},
    "save": {"save", "savevm"},
    "save_nulls": {"save"},
    "check": {"check"},
    "vmdesc": {"save", "savevm"},
    "jsonwriter": {"save", "savevm"},
    "container.load": {"stream"},
    "container.commands": {"stream"},
    "container.configuration": {"stream", "savevm"},
    "container.save": {"savevm"},
}
EXPLAINED: Final = Path(__file__).with_name("survivors.json")
#: A mutant may ask for a lot of memory.
_MEMORY: Final = 4 << 30
#: What makes an outcome or a note, and which of its arguments decide something.
_ALL: Final = range(8)
_OUTCOMES: Final[Mapping[str, Sequence[int]]] = {
    "Reject": (0,),
    "Refusal": (0, 2),
    "Abort": (0, 1),
    "failed": (),
    "out_of_bounds": (),
    "note": (),
    "report": (),
    "_bad": (1,),
    "_refused": (),
    "_broken": (0,),
    "assertion": _ALL[2:],
    "enter": (),
    "leaf": (),
    "index": (),
    "too_new": (),
    "too_old": (),
}
#: Functions that make texts for people only.
_TEXTS: Final = frozenset({"check._size_member"})


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of one function: the lines that go and those that come."""

    function: str
    old: str
    new: str
    made: FunctionType
    told: bool
    """Whether only what people read is changed."""

    def key(self) -> tuple[str, str, str]:
        """Give what it is known by."""
        return self.function, self.old, self.new


def mutations(module: str) -> Iterator[tuple[FunctionType, Mutation]]:
    """Make mutmut's mutants of a module of the reference. Raises `ModuleNotFoundError`."""
    tool = importlib.import_module("mutmut.mutation.file_mutation")
    target = importlib.import_module(f"vmstate.{module}")
    file = Path(str(target.__file__))
    source = file.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as empty, chdir(empty):
        # mutmut reads its settings from where it stands.
        Path("pyproject.toml").write_text('[tool.mutmut]\nsource_paths = ["."]\n', encoding="utf-8")
        tree, made, *_ = tool.create_mutations(str(file), source)
    for each in made:
        if each.contained_by_top_level_function is None:
            continue
        changed = tool.deep_replace(tree, each.original_node, each.mutated_node).code
        found = _changed(module, source, changed)
        if found is not None:
            yield _function(target, found.function.removeprefix(f"{module}.")), found


def _changed(module: str, source: str, changed: str) -> Mutation | None:
    """Find the function that a change lies in, and compile it."""
    before, after = _functions(source), _functions(changed)
    for name, node in after.items():
        held = before.get(name)
        if held is None or ast.dump(held) == ast.dump(node):
            continue
        old, new = _lines(ast.unparse(held), ast.unparse(node))
        try:
            made = _compile(node, f"vmstate.{module}")
        except (SyntaxError, ValueError):
            return None
        told = f"{module}.{name}" in _TEXTS or _told(held, node)
        return Mutation(f"{module}.{name}", old, new, made, told)
    return None


def _functions(source: str) -> dict[str, ast.FunctionDef]:
    found: dict[str, ast.FunctionDef] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef):
                    found[f"{node.name}.{each.name}"] = each
    return found


def _lines(old: str, new: str) -> tuple[str, str]:
    """Give the lines that differ."""
    gone, come = [], []
    for line in difflib.ndiff(old.splitlines(), new.splitlines()):
        if line.startswith("- "):
            gone.append(line[2:].strip())
        elif line.startswith("+ "):
            come.append(line[2:].strip())
    return "\n".join(gone), "\n".join(come)


def _compile(node: ast.FunctionDef, module: str) -> FunctionType:
    bare = ast.FunctionDef(**{**vars(node), "decorator_list": []})
    made: dict[str, Any] = {}
    future = ast.parse("from __future__ import annotations").body
    # `super()` finds its class only from inside of one.
    holder = ast.ClassDef("Holder", bases=[], keywords=[], body=[bare], decorator_list=[])
    whole = ast.fix_missing_locations(ast.Module([*future, holder], []))
    namespace = dict(vars(importlib.import_module(module)))
    exec(compile(whole, f"<{module}>", "exec"), namespace, made)  # noqa: S102
    function: FunctionType = made["Holder"].__dict__[node.name]
    return function


def _told(old: ast.AST, new: ast.AST) -> bool:
    """Whether two functions are the same but for texts that no verdict depends on."""
    return ast.dump(_Silent().visit(_copy(old))) == ast.dump(_Silent().visit(_copy(new)))


def _copy(node: ast.AST) -> ast.AST:
    return ast.parse(ast.unparse(node))


class _Silent(ast.NodeTransformer):
    """Takes the texts for people out of outcomes, and those that are put in front of messages."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Keep the kind and the class of an outcome."""
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in _OUTCOMES:
            node.args = [each for at, each in enumerate(node.args) if at in _OUTCOMES[name]]
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        """Forget assignments to `message`."""
        target = node.targets[0]
        if isinstance(target, ast.Attribute) and target.attr == "message":
            return None
        return self.generic_visit(node)


def _function(module: Any, name: str) -> FunctionType:
    inside = module
    for step in name.split("."):
        inside = inside.__dict__[step] if isinstance(inside, type) else getattr(inside, step)
    found = inside.__func__ if isinstance(inside, staticmethod) else inside
    found = found.fget if isinstance(found, property) else found
    assert isinstance(found, FunctionType)
    return found


def survivors(
    modules: Sequence[str], cases: list[Case], known: Mapping[str, str]
) -> Iterator[tuple[Mutation, str]]:
    """Give each mutation with the id of the case that kills it; empty where none does."""
    first = dict(known)
    for module in modules:
        ops = _RUN_BY.get(module)
        running = [case for case in cases if ops is None or case.op in ops]
        for target, mutation in mutations(module):
            if mutation.told:
                yield mutation, "told"
                continue
            mutant = Mutant(mutation.function, "", module, _change(target, mutation.made))
            killer = kill(mutant, running, first.get(mutation.function, ""))
            if killer is not None:
                first[mutation.function] = killer.id
            yield mutation, killer.id if killer is not None else ""


def _change(target: FunctionType, made: FunctionType) -> Any:
    @contextmanager
    def change() -> Iterator[None]:
        held = target.__code__, target.__defaults__, target.__kwdefaults__
        _become(target, made.__code__, made.__defaults__, made.__kwdefaults__)
        try:
            yield
        finally:
            _become(target, *held)

    return change


def _become(
    target: FunctionType,
    code: CodeType,
    defaults: tuple[Any, ...] | None,
    named: dict[str, Any] | None,
) -> None:
    target.__code__, target.__defaults__ = code, defaults
    target.__kwdefaults__ = named


def explained() -> dict[tuple[str, str, str], str]:
    """Give why those survive that may: by function, old and new lines."""
    if not EXPLAINED.is_file():
        return {}
    held = json.loads(EXPLAINED.read_text(encoding="utf-8"))["survivors"]
    return {(each["function"], each["old"], each["new"]): each["why"] for each in held}


def main() -> int:
    """Mutate the modules that the command line names, or all of them."""
    modules = sys.argv[1:] or list(MODULES)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    cases = [case for case in read_cases([corpus_dir()]) if case.scored]
    counts = {"killed": 0, "told": 0, "explained": 0, "alive": 0}
    why = explained()
    try:
        for mutation, killer in survivors(modules, cases, {}):
            if killer:
                counts["told" if killer == "told" else "killed"] += 1
            elif mutation.key() in why:
                counts["explained"] += 1
            else:
                counts["alive"] += 1
                shown = dict(zip(("function", "old", "new"), mutation.key(), strict=True))
                print(json.dumps(shown), flush=True)
    except ModuleNotFoundError as error:
        print(f"mutation: {error}; it comes with: pip install 'mutmut>=3.6'", file=sys.stderr)
        return 2
    print(
        f"{counts['killed']} killed, {counts['told']} change texts for people only, "
        f"{counts['explained']} explained, {counts['alive']} alive",
        file=sys.stderr,
    )
    return 1 if counts["alive"] else 0


if __name__ == "__main__":
    # A mutant may print; the lines of survivors are for programs.
    os.environ.setdefault("PYTHONHASHSEED", "0")
    sys.exit(main())
