# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from runs import ACCEPT, case, command, corpus, rows, run, zoo

from vmstate_conformance.cases import InputError
from vmstate_conformance.reports.dump import around
from vmstate_conformance.reports.model import read_results


@pytest.fixture
def good(tmp_path: Path) -> Path:
    log = tmp_path / "good.jsonl"
    assert run("--in-process", "--results", log, places=corpus(tmp_path / "c")).exit_code == 0
    return log


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    log = tmp_path / "bad.jsonl"
    place = corpus(tmp_path / "c")
    testee = zoo("reject-all")
    assert run("--testee", testee, "--results", log, places=place).exit_code == 1
    return log


def test_a_log_says_what_was_run_and_ends_with_a_footer(good: Path) -> None:
    found = read_results(good)

    assert found.complete
    assert found.header["hello"]["testee"]["name"] == "reference"
    assert found.header["manifest"].startswith("sha256:")
    assert found.footer is not None
    assert found.footer["counts"] == {"pass": 6, "free": 1}
    assert found.footer["levels"]["required"] == {"pass": 6}


def test_a_row_that_failed_holds_what_one_needs_to_look_at_it(bad: Path) -> None:
    (row,) = [row for row in rows(bad) if row["id"].endswith("#loads") and "differences" in row]

    assert row["title"] == "Case loads."
    assert row["clauses"] == ["LOAD-FIELD-1"]
    assert row["differences"] == [{"path": "verdict", "wanted": "accept", "got": "reject"}]
    assert any("00 07" in line for line in row["dump"])
    assert "-k '=area/group#loads'" in row["alone"]
    assert Path(row["replay"].rpartition("< ")[2]).read_text().count("\n") == 3


def test_replay_files_go_where_one_wants_them(tmp_path: Path) -> None:
    folder = tmp_path / "replay"
    run("--testee", zoo("reject-all"), "--replay", folder, places=corpus(tmp_path / "c"))

    assert [file.name for file in sorted(folder.iterdir())] == [
        "area_group_ends_qemu-11.1.3.jsonl",
        "area_group_loads_qemu-11.1.3.jsonl",
    ]


def test_what_only_fails_in_company_is_replayed_with_its_company(tmp_path: Path) -> None:
    folder = tmp_path / "replay"
    place = corpus(tmp_path / "c", *(case(f"c{at}", {"verdict": "accept"}) for at in range(3)))
    run("--testee", zoo("exit"), "--replay", folder, places=place)

    (file,) = folder.iterdir()
    asked = [json.loads(line) for line in file.read_text().splitlines()]
    assert [each.get("id") for each in asked] == [None, None, 0, 1, 2]


def test_a_replay_of_a_resave_holds_the_load_and_the_save(tmp_path: Path) -> None:
    script, folder = tmp_path / "wrong.py", tmp_path / "replay"
    script.write_text(
        "from vmstate_conformance.testees import reference as r\n"
        "class Wrong(r.Reference):\n"
        "    def run(self, message):\n"
        "        result = super().run(message)\n"
        "        return {**result, 'stream': 'ff'} if message['op'] == 'save' else result\n"
        "r.Reference = Wrong\n"
        "r.main()\n"
    )
    place = corpus(tmp_path / "c", case("c", ACCEPT))
    done = run("--testee", f"{sys.executable} {script}", "--replay", folder, places=place)

    assert "resave.stream: wanted 0007" in done.output
    (file,) = folder.iterdir()
    ops = [json.loads(line).get("op") for line in file.read_text().splitlines()]
    assert ops == [None, None, "load", "save"]


