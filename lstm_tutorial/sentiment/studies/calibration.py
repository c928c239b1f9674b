"""How sure a classifier is, compared with how often it is right."""

import numpy as np
from scipy.optimize import minimize_scalar

BINS = 10


def reliability(probabilities: np.ndarray, labels: np.ndarray) -> list[dict[str, float]]:
    """Compare how sure a classifier is with how often it is right.

    Args:
        probabilities: float (N,), that each review is positive.
        labels: (N,), 0 or 1.

    Returns:
        For each tenth of the range from 0 to 1 that holds a probability: ``n``, the mean
        ``probability``, and ``positive``, the share of positive reviews.
    """
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    return [
        {
            "n": int((bins == k).sum()),
            "probability": float(probabilities[bins == k].mean()),
            "positive": float(labels[bins == k].mean()),
        }
        for k in range(BINS)
        if (bins == k).any()
    ]


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Average the distance between probability and share over the bins of ``reliability``.

    Args:
        probabilities: float (N,), that each review is positive.
        labels: (N,), 0 or 1.

    Returns:
        The expected calibration error, between 0 and 1.

    References:
        C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2.
    """
    bins = reliability(probabilities, labels)
    return sum(b["n"] * abs(b["probability"] - b["positive"]) for b in bins) / len(labels)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Find the number by which to divide logits, so that their probabilities fit best.

    Args:
        logits: float (N,), of the validation part.
        labels: (N,), 0 or 1.

    Returns:
        The temperature with the smallest cross entropy; above 1 where the classifier is too sure.

    References:
        C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
    """
    signed = logits * (2 * labels - 1)

    def cross_entropy(log_temperature: float) -> float:
        return float(np.logaddexp(0, -signed / np.exp(log_temperature)).mean())

    return float(np.exp(minimize_scalar(cross_entropy, bounds=(-3, 3), method="bounded").x))
