"""Baselines for the BiLSTM: linear models on words and n-grams.

Both models are fixed in advance; no test set was used to choose them. The two regularisation
strengths were chosen once, on a fifth of IMDB's training part that shares no film with the rest,
from eight values between 0.003 and 10. Every corpus uses the same ones.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from lstm_tutorial.sentiment.data.review import Review, labels_of
from lstm_tutorial.sentiment.data.text import tokenize

C_WORDS, C_NGRAMS = 0.03, 0.3  # inverse regularisation strengths
SMOOTHING = 1.0  # added to every count, as Wang and Manning do


class LinearModel:
    """Score a text by the sum of its n-grams' weights.

    Args:
        vectorizer: fitted; counts each n-gram of a text once.
        ratios: float (1, n-grams), factors for the counts; None for 1.
        model: fitted to the product.
    """

    def __init__(
        self, vectorizer: CountVectorizer, ratios: np.ndarray | None, model: LogisticRegression
    ) -> None:
        self.vectorizer = vectorizer
        self.ratios = ratios
        self.model = model

    def logits(self, texts: Iterable[str]) -> np.ndarray:
        """Compute the logits, float64 (N,): above 0 means positive."""
        return self.model.decision_function(
            _weighted(self.vectorizer.transform(texts), self.ratios)
        )

    def score(self, reviews: Sequence[Review]) -> dict[str, float]:
        """Measure ``accuracy`` on ``n`` reviews."""
        right = (self.logits(review.text for review in reviews) > 0) == labels_of(reviews)
        return {"accuracy": float(right.mean()), "n": len(reviews)}


def fit_words(train: Sequence[Review]) -> LinearModel:
    """Fit a logistic regression on word occurrence; raises as ``fit_ngrams`` does."""
    return _fit(train, max_n=1, strength=C_WORDS, is_weighted=False)


def fit_ngrams(train: Sequence[Review], max_n: int) -> LinearModel:
    """Fit a logistic regression on n-grams weighted by naive Bayes.

    Each n-gram of a review counts once, multiplied by the log-ratio of its shares in the two
    classes: ``r = log((p / sum(p)) / (q / sum(q)))``, where p and q are the numbers of positive and
    negative training reviews that contain each n-gram, plus one.

    Args:
        train: reviews to fit.
        max_n: length of the longest n-gram; 1 for words alone.

    Raises:
        ValueError: if the reviews are empty or have only one label, or max_n is below 1.

    References:
        S. Wang and C. D. Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic
        Classification", ACL 2012, sections 2.1 and 2.3. Logistic regression replaces their SVM.
    """
    if max_n < 1:
        raise ValueError(f"expected max_n of at least 1, got {max_n}")
    return _fit(train, max_n, C_NGRAMS, is_weighted=True)


def bag_of_words(train: Sequence[Review], test: Sequence[Review]) -> dict[str, float]:
    """Fit as ``fit_words`` does, and return the ``score`` on the test reviews."""
    return fit_words(train).score(test)


def nb_ngrams(train: Sequence[Review], test: Sequence[Review], max_n: int) -> dict[str, float]:
    """Fit as ``fit_ngrams`` does, and return the ``score`` on the test reviews."""
    return fit_ngrams(train, max_n).score(test)


def binary_features(numbers: np.ndarray, sizes: np.ndarray, n_features: int) -> csr_matrix:
    """Make a sparse float64 (N, n_features) of ones from N runs of ``sizes`` column numbers."""
    ends = np.concatenate([[0], np.cumsum(sizes)])
    return csr_matrix((np.ones(len(numbers)), numbers, ends), shape=(len(sizes), n_features))


def weigh(features: csr_matrix, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit the weight of each column of float (N, n-grams) as ``fit_ngrams`` does, and the bias."""
    ratios = _log_count_ratios(features, labels)
    model = _regression(C_NGRAMS).fit(_weighted(features, ratios), labels)
    return model.coef_[0] * ratios[0], float(model.intercept_[0])


def _fit(train: Sequence[Review], max_n: int, strength: float, is_weighted: bool) -> LinearModel:
    vectorizer, labels = _vectorizer(max_n), labels_of(train)
    features = vectorizer.fit_transform(review.text for review in train)
    ratios = _log_count_ratios(features, labels) if is_weighted else None
    return LinearModel(
        vectorizer, ratios, _regression(strength).fit(_weighted(features, ratios), labels)
    )


def _regression(strength: float) -> LogisticRegression:
    return LogisticRegression(
        solver="liblinear", dual=True, C=strength, max_iter=1000, random_state=0
    )


def _weighted(features: csr_matrix, ratios: np.ndarray | None) -> csr_matrix:
    return features if ratios is None else features.multiply(ratios).tocsr()


def _vectorizer(max_n: int) -> CountVectorizer:
    return CountVectorizer(
        binary=True, tokenizer=tokenize, lowercase=False, token_pattern=None, ngram_range=(1, max_n)
    )


def _log_count_ratios(features: csr_matrix, labels: np.ndarray) -> np.ndarray:
    """Compute each n-gram's log-ratio of its shares in the two classes: float (1, n-grams)."""
    positive = SMOOTHING + np.asarray(features[labels == 1].sum(axis=0)).ravel()
    negative = SMOOTHING + np.asarray(features[labels == 0].sum(axis=0)).ravel()
    return np.log((positive / positive.sum()) / (negative / negative.sum()))[None, :]