def test_the_report_from_a_log_is_the_one_of_the_run(tmp_path: Path) -> None:
    log = tmp_path / "log"
    live = run("--testee", zoo("reject-all"), "--results", log, places=corpus(tmp_path / "c"))
    again = command("report", log)

    assert again.exit_code == 0
    assert again.output.splitlines()[:-1] == live.output.splitlines()[:-1]
    assert "zoo 1 (compat) does not conform: 0 pass" in again.output.splitlines()[-1]


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (lambda lines: lines[:-1], "incomplete"),
        (lambda lines: lines[1:], "order"),
        (list, "empty"),
        (lambda lines: [*lines, lines[0]], "order"),
        (lambda lines: [lines[0][:20], *lines[1:]], "json"),
        (lambda lines: ["[]", *lines], "object"),
        (lambda lines: [lines[0].replace('"schema":1', '"schema":9'), *lines[1:]], "schema"),
        (lambda lines: [*lines[:1], '{"m":"row","id":3}', *lines[1:]], "row"),
        (lambda lines: [line.replace('"grade":"pass"', '"grade":"fine"') for line in lines], "row"),
        (lambda lines: [*lines[:-1], '{"m":"footer","complete":false}'], "incomplete"),
        (lambda lines: [*lines[:-1], '{"m":"footer","complete":true}'], "footer"),
    ],
)
def test_a_log_that_is_none_is_one_clear_line(good: Path, damage: object, rule: str) -> None:
    lines = good.read_text().splitlines()
    good.write_text(
        "\n".join([] if damage is list else damage(lines)) + "\n" * (damage is not list)
    )  # type: ignore[operator]

    refused = command("report", good)

    assert refused.exit_code == 2
    assert f"[{rule}]" in refused.output
    assert str(good) in refused.output
    assert refused.output.count("\n") == 1


