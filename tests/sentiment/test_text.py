"""Tokens and vocabulary: the same words, the same ids, in memory and on the disk."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstm_tutorial.sentiment.data.text import build_vocab, encode, load_vocab, save_vocab, tokenize

REVIEWS = [["the", "plot", "the", "end"], ["the", "end", "a", "film"]]
TOKENS = st.lists(st.lists(st.text(min_size=1, max_size=5), max_size=20), max_size=10)


def test_importing_says_nothing():
    command = [sys.executable, "-W", "always", "-c", "import lstm_tutorial.sentiment.data.text"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == run.stderr == ""


def test_line_breaks_part_words_and_leave_nothing():
    expected = ["it", "'", "s", "good", ".", "very", "good", "!"]
    assert tokenize("It's good.<br /><br />VERY<br />good!") == expected
    assert tokenize("<br /> \n") == []


def test_specials_come_first_then_words_by_frequency_then_alphabet():
    vocab = build_vocab(REVIEWS)
    assert vocab.itos == ["<pad>", "<unk>", "the", "end", "a", "film", "plot"]
    assert encode(["the", "film", "never", "ends", "end"], vocab) == [2, 5, 1, 1, 3]


def test_encoding_adds_no_word_to_the_vocabulary():
    vocab = build_vocab(REVIEWS)
    encode(["never", "seen"], vocab)
    assert len(vocab) == len(vocab.stoi) == 7


def test_max_size_counts_the_specials():
    assert build_vocab(REVIEWS, max_size=4).itos == ["<pad>", "<unk>", "the", "end"]
    assert build_vocab(REVIEWS, max_size=3).itos == ["<pad>", "<unk>", "the"]
    assert len(build_vocab(REVIEWS, max_size=100)) == 7


def test_rare_words_stay_unknown():
    vocab = build_vocab(REVIEWS, min_freq=2)
    assert vocab.itos == ["<pad>", "<unk>", "the", "end"]
    assert encode(["film"], vocab) == [1]
    assert build_vocab([], min_freq=2).itos == ["<pad>", "<unk>"]


def test_a_review_that_spells_out_the_specials_is_unknown_words():
    tokens = tokenize("the <pad> and the <unk>, <pad>")
    vocab = build_vocab([tokens])
    assert vocab.itos == ["<pad>", "<unk>", "the", ",", "and"]
    assert encode(tokens, vocab) == [2, 1, 4, 2, 1, 3, 1]  # never the id of padding


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_freq": 0}, "expected min_freq of at least 1, got 0"),
        ({"max_size": 2}, "expected max_size of at least 3, got 2: <pad> and <unk> take two"),
    ],
)
def test_bad_limits_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build_vocab(REVIEWS, **options)


@settings(max_examples=50, derandomize=True, database=None, deadline=None)
@given(TOKENS, st.integers(1, 3), st.none() | st.integers(3, 12))
def test_vocabulary_comes_back_from_the_disk_as_it_was(
    tmp_path_factory, reviews, min_freq, max_size
):
    vocab = build_vocab(reviews, min_freq, max_size)
    assert [vocab.stoi[token] for token in vocab.itos] == list(range(len(vocab)))
    assert max_size is None or len(vocab) <= max_size
    path = tmp_path_factory.getbasetemp() / "vocab.json"
    save_vocab(vocab, path)
    loaded = load_vocab(str(path))
    assert loaded.itos == vocab.itos
    assert loaded.unk_index == vocab.unk_index == 1
    for tokens in reviews:
        assert encode(tokens, loaded) == encode(tokens, vocab)
        assert 0 not in encode(tokens, vocab)


FOREIGN = {
    "no JSON": b"the end",
    "no UTF-8": b'{"specials": "\xff"}',
    "a list": b'["<pad>", "<unk>"]',
    "no words": b'{"specials": ["<pad>", "<unk>"]}',
    "words without counts": b'{"specials": ["<pad>", "<unk>"], "words": ["the", "end"]}',
    "other specials": b'{"specials": ["<unk>", "<pad>"], "words": [["the", 2]]}',
    "counts below one": b'{"specials": ["<pad>", "<unk>"], "words": [["the", 0]]}',
    "counts that are no numbers": b'{"specials": ["<pad>", "<unk>"], "words": [["the", "2"]]}',
    "words that are no text": b'{"specials": ["<pad>", "<unk>"], "words": [[7, 2]]}',
    "words that are lists": b'{"specials": ["<pad>", "<unk>"], "words": [[["a"], 2]]}',
    "a word twice": b'{"specials": ["<pad>", "<unk>"], "words": [["the", 2], ["the", 1]]}',
    "rare words first": b'{"specials": ["<pad>", "<unk>"], "words": [["the", 1], ["end", 2]]}',
    "padding among the words": b'{"specials": ["<pad>", "<unk>"], "words": [["<pad>", 2]]}',
    "brackets without end": b"[" * 100_000,
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_file_is_refused(name, tmp_path):
    path = tmp_path / "vocab.json"
    path.write_bytes(FOREIGN[name])
    with pytest.raises(ValueError, match=r"vocab\.json is not a vocabulary"):
        load_vocab(path)


def test_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="vocab"):
        load_vocab(tmp_path / "vocab.json")


def test_failing_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "vocab.json"
    save_vocab(build_vocab(REVIEWS), path)
    old = path.read_bytes()

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match=r"No space left on device.*vocab\.json'$"):
        save_vocab(build_vocab([["other"]]), path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_file_is_json_with_words_in_the_order_of_their_ids(tmp_path):
    save_vocab(build_vocab(REVIEWS, min_freq=2), tmp_path / "vocab.json")
    content = json.loads((tmp_path / "vocab.json").read_text())
    assert content == {"specials": ["<pad>", "<unk>"], "words": [["the", 3], ["end", 2]]}
