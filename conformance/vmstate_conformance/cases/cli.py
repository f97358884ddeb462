# SPDX-License-Identifier: Apache-2.0
"""`vmstate-conformance case …`: the only writer of the corpus.

Exit status: 0 done, 1 something was refused or is not as it should be, 2 bad usage or input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from vmstate_conformance.cases.jsonfile import decoded
from vmstate_conformance.cases.model import InputError
from vmstate_conformance.corpus import corpus_dir

_REFUSED: Final = 1
_BAD_INPUT: Final = 2
#: The largest input of drafts.
_MOST: Final = 64 << 20


@click.group()
@click.option(
    "--corpus",
    "root",
    type=click.Path(path_type=Path, file_okay=False),
    help="The corpus to work on; default: the one beside the packages.",
)
@click.pass_context
def case(ctx: click.Context, root: Path | None) -> None:
    """Write cases of the corpus, and check them all."""
    try:
        ctx.obj = root or corpus_dir()
    except FileNotFoundError as error:
        _fail(f"{error} [corpus]")


_ENGINE = click.option(
    "--engine/--no-engine", default=True, help="Ask QEMU's own engine too, where it is provisioned."
)


@case.command()
@click.argument("name", metavar="AREA/GROUP")
@click.option("--document", "document", default="NAME", help="A document of descriptions/.")
@click.option("--op", type=click.Choice(["check", "save", "load"]), default="load")
@click.pass_obj
def new(root: Path, name: str, document: str, op: str) -> None:
    """Print a draft to fill in, and to give to `case add`."""
    from vmstate_conformance.cases.drafting import template  # noqa: PLC0415

    click.echo(json.dumps(template(root, name, document, op), indent=2))


@case.command()
@click.argument("source", metavar="FILE|-")
@_ENGINE
@click.pass_obj
def add(root: Path, source: str, *, engine: bool) -> None:
    """Add drafts: one JSON object, or JSON Lines of many.

    Each becomes a case only where the reference and QEMU's engine agree with each other and with
    what the draft states.
    """
    _add(root, source, engine=engine, replace=False)


@case.command()
@click.argument("source", metavar="FILE|-")
@_ENGINE
@click.pass_obj
def revise(root: Path, source: str, *, engine: bool) -> None:
    """Replace cases by drafts of the same ids."""
    _add(root, source, engine=engine, replace=True)


@case.command()
@click.argument("base", metavar="AREA/GROUP#BASE")
@click.argument("identity", metavar="ID")
@click.option("--step", "steps", multiple=True, required=True, help="A mutation, as JSON.")
@click.option("--title", required=True, help="The behaviour, as a sentence.")
@click.option("--clause", "clauses", multiple=True, required=True)
@click.option("--verdict", required=True)
@click.option("--class", "classes", multiple=True)
@click.option("--level", default="required")
@_ENGINE
@click.pass_obj
def mutate(root: Path, /, base: str, identity: str, *, engine: bool, **options: Any) -> None:
    """Add a case that is another one with mutations."""
    group, _, of = base.partition("#")
    steps = [_parse(step, f"--step {step!r}") for step in options["steps"]]
    expect: dict[str, Any] = {"verdict": options["verdict"]}
    if options["classes"]:
        expect["class"] = list(options["classes"])
    draft = {
        "group": group,
        "id": identity,
        "title": options["title"],
        "level": options["level"],
        "clauses": list(options["clauses"]),
        "base": of,
        "mutate": steps,
        "expect": expect,
    }
    _add_drafts(root, [("--step", draft)], engine=engine, replace=False)


@case.command()
@click.argument("identity", metavar="ID")
@click.option("--why", required=True, help="A sentence.")
@click.option("--by", help="The id of what replaces it.")
@click.pass_obj
def retire(root: Path, identity: str, why: str, by: str | None) -> None:
    """Take a case out of the corpus; its id stays taken."""
    from vmstate_conformance.cases.upkeep import retire as retire_case  # noqa: PLC0415

    try:
        for file in retire_case(root, identity, why, by):
            click.echo(file)
    except InputError as error:
        _fail(error)


@case.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where something would change.")
@click.pass_obj
def fmt(root: Path, *, check: bool) -> None:
    """Write all files in canonical form, with the manifest, the clauses and their links."""
    from vmstate_conformance.cases.upkeep import format_corpus  # noqa: PLC0415

    try:
        changed = list(format_corpus(root, write=not check))
    except InputError as error:
        _fail(error)
    for file in changed:
        click.echo(f"{file}: {'not canonical' if check else 'written'}")
    sys.exit(_REFUSED if check and changed else 0)


@case.command()
@_ENGINE
@click.pass_obj
def lint(root: Path, *, engine: bool) -> None:
    """Prove what can be proved about every case."""
    from vmstate_conformance.cases.lint import lint as lint_corpus  # noqa: PLC0415

    count = 0
    try:
        for finding in lint_corpus(root, engine=engine):
            click.echo(finding, err=True)
            count += 1
    except InputError as error:
        _fail(error)
    click.echo("clean" if not count else f"{count} findings")
    sys.exit(_REFUSED if count else 0)


@case.command()
@click.option("--dialect", required=True, help="Like qemu-10.0; its engine must be provisioned.")
@click.option("--check", is_flag=True, help="Write nothing.")
@click.option("-v", "--verbose", is_flag=True, help="Show each case that comes out otherwise.")
@click.pass_obj
def witness(root: Path, dialect: str, *, check: bool, verbose: bool) -> None:
    """Add a dialect to all cases that hold in it as they stand.

    Each case and family that does not name the dialect is asked of the reference and of the dialect's
    engine, in both profiles. Where both give what is expected, the dialect is added, and its engine as a
    witness. What comes out otherwise stays, and wants a case of its own. Where a case has the dialect,
    but not yet its engine as a witness, that is added where it agrees. Exit status 1: the two witnesses
    do not agree with each other.
    """
    from vmstate_conformance.cases.store import Corpus  # noqa: PLC0415
    from vmstate_conformance.cases.upkeep import refresh  # noqa: PLC0415
    from vmstate_conformance.cases.widening import Widener  # noqa: PLC0415
    from vmstate_conformance.cases.witness import engines  # noqa: PLC0415
    from vmstate_conformance.qemu.provision import QemuError  # noqa: PLC0415

    try:
        with engines() as found:
            asked = found.of(dialect)
            if asked is None:
                raise InputError(f"--dialect {dialect}: no engine of it is provisioned [dialect]")
            widener = Widener(Corpus(root), asked)
            for name in widener.corpus.names():
                widener.widen(name)
        if not check and (widener.added or widener.confirmed):
            widener.corpus.write()
            list(refresh(root))
    except (InputError, QemuError) as error:
        _fail(error)
    for line in (*widener.disputed, *(widener.otherwise if verbose else ())):
        click.echo(line, err=True)
    click.echo(
        f"{dialect}: {widener.added} cases and families {'hold' if check else 'added'}, "
        f"{widener.held} had it, {widener.confirmed} of them confirmed, "
        f"{len(widener.otherwise)} come out otherwise, "
        f"{widener.lacking} cannot be asked, {len(widener.disputed)} disputed"
    )
    sys.exit(_REFUSED if widener.disputed else 0)


@case.command()
@click.argument("identity", metavar="ID")
@click.pass_obj
def dump(root: Path, identity: str) -> None:
    """Show a case: what it is about, its annotated bytes, and what must come of them."""
    from vmstate_conformance.cases.reader import read_cases  # noqa: PLC0415
    from vmstate_conformance.reports.dump import dump_lines  # noqa: PLC0415

    try:
        found = [each for each in read_cases([root]) if each.id == identity]
        if not found:
            raise InputError(f"no case is called '{identity}' [id]")
    except InputError as error:
        _fail(error)
    first = found[0]
    click.echo(f"{first.id}: {first.title}")
    click.echo(f"{first.level}; {', '.join(first.clauses)}; {first.source}")
    for each in found:
        click.echo(f"{each.dialect}: {json.dumps(each.expect)}")
        if each.hardened is not None:
            click.echo(f"{each.dialect}, hardened: {json.dumps(each.hardened)}")
    click.echo("\n".join(dump_lines(first)))


@case.command()
@click.argument("kind", type=click.Choice(["cases", "c", "rust", "python"]))
@click.option("--into", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
@click.option("--dialect", default=None, help="Only this dialect.")
@click.option("--profile", type=click.Choice(["compat", "hardened"]), default=None)
@click.pass_obj
def export(root: Path, kind: str, into: Path, dialect: str | None, profile: str | None) -> None:
    """Write flat lists of cases, or the descriptions as C, Rust or Python sources."""
    from vmstate_conformance.cases.export import export as export_to  # noqa: PLC0415

    try:
        for file in export_to(root, kind, into, dialect, profile):
            click.echo(file)
    except InputError as error:
        _fail(error)
    except OSError as error:
        _fail(f"{into}: {error.strerror or error} [unwritable]")


def _add(root: Path, source: str, *, engine: bool, replace: bool) -> None:
    try:
        drafts = list(_drafts(source))
    except InputError as error:
        _fail(error)
    _add_drafts(root, drafts, engine=engine, replace=replace)


def _add_drafts(root: Path, drafts: list[tuple[str, Any]], *, engine: bool, replace: bool) -> None:
    from vmstate_conformance.cases.confirming import RefusedError  # noqa: PLC0415
    from vmstate_conformance.cases.draft import Adder  # noqa: PLC0415
    from vmstate_conformance.cases.store import Corpus  # noqa: PLC0415
    from vmstate_conformance.cases.upkeep import refresh  # noqa: PLC0415
    from vmstate_conformance.cases.witness import engines  # noqa: PLC0415
    from vmstate_conformance.qemu.provision import QemuError  # noqa: PLC0415

    corpus = Corpus(root)
    added = refused = 0
    try:
        with engines(wanted=engine) as witnesses:
            adder = Adder(corpus, witnesses)
            for where, draft in drafts:
                try:
                    adder.add(draft, replace=replace)
                    added += 1
                except RefusedError as error:
                    click.echo(f"{where}: {error}", err=True)
                    refused += 1
        corpus.write()
        list(refresh(root))
    except (InputError, QemuError) as error:
        _fail(error)
    verb = "revised" if replace else "added"
    missing = ", ".join(witnesses.missing)
    second = f"; QEMU {missing} is not provisioned: one witness only" if missing else ""
    click.echo(f"{added} {verb}, {refused} refused{second}")
    sys.exit(_REFUSED if refused else 0)


def _drafts(source: str) -> Iterator[tuple[str, Any]]:
    """Read drafts with the place of each. Raises `InputError`."""
    try:
        with click.open_file(source, "rb") as opened:
            data = opened.read(_MOST + 1)
    except OSError as error:
        raise InputError(f"{source}: {error.strerror or error} [unreadable]") from None
    content = decoded(source, data, _MOST)
    lines = [(at, line) for at, line in enumerate(content.splitlines(), 1) if line.strip()]
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        for at, line in lines:
            yield f"{source}:{at}", _parse(line, f"{source}:{at}")
        return
    if isinstance(whole, list):
        for at, each in enumerate(whole):
            yield f"{source}: [{at}]", each
    else:
        yield source, whole


def _parse(content: str, where: str) -> Any:
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: column {error.colno}: {error.msg} [json]") from None
    except (ValueError, RecursionError):
        raise InputError(f"{where}: no JSON that can be read [json]") from None


def _fail(message: object) -> NoReturn:
    click.echo(f"vmstate-conformance: {message}", err=True)
    sys.exit(_BAD_INPUT)
