"""What the BiLSTM has to beat: linear models on words and n-grams.

Both are fixed: no test part had a say in them. The two regularisation strengths were chosen once,
on a fifth of IMDB's training part that shares no film with the rest, from eight values between
0.003 and 10, and they serve every corpus.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from lstm_tutorial.sentiment import Review
from lstm_tutorial.sentiment.text import tokenize

C_WORDS, C_NGRAMS = 0.03, 0.3  # inverse regularisation strengths
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
    tested = vectorizer.transform(review.text for review in test)
    return _score(features, tested, train, test, C_WORDS)


def nb_ngrams(train: Sequence[Review], test: Sequence[Review], max_n: int) -> dict[str, float]:
    """Fit a logistic regression on n-grams weighted by naive Bayes.

    An n-gram that occurs in a review counts there once, with the log-ratio of its shares in the two
    classes: ``r = log((p / sum(p)) / (q / sum(q)))``, where p and q count the positive and the
    negative training reviews that hold each n-gram, plus one.

    Args:
        train: reviews to fit.
        test: reviews to measure.
        max_n: length of the longest n-gram; 1 for words alone.

    Returns:
        ``accuracy`` on the test reviews, and ``n``, how many they are.

    Raises:
        ValueError: if the training reviews are empty or all of one label, or max_n is below 1.

    References:
        S. Wang and C. D. Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic
        Classification", ACL 2012, sections 2.1 and 2.3. Logistic regression replaces their SVM.
    """
    if max_n < 1:
        raise ValueError(f"expected max_n of at least 1, got {max_n}")
    vectorizer = _vectorizer(max_n)
    features = vectorizer.fit_transform(review.text for review in train)
    ratios = _log_count_ratios(features, _labels(train))
    tested = vectorizer.transform(review.text for review in test)
    weighted = [matrix.multiply(ratios).tocsr() for matrix in (features, tested)]
    return _score(*weighted, train, test, C_NGRAMS)


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
    features: csr_matrix,
    tested: csr_matrix,
    train: Sequence[Review],
    test: Sequence[Review],
    strength: float,
) -> dict[str, float]:
    model = LogisticRegression(
        solver="liblinear", dual=True, C=strength, max_iter=1000, random_state=0
    )
    model.fit(features, _labels(train))
    return {"accuracy": float(model.score(tested, _labels(test))), "n": len(test)}
