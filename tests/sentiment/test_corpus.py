"""The built-in corpus: what it promises, and that only the order of its words gives labels away."""

import hashlib
import random
import re
import time
from collections import Counter, defaultdict
from itertools import pairwise

import pytest
import torch

from lstm_tutorial.sentiment.data import corpus
from lstm_tutorial.sentiment.data.batches import make_loader
from lstm_tutorial.sentiment.data.corpus import BLAME, PHENOMENA, PRAISE, make_reviews
from lstm_tutorial.sentiment.data.text import build_vocab, encode, tokenize
from lstm_tutorial.sentiment.models import linear
from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from lstm_tutorial.sentiment.training.loop import evaluate, fit

TRAIN, VALIDATION, TEST = 4000, 800, 1000  # reviews
SENSES = {**dict.fromkeys(PRAISE, 1), **dict.fromkeys(BLAME, 0)}


@pytest.fixture(scope="module")
def train():
    return make_reviews(TRAIN, seed=0)


@pytest.fixture(scope="module")
def test():
    return make_reviews(TEST, seed=2)


def bag(review):
    """The words of a review without their order."""
    return frozenset(Counter(tokenize(review.text)).items())


def labels_by_bag(reviews):
    """How many reviews of each label hold exactly the same words."""
    found = defaultdict(Counter)
    for review in reviews:
        found[bag(review)][review.label] += 1
    return found


# ------------------------------------------------------------------------------- what is written


@pytest.mark.parametrize("n", [0, 1, 7, 10, 501])
def test_half_of_the_reviews_are_positive(n):
    reviews = make_reviews(n, seed=4)
    assert len(reviews) == n
    assert sum(review.label for review in reviews) == (n + 1) // 2


def test_labels_come_in_random_order(train):
    runs = sum(a.label != b.label for a, b in pairwise(train))
    assert abs(runs / len(train) - 0.5) < 0.04


def test_every_review_has_an_id_and_a_phenomenon(train):
    assert [review.id for review in train] == [f"built-in/{k}" for k in range(TRAIN)]
    assert {review.phenomenon for review in train} == set(PHENOMENA)
    assert {(review.rating, review.film) for review in train} == {(None, None)}


def test_every_phenomenon_comes_often_and_in_both_senses(train):
    counts = Counter((review.phenomenon, review.label) for review in train)
    for phenomenon in PHENOMENA:
        assert counts[phenomenon, 0] == counts[phenomenon, 1] > 0.04 * TRAIN, phenomenon


def test_every_template_is_used(train):
    texts = "\n".join(review.text for review in train)
    for template in (t for forms in corpus.TEMPLATES.values() for t in forms):
        for form in template.split("|"):
            words = re.split(r"(?:an?|An?)? ?\{\w+\}", form)
            pattern = r"[\w ]+".join(map(re.escape, words))
            assert re.search(pattern, texts), form


def test_lengths_spread_from_5_to_80_tokens(train):
    lengths = [len(tokenize(review.text)) for review in train]
    assert corpus.SHORTEST <= min(lengths) < 8
    assert 77 < max(lengths) <= corpus.LONGEST
    for low in range(5, 80, 15):
        share = sum(low <= length < low + 15 for length in lengths) / TRAIN
        assert share > 0.1, low


def test_the_vocabulary_is_varied(train):
    assert len(build_vocab(tokenize(review.text) for review in train)) > 300


def test_reviews_read_like_sentences(train):
    for review in train:
        assert re.fullmatch(r"(?:[A-Z][\w, ]*\w\.(?: |$))+", review.text), review.text
        assert not re.search(r"\b[Aa] [aeiou]|\b[Aa]n (?![aeiou])", review.text), review.text
        assert not re.search(r"\b(\w+) \1\b|  | ,|[{}|]", review.text), review.text


def test_the_sentence_of_the_verdict_stands_where_its_phenomenon_says(train):
    for review in train:
        sentences = review.text.rstrip(".").split(". ")
        judging = [k for k, s in enumerate(sentences) if SENSES.keys() & set(tokenize(s))]
        assert len(judging) == 1, review.text
        place = {"verdict first": 0, "verdict last": len(sentences) - 1}
        assert judging[0] == place.get(review.phenomenon, judging[0]), review.text


def test_a_review_says_nothing_twice(train):
    for review in train:
        sentences = review.text.split(". ")
        assert len(set(sentences)) == len(sentences), review.text


def test_words_of_praise_and_of_blame_are_different_words():
    assert len(SENSES) == len(PRAISE) + len(BLAME) == 48
    neutral = " ".join(corpus.FILLERS).lower()
    neutral += " ".join(corpus.SLOTS.values()) + " ".join(corpus.ASPECTS)
    assert not SENSES.keys() & set(re.findall(r"\w+", neutral))


def test_a_negative_number_of_reviews_is_refused():
    with pytest.raises(ValueError, match="expected a number of reviews, 0 or more, got -1"):
        make_reviews(-1)


# ------------------------------------------------------------------------------- the same again


