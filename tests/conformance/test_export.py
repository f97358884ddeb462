# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vmstate.flags import FLAGS
from vmstate_conformance.cases.cli import case
from vmstate_conformance.cases.export_c import identifier, literal
from vmstate_conformance.cases.export_rust import text
from vmstate_conformance.cases.groups import read_document
from vmstate_conformance.corpus import corpus_dir
from vmstate_conformance.testees.reference import Reference

STUB = Path(__file__).with_name("stub")
#: Documents that between them have macros, initializers, predicates, hooks, subsections and trees.
SAMPLE = 24


def export(kind: str, into: Path, *options: str) -> list[Path]:
    done = CliRunner().invoke(case, ["export", kind, "--into", str(into), *options])
    assert done.exit_code == 0, done.output
    return [Path(line) for line in done.output.splitlines()]


def documents() -> dict[str, dict[str, Any]]:
    files = sorted((corpus_dir() / "descriptions").glob("*.json"))
    return {file.stem: read_document(file) for file in files}


def richest() -> dict[str, dict[str, Any]]:
    """Choose documents one by one, each for what it has that the others lack."""
    left, chosen, seen = documents(), {}, set[str]()

    def kinds(document: dict[str, Any]) -> set[str]:
        found = set()
        for described in document["descriptions"].values():
            found |= {key for key in described if key in ("hooks", "needed", "subsections")}
            for field in described.get("fields") or []:
                found.add(" ".join(sorted(field.get("flags", []))))
                found.add(str(field.get("info")))
                found |= {key for key in field if key in ("exists", "start")}
        return found

    while left and len(chosen) < SAMPLE:
        name = max(left, key=lambda each: len(kinds(left[each]) - seen))
        seen |= kinds(left[name])
        chosen[name] = left.pop(name)
    return chosen


def test_flat_cases_need_nothing_else(tmp_path: Path) -> None:
    files = export("cases", tmp_path, "--dialect", "qemu-11.1.3", "--profile", "hardened")

    assert [file.name for file in files] == ["qemu-11.1.3-hardened.jsonl"]
    lines = [json.loads(line) for line in files[0].read_text().splitlines()]
    assert len({line["id"] for line in lines}) == len(lines)
    reference = Reference()
    reference.config = {"dialect": "qemu-11.1.3", "profile": "hardened"}
    for line in lines[::29]:
        expect = line["expect"]
        result = reference.run({**line, "id": 0})
        if expect["verdict"] not in ("either", "survive"):
            assert result["verdict"] == expect["verdict"], line["id"]


def test_documents_as_python_are_the_documents(tmp_path: Path) -> None:
    (file,) = export("python", tmp_path)

    assert runpy.run_path(str(file))["DOCUMENTS"] == documents()


def test_documents_as_c_compile_and_hold_the_same_tables(tmp_path: Path) -> None:
    export("c", tmp_path)
    chosen = richest()
    main = ["#include <stdio.h>", '#include "vmstate_corpus.h"']
    main += [
        "#undef STUB_INFO",
        "#define STUB_INFO(x) const VMStateInfo vmstate_info_##x = { #x };",
    ]
    main += ["STUB_INFOS", (STUB / "show.c").read_text(), "int main(void)", "{"]
    main += [f"    show(vmstate_corpus_{identifier(name)});" for name in chosen]
    (tmp_path / "main.c").write_text("\n".join([*main, "    return 0;", "}", ""]))
    sources = [f"{identifier(name)}.c" for name in chosen]

    options = ["-std=gnu11", "-Werror", "-Wall", "-Wno-unused", f"-I{STUB}", "-I."]
    command = ["cc", *options, "main.c", *sources, "-o", "show"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    done = subprocess.run([tmp_path / "show"], capture_output=True, check=True, timeout=60)

    shown = done.stdout.decode().splitlines()
    wanted = [line for document in chosen.values() for line in tables(document)]
    assert shown == wanted


def tables(document: dict[str, Any]) -> list[str]:
    """What `show.c` prints of a document's root."""
    described = document["descriptions"][document["root"]]
    subs = described.get("subsections")
    hooks = described.get("hooks") or {}
    head = [described.get("version_id", 0), described.get("minimum_version_id", 0)]
    head += [-1 if subs is None else len(subs)]
    head += [hooks.get(hook, 99) for hook in ("pre_load", "post_load", "pre_save")]
    lines = [f"{document['root']}: {' '.join(map(str, head))}"]
    for field in described.get("fields") or []:
        vmsd = field.get("vmsd")
        numbers = [field.get(key, 0) for key in ("offset", "size", "size_offset", "num_offset")]
        numbers += [
            field.get(key, 0) for key in ("start", "num", "version_id", "struct_version_id")
        ]
        numbers.append(sum(FLAGS[flag] for flag in field.get("flags", [])))
        child = (vmsd[0] if isinstance(vmsd, list) else vmsd) or "-"
        info = field.get("info", "-")
        tested = int(field.get("exists") is not None)
        lines.append(f" {field['name']} {' '.join(map(str, numbers))} {info} {child} {tested}")
    return lines


def test_documents_in_macros_are_in_macros(tmp_path: Path) -> None:
    export("c", tmp_path)

    written = "".join(file.read_text() for file in tmp_path.glob("*.c"))

    for macro in (
        "VMSTATE_VARRAY_OF_POINTER_TO_STRUCT_UINT32_ALLOC(",
        "VMSTATE_VARRAY_OF_POINTER_TO_STRUCT_UINT8_ALLOC(",
        "VMSTATE_ARRAY_OF_POINTER_TO_STRUCT(",
        "VMSTATE_SINGLE(",
        "VMSTATE_STRUCT(",
    ):
        assert macro in written


def test_documents_as_rust_name_everything(tmp_path: Path) -> None:
    (file,) = export("rust", tmp_path)

    written = file.read_text()
    for name, document in documents().items():
        assert f"pub static {identifier(name)}: Document" in written
        assert f"root: {text(document['root'])}" in written
    compiler = shutil.which("rustc")
    if compiler is not None:
        command = [compiler, "--crate-type", "lib", "--emit", "metadata", file.name]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=120, capture_output=True)


@pytest.mark.parametrize(
    ("value", "c", "rust"),
    [
        ("plain", '"plain"', '"plain"'),
        ('a"b\\c', r'"a\"b\\c"', r'"a\"b\\c"'),
        ("a\x07b", r'"a\007b"', r'"a\u{7}b"'),
        ("\N{MUSICAL SYMBOL G CLEF}", r'"\360\235\204\236"', r'"\u{1d11e}"'),
        ("??=", r'"\?\?="', '"??="'),
    ],
)
def test_any_string_is_a_literal(value: str, c: str, rust: str) -> None:
    assert (literal(value), text(value)) == (c, rust)


def test_a_dialect_that_no_case_has_is_one_line(tmp_path: Path) -> None:
    options = ["export", "cases", "--into", str(tmp_path), "--dialect", "qemu-0.1"]
    done = CliRunner().invoke(case, options)

    assert done.exit_code == 2
    assert "no case is of dialect 'qemu-0.1' [dialect]" in done.output
    assert len(done.output.splitlines()) == 1
