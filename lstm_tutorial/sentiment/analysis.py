"""Where classifiers are right, how sure they are, and what they mistake: figures for a record."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from lstm_tutorial.sentiment import Review, baselines, behaviour, imdb, runs
from lstm_tutorial.sentiment.evaluation import evaluating
from lstm_tutorial.sentiment.model import BiLSTMClassifier
from lstm_tutorial.sentiment.pipeline import make_review_loader, read_part, tokens_of
from lstm_tutorial.sentiment.records import machine, versions
from lstm_tutorial.sentiment.runs import Run

Z = 1.959964  # two-sided 95%
LENGTHS = (0, 100, 200, 400, 800)  # tokens; a group begins above each
BINS = 10
CONFIDENT = 20
Logits = Callable[[Iterable[str]], np.ndarray]


def interval(right: int, n: int) -> tuple[float, float]:
    """Bound an accuracy with 95% confidence.

    Args:
        right: answers that were right.
        n: answers.

    Returns:
        Lower and upper bound.

    Raises:
        ValueError: if there are no answers, or more right ones than answers.

    References:
        E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
    """
    if not 0 <= right <= n or n == 0:
        raise ValueError(f"expected between 0 and n right answers of n > 0, got {right} of {n}")
    share, spread = right / n, Z**2 / n
    center = share + spread / 2
    half = np.sqrt(spread * share * (1 - share) + spread**2 / 4)
    return float((center - half) / (1 + spread)), float((center + half) / (1 + spread))


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


def accuracies(right: np.ndarray, groups: Sequence[Any]) -> dict[str, dict[str, float]]:
    """Measure each group for itself.

    Args:
        right: bool (N,).
        groups: the name of each answer's group, N of them.

    Returns:
        For each name, sorted, ``accuracy`` and ``n``.
    """
    names = np.array(groups)
    return {
        str(name): {
            "accuracy": float(right[names == name].mean()),
            "n": int((names == name).sum()),
        }
        for name in np.unique(names)
    }


def length_group(tokens: int) -> str:
    """Name the group of a review's length.

    Args:
        tokens: at least 1.

    Returns:
        Such as ``"101 to 200"``; names begin with digits that sort as the lengths do.
    """
    k = sum(tokens > edge for edge in LENGTHS) - 1
    low = LENGTHS[k] + 1
    return f"{low:3} to {LENGTHS[k + 1]}" if k + 1 < len(LENGTHS) else f"{low} and more"


def logits_of(run: Run) -> Logits:
    """Turn a run into a function from texts to logits.

    Args:
        run: from ``runs.load``.

    Returns:
        The function; its logits are float64.
    """

    def logits(texts: Iterable[str]) -> np.ndarray:
        probabilities = torch.tensor(list(runs.predict(run, texts)), dtype=torch.float64)
        return torch.logit(probabilities, eps=1e-9).numpy()

    return logits


def best_units(run: Run, held_out: Sequence[Review], test: Sequence[Review]) -> list[dict]:
    """Find the pooled features that tell the labels apart best, each alone.

    Args:
        run: from ``runs.load``; its model ends in a linear ``classifier``.
        held_out: choose the features.
        test: measure the chosen ones.

    Returns:
        For the five best, ``unit``, its ``weight`` in the classifier, and ``auc``: how often a
        positive review has more of it than a negative one, on the test reviews.
    """
    auc = _aucs(run, held_out)
    chosen = np.argsort(-np.abs(auc - 0.5))[:5]
    on_test = _aucs(run, test)
    weights = run.model.classifier.weight[0].tolist()
    return [{"unit": int(k), "weight": weights[k], "auc": float(on_test[k])} for k in chosen]


def _aucs(run: Run, reviews: Sequence[Review]) -> np.ndarray:
    caught: list[torch.Tensor] = []
    labels: list[torch.Tensor] = []
    handle = run.model.classifier.register_forward_pre_hook(lambda _, args: caught.append(args[0]))
    loader = make_review_loader(reviews, run.vocab, run.settings)
    try:
        with evaluating(run.model):
            for batch in loader:
                run.model(batch.ids, batch.lengths)
                labels.append(batch.labels)
    finally:
        handle.remove()
    features = torch.cat(caught).T.numpy()  # (2*H, N)
    return np.array([roc_auc_score(torch.cat(labels), feature) for feature in features])


def path_accuracies(run: Run, test: Sequence[Review]) -> dict[str, float]:
    """Measure each path of a ``WideAndDeepClassifier`` for itself.

    Args:
        run: from ``runs.load``.
        test: reviews to classify.

    Returns:
        The accuracy of ``deep``, the BiLSTM alone, and of ``wide``, the n-grams alone.
    """
    labels = np.array([review.label for review in test])
    found = {}
    for name in ("deep", "wide"):
        logits = logits_of(run._replace(model=getattr(run.model, name)))
        found[name] = float(((logits(review.text for review in test) > 0) == labels).mean())
    return found


def analyse(named_runs: dict[str, Run], root: Path | None = None) -> dict[str, Any]:
    """Measure runs beside linear models, on the test part of IMDB and on ``behaviour``.

    Args:
        named_runs: finished runs on IMDB, by the names that the record gives them.
        root: where IMDB lies; None for the cached download.

    Returns:
        A record: machine, versions, ``duplicates``, and under ``classifiers`` what ``_describe``
        finds for each run and for the four linear models, which learn from the whole training part.
    """
    train, test = imdb.load("train", root), imdb.load("test", root)
    known = {review.text for review in train}
    copies = np.array([review.text in known for review in test])
    classifiers: dict[str, dict[str, Any]] = {}
    for name, run in named_runs.items():
        held_out = read_part("validation", run.settings, root)
        classifiers[name] = _describe(logits_of(run), test, copies, held_out)
        if isinstance(run.model, BiLSTMClassifier):
            classifiers[name]["units"] = best_units(run, held_out, test)
        else:
            classifiers[name]["paths"] = path_accuracies(run, test)
    classifiers["bag of words"] = _describe(baselines.fit_words(train).logits, test, copies)
    for max_n in (1, 2, 3):
        fitted = baselines.fit_ngrams(train, max_n)
        classifiers[f"naive Bayes, 1 to {max_n} words"] = _describe(fitted.logits, test, copies)
    return {
        "versions": versions(),
        "machine": machine(),
        "duplicates": {"also in training": int(copies.sum()), "test": len(test)},
        "classifiers": classifiers,
    }


def _describe(
    logits: Logits, test: Sequence[Review], copies: np.ndarray, held_out: Sequence[Review] = ()
) -> dict[str, Any]:
    found = logits(review.text for review in test)
    labels = np.array([review.label for review in test])
    right = (found > 0) == labels
    order = np.argsort(-np.abs(found) * ~right, kind="stable")[:CONFIDENT]
    described = {
        "accuracy": float(right.mean()),
        "interval": interval(int(right.sum()), len(right)),
        "accuracy without copies": float(right[~copies].mean()),
        "by length": accuracies(right, [length_group(len(tokens_of(r))) for r in test]),
        "by rating": accuracies(right, [f"{review.rating:2}" for review in test]),
        "reliability": reliability(expit(found), labels),
        "calibration error": calibration_error(expit(found), labels),
        "behaviour": behaviour.pass_rates(lambda texts: logits(texts) > 0),
        "confident errors": [
            {
                "id": test[k].id,
                "rating": test[k].rating,
                "probability": round(float(expit(found[k])), 4),
            }
            for k in order.tolist()
        ],
    }
    if held_out:
        temperature = fit_temperature(
            logits(review.text for review in held_out),
            np.array([review.label for review in held_out]),
        )
        described["temperature"] = temperature
        described["calibration error after"] = calibration_error(expit(found / temperature), labels)
    return described
