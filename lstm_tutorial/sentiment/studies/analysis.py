"""Error analysis: accuracy by group, calibration and confident mistakes, in a JSON record."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import expit, ndtr
from scipy.stats import binomtest

from lstm_tutorial._machine import machine, peak_memory_mib, versions
from lstm_tutorial.sentiment import runs
from lstm_tutorial.sentiment.data import imdb
from lstm_tutorial.sentiment.data.review import Review, labels_of
from lstm_tutorial.sentiment.models import linear
from lstm_tutorial.sentiment.runs.pipeline import read_part
from lstm_tutorial.sentiment.runs.run import Run
from lstm_tutorial.sentiment.studies import behaviour, phenomena
from lstm_tutorial.sentiment.studies.calibration import (
    calibration_error,
    fit_temperature,
    reliability,
)
from lstm_tutorial.sentiment.studies.observing import Observed, aucs, best_units, observe

Z = 1.959964  # two-sided 95%
CONFIDENCE = float(2 * ndtr(Z) - 1)  # the level that belongs to Z
CONFIDENT = 20
Logits = Callable[[Iterable[str]], np.ndarray]
LINEAR: dict[str, Callable[[Sequence[Review]], linear.LinearModel]] = {
    "bag of words": linear.fit_words,
    "naive Bayes, 1 word": partial(linear.fit_ngrams, max_n=1),
    "naive Bayes, 1 to 2 words": partial(linear.fit_ngrams, max_n=2),
    "naive Bayes, 1 to 3 words": partial(linear.fit_ngrams, max_n=3),
}
BEST = "naive Bayes, 1 to 3 words"  # of the linear models


def interval(right: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95% confidence interval of an accuracy: lower and upper bound.

    Raises:
        ValueError: if there are no answers, or more right ones than answers.

    References:
        E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
    """
    if not 0 <= right <= n or n == 0:
        raise ValueError(f"expected between 0 and n right answers of n > 0, got {right} of {n}")
    low, high = binomtest(right, n).proportion_ci(CONFIDENCE, method="wilson")
    return float(low), float(high)


def difference(won: int, lost: int, n: int) -> tuple[float, float]:
    """Return the 95% confidence interval of the difference of two accuracies on the same n reviews.

    Reviews that both classifiers get right, or both wrong, do not tell which is better.

    Args:
        won: number of reviews that only the first classifier got right.
        lost: number of reviews that only the second one got right.
        n: number of reviews.

    Returns:
        Lower and upper bound of the first one's lead.
    """
    lead = (won - lost) / n
    half = Z * np.sqrt((won + lost) / n - lead**2) / np.sqrt(n)
    return float(lead - half), float(lead + half)


def accuracies(right: np.ndarray, groups: Sequence[Any]) -> dict[str, dict[str, float]]:
    """Measure ``accuracy`` and ``n`` of each group of answers, sorted by name.

    Args:
        right: bool (N,).
        groups: the name of each answer's group, N of them.
    """
    names = np.array(groups)
    return {
        str(name): {
            "accuracy": float(right[names == name].mean()),
            "n": int((names == name).sum()),
        }
        for name in np.unique(names)
    }


def logits_of(run: Run) -> Logits:
    """Turn a run into a function from texts to float64 logits."""

    def logits(texts: Iterable[str]) -> np.ndarray:
        probabilities = torch.tensor(list(runs.predict(run, texts)), dtype=torch.float64)
        return torch.logit(probabilities, eps=1e-9).numpy()

    return logits


