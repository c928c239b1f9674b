"""The n-gram model equals a plain one, written as its definition reads, and sums to 1."""

from collections import defaultdict

import numpy as np
import pytest

from lstm_tutorial.sentiment.models.kneser_ney import KneserNey

V, ORDER = 150, 4
RANDOM = np.random.default_rng(0)
SHARES = (1 / np.arange(1, V + 1)) / (1 / np.arange(1, V + 1)).sum()
TRAIN = RANDOM.choice(V, 800, p=SHARES)
OTHER = RANDOM.integers(0, V, 60)


def count_grams(ids):
    """Count the longest n-grams as they occur, and the different left neighbours of the others."""
    grams = {
        n: [tuple(ids[k : k + n].tolist()) for k in range(len(ids) - n + 1)]
        for n in range(1, ORDER + 1)
    }
    counts = {ORDER: {gram: grams[ORDER].count(gram) for gram in grams[ORDER]}}
    for n in range(1, ORDER):
        left = defaultdict(set, {gram: set() for gram in grams[n]})
        for gram in grams[n + 1]:
            left[gram[1:]].add(gram[0])
        counts[n] = {gram: len(found) for gram, found in left.items()}
    return counts


def discounts_of(counts):
    """Compute Chen and Goodman's three discounts."""
    of = [sum(value == k for value in counts.values()) for k in range(5)]
    y = of[1] / (of[1] + 2 * of[2])
    return [0.0] + [np.clip(k - (k + 1) * y * of[k + 1] / of[k], 0.01, k) for k in (1, 2, 3)]


def probability(word, context, counts):
    """Compute a probability by recursion over shorter contexts; context None is below unigrams."""
    if context is None:
        return 1 / V
    shorter = context[1:] if context else None
    found = {g: n for g, n in counts[len(context) + 1].items() if g[:-1] == context}
    if sum(found.values()) == 0:
        return probability(word, shorter, counts)
    discount = discounts_of(counts[len(context) + 1])
    count = found.get((*context, word), 0)
    freed = sum(discount[min(n, 3)] for n in found.values())
    own = count - discount[min(count, 3)]
    return (own + freed * probability(word, shorter, counts)) / sum(found.values())


def test_equals_the_definition():
    counts, found = count_grams(TRAIN), KneserNey(TRAIN, V, ORDER).log_probabilities(OTHER)
    for k in range(1, len(OTHER)):
        context = tuple(OTHER[max(0, k - ORDER + 1) : k].tolist())
        assert found[k - 1] == pytest.approx(np.log(probability(OTHER[k], context, counts)))


@pytest.mark.parametrize("context", [TRAIN[5:8], OTHER[:3], TRAIN[-3:]], ids=["seen", "new", "end"])
def test_probabilities_of_all_words_sum_to_1(context):
    model = KneserNey(TRAIN, V, ORDER)
    shares = [np.exp(model.log_probabilities(np.append(context, w))[-1]) for w in range(V)]
    assert sum(shares) == pytest.approx(1)
    assert min(shares) > 0


def test_a_longer_context_helps_where_the_text_repeats_itself():
    ids = np.tile([1, 2, 1, 3], 200)
    losses = [-KneserNey(ids, V, n).log_probabilities(ids).mean() for n in (1, 2, 3)]
    assert losses[0] > losses[1] > losses[2]


def test_a_stream_shorter_than_an_ngram_is_refused():
    with pytest.raises(ValueError, match="expected at least 4 tokens, got 3: lower the order"):
        KneserNey(TRAIN[:3], V, ORDER)
