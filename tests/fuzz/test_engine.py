# SPDX-License-Identifier: Apache-2.0
"""What stands between a target and libFuzzer: options, seeds, dictionaries, limits; no engine needed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vmstate_conformance.cases import InputError
from vmstate_conformance.fuzzing import dictionary, engine
from vmstate_conformance.fuzzing.target import Target


def target(**given: object) -> Target:
    return Target(  # type: ignore[arg-type]
        "toy",
        lambda _: None,
        lambda: [b"one", b"two"],
        lambda: [b"\0a", b'"'],
        lambda _: None,
        **given,
    )


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VMSTATE_CONFORMANCE_CACHE", str(tmp_path / "cache"))
    for name in ("VMSTATE_STAGING", "VMSTATE_SEEDS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "fuzz" / "toy"


def test_our_options_go_into_the_environment_and_the_rest_to_libfuzzer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("VMSTATE_STAGING", "VMSTATE_TESTEE"):
        monkeypatch.setenv(name, "")
    given = ["-runs=5", "--staging", "a b", "dir", "--testee=python -m x", "-fork=2"]
    assert engine.take_options(given, ("staging", "testee")) == ["-runs=5", "dir", "-fork=2"]
    assert os.environ["VMSTATE_STAGING"] == "a b"
    assert os.environ["VMSTATE_TESTEE"] == "python -m x"
    assert engine.staging_dir() == Path("a b")


@pytest.mark.parametrize("given", [["--nonsense"], ["--staging"], ["--staging="]])
def test_options_that_mean_nothing_are_named(given: list[str]) -> None:
    with pytest.raises(InputError, match=given[0].rstrip("=")):
        engine.take_options(given, ("staging",))


def test_without_a_place_inputs_are_kept_in_the_cache_and_seeds_are_built(place: Path) -> None:
    prepared = engine.prepare(target(max_len=99), ["-runs=1"])
    assert prepared[:3] == ["-runs=1", str(place / "corpus"), str(place / "seeds")]
    assert "-max_len=99" in prepared
    assert {file.read_bytes() for file in (place / "seeds").iterdir()} == {b"one", b"two"}


def test_what_the_user_says_stands(tmp_path: Path) -> None:
    mine = str(tmp_path / "mine")
    prepared = engine.prepare(target(), ["-max_len=5", "-dict=d", "-timeout=1", mine])
    assert sum(each.startswith(("-max_len", "-dict", "-timeout")) for each in prepared) == 3
    assert Path(mine).is_dir()


def test_seeds_are_left_out_on_demand_and_where_inputs_are_merged_or_replayed(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "crash"
    file.write_bytes(b"")
    for given in (["-merge=1", str(tmp_path), str(tmp_path)], [str(file)]):
        assert str(place / "seeds") not in engine.prepare(target(), given)
    monkeypatch.setenv("VMSTATE_SEEDS", "none")
    assert str(place / "seeds") not in engine.prepare(target(), [])


def test_seeds_that_no_case_has_any_more_go(place: Path) -> None:
    (place / "seeds").mkdir(parents=True)
    (place / "seeds" / "old").write_bytes(b"old")
    assert "old" not in {file.name for file in engine.write_seeds(target()).iterdir()}


def test_a_place_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="unwritable"):
        engine.prepare(target(), [str(tmp_path / "file" / "in")])


def test_dictionaries_are_written_as_libfuzzer_reads_them(place: Path) -> None:
    text = engine.write_dictionary(target()).read_text()
    assert text == '"\\x00a"\n"\\x22"\n'
    assert dictionary.render([b"x", b"x", b"", b"y" * 65]) == '"x"\n'


def test_subsections_are_words_with_their_length_and_version() -> None:
    descriptions = {"a": {"subsections": ["a/b"]}, "a/b": {"version_id": 2}}
    (word,) = dictionary.subsections({"descriptions": descriptions})
    assert word == b"\x05\x03a/b\0\0\0\x02"
