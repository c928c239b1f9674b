"""Train a language model on a stream of tokens: truncated backpropagation with carried state.

An epoch reads all texts, in an order of its own, joined into one stream. The stream is cut into
``PARTS`` parts, after each of which a run can be resumed. A part's tokens become columns that are
read side by side, window by window; the state goes on from window to window, the gradient does not.
"""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from lstm_tutorial.sentiment.models.language import LanguageModel, States
from lstm_tutorial.sentiment.training.checkpoints import load_checkpoint, save_checkpoint
from lstm_tutorial.sentiment.training.loop import finite
from lstm_tutorial.tasks.streams import columns, windows

PARTS = 10
END = 0  # the id of padding, which no text contains, ends every text


def join(texts: Sequence[Sequence[int]], order: Sequence[int] | None = None) -> Tensor:
    """Join texts into one stream, each between two ``END`` tokens: int64 (total,).

    Args:
        texts: the ids of each text.
        order: of the texts; their own if None.
    """
    stream = [END]
    for k in range(len(texts)) if order is None else order:
        stream.extend(texts[k])
        stream.append(END)
    return torch.tensor(stream)


def perplexity(nats: float) -> float:
    """Turn a mean loss per token into a perplexity; losses are averaged, perplexities never."""
    return math.exp(nats)


def fit(
    model: LanguageModel,
    texts: Sequence[Sequence[int]],
    validation: Sequence[Sequence[int]],
    *,
    epochs: int,
    lr: float,
    batch_size: int = 64,
    length: int = 70,
    max_norm: float = 1.0,
    precision: str = "float32",
    seed: int = 0,
    checkpoint: Path | None = None,
    resume: bool = False,
    on_part: Callable[[dict], None] | None = None,
) -> list[dict]:
    """Train a language model; the learning rate is that of ``loop.fit``.

    Args:
        model: with one or two directions.
        texts: the ids of each training text.
        validation: the ids of each validation text, read after every epoch.
        epochs: passes over the training texts.
        lr: highest learning rate.
        batch_size: N, columns.
        length: steps per window.
        max_norm: larger gradients are scaled down to this norm.
        precision: ``"bfloat16"`` to train under autocast; perplexity is measured in float32.
        seed: for the order of the texts.
        checkpoint: file for the state after every part.
        resume: continue from the checkpoint if there is one.
        on_part: called with every entry of the history, after the checkpoint is written.

    Returns:
        A dict for each part, with ``epoch`` (from 1), ``part`` (from 1), ``train_loss`` in nats per
        token, ``tokens``, ``seconds`` and, for the last part of an epoch, ``validation_loss`` and
        ``validation_losses``, one for each direction.

    Raises:
        ValueError: if the texts are too short for a window, or the checkpoint is of another run.
        FloatingPointError: if the loss is no longer finite.
    """
    sizes = [len(columns(part, batch_size)) - 1 for part in join(texts).tensor_split(PARTS)]
    steps = epochs * sum(-(-size // length) for size in sizes)
    optimizer = Adam(model.parameters(), lr=lr)
    scheduler = OneCycleLR(optimizer, max_lr=lr, total_steps=steps)
    history: list[dict] = []
    if resume and checkpoint is not None and checkpoint.exists():
        history, _ = load_checkpoint(checkpoint, model, optimizer, scheduler)
    while len(history) < epochs * PARTS:
        start, (epoch, k) = time.perf_counter(), divmod(len(history), PARTS)
        part = join(texts, _order(len(texts), seed, epoch)).tensor_split(PARTS)[k]
        loss, tokens = train_part(
            model, part, optimizer, scheduler, batch_size, length, max_norm, precision
        )
        entry: dict = {"epoch": epoch + 1, "part": k + 1, "train_loss": loss, "tokens": tokens}
        if k + 1 == PARTS:
            losses = evaluate(model, join(validation), batch_size, length)
            entry |= {"validation_loss": sum(losses) / len(losses), "validation_losses": losses}
        history.append(entry | {"seconds": time.perf_counter() - start})
        if checkpoint is not None:
            save_checkpoint(checkpoint, model, {}, optimizer, scheduler, history)
        if on_part is not None:
            on_part(history[-1])
    model.eval()
    return history


def check_precision(precision: str) -> None:
    """Raise ``ValueError`` where ``nn.LSTM`` refuses autocast: on CPUs without bfloat16 kernels."""
    if precision == "bfloat16" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise ValueError(
            "expected a processor with bfloat16 for --precision bfloat16, got one without: "
            "leave the option out to train in float32"
        )


def train_part(
    model: LanguageModel,
    ids: Tensor,
    optimizer: Optimizer,
    scheduler: LRScheduler,
    batch_size: int,
    length: int,
    max_norm: float = 1.0,
    precision: str = "float32",
) -> tuple[float, int]:
    """Take one optimizer step for every window of a stream.

    Returns:
        The mean loss in nats per token, and the number of tokens predicted in each direction.
    """
    model.train()
    total, count = 0.0, 0
    device = model.embedding.weight.device.type
    states: list[States | None] = [None] * len(model.lstms)
    for pairs in zip(*_streams(model, ids, batch_size, length), strict=True):
        losses = []
        for direction, (inputs, targets) in enumerate(pairs):
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
                features, new = model(inputs, states[direction], direction)
                losses.append(model.loss(features, targets))
            states[direction] = (new[0].detach(), new[1].detach())  # the gradient ends here
        loss = torch.stack(losses).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        scheduler.step()
        total += finite(loss.item()) * targets.numel()
        count += targets.numel()
    return total / count, count


@torch.no_grad()
def evaluate(
    model: LanguageModel, ids: Tensor, batch_size: int = 64, length: int = 70
) -> list[float]:
    """Measure the mean loss of each direction on a stream, in nats per token.

    The state goes on across the ends of texts, as in training; every token counts once, whatever
    window it is in.
    """
    was_training = model.training
    model.eval()
    means = []
    for direction, pairs in enumerate(_streams(model, ids, batch_size, length)):
        states, total, count = None, 0.0, 0
        for inputs, targets in pairs:
            features, states = model(inputs, states, direction)
            total += model.loss(features, targets).item() * targets.numel()
            count += targets.numel()
        means.append(total / count)
    model.train(was_training)
    return means


def _streams(model: LanguageModel, ids: Tensor, batch_size: int, length: int) -> list:
    """Cut a stream into windows of inputs and targets, once for each direction."""
    read = (ids, ids.flip(0))[: len(model.lstms)]
    device = model.embedding.weight.device
    return [windows(columns(one, batch_size).to(device), length) for one in read]


def _order(n: int, seed: int, epoch: int) -> list[int]:
    generator = torch.Generator().manual_seed((1_000_003 * seed + epoch) % 2**32)
    return torch.randperm(n, generator=generator).tolist()
