"""What the BiLSTM has to beat: linear models on words and n-grams.

Nothing here was tuned: the regularisation strengths stand as written, chosen before any test part
was read.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from lstm_tutorial.sentiment import Review
from lstm_tutorial.sentiment.text import tokenize

SMOOTHING = 1.0  # added to every count, as Wang and Manning do


def bag_of_words(train: Sequence[Review], test: Sequence[Review]) -> dict[str, float]:
    """Fit a logistic regression on which words occur.

    Args:
        train: reviews to fit.
        test: reviews to measure.

    Returns:
        ``accuracy`` on the test reviews, and ``n``, how many they are.

    Raises:
        ValueError: if the training reviews are empty or all of one label.
    """
    vectorizer = _vectorizer(max_n=1)
    features = vectorizer.fit_transform(review.text for review in train)
    return _score(features, vectorizer.transform(review.text for review in test), train, test)


def nb_ngrams(train: Sequence[Review], test: Sequence[Review], max_n: int) -> dict[str, float]:
    """Fit a logistic regression on n-grams weighted by naive Bayes.

    Each n-gram that occurs counts with the log-ratio of its shares in the two classes.

    Args:
        train: reviews to fit.
        test: reviews to measure.
        max_n: length of the longest n-gram; 1 for words alone.

    Returns:
        ``accuracy`` on the test reviews, and ``n``, how many they are.

    Raises:
        ValueError: if the training reviews are empty or all of one label.

    References:
        Wang and Manning (2012), "Baselines and bigrams", section 2.3.
    """
    vectorizer = _vectorizer(max_n)
    features = vectorizer.fit_transform(review.text for review in train)
    ratios = _log_count_ratios(features, _labels(train))
    weigh = csr_matrix.multiply
    tested = vectorizer.transform(review.text for review in test)
    return _score(weigh(features, ratios).tocsr(), weigh(tested, ratios).tocsr(), train, test)


def _vectorizer(max_n: int) -> CountVectorizer:
    return CountVectorizer(
        binary=True, tokenizer=tokenize, lowercase=False, token_pattern=None, ngram_range=(1, max_n)
    )


def _log_count_ratios(features: csr_matrix, labels: np.ndarray) -> np.ndarray:
    """float (1, n-grams): log of the share among positive reviews over that among negative."""
    positive = SMOOTHING + np.asarray(features[labels == 1].sum(axis=0)).ravel()
    negative = SMOOTHING + np.asarray(features[labels == 0].sum(axis=0)).ravel()
    return np.log((positive / positive.sum()) / (negative / negative.sum()))[None, :]


def _labels(reviews: Sequence[Review]) -> np.ndarray:
    return np.array([review.label for review in reviews])


def _score(
    features: csr_matrix, tested: csr_matrix, train: Sequence[Review], test: Sequence[Review]
) -> dict[str, float]:
    model = LogisticRegression(solver="liblinear", dual=True, C=1.0, max_iter=1000)
    model.fit(features, _labels(train))
    return {"accuracy": float(model.score(tested, _labels(test))), "n": len(test)}
