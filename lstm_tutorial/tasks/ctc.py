"""CTC without an aligned label per step: collapsing paths, greedy decoding, and a signal to learn.

A path has one label or the blank (0) per step. It means the labels that are left when equal
neighbours are merged and blanks are then dropped: 0 2 2 0 2 1 means 2 2 1.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

BLANK = 0
LABELS = ("rise", "fall", "hump")  # 1, 2, 3


class Signals(NamedTuple):
    """A padded batch: x float (N, L, 1), targets int64 (N, S), and the lengths of both, (N,)."""

    x: Tensor
    lengths: Tensor
    targets: Tensor
    target_lengths: Tensor


def collapse(path: Iterable[int]) -> list[int]:
    """Merge equal neighbours, then drop blanks.

    Args:
        path: one label or 0 per step.

    Returns:
        The labels that the path means.

    References:
        A. Graves et al., "Connectionist Temporal Classification", ICML 2006, section 3.1.
    """
    return [label for label, _ in groupby(path) if label != BLANK]


def greedy_labels(log_probs: Tensor, lengths: Tensor) -> list[list[int]]:
    """Collapse the path of the most probable label at each step.

    Args:
        log_probs: float (L, N, C), as ``ctc_loss`` takes it.
        lengths: int64 (N,), the valid steps.

    Returns:
        The labels of each row.
    """
    paths = log_probs.argmax(2).T.tolist()  # (N, L)
    return [collapse(path[:length]) for path, length in zip(paths, lengths.tolist(), strict=True)]


def steps_needed(targets: Tensor, target_lengths: Tensor) -> Tensor:
    """Count the fewest steps that can mean the targets: with fewer, the CTC loss is infinite.

    Each label takes a step, and a blank has to part equal neighbours.

    Args:
        targets: int64 (N, S); anything on padding.
        target_lengths: int64 (N,), from 0 to S.

    Returns:
        int64 (N,).
    """
    valid = torch.arange(1, targets.size(1)) < target_lengths[:, None]  # (N, S-1)
    return target_lengths + ((targets[:, 1:] == targets[:, :-1]) & valid).sum(1)


def make_signals(count: int, seed: int, most: int = 3, noise: float = 0.1) -> Signals:
    """Draw signals of one to ``most`` movements: from -1 to 1, from 1 to -1, or up and down again.

    A single value tells little, and nothing tells where a movement begins.

    Args:
        count: N.
        seed: of a generator of its own.
        most: S, movements in the longest signal.
        noise: standard deviation of what is added to each step.

    Returns:
        The signals, with 0 on the padding of x and targets.
    """
    own = torch.Generator().manual_seed(seed)
    target_lengths = torch.randint(1, most + 1, (count,), generator=own)
    targets = torch.randint(1, len(LABELS) + 1, (count, most), generator=own)
    rows = []
    for labels, size in zip(targets.tolist(), target_lengths.tolist(), strict=True):
        steps = torch.randint(4, 9, (size,), generator=own).tolist()
        rows.append(torch.cat([_movement(k, n) for k, n in zip(labels[:size], steps, strict=True)]))
    x = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)  # (N, L)
    lengths = torch.tensor([len(row) for row in rows])
    x = x + noise * torch.randn(x.shape, generator=own)
    padding = torch.arange(x.size(1)) >= lengths[:, None]
    beyond = torch.arange(most) >= target_lengths[:, None]
    return Signals(
        x.masked_fill(padding, 0.0)[:, :, None],
        lengths,
        targets.masked_fill(beyond, 0),
        target_lengths,
    )


def _movement(label: int, steps: int) -> Tensor:
    """Draw one movement, and a short rest at 0 after it: float (steps + 2,)."""
    way = torch.linspace(-1, 1, steps)
    shape = {1: way, 2: -way, 3: 1 - 2 * way.abs()}[label]
    return torch.cat([shape, torch.zeros(2)])
