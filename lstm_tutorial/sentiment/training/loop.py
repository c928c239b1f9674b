"""Train and test a classifier: a plain loop, made to be read and copied.

A loader here is a result of ``batches.make_loader``: it yields ``Batch(ids, lengths, labels)``, and
its ``batch_sampler`` gives each epoch a different order. The model may be anything that maps ids
and lengths to one logit per row. Training runs on the model's device.

In training mode a model may give several answers, logits (answers, N): the loss is their mean, and
the last one is the model's prediction.
"""

import copy
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from lstm_tutorial.sentiment.data.batches import Batch
from lstm_tutorial.sentiment.training import parallel
from lstm_tutorial.sentiment.training.checkpoints import (
    load_checkpoint,
    load_weights,
    save_checkpoint,
    save_weights,
)
from lstm_tutorial.sentiment.training.evaluation import (
    averages,
    count_correct,
    device_of,
    evaluate,
    predict_proba,
)

__all__ = ["evaluate", "fit", "load_weights", "predict_proba", "save_weights", "train_epoch"]


def train_epoch(
    model: nn.Module,
    loader: DataLoader,
    optimizer: Optimizer,
    scheduler: LRScheduler,
    max_norm: float = 1.0,
    on_batch: Callable[[], None] | None = None,
    average: AveragedModel | None = None,
    precision: str = "float32",
) -> dict[str, float]:
    """Take one optimizer step and one scheduler step for every batch.

    Args:
        model: maps ids (N, L) and lengths (N,) to logits (N,) or (answers, N).
        loader: yields batches.
        optimizer: updates the model's parameters.
        scheduler: sets the learning rate, batch by batch.
        max_norm: larger gradients are scaled down to this norm.
        on_batch: called after every step.
        average: follows the model's weights.
        precision: ``"bfloat16"`` to compute with the weights rounded to it.

    Returns:
        ``loss`` and ``accuracy``, averaged over the reviews during the epoch, so with dropout and
        with weights that change from batch to batch.

    Raises:
        FloatingPointError: if the loss is no longer finite.
        ValueError: if the loader is empty.
    """
    model.train()
    loss_sum, correct, count = 0.0, 0, 0
    for batch, own, weight in parallel.weighed(loader):
        batch = batch.to(device_of(model))
        answers = torch.atleast_2d(_logits(model, batch, precision))
        loss = F.binary_cross_entropy_with_logits(answers, batch.labels.expand_as(answers))
        optimizer.zero_grad()
        (weight * loss).backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        scheduler.step()
        if average is not None:
            average.update_parameters(model)
        loss_sum += finite(loss.item()) * own
        correct += count_correct(answers[-1, :own], batch.labels[:own])
        count += own
        if on_batch is not None:
            on_batch()
    return averages(*parallel.total(loader, loss_sum, correct, count))


