"""The page "torchtext today": its functions do what torchtext does, on the real reviews too."""

import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torchtext.vocab import Vocab

from lstm_tutorial.sentiment.data import imdb
from lstm_tutorial.sentiment.data.text import tokenize

PAGE = Path(__file__).parents[2] / "book" / "torchtext.ipynb"


@pytest.fixture(scope="module")
def by_hand() -> dict:
    """What the page's tagged cells define."""
    names = {"re": re, "Counter": Counter}
    for cell in nbformat.read(PAGE, as_version=4).cells:
        if "without-torchtext" in cell.metadata.get("tags", []):
            exec(cell.source, names)
    return names


TEXTS = st.lists(st.sampled_from([*"aB'\".,()!?;:/<> \t\n\u00a0É", "<br />", "<br/>"])).map("".join)


@given(text=TEXTS | st.text())
def test_tokens_are_those_of_torchtext_for_any_text(by_hand, text):
    assert by_hand["tokenize_by_hand"](text) == tokenize(text)


@given(
    counts=st.dictionaries(st.text(max_size=3), st.integers(1, 5)),
    min_freq=st.integers(1, 4),
    max_size=st.none() | st.integers(1, 10),
)
def test_vocabulary_is_that_of_torchtext_for_any_counts(by_hand, counts, min_freq, max_size):
    vocab = Vocab(Counter(counts), max_size, min_freq, specials=["<pad>", "<unk>"])
    assert by_hand["vocabulary"](Counter(counts), min_freq, max_size) == vocab.itos


@pytest.mark.parametrize("part", ["train", "test"])
def test_tokens_and_vocabulary_are_equal_on_imdb(by_hand, imdb_archive, part):
    counts = Counter()
    for review in imdb.load(part, imdb_archive):
        tokens = by_hand["tokenize_by_hand"](review.text)
        assert tokens == tokenize(review.text)
        counts.update(tokens)
    vocab = Vocab(counts, max_size=30_000, min_freq=2, specials=["<pad>", "<unk>"])
    assert by_hand["vocabulary"](counts, 2, 30_000) == vocab.itos
