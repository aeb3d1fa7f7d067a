"""The report as a browser shows it: drawn, clicked, moved through with keys, and safe from what it holds."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.bench.report import searched
from experiments.report.writing import write_comparison, write_report
from tests.experiments.report.test_texts import ATTACKS
from tests.experiments.report.told import Asking, Writing, answer, small_run
from tests.standins import synthetic_operators

api = pytest.importorskip(
    "playwright.sync_api", reason="playwright drives the browser; it is in the dev extra"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


class Pages:
    """Reports of all that is looked at, written before there is a browser.

    Attributes:
        large: of a run of 5,000 candidates with kernels of real length.
        small: of a run with stand-ins.
        hostile: of a run whose texts and names would run, if they could.
        compared: three runs side by side.
    """

    def __init__(self, root: Path) -> None:
        self.large = write_report(searched(root / "large", 5_000))
        self.small = write_report(small_run(root / "small", 60))
        text = "\n".join(f"y{at} = 1  # {attack}" for at, attack in enumerate(ATTACKS))
        operators = {"writing": Writing([text], ATTACKS[0]), ATTACKS[1]: Asking(ATTACKS[1])}
        hostile = small_run(root / "hostile", operators=operators | synthetic_operators(), redraws=0)
        answer(hostile, 22, ATTACKS[0], ATTACKS[1])
        self.hostile = write_report(hostile)
        runs = [small_run(root / f"run-{seed}", 40, seed=seed) for seed in (1, 2, 3)]
        self.compared = write_comparison(runs, root / "all.html")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    return Pages(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def browser(pages: Pages) -> Iterator[object]:
    """A browser, started once all searches have ended: they and its driver each want an event loop."""
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def shown(browser, page: Path, width: int = 1280, scheme: str = "light"):
    """Return a tab with the page, ready; it notes whatever goes wrong or is asked of a network."""
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab.faults = []
    tab.on("pageerror", lambda error: tab.faults.append(str(error)))
    tab.on("console", lambda said: tab.faults.append(said.text) if said.type == "error" else None)
    tab.on(
        "request", lambda asked: tab.faults.append(asked.url) if not asked.url.startswith("file:") else None
    )
    tab.goto(page.as_uri())
    tab.wait_for_selector("html[data-ready]")
    return tab


def number(tab) -> int:
    return int(tab.get_attribute("#candidate", "data-number"))


def chosen(tab, candidate: int) -> None:
    """Wait until a candidate is the one that is shown."""
    tab.wait_for_selector(f'#candidate[data-number="{candidate}"]')


def spot(tab) -> tuple[float, float]:
    """Return where the current candidate stands, once it is drawn there."""
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    box = tab.locator("#graph .ring").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_five_thousand_candidates(browser, pages):
    large = pages.large
    assert large.stat().st_size < 5_000_000
    tab = shown(browser, large)
    winner = int(re.search(r'"winner":(\d+)', large.read_text())[1])
    assert number(tab) == winner
    tab.locator("#graph").scroll_into_view_if_needed()
    where = spot(tab)
    tab.focus("#graph")
    tab.keyboard.press("Home")
    tab.keyboard.press("Enter")
    chosen(tab, 0)
    tab.locator("#graph").scroll_into_view_if_needed()
    tab.keyboard.press("Escape")
    assert tab.evaluate("document.activeElement.id") == "graph"
    tab.evaluate("scrollTo(0, 0)")
    tab.locator("#graph").scroll_into_view_if_needed()
    tab.mouse.click(*where)
    chosen(tab, winner)
    assert tab.locator("#candidate .diff .added").count() > 0
    assert "modelled" in tab.inner_text("#candidate header")
    assert tab.faults == []
    tab.close()


def test_keys_lead_through_the_candidates(browser, pages):
    tab = shown(browser, pages.small)
    tab.focus("#graph")
    said = tab.locator("#said")
    tab.keyboard.press("Home")
    assert said.inner_text().startswith("0 · seed · 1.00× modelled")
    tab.keyboard.press("ArrowDown")
    child = int(said.inner_text().split(" ")[0])
    assert child > 0
    tab.keyboard.press("ArrowUp")
    assert said.inner_text().startswith("0 ·")
    for key in ("ArrowLeft", "ArrowRight", "ArrowRight", "+", "+", "-", "PageDown", "PageUp", "0"):
        tab.keyboard.press(key)
    tab.keyboard.press("Enter")
    tab.wait_for_function("document.activeElement.id === 'candidate'")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.matches('#candidate *')")
    outlined = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outlined not in ("none", "")
    tab.keyboard.press("Escape")
    assert tab.evaluate("document.activeElement.id") == "graph"
    tab.fill("#number", "7")
    tab.keyboard.press("Enter")
    chosen(tab, 7)
    tab.fill("#number", "70")
    tab.keyboard.press("Enter")
    assert said.text_content() == "No such candidate is drawn."
    tab.locator("#legend button").first.press("Space")
    assert tab.get_attribute("#legend button >> nth=0", "aria-pressed") == "true"
    assert tab.faults == []
    tab.close()


def test_what_models_wrote_runs_nowhere(browser, pages):
    tab = shown(browser, pages.hostile)
    for candidate in range(1, 23):
        tab.fill("#number", str(candidate))
        tab.keyboard.press("Enter")
        chosen(tab, candidate)
    assert ATTACKS[0] in tab.text_content("#candidate")
    assert ATTACKS[1] in tab.text_content("#candidate")
    assert tab.locator("img, #candidate script, #candidate iframe").count() == 0
    assert "owned" not in tab.title()
    assert tab.faults == []
    tab.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(browser, pages, width, scheme):
    tab = shown(browser, pages.large, width, scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 22, 26)"
    )
    tab.close()


def test_axes_and_comparison(browser, pages):
    tab = shown(browser, pages.compared)
    assert tab.locator("#curve path.curve").count() == 3
    tab.check("#axes input[value=seconds]", force=True)
    assert tab.get_attribute("#curve svg", "aria-label") == "Best so far against time"
    assert tab.faults == []
    tab.close()


CASES = [
    ("", "", 0), ("a", "a", 0), ("a\nb\nc", "a\nc", 1), ("a\nc", "a\nb\nc", 1), ("x", "y", 2),
    ("a\nb\nc\na\nb\nb\na", "c\nb\na\nb\na\nc", 5), ("a\n" * 30, "b\n" + "a\n" * 29, 2),
    ("\n".join(map(str, range(3000))), "\n".join(map(str, range(9000, 12000))), 6000),
]  # fmt: skip
"""Two texts, and the fewest lines that can differ."""


def test_differences_are_of_the_two_texts_and_short(browser):
    script = (Path(__file__).parents[3] / "experiments/report/assets/diff.js").read_text()
    tab = browser.new_page()
    call = f"([a, b]) => {{ {script}; return lineDiff(a.split('\\n'), b.split('\\n')); }}"
    for before, after, edits in CASES:
        lines = tab.evaluate(call, [before, after])
        assert [line for sign, line, *_ in lines if sign != "+"] == before.split("\n")
        assert [line for sign, line, *_ in lines if sign != "-"] == after.split("\n")
        assert sum(sign != " " for sign, *_ in lines) == edits
    tab.close()