def test_any_damage_of_a_log_gives_results_or_one_line(bad: Path, tmp_path: Path) -> None:
    whole, rng = bad.read_bytes(), random.Random(3)
    file = tmp_path / "damaged.jsonl"
    for _ in range(150):
        data = bytearray(whole[: rng.choice([len(whole), rng.randrange(len(whole))])])
        for _ in range(rng.randrange(4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        file.write_bytes(data)
        try:
            read_results(file).summary()
        except InputError as error:
            assert str(file) in str(error)
            assert "\n" not in str(error)


def test_junit_has_a_test_for_each_facet_and_tells_errors_from_failures(tmp_path: Path) -> None:
    place = corpus(tmp_path / "c", case("a", ACCEPT), case("b", ACCEPT))
    file = tmp_path / "junit.xml"
    run("--testee", f"{zoo('crash')} --at 0", "--junit", file, places=place)
    root = ET.parse(file).getroot()

    assert root.attrib["tests"] == "6"
    assert (root.attrib["errors"], root.attrib["skipped"]) == ("2", "4")
    test = next(iter(root.iter("testcase")))
    assert test.attrib["classname"] == "area.group"
    assert test.attrib["name"] == "a [load, qemu-11.1.3]"
    error = test.find("error")
    assert error is not None
    assert error.attrib["type"] == "crash"
    assert "00 07" in str(error.text)
    names = {each.attrib["name"] for each in root.iter("property")}
    assert names == {"suite", "manifest", "profile", "testee"}


def test_junit_of_a_wrong_testee_says_what_was_wanted(bad: Path, tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    assert command("report", bad, "--junit", file).exit_code == 0
    failures = list(ET.parse(file).getroot().iter("failure"))

    assert {each.attrib["message"] for each in failures} == {
        "verdict: wanted accept, got reject",
        "error: wanted stream-error, got null",
    }


def test_no_text_of_a_testee_breaks_the_xml_or_the_page(tmp_path: Path) -> None:
    script = tmp_path / "rude.py"
    evil = "</script><script>alert(1)</script>\\u0000\\u001b]]>\\ud800&amp;"
    script.write_text(
        "import sys\n"
        'print(\'{"m":"hello","protocol":1,"dialects":["qemu-11.1.3"],"profiles":["compat"],'
        f'"testee":{{"name":"{evil}"}}}}\', flush=True)\n'.replace("\\", "\\\\")
        + "next(sys.stdin)\n"
        'print(\'{"m":"config","ok":true}\', flush=True); next(sys.stdin)\n'
        "for n, line in enumerate(sys.stdin):\n"
        '    print(\'{"m":"result","id":%d,"verdict":"failure","detail":"'.replace("\\", "\\\\")
        + evil.replace("\\", "\\\\")
        + "\"}' % n, flush=True)\n"
    )
    log, xml, page = tmp_path / "log", tmp_path / "x.xml", tmp_path / "x.html"
    place = corpus(tmp_path / "c", case("a", ACCEPT))
    done = run("--testee", f"python3 {script}", "--results", log, places=place)
    assert done.exit_code == 1, done.output

    assert command("report", log, "--junit", xml, "-o", page).exit_code == 0
    ET.parse(xml)
    text = page.read_text(errors="surrogatepass")
    assert "<script>alert" not in text
    assert text.count("</script>") == 2


@pytest.mark.parametrize("kind", ["deep", "infinite"])
def test_values_that_are_none_are_reported_and_every_log_is_json(tmp_path: Path, kind: str) -> None:
    log, page = tmp_path / "log", tmp_path / "page.html"
    place = corpus(tmp_path / "c", case("a", ACCEPT), case("b", {"verdict": "reject"}))
    done = run("--testee", zoo(kind), "--results", log, places=place)

    assert done.exit_code == 1
    assert "\x1b" not in done.output
    for line in log.read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)
    assert command("report", log, "-o", page).exit_code == 0


def test_a_page_holds_all_and_fetches_nothing(good: Path, bad: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert command("report", good, bad, "-o", page).exit_code == 0
    text = page.read_text()
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])

    assert [each["name"] for each in data["runs"]] == ["reference 0.1.0 (compat)", "zoo 1 (compat)"]
    assert [each["id"] for each in data["cases"]] == [
        "area/group#chooses",
        "area/group#ends",
        "area/group#loads",
    ]
    assert "LOAD-FIELD-1" in data["clauses"]
    for word in ("http://", "src=", "@import", "url(", "fetch(", "XMLHttpRequest"):
        assert word not in text


def test_compare_tells_what_is_worse_and_what_is_mended(good: Path, bad: Path) -> None:
    worse = command("compare", good, bad)
    assert worse.exit_code == 1
    assert "newly failing: 2" in worse.output
    assert "area/group#loads [load, qemu-11.1.3]: pass -> fail" in worse.output
    assert "passing no more: 4" in worse.output
    assert worse.output.endswith("\nworse\n")

    better = command("compare", bad, good)
    assert better.exit_code == 0
    assert "fixed: 2" in better.output
    assert command("compare", bad, bad).exit_code == 0


def test_compare_tells_when_a_case_fails_in_another_way(bad: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    run("--testee", zoo("accept-all"), "--results", other, places=tmp_path / "c")

    assert "failing in another way: 2" in command("compare", bad, other).output


def test_a_badge_counts_and_is_refused_for_a_part(good: Path, bad: Path, tmp_path: Path) -> None:
    file = tmp_path / "badge.json"
    assert command("report", good, "--badge", file).exit_code == 0
    assert json.loads(file.read_text()) == {
        "schemaVersion": 1,
        "label": "VMState required",
        "message": "6/6",
        "color": "brightgreen",
    }
    assert command("report", bad, "--badge", file).exit_code == 0
    assert json.loads(file.read_text())["message"] == "0/2"

    part, none = tmp_path / "part.jsonl", tmp_path / "none.json"
    run("--in-process", "-k", "loads", "--results", part, places=tmp_path / "c")
    refused = command("report", part, "--badge", none)
    assert refused.exit_code == 3
    assert "selection" in refused.output
    assert not none.exists()


def test_a_testee_that_is_mostly_in_trouble_is_unstable_and_gets_no_badge(tmp_path: Path) -> None:
    place = corpus(tmp_path / "c", *(case(f"c{at}", ACCEPT) for at in range(12)))
    log, badge = tmp_path / "log", tmp_path / "badge.json"
    done = run("--testee", f"{zoo('exit')} --at 0", "--results", log, places=place)

    assert done.exit_code == 3
    assert "unstable" in done.output
    assert command("report", log, "--badge", badge).exit_code == 3
    assert not badge.exists()


def test_an_adapter_that_gets_nothing_right_is_broken_before_anything_is_scored(
    tmp_path: Path,
) -> None:
    place = corpus(tmp_path / "c", *(case(f"c{at}", ACCEPT) for at in range(30)))

    broken = run("--testee", f"{zoo('caught')}", places=place)
    assert broken.exit_code == 3
    assert "the adapter is broken" in broken.output
    scored = run("--testee", zoo("caught"), "--no-smoke", places=place)
    assert scored.exit_code == 1


def test_cases_can_be_chosen_by_area_and_by_the_version_that_brought_them(tmp_path: Path) -> None:
    place = corpus(
        tmp_path / "c", case("old", ACCEPT, added="0.1.0"), case("new", ACCEPT, added="0.10.0")
    )

    def ids(*words: str) -> list[str]:
        log = tmp_path / "log"
        done = run("--in-process", "--results", log, *words, places=place)
        assert done.exit_code == 0, done.output
        return sorted({row["id"].partition("#")[2] for row in rows(log)})

    assert ids("--as-of", "0.2") == ["old"]
    assert ids("--as-of", "0.10.0") == ["new", "old"]
    assert ids("--area", "area") == ["new", "old"]
    assert run("--area", "nowhere", places=place).exit_code == 2
    assert run("--as-of", "new", places=place).exit_code == 2


def test_a_seed_shuffles_and_changes_no_result(tmp_path: Path) -> None:
    place = corpus(tmp_path / "c", *(case(f"c{at}", ACCEPT) for at in range(12)))
    orders = []
    for seed in ("1", "2"):
        log = tmp_path / seed
        run("--in-process", "--seed", seed, "--results", log, places=place)
        orders.append([row["id"] for row in rows(log)])

    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


def test_a_long_dump_is_cut_around_the_fault() -> None:
    lines = ["head", *(f"{at:>4} m{at}" for at in range(100))]

    near = around(lines, "state.m50")
    assert any(line.endswith(" m50") for line in near)
    assert len(near) < 20
    assert near[0] == "head"
    lines[81] = "  ^^ here"
    assert "  ^^ here" in around(lines, "state.m50")
    assert around(lines[:10], "x") == lines[:10]


def test_run_writes_the_page_and_the_xml_without_keeping_a_log(tmp_path: Path) -> None:
    page, xml = tmp_path / "page.html", tmp_path / "junit.xml"
    done = run("--in-process", "--html", page, "--junit", xml, places=corpus(tmp_path / "c"))

    assert done.exit_code == 0
    assert "reference 0.1.0 (compat)" in page.read_text()
    assert ET.parse(xml).getroot().attrib["tests"] == "7"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["c", "junit.xml", "page.html"]


@pytest.mark.parametrize(("words", "status"), [([], 0), (["--enforce-recommended"], 1)])
def test_what_is_only_recommended_decides_where_one_says_so(
    tmp_path: Path, words: list[str], status: int
) -> None:
    place = corpus(tmp_path / "c", case("c", {"verdict": "reject"}, level="recommended"))

    done = run("--testee", zoo("accept-all"), *words, places=place)

    assert "FAIL area/group#c" in done.output
    assert done.exit_code == status


def test_a_testee_that_grows_too_large_is_ended(tmp_path: Path) -> None:
    place = corpus(tmp_path / "c", case("c", ACCEPT))
    testee = f"{zoo('blow-up')} --at 0"

    done = run("--testee", testee, "--memory-limit", "150", "--timeout-factor", "5", places=place)

    assert "outcome: resource" in done.output


def test_files_that_cannot_be_written_are_one_line_and_a_cache_is_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = corpus(tmp_path / "c")
    for words in (
        ["--results", "/dev/full"],
        ["--junit", "/dev/full"],
        ["--html", "/dev/full"],
        ["--replay", "/dev/null/x"],
    ):
        done = run("--testee", zoo("reject-all"), *words, places=place)
        assert done.exit_code == 2, words
        assert words[1] in done.output.splitlines()[-1]

    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    done = run("--testee", zoo("reject-all"), places=place)
    assert done.exit_code == 1
    assert "alone: " in done.output
    assert "replay: " not in done.output