def analyse(
    named_runs: dict[str, Run],
    root: Path | None = None,
    before: Mapping[str, Any] | None = None,
    kept: Sequence[str] = (),
) -> dict[str, Any]:
    """Compare runs with linear models, on the test part of IMDB and on ``behaviour``.

    Args:
        named_runs: finished runs on IMDB, by their names in the record.
        root: location of IMDB; None for the cached download.
        before: an earlier record.
        kept: names of runs whose findings are taken from it.

    Returns:
        A record: versions, machine, ``duplicates``, and under ``classifiers`` the findings for each
        run and for the four linear models, which learn from the whole training part. Its seconds
        include those of a record that findings are taken from, and each of these names its machine.

    Raises:
        ValueError: if findings would be kept that other versions have made.
    """
    start = time.perf_counter()
    old: Mapping[str, Any] = before if before and kept else {"seconds": 0, "peak_memory_mib": 0}
    if kept and old["versions"] != versions():
        came = old["versions"]
        raise ValueError(f"expected findings of {versions()} to keep, got those of {came}")
    train, test = imdb.load("train", root), imdb.load("test", root)
    copies, groups, labels = _copies(train, test), phenomena.groups(test), labels_of(test)
    found: dict[str, dict[str, Any]] = {
        name: {"machine": old["machine"], **old["classifiers"][name]} for name in kept
    }
    right: dict[str, np.ndarray] = {}
    for name, logits, ask, more in _answers(named_runs, train, test, root):
        right[name] = (logits > 0) == labels
        rates = behaviour.pass_rates(partial(_positive, ask))
        found[name] = _findings(logits, test, copies["exact"], groups) | {"behaviour": rates} | more
    for name in named_runs:
        found[name]["against"] = _against(right[name], right[BEST])
    return {
        "versions": versions(),
        "machine": machine(),
        "seconds": round(old["seconds"] + time.perf_counter() - start, 1),
        "peak_memory_mib": max(old["peak_memory_mib"], peak_memory_mib()),
        "duplicates": {"test": len(test)} | {name: int(k.sum()) for name, k in copies.items()},
        "classifiers": {name: found[name] for name in (*named_runs, *kept, *LINEAR)},
    }


def _answers(
    named_runs: dict[str, Run],
    train: Sequence[Review],
    test: Sequence[Review],
    root: Path | None,
) -> Iterator[tuple[str, np.ndarray, Logits, dict[str, Any]]]:
    """Yield each classifier's name, its logits (N,), the classifier, and its specific findings."""
    for name, run in named_runs.items():
        seen = observe(run, test)
        yield name, seen.logits, logits_of(run), _of_run(run, seen, test, root)
    for name, fit in LINEAR.items():
        model = fit(train)
        yield name, model.logits(review.text for review in test), model.logits, {}


def _positive(logits: Logits, texts: Iterable[str]) -> np.ndarray:
    return logits(texts) > 0


def _against(right: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    """Count the reviews that exactly one of two classifiers gets right."""
    won, lost = int((right & ~other).sum()), int((~right & other).sum())
    return {"name": BEST, "won": won, "lost": lost}


def _copies(train: Sequence[Review], test: Sequence[Review]) -> dict[str, np.ndarray]:
    """Mark the test reviews whose text is also in the training part: bool (N,) each."""
    known: dict[str, set[int]] = {}
    for review in train:
        known.setdefault(review.text, set()).add(review.label)
    return {
        "exact": np.array([review.text in known for review in test]),
        "with the other label": np.array(
            [1 - review.label in known.get(review.text, ()) for review in test]
        ),
    }


def _findings(
    logits: np.ndarray, test: Sequence[Review], copies: np.ndarray, groups: dict[str, list[str]]
) -> dict[str, Any]:
    """Collect the findings from a classifier's logits (N,) for the test part."""
    labels = labels_of(test)
    right, probabilities = (logits > 0) == labels, expit(logits)
    order = np.argsort(-np.abs(logits) * ~right, kind="stable")[: (~right).sum()][:CONFIDENT]
    return {
        "accuracy": float(right.mean()),
        "interval": interval(int(right.sum()), len(right)),
        "accuracy without copies": float(right[~copies].mean()),
        "groups": {name: accuracies(right, group) for name, group in groups.items()},
        "reliability": reliability(probabilities, labels),
        "calibration error": calibration_error(probabilities, labels),
        "confident errors": [
            {
                "id": test[k].id,
                "rating": test[k].rating,
                "probability": round(float(probabilities[k]), 4),
            }
            for k in order.tolist()
        ],
    }


def _of_run(
    run: Run,
    seen: Observed,
    test: Sequence[Review],
    root: Path | None,
) -> dict[str, Any]:
    """Collect the findings that need the model itself or, if there is one, a validation part."""
    labels = labels_of(test)
    paths = {k: float(((v > 0) == labels).mean()) for k, v in seen.paths.items()}
    if run.settings.validation_fraction == 0:
        return {"paths": paths}
    held_out = read_part("validation", run.settings, root)
    before = observe(run, held_out)
    temperature = fit_temperature(before.logits, labels_of(held_out))
    return {
        "paths": paths,
        "temperature": temperature,
        "calibration error after": calibration_error(expit(seen.logits / temperature), labels),
        "units": best_units(run, before.features, labels_of(held_out), seen.features, labels),
        "aucs": [round(auc, 4) for auc in aucs(seen.features, labels)],
    }
