"""Calibration: how confident a classifier is, compared with how often it is right."""

import numpy as np
from scipy.optimize import minimize_scalar

BINS = 10


def reliability(probabilities: np.ndarray, labels: np.ndarray) -> list[dict[str, float]]:
    """Compare predicted probabilities with how often reviews are positive.

    Args:
        probabilities: float (N,), that each review is positive.
        labels: (N,), 0 or 1.

    Returns:
        For each tenth of the range from 0 to 1 that contains a probability: ``n``, the mean
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
    """Compute the expected calibration error, from 0 to 1, over the bins of ``reliability``.

    References:
        C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2.
    """
    bins = reliability(probabilities, labels)
    return sum(b["n"] * abs(b["probability"] - b["positive"]) for b in bins) / len(labels)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Find the divisor of logits (N,) that minimises the cross entropy; above 1 if overconfident.

    References:
        C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
    """
    signed = logits * (2 * labels - 1)

    def cross_entropy(log_temperature: float) -> float:
        return float(np.logaddexp(0, -signed / np.exp(log_temperature)).mean())

    return float(np.exp(minimize_scalar(cross_entropy, bounds=(-3, 3), method="bounded").x))
