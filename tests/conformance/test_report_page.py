# SPDX-License-Identifier: Apache-2.0
"""The HTML report in a real browser: clicked through, by mouse and by keyboard, and photographed.

The pictures are kept in the folder that VMSTATE_SCREENSHOTS names, for people to look at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chromium import found
from runs import ACCEPT, CASES, case, command, corpus, run, zoo
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    place = corpus(folder / "c", *CASES, *(case(f"more-{at}", ACCEPT) for at in range(200)))
    logs = []
    for name, testee in (
        ("reference", "reference"),
        ("refuser", zoo("reject-all")),
        ("crasher", f"{zoo('crash')} --at 0"),
    ):
        logs.append(folder / f"{name}.jsonl")
        extra = ["-k", "*#[elc]*"] if name == "crasher" else []
        run("--testee", testee, "--no-smoke", "--results", logs[-1], *extra, places=place)
    assert command("report", *logs, "-o", folder / "report.html").exit_code == 0
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    programs = found()
    assert programs is not None, "python tests/support/chromium.py puts Chromium in"
    options = Options()
    options.binary_location = programs[0]
    for word in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{word}")
    options.add_argument("--hide-scrollbars")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = Chrome(options=options, service=Service(programs[1]))
    yield browser
    browser.quit()


@pytest.fixture(params=["light", "dark", "phone"])
def at(request: pytest.FixtureRequest, chrome: Chrome, page: str) -> Iterator[Chrome]:
    """Give the page, opened at the overview, in each of the ways in which it is read."""
    kind = request.param
    width, height = (390, 844) if kind == "phone" else (1280, 900)
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": kind == "phone"}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if kind == "dark" else "light"}
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    chrome.get("about:blank")
    chrome.get_log("browser")
    chrome.get_log("performance")
    chrome.get(page)
    yield chrome
    assert [entry["message"] for entry in chrome.get_log("browser")] == []
    asked = [entry["message"] for entry in chrome.get_log("performance")]
    assert not [each for each in asked if '"Network.requestWillBeSent"' in each and '"http' in each]
    folder = os.environ.get("VMSTATE_SCREENSHOTS")
    if folder:
        name = request.node.name.replace("[", "-").rstrip("]")
        chrome.save_screenshot(str(Path(folder, f"{name}.png")))


def wait(browser: Chrome) -> WebDriverWait[Chrome]:
    """Wait for something, whatever is drawn anew meanwhile."""
    return WebDriverWait(browser, 10, ignored_exceptions=(StaleElementReferenceException,))


def one(browser: Chrome, css: str) -> WebElement:
    return wait(browser).until(lambda b: b.find_element(By.CSS_SELECTOR, css))


def link(browser: Chrome, text: str) -> WebElement:
    return wait(browser).until(
        lambda b: next(
            (e for e in b.find_elements(By.PARTIAL_LINK_TEXT, text) if e.is_displayed()), None
        )
    )


def click(browser: Chrome, element: WebElement) -> None:
    browser.execute_script(
        "arguments[0].scrollIntoView({behavior: 'instant', block: 'center'})", element
    )
    element.click()


def settled(browser: Chrome, action: Callable[[], None]) -> None:
    """Do something to an element that may be replaced before it is done."""

    def done(_: Chrome) -> bool:
        action()
        return True

    wait(browser).until(done)


def fits(browser: Chrome) -> bool:
    width: int = browser.execute_script("return document.documentElement.scrollWidth")
    return width <= browser.execute_script("return innerWidth")


def heading(browser: Chrome, text: str) -> None:
    wait(browser).until(
        lambda b: any(
            text in each.text for each in b.find_elements(By.TAG_NAME, "h1") if each.is_displayed()
        )
    )


def test_the_overview_shows_runs_and_areas_and_fits(at: Chrome) -> None:
    heading(at, "3 implementations")
    cards = [each.text for each in at.find_elements(By.CSS_SELECTOR, ".card")]

    assert cards[0].splitlines()[1] == "conforms"
    assert cards[1].splitlines()[1] == "does not conform"
    matrix = at.find_element(By.CSS_SELECTOR, ".matrix")
    assert [each.text for each in matrix.find_elements(By.CSS_SELECTOR, "tbody th")] == [
        "area",
        "all areas",
    ]
    assert fits(at)


def test_a_cell_leads_to_its_cases_and_a_case_to_its_bytes(at: Chrome) -> None:
    click(at, at.find_elements(By.CSS_SELECTOR, ".matrix tbody tr:first-child .cell")[1])
    heading(at, "Cases")
    assert Select(one(at, "select[aria-label=Implementation]")).first_selected_option.text == (
        "zoo 1 (compat)"
    )
    settled(at, lambda: click(at, link(at, "Case loads.")))
    heading(at, "Case loads.")

    text = one(at, ".case").text
    assert "area/group#loads" in text
    assert "LOAD-FIELD-1" in text
    assert "✗ fail" in text
    assert "crash" in text
    assert "00 07" in one(at, ".dump").text
    row = one(at, ".diff tbody tr").find_elements(By.TAG_NAME, "td")
    assert [each.text for each in row] == ["verdict", "accept", "reject"]
    assert fits(at)


def test_cases_are_found_by_words_and_by_grades(at: Chrome) -> None:
    settled(at, lambda: click(at, link(at, "Cases")))
    heading(at, "Cases")
    assert "203 cases" in one(at, "[role=status]").text
    more = one(at, "button.more")
    assert len(at.find_elements(By.CSS_SELECTOR, ".list li")) == 150
    click(at, more)
    assert len(at.find_elements(By.CSS_SELECTOR, ".list li")) == 203
    one(at, "input[type=search]").send_keys("more-17")
    wait(at).until(lambda b: "11 cases" in one(b, "[role=status]").text)
    box = one(at, "input[type=search]")
    box.clear()
    box.send_keys(" ")
    free = next(
        each for each in at.find_elements(By.CSS_SELECTOR, "button.toggle") if each.text == "free"
    )
    click(at, free)
    wait(at).until(lambda b: "1 case" in one(b, "[role=status]").text)
    assert free.get_attribute("aria-pressed") == "true"
    assert "grade=free" in at.current_url
    assert fits(at)


def test_the_back_button_and_a_link_lead_where_one_was(at: Chrome, page: str) -> None:
    at.get("about:blank")
    at.get(f"{page}#/case/area%2Fgroup%23ends%40qemu-11.1.3")
    heading(at, "Case ends.")
    settled(at, lambda: click(at, link(at, "LOAD-FIELD-1")))
    heading(at, "The elements of a field")
    at.back()
    heading(at, "Case ends.")


def test_clauses_choices_and_comparison_have_views(at: Chrome) -> None:
    settled(at, lambda: click(at, link(at, "Clauses")))
    heading(at, "Clauses")
    assert "203 cases" in one(at, "#view .list").text
    settled(at, lambda: click(at, link(at, "Choices")))
    heading(at, "Free choices")
    assert [each.text for each in at.find_elements(By.CSS_SELECTOR, "#view td")][:2] == [
        "accept",
        "reject",
    ]
    settled(at, lambda: click(at, link(at, "Compare")))
    heading(at, "Compare")
    assert "Newly failing (202)" in one(at, "#view").text
    Select(one(at, "select[aria-label='First run']")).select_by_visible_text("zoo 1 (compat)")
    wait(at).until(lambda b: "No case differs" in one(b, "#view").text)
    assert fits(at)


def test_the_keyboard_alone_will_do(at: Chrome) -> None:
    body = at.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert at.switch_to.active_element.text == "Skip to the report"
    body.send_keys("/")
    heading(at, "Cases")
    wait(at).until(lambda b: b.switch_to.active_element.tag_name == "input")
    at.switch_to.active_element.send_keys("loads")
    wait(at).until(lambda b: "1 case," in one(b, "[role=status]").text)
    settled(at, lambda: one(at, ".list a").send_keys(Keys.ENTER))
    heading(at, "Case loads.")


def test_without_scripts_the_matrix_is_there(chrome: Chrome, page: str) -> None:
    chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chrome.get("about:blank")
        chrome.get(page)
        assert "all areas" in chrome.find_element(By.CSS_SELECTOR, ".matrix").text
        assert "need JavaScript" in chrome.find_element(By.TAG_NAME, "main").text
    finally:
        chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
