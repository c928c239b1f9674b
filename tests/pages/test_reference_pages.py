"""The reference and the bibliography: names as one imports and cites them, sentences as prose."""

import re
from importlib import import_module

import pytest

ENTRY = re.compile(
    r'<dl class="py (?:function|class)">\s*<dt class="[^"]*" id="([^"]+)">(.*?)</dt>', re.S
)
TAG = re.compile(r"<[^>]*>")


@pytest.fixture(scope="module")
def reference(html) -> str:
    return (html / "book" / "api.html").read_text(encoding="utf-8")


def test_every_name_can_be_imported_as_it_stands(reference):
    entries = ENTRY.findall(reference)
    assert len(entries) > 80
    for name, signature in entries:
        module, _, short = name.rpartition(".")
        assert hasattr(import_module(module), short)
        assert re.match(rf"(class )?{re.escape(name)}\(", TAG.sub("", signature).strip())


def test_sentences_hold_no_types_and_no_lists_of_initials(reference):
    assert "Return type" not in reference
    assert "Alias for field number" not in reference
    assert "upperalpha" not in reference
    returns = re.findall(r"Returns<span.*?<dd[^>]*>\s*<p>(.*?)</p>", reference, re.S)
    assert len(returns) > 40
    assert [text for text in returns if text.count(" – ") > 1] == []


def test_a_figure_takes_one_line(reference):
    figures = reference.partition('id="module-lstm_tutorial.plots"')[2].partition("</section>")[0]
    assert figures.count('<dl class="py function">') > 15
    assert "field-list" not in figures


def test_papers_are_listed_as_the_chapters_cite_them(html):
    papers = (html / "book" / "bibliography.html").read_text(encoding="utf-8")
    labels = dict(
        re.findall(
            r'<div class="citation" id="(\w+)">\s*<span class="label">(.*?)</span>\n', papers
        )
    )
    labels = {key: TAG.sub("", label).strip("[]") for key, label in labels.items()}
    assert len(labels) > 25
    for page in sorted((html / "book").glob("*.html")):
        cited = re.findall(
            r'href="bibliography\.html#(\w+)"[^>]*>(.*?)</a>', page.read_text(encoding="utf-8")
        )
        for key, text in cited:  # in a sentence, "Mitchell et al. [2019]"
            assert labels[key].endswith(TAG.sub("", text)), page.name
