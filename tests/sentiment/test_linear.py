"""The linear baselines: which words occur, and n-grams weighted by naive Bayes."""

import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB

from lstm_tutorial.sentiment import Review
from lstm_tutorial.sentiment.data import imdb
from lstm_tutorial.sentiment.data.corpus import make_reviews
from lstm_tutorial.sentiment.models import linear
from lstm_tutorial.sentiment.models.linear import bag_of_words, nb_ngrams

PACKAGE = Path(linear.__file__).resolve().parent.parent
BASELINES = {
    "words": bag_of_words,
    "nb words": lambda train, test: nb_ngrams(train, test, 1),
    "nb bigrams": lambda train, test: nb_ngrams(train, test, 2),
}
every_baseline = pytest.mark.parametrize("baseline", BASELINES.values(), ids=BASELINES)


@pytest.fixture(scope="module")
def train():
    return make_reviews(1000, seed=0)


@pytest.fixture(scope="module")
def test():
    return make_reviews(300, seed=1)


def rewritten(reviews, change):
    return [replace(review, text=change(review.text)) for review in reviews]


def shuffled(text):
    words = re.findall(r"\w+|[.,]", text)
    random.Random(text).shuffle(words)
    return " ".join(words)


@every_baseline
def test_words_that_give_the_label_away_are_learned(baseline):
    train = [Review(f"a {('bad', 'good')[k % 2]} film, number {k}", k % 2) for k in range(40)]
    test = [Review("no more than a good one", 1), Review("what a bad film", 0)] * 3
    assert baseline(train, test) == {"accuracy": 1.0, "n": 6}


@every_baseline
def test_accuracy_is_the_share_of_test_reviews(baseline, train, test):
    whole = baseline(train, test)
    parts = [baseline(train, part) for part in (test[:100], test[100:])]
    assert whole["n"] == 300
    assert whole["accuracy"] * 300 == pytest.approx(sum(p["accuracy"] * p["n"] for p in parts))
    turned = [replace(review, label=1 - review.label) for review in test]
    assert baseline(train, turned)["accuracy"] == pytest.approx(1 - whole["accuracy"])


@pytest.mark.parametrize("name", ["words", "nb words"])
def test_the_order_of_words_does_not_count(name, train, test):
    assert BASELINES[name](train, rewritten(test, shuffled)) == BASELINES[name](train, test)


@every_baseline
def test_a_word_counts_once_however_often_it_occurs(baseline):
    praise, blame = ["a superb film"] * 30 + ["a slow film"] * 20, ["a slow film"] * 30
    train = [Review(text, 1) for text in praise] + [Review(text, 0) for text in blame]
    test = [Review("superb" + " , slow" * times, 1) for times in (1, 3, 300)]
    assert baseline(train, test)["accuracy"] == 1.0


def test_bigrams_see_some_of_the_order(train, test):
    scores = [nb_ngrams(train, test, n)["accuracy"] for n in (1, 2)]
    assert scores[1] > scores[0] + 0.05
    assert nb_ngrams(train, rewritten(test, shuffled), 2)["accuracy"] < scores[1] - 0.05


@every_baseline
def test_words_that_only_the_test_part_knows_change_nothing(baseline, train, test):
    longer = rewritten(test, lambda text: f"{text} zeppelin")
    assert baseline(train, longer) == baseline(train, test)


def test_weights_are_the_log_ratios_of_naive_bayes(train):
    uneven = [review for k, review in enumerate(train) if review.label == 1 or k % 3 == 0]
    texts, labels = [r.text for r in uneven], np.array([r.label for r in uneven])
    features = CountVectorizer(binary=True, ngram_range=(1, 2)).fit_transform(texts)
    negative, positive = MultinomialNB(alpha=1.0).fit(features, labels).feature_log_prob_
    ours = linear._log_count_ratios(features, labels)
    np.testing.assert_allclose(ours, (positive - negative)[None, :], rtol=0, atol=1e-12)


def test_the_strengths_are_those_of_the_committed_figures(train):
    assert linear.fit_words(train[:100]).model.C == 0.03
    assert linear.fit_ngrams(train[:100], max_n=2).model.C == 0.3


def test_weighing_features_is_fitting_ngrams(train):
    fitted = linear.fit_ngrams(train[:200], max_n=2)
    features = fitted.vectorizer.transform(review.text for review in train[:200])
    labels = np.array([review.label for review in train[:200]])
    weights, bias = linear.weigh(features, labels)
    wanted = (fitted.model.coef_ * fitted.ratios)[0]
    np.testing.assert_allclose(weights, wanted, rtol=0, atol=1e-6)
    assert bias == pytest.approx(fitted.model.intercept_[0], abs=1e-6)


@every_baseline
def test_results_neither_depend_on_the_global_generator_nor_move_it(baseline, train, test):
    np.random.seed(1)
    first, state = baseline(train, test), np.random.get_state()[1].copy()
    np.random.seed(2)
    assert baseline(train, test) == first
    np.random.seed(1)
    assert (np.random.get_state()[1] == state).all()


@every_baseline
def test_nothing_to_learn_from_is_refused(baseline, test):
    with pytest.raises(ValueError, match="empty"):
        baseline([], test)
    with pytest.raises(ValueError, match="class"):
        baseline([review for review in test if review.label == 1], test)


def test_ngrams_have_at_least_one_word(train, test):
    with pytest.raises(ValueError, match="expected max_n of at least 1, got 0"):
        nb_ngrams(train, test, 0)


def test_scikit_learn_serves_baselines_and_their_analysis_alone():
    importing = re.compile(r"^\s*(?:import|from) (?:sklearn|scipy)\b", re.MULTILINE)
    found = {p.name for p in PACKAGE.rglob("*.py") if importing.search(p.read_text("utf-8"))}
    assert found - {"linear.py"} == {
        "analysis.py",
        "calibration.py",
        "language.py",
        "observing.py",
        "repeats.py",
    }


def test_words_alone_reach_88_percent_of_the_real_reviews(imdb_archive, record_property):
    parts = [imdb.load(split, imdb_archive) for split in ("train", "test")]
    score = bag_of_words(*parts)
    record_property(
        "figures", f"IMDB: bag of words {100 * score['accuracy']:.2f}% of {score['n']} test reviews"
    )
    assert score["n"] == 25_000
    assert score["accuracy"] > 0.88
