"""Measure a classifier and compute its predictions: sums over reviews, divided by their number."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from lstm_tutorial.sentiment.training import parallel


def evaluate(model: nn.Module, loader: DataLoader) -> dict[str, float]:
    """Measure ``loss`` and ``accuracy`` over all reviews, without training.

    An average of the batches' averages would give the reviews of a smaller last batch more weight.

    Args:
        model: maps ids (N, L) and lengths (N,) to logits (N,).
        loader: yields batches, in any order.

    Raises:
        ValueError: if the loader is empty.
    """
    loss_sum, correct, count = 0.0, 0, 0
    with evaluating(model):
        for batch, own, _ in parallel.weighed(loader):
            batch = batch.to(device_of(model))
            logits, labels = model(batch.ids, batch.lengths)[:own], batch.labels[:own]  # (own,)
            loss = F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
            loss_sum += loss.item()
            correct += count_correct(logits, labels)
            count += own
    return averages(*parallel.total(loader, loss_sum, correct, count))


def predict_proba(model: nn.Module, loader: DataLoader) -> Tensor:
    """Compute the probability that each review is positive: float (n,), in the examples' order.

    Args:
        model: maps ids (N, L) and lengths (N,) to logits (N,).
        loader: without shuffling.
    """
    order = order_of(loader)
    with evaluating(model):
        batches = (batch.to(device_of(model)) for batch in loader)
        logits = torch.cat([model(batch.ids, batch.lengths) for batch in batches])
    probabilities = torch.empty_like(logits)
    probabilities[order] = logits.sigmoid()
    return probabilities


def order_of(loader: DataLoader) -> list[int]:
    """List the positions of the examples in the order in which the next pass yields them."""
    return [position for batch in loader.batch_sampler or () for position in batch]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch dropout and gradients off, and restore the training flag afterwards."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)


def count_correct(logits: Tensor, labels: Tensor) -> int:
    """Count the logits (N,) whose sign agrees with their label, 0 or 1."""
    return int(((logits > 0) == (labels > 0.5)).sum())


def averages(loss_sum: float, correct: float, count: float) -> dict[str, float]:
    """Divide sums over reviews by their number; raises ``ValueError`` if there are none."""
    if count == 0:
        raise ValueError("expected at least one review, got an empty loader")
    return {"loss": loss_sum / count, "accuracy": correct / count}


def device_of(model: nn.Module) -> torch.device:
    """Find the device of a model whose parameters are all on one."""
    return next(model.parameters()).device
