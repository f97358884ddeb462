# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from runs import ACCEPT, case, command, corpus, rows, run, zoo

from vmstate_conformance.cases import InputError
from vmstate_conformance.expectations import Expectations
from vmstate_conformance.expectations.model import Entry

ISSUE = 'issue = "https://example.org/1"'


def written(tmp_path: Path, *entries: str) -> Path:
    file = tmp_path / "mine.toml"
    file.write_text("\n".join(f"[[expect]]\n{entry}" for entry in entries))
    return file


def entry(**values: Any) -> str:
    return "\n".join(f"{key} = {value!r}".replace("'", '"') for key, value in values.items())


def graded(tmp_path: Path, testee: str, *entries: str) -> tuple[int, dict[str, str]]:
    log, file = tmp_path / "log", written(tmp_path, *entries)
    done = run(
        "--testee", testee, "--expect", file, "--results", log, places=corpus(tmp_path / "c")
    )
    assert "Traceback" not in done.output
    found = {f"{row['id'].partition('#')[2]} {row['facet']}": row["grade"] for row in rows(log)}
    return done.exit_code, found


KNOWN = (
    entry(match="area/group#loads", kind="wontfix", reason="it refuses all"),
    entry(match="area/group#en*", kind="bug", facet="load", reason="no class") + f"\n{ISSUE}",
)


def test_what_is_known_to_fail_fails_as_expected(tmp_path: Path) -> None:
    status, found = graded(tmp_path, zoo("reject-all"), *KNOWN)

    assert status == 0
    assert found["loads load"] == found["ends load"] == "xfail"
    assert found["ends partial"] == "notrun"


def test_what_passes_against_expectation_is_a_failure(tmp_path: Path) -> None:
    status, found = graded(tmp_path, "reference", *KNOWN)

    assert status == 1
    assert found["loads load"] == found["ends load"] == "xpass"
    assert found["loads heap"] == "pass"


def test_what_fails_in_another_way_is_a_failure(tmp_path: Path) -> None:
    crash = entry(match="area/group#loads", kind="crash", reason="it dies") + f"\n{ISSUE}"
    other = entry(match="area/group#ends", kind="wontfix", reason="x") + '\nclass = "marker"'
    status, found = graded(tmp_path, zoo("reject-all"), crash, other)

    assert status == 1
    assert found["loads load"] == found["ends load"] == "fail"


def test_a_crash_that_is_known_comes_last_and_alone(tmp_path: Path) -> None:
    crash = entry(match="area/group#loads", kind="crash", reason="it dies") + f"\n{ISSUE}"
    command_ = f"{zoo('crash')} --at 0"
    status, found = graded(tmp_path, command_, crash)

    assert found["loads load"] == "xfail"
    assert found["loads heap"] == "notrun"
    assert status == 1  # the others crash as well, and nobody said so


def test_what_is_flaky_runs_three_times_and_its_rate_is_told(tmp_path: Path) -> None:
    place, log = corpus(tmp_path / "c", case("loads", {"verdict": "accept"})), tmp_path / "log"
    flaky = entry(match="area/*#*", kind="flaky", reason="a race") + f"\n{ISSUE}"
    testee = f"{zoo('order-dependent')} --at 1"
    run("--testee", testee, "--expect", written(tmp_path, flaky), "--results", log, places=place)

    (row,) = rows(log)
    assert (row["grade"], row["rate"]) == ("xfail", "failed 1 of 3 times")


def test_an_entry_that_matches_nothing_is_a_failure(tmp_path: Path) -> None:
    stale = entry(match="area/group#gone", kind="wontfix", reason="x")
    status, _ = graded(tmp_path, "reference", stale)

    assert status == 1


def test_a_part_of_the_corpus_makes_no_entry_stale(tmp_path: Path) -> None:
    file = written(tmp_path, *KNOWN)
    place = corpus(tmp_path / "c")

    assert run("--expect", file, "-k", "chooses", places=place).exit_code == 0


