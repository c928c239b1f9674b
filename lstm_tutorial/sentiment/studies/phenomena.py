"""Group real reviews: by length, by stars, and by the constructions that they use."""

from collections.abc import Sequence

import numpy as np

from lstm_tutorial.sentiment.data.review import Review
from lstm_tutorial.sentiment.runs.pipeline import tokens_of

LENGTHS = (0, 100, 200, 400, 800)  # tokens; a group begins above each

# The tokenizer cuts "don't" into "don", "'" and "t".
MARKERS = {
    "negation": {"not", "t", "no", "never", "nothing", "nobody", "none", "neither", "nor", "cannot"}
    | {"without"},
    "contrast": {"but", "although", "though", "however", "despite", "yet", "while", "still"},
    "intensity": {"very", "really", "so", "too", "extremely", "totally", "absolutely", "quite"},
    "comparison": {"than", "compared", "unlike", "compare", "comparison"},
    "question": {"?"},
    "exclamation": {"!"},
}


def length_group(tokens: int) -> str:
    """Name a length's group, such as ``"101 to 200"``; names sort by length."""
    k = sum(tokens > edge for edge in LENGTHS) - 1
    low = LENGTHS[k] + 1
    return f"{low:3} to {LENGTHS[k + 1]}" if k + 1 < len(LENGTHS) else f"{low} and more"


def groups(reviews: Sequence[Review]) -> dict[str, list[str]]:
    """Group reviews in several ways.

    Args:
        reviews: with ratings.

    Returns:
        For ``length``, ``rating`` and each of ``MARKERS`` the name of every review's group. For
        markers it is ``"more"`` if their share of the review's tokens is above the median of the
        reviews, else ``"less"``.
    """
    shares: dict[str, list[float]] = {name: [] for name in MARKERS}
    lengths = []
    for review in reviews:
        tokens = tokens_of(review)
        lengths.append(length_group(len(tokens)))
        for name, words in MARKERS.items():
            shares[name].append(sum(token in words for token in tokens) / len(tokens))
    sorted_by = {"length": lengths, "rating": [f"{review.rating:2}" for review in reviews]}
    for name, values in shares.items():
        is_above = np.array(values) > np.median(values)
        sorted_by[name] = np.where(is_above, "more", "less").tolist()
    return sorted_by
