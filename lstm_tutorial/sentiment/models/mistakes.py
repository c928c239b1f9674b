"""The classifier as it is often written: the LSTM does not get the lengths and reads padding.

It exists to be compared with ``bilstm.BiLSTMClassifier``; use that one.
"""

from typing import Any

import torch
from torch import Tensor, nn

from lstm_tutorial.sentiment.models.bilstm import (
    POOLINGS,
    BiLSTMClassifier,
    final_states,
    last_step,
    run_padded,
)

PADDED_POOLINGS = (*POOLINGS, "first_and_last_step")
SIDES = ("right", "left")


class PaddedClassifier(BiLSTMClassifier):
    """Classify padded reviews as if padding were words.

    Args:
        args: passed to ``BiLSTMClassifier``.
        pooling: one of ``PADDED_POOLINGS``.
        side: side of a short review on which its padding is, ``"right"`` or ``"left"``.
        options: passed to ``BiLSTMClassifier``.

    Raises:
        ValueError: if pooling or side is unknown.
    """

    def __init__(self, *args: Any, pooling: str = "last_step", side: str = "right", **options: Any):
        if side not in SIDES:
            raise ValueError(f"expected side to be right or left, got {side!r}")
        is_joined = pooling == "first_and_last_step"
        options["pooling"] = "last_step" if is_joined else pooling
        super().__init__(*args, **options)
        self.pooling = pooling
        self.side = side
        if is_joined:
            self.classifier = nn.Linear(2 * self.classifier.in_features, 1)

    def _pool(self, words: Tensor, lengths: Tensor) -> Tensor:
        if self.side == "left":
            words = shift_right(words, lengths)
        output, (h_n, _) = run_padded(self.lstm, words)
        if self.pooling == "final_states":
            return final_states(h_n)
        if self.pooling == "last_step":
            return last_step(output)
        if self.pooling == "first_and_last_step":
            return first_and_last_step(output)
        return self._pool_steps(output, torch.full_like(lengths, words.size(1)))


def shift_right(words: Tensor, lengths: Tensor) -> Tensor:
    """Move the padding of each row of float (N, L, E) from its end to its beginning."""
    steps = torch.arange(words.size(1), device=words.device)
    source = (steps - (words.size(1) - lengths.to(words.device))[:, None]) % words.size(1)
    return words.gather(1, source[..., None].expand_as(words))


def first_and_last_step(output: Tensor) -> Tensor:
    """Join the first and the last of the steps (N, L, 2*H_out), as some tutorials do.

    The forward half of the first and the reverse half of the last have read one token each.
    """
    return torch.cat([output[:, 0], output[:, -1]], dim=1)
