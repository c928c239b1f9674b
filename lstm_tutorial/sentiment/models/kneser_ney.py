"""An n-gram language model with modified Kneser-Ney smoothing: what an LSTM has to beat.

An n-gram's probability is its discounted count in its context, plus the discounts' mass times the
probability in the context without its first word. Only the longest n-grams are counted as they
occur; a shorter one counts the different words before it.

Source: S. F. Chen and J. Goodman, "An Empirical Study of Smoothing Techniques for Language
Modeling", 1998, section 3; R. Kneser and H. Ney, "Improved backing-off for m-gram language
modeling", ICASSP 1995.
"""

from typing import NamedTuple

import numpy as np

Array = np.ndarray
UNSEEN = -1
LEAST = 0.01  # discount, where a small corpus gives none: every word needs a probability


class Order(NamedTuple):
    """The n-grams of one length: a sorted key for each, and what smoothing needs."""

    keys: Array  # context * V + last word
    discounted: Array  # by n-gram: its discounted share of its context's count
    left_over: Array  # by context: the share that discounts free


class KneserNey:
    """Fit an n-gram model to a stream of tokens.

    Args:
        ids: int64 (total,), each between 0 and vocab_size - 1.
        vocab_size: V.
        order: length of the longest n-grams.

    Raises:
        ValueError: if the stream is shorter than an n-gram.
    """

    def __init__(self, ids: Array, vocab_size: int, order: int = 5) -> None:
        if len(ids) < order:
            raise ValueError(f"expected at least {order} tokens, got {len(ids)}: lower the order")
        self.vocab_size = vocab_size
        keys, counts, suffixes = [], [], []
        shorter = np.zeros(len(ids) + 1, np.int64)  # the one n-gram of length 0, before each token
        for n in range(1, order + 1):
            found, number, count = np.unique(
                shorter[:-1] * vocab_size + ids[n - 1 :], return_inverse=True, return_counts=True
            )
            suffix = np.zeros(len(found), np.int64)
            suffix[number] = shorter[1:]  # the n-gram without its first word
            keys.append(found)
            counts.append(count)
            suffixes.append(suffix)
            shorter = number
        for n in range(order - 1):
            counts[n] = np.bincount(suffixes[n + 1], minlength=len(keys[n]))
        self.orders = [self._smooth(*pair) for pair in zip(keys, counts, strict=True)]

    def log_probabilities(self, ids: Array) -> Array:
        """Compute the log-probability of every token but the first, given those before it.

        Args:
            ids: int64 (total,), a stream of the same vocabulary.

        Returns:
            float64 (total - 1,), in nats.
        """
        share = np.full(len(ids), 1 / self.vocab_size)
        gram = np.zeros(len(ids), np.int64)  # the context of length n - 1, by position
        for n, order in enumerate(self.orders):
            context = gram if n == 0 else np.concatenate([[UNSEEN], gram[:-1]])
            gram = self._find(order, context, ids)
            known = context != UNSEEN
            own = np.where(gram == UNSEEN, 0.0, order.discounted[gram])
            share = np.where(known, own + order.left_over[context] * share, share)
        return np.log(share[1:])

    def _smooth(self, keys: Array, counts: Array) -> Order:
        contexts = keys // self.vocab_size
        of = [np.count_nonzero(counts == k) for k in range(1, 5)]
        y = of[0] / max(of[0] + 2 * of[1], 1)
        rates = [k - (k + 1) * y * of[k] / max(of[k - 1], 1) for k in range(1, 4)]
        discount = np.append(0.0, np.clip(rates, LEAST, [1, 2, 3]))[np.minimum(counts, 3)]
        totals = np.bincount(contexts, counts, minlength=1 + contexts.max())
        freed = np.bincount(contexts, discount, minlength=len(totals))
        freed[totals == 0] = 1.0  # such a context only ends the stream, or only begins it
        totals = np.maximum(totals, 1)
        return Order(keys, (counts - discount) / totals[contexts], freed / totals)

    def _find(self, order: Order, contexts: Array, ids: Array) -> Array:
        """Number the n-grams that are known; the others are ``UNSEEN``."""
        wanted = contexts * self.vocab_size + ids
        place = np.minimum(np.searchsorted(order.keys, wanted), len(order.keys) - 1)
        return np.where((order.keys[place] == wanted) & (contexts != UNSEEN), place, UNSEEN)
