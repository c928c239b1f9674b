"""Measure a classifier, and ask it: sums over reviews, divided by their number."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader


def evaluate(model: nn.Module, loader: DataLoader) -> dict[str, float]:
    """Measure loss and accuracy without training.

    Args:
        model: maps ids (N, L) and lengths (N,) to logits (N,).
        loader: yields batches, in any order.

    Returns:
        ``loss`` and ``accuracy``: sums over all reviews, divided by their number. (An average of
        the batches' averages would give the reviews of a smaller last batch more weight.)

    Raises:
        ValueError: if the loader is empty.
    """
    loss_sum, correct, count = 0.0, 0, 0
    with evaluating(model):
        for batch in loader:
            batch = batch.to(device_of(model))
            logits = model(batch.ids, batch.lengths)  # (N,)
            loss = F.binary_cross_entropy_with_logits(logits, batch.labels, reduction="sum")
            loss_sum += loss.item()
            correct += count_correct(logits, batch.labels)
            count += len(batch.labels)
    return averages(loss_sum, correct, count)


def predict_proba(model: nn.Module, loader: DataLoader) -> Tensor:
    """Compute the probability that each review is positive.

    Args:
        model: maps ids (N, L) and lengths (N,) to logits (N,).
        loader: made without shuffling.

    Returns:
        float (n,), in the order of the examples, not in that of the batches.
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
    """Switch dropout and gradients off, and put the training flag back afterwards.

    Args:
        model: any module.
    """
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)


def count_correct(logits: Tensor, labels: Tensor) -> int:
    """Count the reviews whose logit has the sign that their label asks for.

    Args:
        logits: float (N,).
        labels: float (N,), 1 for positive and 0 for negative.

    Returns:
        A number between 0 and N.
    """
    return int(((logits > 0) == (labels > 0.5)).sum())


def averages(loss_sum: float, correct: int, count: int) -> dict[str, float]:
    """Divide sums over reviews by their number.

    Args:
        loss_sum: of all reviews' losses.
        correct: number of reviews classified rightly.
        count: number of reviews.

    Returns:
        ``loss`` and ``accuracy``.

    Raises:
        ValueError: if there are no reviews.
    """
    if count == 0:
        raise ValueError("expected at least one review, got an empty loader")
    return {"loss": loss_sum / count, "accuracy": correct / count}


def device_of(model: nn.Module) -> torch.device:
    """Find the device that holds a model.

    Args:
        model: a module with parameters, all on one device.

    Returns:
        That device.
    """
    return next(model.parameters()).device
