"""Look into a classifier while it reads: its pooled features, its paths, its best units."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from lstm_tutorial.sentiment.data.review import Review
from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from lstm_tutorial.sentiment.models.wide import WideAndDeepClassifier
from lstm_tutorial.sentiment.runs.pipeline import make_review_loader
from lstm_tutorial.sentiment.runs.run import Run
from lstm_tutorial.sentiment.training.evaluation import evaluating, order_of

BEST = 3  # of each sign


class Observed(NamedTuple):
    """A classifier's results for N reviews.

    Args:
        logits: float (N,).
        features: float (N, 2*H), the pooled outputs that the last layer reads.
        paths: the logits (N,) of ``deep`` and ``wide``; empty for a BiLSTM alone.
    """

    logits: np.ndarray
    features: np.ndarray
    paths: dict[str, np.ndarray]


def bilstm_of(model: BiLSTMClassifier | WideAndDeepClassifier) -> BiLSTMClassifier:
    """Return the classifier that reads the words in order: the model, or its path ``deep``."""
    return model.deep if isinstance(model, WideAndDeepClassifier) else model


def observe(run: Run, reviews: Sequence[Review]) -> Observed:
    """Run a model over reviews once, and collect its parts' results in the order of the reviews."""
    model = run.model
    parts: dict[str, nn.Module] = {"logits": model}
    if isinstance(model, WideAndDeepClassifier):
        parts |= {"deep": model.deep, "wide": model.wide}
    caught: dict[str, list[Tensor]] = {name: [] for name in (*parts, "features")}
    handles = [
        part.register_forward_hook(lambda _m, _in, out, name=name: caught[name].append(out))
        for name, part in parts.items()
    ]
    last = bilstm_of(model).classifier
    handles.append(last.register_forward_pre_hook(lambda _, args: caught["features"].append(*args)))
    loader = make_review_loader(reviews, run.vocab, run.settings)
    order = order_of(loader)
    try:
        with evaluating(model):
            for batch in loader:
                model(batch.ids, batch.lengths)
    finally:
        for handle in handles:
            handle.remove()
    found = {name: torch.cat(pieces)[np.argsort(order)].numpy() for name, pieces in caught.items()}
    return Observed(found.pop("logits").astype(np.float64), found.pop("features"), found)


def best_units(
    run: Run,
    features: np.ndarray,
    labels: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
) -> list[dict[str, float]]:
    """Find the pooled features that separate the labels best on their own.

    Features (N, 2*H) of the validation part select units, those of the test part measure them.

    Returns:
        For the three best units for praise, then for criticism: ``unit``, ``weight`` in the last
        layer, ``auc``, and mean on ``positive`` and ``negative`` test reviews.
    """
    auc = np.array(aucs(features, labels))
    chosen = [*np.argsort(-auc, kind="stable")[:BEST], *np.argsort(auc, kind="stable")[:BEST]]
    weights = bilstm_of(run.model).classifier.weight[0].tolist()
    return [
        {
            "unit": int(k),
            "weight": weights[k],
            "auc": float(roc_auc_score(test_labels, test_features[:, k])),
            "positive": float(test_features[test_labels == 1, k].mean()),
            "negative": float(test_features[test_labels == 0, k].mean()),
        }
        for k in chosen
    ]


def aucs(features: np.ndarray, labels: np.ndarray) -> list[float]:
    """Compute how well each of the features (N, 2*H) separates the labels on its own, as AUC."""
    return [float(roc_auc_score(labels, feature)) for feature in features.T]
