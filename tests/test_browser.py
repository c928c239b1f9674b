"""Each page, opened from disk in a real browser: formulas set, dark mode, phone width, no error."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.test_questions import MESSAGES

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ("file:", "data:", "blob:")


def listed_pages() -> list[str]:
    """Return the pages of _toc.yml, and those that Sphinx adds."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    return [toc["root"], *chapters, "search", "genindex"]


class Visit:
    """A page in the browser, with everything that it complained of or asked for."""

    def __init__(self, browser, address: str) -> None:
        self.page = browser.new_page(viewport={"width": 1440, "height": 900})
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda m: m.type == "error" and self.errors.append(m.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address, wait_until="load")

    def assert_quiet(self) -> None:
        self.page.wait_for_timeout(300)
        assert self.errors == []
        assert [url for url in self.requests if not url.startswith(LOCAL)] == []


@pytest.fixture(scope="module", params=listed_pages())
def visit(request, browser, html) -> Iterator[Visit]:
    """One visit a page, which the tests below share in their order."""
    visit = Visit(browser, (html / f"{request.param}.html").as_uri())
    yield visit
    visit.page.close()


def test_formulas_are_set(visit):
    formulas = visit.page.locator(".math").count()
    if formulas:
        visit.page.wait_for_function(
            "n => document.querySelectorAll('mjx-container').length >= n", arg=formulas
        )
    assert visit.page.locator("mjx-merror").count() == 0


def test_dark_mode_can_be_toggled(visit):
    seen = set()
    for _ in range(3):  # automatic, light, dark
        visit.page.locator("button.theme-switch-button:visible").first.click()
        seen.add(visit.page.locator("html").get_attribute("data-theme"))
    assert seen == {"light", "dark"}


def test_phone_does_not_scroll_sideways(visit):
    visit.page.set_viewport_size({"width": 390, "height": 844})
    visit.page.wait_for_timeout(200)
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert visit.page.evaluate(overflow) <= 1
    visit.page.set_viewport_size({"width": 1440, "height": 900})


def test_page_logs_no_error_and_asks_no_other_host(visit):
    visit.assert_quiet()


def test_search_works_from_disk(browser, html):
    visit = Visit(browser, f"{(html / 'search.html').as_uri()}?q=forget")
    visit.page.wait_for_selector("#search-results li a", timeout=10_000)
    found = [a.get_attribute("href") for a in visit.page.locator("#search-results li a").all()]
    assert any("book/gates.html" in link for link in found)
    visit.assert_quiet()


def test_search_finds_a_message_with_the_numbers_of_a_reader(browser, html):
    visit = Visit(browser, (html / "search.html").as_uri())
    visit.page.wait_for_function("Search.hasIndex()")
    pages = "m => Search._performSearch(...Search._parseQuery(m)).map(found => found[0])"
    for message, _ in MESSAGES:
        pasted = "RuntimeError: " + re.sub(r"\b\d+", lambda n: str(int(n[0]) + 1097), message)
        assert "book/questions" in visit.page.evaluate(pages, pasted), pasted


def test_a_foreign_request_is_noticed(browser, html, tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<img src="http://127.0.0.1:9/picture.png">', encoding="utf-8")
    visit = Visit(browser, page.as_uri())
    with pytest.raises(AssertionError):
        visit.assert_quiet()
