"""The printed book: links that land, pages that count on, and nothing of the machine in it."""

import re
import unicodedata

import pytest
import yaml

from tools.pdf import ROOT, bookmarks, page_numbers, print_book, print_settled

NAMES = ["book/index", "book/gates", "book/outputs"]


@pytest.fixture(scope="module")
def book(browser, html):
    return print_book(browser, NAMES)


@pytest.fixture(scope="module")
def texts(book) -> list[str]:
    """The words of each page, with letters that are set as one written out."""
    texts = [unicodedata.normalize("NFKC", page.extract_text()) for page in book.pages]
    return [" ".join(text.split()) for text in texts]


@pytest.fixture(scope="module")
def starts(book) -> dict[str, int]:
    """On which page each chapter begins."""
    numbers = page_numbers(book)
    return {name: numbers[name] for name in ("index", "gates", "outputs")}


@pytest.fixture(scope="module")
def links(book) -> list[tuple[int, dict]]:
    """Each link with the number of its page."""
    return [
        (number, note.get_object())
        for number, page in enumerate(book.pages, start=1)
        for note in page.get("/Annots", ())
    ]


def test_a_link_leads_into_its_own_chapter(book, starts, links):
    for place, number in page_numbers(book).items():
        before = [name for name, start in starts.items() if start <= number]
        if place.partition("--")[0] in starts:
            assert before[-1] == place.partition("--")[0], place
    head = {str(link.get("/Dest")).strip("/") for k, link in links if k == starts["outputs"]}
    assert {"outputs--exercises", "outputs--quiz"} <= head


def test_a_link_to_a_page_that_is_not_printed_leads_to_the_web(links):
    addresses = {str(link["/A"]["/URI"]) for _, link in links if "/URI" in link.get("/A", {})}
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert config["html"]["baseurl"] + "book/parameters.html" in addresses
    assert [a for a in addresses if not re.match(r"https?://|mailto:", a)] == []


def test_pages_count_from_the_first_to_the_last(texts):
    assert "printed on" in texts[0]
    for number, text in enumerate(texts[1:], start=2):  # the foot comes first in a page's text
        assert re.match(rf"([^·]+ · )?{number} ", text), f"page {number} begins {text[:40]!r}"
    assert any(text.startswith("What comes out · ") for text in texts)


def test_contents_and_links_name_the_page(starts, texts):
    contents, first = (
        texts[1 : starts["index"] - 1],
        texts[starts["index"] - 1 : starts["gates"] - 1],
    )
    contents, first = " ".join(contents), " ".join(first)
    assert f"The gates {starts['gates']} " in contents
    assert f"What comes out {starts['outputs']} " in contents
    assert f"The gates (p. {starts['gates']})" in first


def test_a_link_that_lands_nowhere_is_told(browser):
    page = browser.new_page()
    page.set_content('<a href="#here">here</a><p id="here"></p><i data-page-of="there">000</i>')
    with pytest.raises(RuntimeError, match="there"):
        print_settled(page)
    page.close()


def test_bookmarks_are_the_headings_of_their_pages(book, texts):
    places = [place for place in book.outline if not isinstance(place, list)]
    titles = ["Contents", "The LSTM book", "The gates", "What comes out"]
    assert [place.title for place in places] == titles
    marks = bookmarks(book.root_object["/Outlines"])
    assert len(marks) > 25
    for mark in marks:
        page = book.get_destination_page_number(book._build_outline_item(mark))
        assert all(word in texts[page] for word in mark["/Title"].split()), mark["/Title"]


def test_what_is_right_stands_behind_every_question(book, texts):
    numbers = page_numbers(book)
    first, end = numbers["gates--quiz"], numbers["gates--at-the-end"]
    assert not any(re.search(r"\b(Right|Wrong)\. ", text) for text in texts[first - 1 : end - 1])
    assert "Answers to the quiz" in " ".join(texts[end - 1 : numbers["outputs"] - 1])


def test_formulas_figures_and_code_are_whole(texts):
    text = " ".join(texts)
    assert "i = 0.82, f = 0.95, g = −0.64, o = 0.50; c becomes" in text  # the still figure
    assert not re.search("Next step|Start again", text)  # no control that can't be used
    assert "dtype=torch.float64) # (4*H, H_in)" in text  # the end of a line of 100 characters
    assert "⊙" in text  # a formula