def test_seed_0_writes_the_same_text_on_every_machine():
    lines = "\n".join(f"{r.id} {r.label} {r.phenomenon} {r.text}" for r in make_reviews(1000))
    assert hashlib.sha256(lines.encode()).hexdigest() == (
        "07fe7a5879fe900579ea7d314ebfebaf09865c5d029e8b78ed08f5e9b2a21e9a"
    )


def test_reviews_depend_on_the_seed_and_on_nothing_else():
    random.seed(1)
    first = make_reviews(50, seed=3)
    state = random.getstate()
    random.seed(2)
    assert make_reviews(50, seed=3) == first
    random.seed(1)
    assert random.getstate() == state  # and the global generator does not depend on them
    assert {r.text for r in make_reviews(50, seed=-3)}.isdisjoint(r.text for r in first)


def test_parts_made_from_different_seeds_share_almost_nothing(train, test, record_property):
    texts = {review.text for review in train}
    within = TRAIN - len(texts)
    across = sum(review.text in texts for review in test)
    record_property(
        "figures",
        f"corpus: {within} of {TRAIN} training reviews repeat another, "
        f"{across} of {TEST} test reviews stand in training",
    )
    assert within < 0.01 * TRAIN
    assert across < 0.01 * TEST


# ------------------------------------------------------------------------------- order decides


def test_twins_of_opposite_labels_hold_the_same_words(train, record_property):
    bags = labels_by_bag(train)
    ordered = [review for review in train if review.phenomenon != "plain"]
    for review in ordered:
        assert bags[bag(review)][0] == bags[bag(review)][1] > 0, review.text
    record_property(
        "figures",
        f"corpus: {len(ordered)} of {TRAIN} reviews have a twin of the opposite label "
        "with the same words",
    )
    assert len(ordered) > 0.7 * TRAIN


def test_no_text_carries_both_labels(train, test):
    labels = defaultdict(set)
    for review in [*train, *test]:
        labels[review.text].add(review.label)
    assert {len(found) for found in labels.values()} == {1}


def test_in_plain_reviews_the_words_agree_with_the_label(train):
    for review in train:
        senses = {SENSES[word] for word in tokenize(review.text) if word in SENSES}
        if review.phenomenon == "plain":
            assert senses == {review.label}
        elif review.phenomenon != "negation":
            assert senses == {0, 1}


# ------------------------------------------------------------------------------- what models see


def test_a_bag_of_words_stays_below_its_ceiling(train, test, record_property):
    accuracy = linear.bag_of_words(train, test)["accuracy"]
    counts = labels_by_bag(test).values()
    ceiling = sum(max(labels.values()) for labels in counts) / TEST
    record_property(
        "figures",
        f"corpus: bag of words {100 * accuracy:.1f}% of {TEST} test reviews "
        f"(nothing that ignores order can pass {100 * ceiling:.1f}%)",
    )
    assert 0.55 < accuracy <= ceiling < 0.75


def encoded(train, *parts):
    """Ids and labels of each part, and the size of the vocabulary."""
    vocab = build_vocab(tokenize(review.text) for review in train)
    return len(vocab), *(
        [(encode(tokenize(review.text), vocab), review.label) for review in reviews]
        for reviews in (train, *parts)
    )


def trained(words, pooling, train_loader, validation_loader, epochs):
    torch.manual_seed(0)
    model = BiLSTMClassifier(words, embedding_dim=32, hidden_size=32, pooling=pooling)
    fit(model, train_loader, validation_loader, epochs=epochs, lr=1e-2)
    return model


def test_a_bilstm_that_reads_in_order_learns_it(train, test, record_property):
    start = time.process_time()
    words, *examples = encoded(train, make_reviews(VALIDATION, seed=1), test)
    loaders = [make_loader(part, 32, shuffle=k == 0) for k, part in enumerate(examples)]
    model = trained(words, "max", *loaders[:2], epochs=6)
    accuracy = evaluate(model, loaders[2])["accuracy"]
    seconds = time.process_time() - start
    record_property(
        "figures",
        f"corpus: BiLSTM {100 * accuracy:.1f}% of {TEST} test reviews, "
        f"{seconds:.0f} s of processor time",
    )
    assert accuracy > 0.97
    assert seconds < 30


def test_the_last_step_of_padded_reviews_is_the_wrong_vector(train, test, record_property):
    words, *examples = encoded(train, test)
    loaders = [make_loader(part, 32, shuffle=True, pool=1) for part in examples]  # as they come
    scores = {
        pooling: evaluate(trained(words, pooling, *loaders, epochs=4), loaders[1])["accuracy"]
        for pooling in ("final_states", "last_step")
    }
    record_property(
        "figures",
        "corpus, unsorted batches, 4 epochs: "
        + ", ".join(f"{pooling} {100 * score:.1f}%" for pooling, score in scores.items()),
    )
    assert scores["final_states"] > 0.9
    assert scores["last_step"] < scores["final_states"] - 0.2
