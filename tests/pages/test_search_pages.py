"""The search: what readers type, and the section that has to come first."""

import pytest

from tests.pages.searches import SEARCHES

FIRST = "query => find(query).slice(0, 1).map(({page, anchor}) => `${page}#${anchor}`)[0]"


@pytest.fixture(scope="module")
def search(browser, html):
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{(html / 'search.html').as_uri()}?q=forget+gate")
    page.wait_for_selector("#search-results li")
    yield page
    page.close()


def test_the_list_is_long_enough():
    assert len(SEARCHES) >= 60


@pytest.mark.parametrize(("query", "place"), SEARCHES.items())
def test_the_answer_comes_first(search, query, place):
    page, _, anchor = place.partition("#")
    assert search.evaluate(FIRST, query) == f"book/{page}#{anchor}"


def test_every_result_is_a_sentence_with_words_of_the_query(search):
    found = search.locator("#search-results li .context").all_inner_texts()
    assert len(found) == 20
    assert all("\n" not in text and len(text) <= 223 for text in found)
    assert sum("forget" in text.lower() or "gate" in text.lower() for text in found) >= 18
    assert search.locator("#search-results li .highlighted").count() >= 18


def test_single_digits_bring_no_results_of_their_own(search):
    wanted = "query => wantedOf(query)"
    assert search.evaluate(wanted, "state of 3 with 2 units") == ["state", "unit"]
    assert "2" in search.evaluate(wanted, 'unit "2" of the layer')
    assert search.evaluate(wanted, "2") == ["2"]
    found = search.evaluate("query => find(query).map(({name, text}) => name + text)", "detach 2 3")
    assert found
    assert all("detach" in text.lower() for text in found)


def test_no_result_shows_raw_tex(search):
    texts = search.evaluate("SECTIONS.map(([, , , title, text]) => `${title}\\n${text}`)")
    assert len(texts) > 200
    assert [text for text in texts if "\\(" in text or "\\bar" in text or "\\frac" in text] == []


def test_words_that_no_page_has_are_said_to_be_missing(browser, html):
    page = browser.new_page()
    page.goto(f"{(html / 'search.html').as_uri()}?q=xylophone")
    assert "no section has these words" in page.locator(".search-summary").inner_text()
    page.close()


@pytest.mark.parametrize("name", ["questions", "speed", "teaching", "glossary", "failures"])
def test_title_and_search_stay_at_the_top_of_the_sidebar(browser, html, name):
    page = browser.new_page(viewport={"width": 1440, "height": 700})
    page.goto((html / "book" / f"{name}.html").as_uri())
    page.wait_for_timeout(300)
    page.evaluate("document.getElementById('pst-primary-sidebar').scrollTo(0, 10000)")
    for part in (".logo", ".search-button-field"):
        box = page.locator(f"#pst-primary-sidebar {part}").bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 150
    active = page.locator("#pst-primary-sidebar li.current.active > a")
    active.scroll_into_view_if_needed()
    assert active.bounding_box()["y"] > 100  # below the search, not under it
    page.close()
