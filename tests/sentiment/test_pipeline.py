"""From settings to parts, loaders and a model: every setting arrives, and the seed stays out."""

from dataclasses import replace

import pytest

from lstm_tutorial.sentiment import Review
from lstm_tutorial.sentiment.data import corpus
from lstm_tutorial.sentiment.data.text import build_vocab
from lstm_tutorial.sentiment.runs import pipeline
from lstm_tutorial.sentiment.runs.pipeline import (
    build_model,
    encoded,
    make_review_loader,
    prepare,
    read_part,
    read_training,
)
from lstm_tutorial.sentiment.runs.settings import Settings
from tests.cli.calls import write_imdb

SETTINGS = Settings(
    validation_fraction=0.2,
    vocab_size=500,
    max_length=99,
    batch_size=4,
    lr=1e-3,
    embedding_dim=4,
    hidden_size=3,
    dropout=0.0,
    word_dropout=0.0,
)
REVIEW = Review("one two three four five six", 1)
VOCAB = build_vocab([REVIEW.text.split()])


def test_the_validation_part_of_imdb_is_the_same_for_every_seed(tmp_path):
    root = write_imdb(tmp_path)
    parts = [read_training(replace(SETTINGS, seed=seed), root) for seed in range(6)]
    assert parts == parts[:1] * 6
    assert [len(part) for part in parts[0]] == [32, 8]


def test_the_order_of_the_training_part_is_that_of_the_seed():
    orders = []
    for seed in (0, 1, 1):
        settings = replace(SETTINGS, seed=seed)
        loader = make_review_loader([REVIEW] * 40, VOCAB, settings, shuffle=True)
        orders.append(list(loader.batch_sampler))
    assert orders[0] != orders[1]
    assert orders[1] == orders[2]


def test_the_parts_of_the_built_in_corpus_are_made_with_two_seeds(monkeypatch):
    monkeypatch.setattr(pipeline, "BUILT_IN_SIZES", {"train": 60, "test": 60})
    settings = replace(SETTINGS, corpus="built-in")
    train, validation, test = (
        read_part(part, settings, None) for part in ("train", "validation", "test")
    )
    assert validation + train == corpus.make_reviews(60, seed=0)
    assert test == corpus.make_reviews(60, seed=1)
    assert {review.text for review in test}.isdisjoint(r.text for r in train + validation)


@pytest.mark.parametrize(
    ("keep", "words"), [("head", "one two"), ("tail", "five six"), ("both", "one six")]
)
def test_a_review_is_cut_where_the_settings_say(keep, words):
    ids, label = encoded(REVIEW, VOCAB, replace(SETTINGS, max_length=2, keep=keep))
    assert [VOCAB.itos[k] for k in ids] == words.split()
    assert label == 1


def test_words_rarer_than_min_freq_stay_unknown(tmp_path):
    root = write_imdb(tmp_path)  # each of four films of the training part has eight reviews
    known = {n: prepare(replace(SETTINGS, min_freq=n), root).vocab.itos for n in (8, 9, 33)}
    assert {"film", "word0train"} <= set(known[8])
    assert "word0train" not in known[9]
    assert "film" in known[9]
    assert len(known[33]) == 2


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("embedding_dim", 5, lambda model: model.embedding.embedding_dim),
        ("hidden_size", 6, lambda model: model.lstm.hidden_size),
        ("num_layers", 2, lambda model: model.lstm.num_layers),
        ("dropout", 0.3, lambda model: model.dropout.p),
        ("word_dropout", 0.7, lambda model: model.word_dropout),
        ("pooling", "mean", lambda model: model.pooling),
        ("bigrams", 9, lambda model: model.bigrams.num_embeddings),
    ],
)
def test_a_setting_of_the_model_arrives(name, value, found):
    assert found(build_model(replace(SETTINGS, **{name: value}), VOCAB)) == value


def test_ngrams_make_a_model_of_two_paths():
    model = build_model(replace(SETTINGS, ngrams=2, word_dropout=0.7), VOCAB)
    assert model.wide.max_n == 2
    assert model.deep.word_dropout == 0.7