@pytest.mark.parametrize(
    ("pattern", "identity", "good"),
    [
        ("area/*#c", "area/group#c", True),
        ("area/*", "area/group#c", False),
        ("area/group#c-?", "area/group#c-1", True),
        ("area/group#c-?", "area/group#c-12", False),
        ("*", "k-aa-alloc-load", True),
        ("k-[aa]*", "k-[aa]1", True),
        ("a.b", "acb", False),
    ],
)
def test_a_star_stays_within_its_segment(pattern: str, identity: str, good: object) -> None:
    assert Entry(pattern, "bug", "x").names(identity) is good


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[expect", "[toml]"),
        ("expect = 3", "[expect]"),
        ("expect = [3]", "expect[0]: is no table"),
        ("odd = 1", "'odd' is none of suite, expect"),
        ('[[expect]]\nkind = "bug"\nreason = "x"', "expect[0].match: is no text"),
        ('[[expect]]\nmatch = "x"\nkind = "odd"\nreason = "x"', "'odd' is none of bug"),
        ('[[expect]]\nmatch = "x"\nkind = "wontfix"\nreason = " "', "expect[0].reason"),
        ('[[expect]]\nmatch = "x"\nkind = "bug"\nreason = "x"', "a bug needs a link"),
        ('[[expect]]\nmatch = "x"\nkind = "wontfix"\nreason = "x"\nodd = 1', "'odd' is none of"),
        ('[[expect]]\nmatch = "x"\nkind = "wontfix"\nreason = "x"\nmax = 0', "[max]"),
        ('[[expect]]\nmatch = "x"\nkind = "wontfix"\nreason = "x"\nwhen = 1', "[when]"),
        ('[[expect]]\nmatch = "x"\nkind = "wontfix"\nreason = "x"\nfacet = "y"', "[facet]"),
        ("x = [" * 50_000, "[toml]"),
        ("\ud800", "no UTF-8"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(text.encode(errors="surrogatepass"))

    with pytest.raises(InputError) as caught:
        Expectations.read(file)

    assert said in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_entry_that_matches_too_much_is_refused(tmp_path: Path) -> None:
    place = corpus(tmp_path / "c", *(case(f"c{at}", ACCEPT) for at in range(21)))
    wide = entry(match="area/*#*", kind="wontfix", reason="x")

    refused = run("--expect", written(tmp_path, wide), places=place)
    assert refused.exit_code == 2
    assert "matches 21 cases, and may match 20" in refused.output
    told = written(tmp_path, f"{wide}\nmax = 30")
    assert run("--expect", told, places=place).exit_code == 1


def test_update_drops_what_passes_keeps_words_and_makes_none_up(tmp_path: Path) -> None:
    place, log = corpus(tmp_path / "c"), tmp_path / "log"
    file = tmp_path / "mine.toml"
    kept = (
        '# why we refuse\n[[expect]]\nmatch = "area/group#loads"\nkind = "wontfix"\nreason = "so"\n'
    )
    stale = '# mended\n[[expect]]\nmatch = "area/group#chooses"\nkind = "wontfix"\nreason = "x"\n'
    file.write_text(f"# mine\n{kept}\n{stale}")
    run("--testee", zoo("reject-all"), "--expect", file, "--results", log, places=place)

    would = command("expect", "update", log, "--file", file, "--check")
    assert would.exit_code == 1
    assert "dropped: area/group#chooses" in would.output
    assert command("expect", "update", log, "--file", file).exit_code == 0

    text = file.read_text()
    assert "# mine" in text
    assert 'reason = "so"' in text
    assert "chooses" not in text
    assert 'match = "area/group#ends"' in text
    with pytest.raises(InputError, match="reason"):
        Expectations.read(file)
    file.write_text(text.replace('reason = ""\nissue = ""', f'reason = "now known"\n{ISSUE}'))
    again = run("--testee", zoo("reject-all"), "--expect", file, "--results", log, places=place)
    assert again.exit_code == 0
    assert command("expect", "update", log, "--file", file, "--check").exit_code == 0


def test_update_makes_a_file_where_there_is_none(tmp_path: Path) -> None:
    place, log, file = corpus(tmp_path / "c"), tmp_path / "log", tmp_path / "new.toml"
    run("--testee", zoo("accept-all"), "--results", log, places=place)

    done = command("expect", "update", log, "--file", file)

    assert done.exit_code == 0
    assert file.read_text().count("[[expect]]") == done.output.count("added: ")
