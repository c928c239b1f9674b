"""Sentiment of film reviews: from raw text to a trained bidirectional LSTM.

The modules form a chain, each importing only from those before it:
``corpus | imdb -> text -> batches -> model -> training``.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lstm_tutorial.sentiment.runs import Run


@dataclass(frozen=True)
class Review:
    """Hold one labelled review, from either corpus.

    Args:
        text: the review as it was written, markup included.
        label: 1 for positive, 0 for negative.
        rating: stars from 1 to 10 (IMDB only).
        id: ``"train/pos/42"`` (IMDB) or ``"built-in/42"``.
        film: the film's IMDB identifier, ``"tt0123456"`` (IMDB only).
        phenomenon: which construction the review exercises (built-in corpus only).
    """

    text: str
    label: int
    rating: int | None = None
    id: str | None = None
    film: str | None = None
    phenomenon: str | None = None


def load_pretrained() -> "Run":
    """Read the small model that comes with the package; no network is needed.

    Returns:
        Its ``model`` in evaluation mode, its ``vocab`` and its ``settings``: what
        ``runs.predict(run, texts)`` takes.
    """
    from lstm_tutorial.sentiment import pretrained  # loads torch and torchtext

    return pretrained.load()
