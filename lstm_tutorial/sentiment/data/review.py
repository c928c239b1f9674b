"""``Review``: one labelled review, from any corpus."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Review:
    """One labelled review, from either corpus.

    Args:
        text: the review as it was written, including markup.
        label: 1 for positive, 0 for negative.
        rating: stars from 1 to 10 (IMDB only).
        id: ``"train/pos/42"`` (IMDB) or ``"built-in/42"``.
        film: the film's IMDB identifier, ``"tt0123456"`` (IMDB only).
        phenomenon: the construction that the review exercises (built-in corpus only).
    """

    text: str
    label: int
    rating: int | None = None
    id: str | None = None
    film: str | None = None
    phenomenon: str | None = None


def labels_of(reviews: Sequence[Review]) -> np.ndarray:
    """Collect the labels: int (N,), 0 or 1."""
    return np.array([review.label for review in reviews])