def fit(
    model: nn.Module,
    train_loader: DataLoader,
    validation_loader: DataLoader | None,
    *,
    epochs: int,
    lr: float,
    max_norm: float = 1.0,
    patience: int = 2,
    decay: float = 0.0,
    shares: Mapping[str, float] | None = None,
    precision: str = "float32",
    checkpoint: Path | None = None,
    resume: bool = False,
    on_epoch: Callable[[dict], None] | None = None,
    on_batch: Callable[[], None] | None = None,
) -> list[dict]:
    """Train for a number of epochs, or until the validation accuracy stops rising.

    The learning rate rises to ``lr`` and falls to almost zero over all epochs ("one cycle": L. N.
    Smith and N. Topin, Super-Convergence, 2017). At the end the model has the weights of its best
    epoch on the validation part, or of the last epoch without one, and is in evaluation mode.

    Args:
        model: as for ``train_epoch``.
        train_loader: with shuffling.
        validation_loader: selects the best epoch; None to train on all reviews.
        epochs: most passes over the training part.
        lr: highest learning rate.
        max_norm: larger gradients are scaled down to this norm.
        patience: stop after this many epochs in a row without improvement.
        decay: above 0, validation and the final model use averaged weights: after each step,
            ``decay`` times the average so far plus ``1 - decay`` times the current weights.
        shares: of the learning rate, for parameters whose name begins with a key.
        precision: as for ``train_epoch``; validation computes in float32.
        checkpoint: file for the state after every epoch.
        resume: continue from the checkpoint if there is one. On the CPU the run then ends with the
            same weights as an uninterrupted run.
        on_epoch: called with every epoch's entry of the history, after the checkpoint is written.
        on_batch: called after every step.

    Returns:
        A dict for each epoch, with ``epoch`` (from 1), ``train_loss``, ``train_accuracy``,
        ``seconds`` and, with a validation part, ``validation_loss`` and ``validation_accuracy``.

    Raises:
        ValueError: if epochs, lr or patience is not positive, decay is not between 0 and 1, a
            loader is empty, or the checkpoint is from a run of another length.
        FloatingPointError: if the loss is no longer finite.
    """
    _check_positive(epochs=epochs, lr=lr, patience=patience, batches=len(train_loader))
    groups = _groups(model, lr, shares or {})
    optimizer = Adam(groups, lr=lr)
    rates = [group["lr"] for group in groups]
    scheduler = OneCycleLR(optimizer, max_lr=rates, total_steps=epochs * len(train_loader))
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay)) if decay else None
    measured = model if average is None else average.module
    learner = parallel.averaging(model)
    history: list[dict] = []
    best_weights = model.state_dict()
    if resume and checkpoint is not None and checkpoint.exists():
        history, best_weights = load_checkpoint(checkpoint, model, optimizer, scheduler, average)

    while len(history) < epochs and len(history) - best_epoch(history) < patience:
        start, epoch = time.perf_counter(), len(history) + 1
        train_loader.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]  # a BucketSampler
        trained = train_epoch(
            learner, train_loader, optimizer, scheduler, max_norm, on_batch, average, precision
        )
        validated = evaluate(measured, validation_loader) if validation_loader else {}
        history.append(_entry(epoch, trained, validated, time.perf_counter() - start))
        if best_epoch(history) == epoch:
            best_weights = copy.deepcopy(measured.state_dict())
        if checkpoint is not None:
            save_checkpoint(checkpoint, model, best_weights, optimizer, scheduler, history, average)
        if on_epoch is not None:
            on_epoch(history[-1])

    model.load_state_dict(best_weights)
    model.eval()
    return history


def _groups(model: nn.Module, lr: float, shares: Mapping[str, float]) -> list[dict]:
    """Give each parameter the learning rate of its share; without shares, all are one group."""
    by_share: dict[float, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        share = next((share for key, share in shares.items() if name.startswith(key)), 1.0)
        by_share.setdefault(share, []).append(parameter)
    return [{"params": found, "lr": share * lr} for share, found in by_share.items()]


def best_epoch(history: list[dict]) -> int:
    """Return the number of the epoch with the best validation accuracy, or of the last one.

    Of equal epochs the first counts; without any epoch the number is 0.
    """
    if not history:
        return 0
    if "validation_accuracy" not in history[-1]:
        return len(history)
    return max(history, key=lambda entry: entry["validation_accuracy"])["epoch"]


def _logits(model: nn.Module, batch: Batch, precision: str) -> Tensor:
    """Run the model; the logits, and through the casts the weights' gradients, are float32."""
    if precision == "float32":
        return model(batch.ids, batch.lengths)
    weights = {name: weight.bfloat16() for name, weight in model.named_parameters()}
    return functional_call(model, weights, (batch.ids, batch.lengths)).float()


def _entry(epoch: int, trained: dict, validated: dict, seconds: float) -> dict:
    parts = {"train": trained, "validation": validated}
    metrics = {f"{part}_{k}": value for part, found in parts.items() for k, value in found.items()}
    return {"epoch": epoch, **metrics, "seconds": seconds}


def finite(loss: float) -> float:
    """Return the loss; raises ``FloatingPointError`` if it is not finite."""
    if not math.isfinite(loss):
        raise FloatingPointError(f"the training loss became {loss}: lower the learning rate")
    return loss


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"expected {name} greater than 0, got {value}")
