"""The classifier as it is often written: the LSTM is not told the lengths, and reads padding.

Kept to be measured beside ``model.BiLSTMClassifier``; use that one.
"""

from typing import Any

import torch
from torch import Tensor, nn

from lstm_tutorial.sentiment.models.bilstm import (
    POOLINGS,
    BiLSTMClassifier,
    final_states,
    last_step,
    max_pool,
    mean_pool,
    run_padded,
)

PADDED_POOLINGS = (*POOLINGS, "first_and_last_step")
SIDES = ("right", "left")


class PaddedClassifier(BiLSTMClassifier):
    """Classify padded reviews as if padding were words.

    Args:
        args: of ``BiLSTMClassifier``.
        pooling: one of ``PADDED_POOLINGS``.
        side: where a short review's padding stands, ``"right"`` or ``"left"``.
        options: of ``BiLSTMClassifier``.

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
        all_steps = torch.full_like(lengths, words.size(1))
        if self.attention is not None:
            return self.attention(output, all_steps)
        return {"mean": mean_pool, "max": max_pool}[self.pooling](output, all_steps)


def shift_right(words: Tensor, lengths: Tensor) -> Tensor:
    """Move each row's padding from its end to its beginning.

    Args:
        words: float (N, L, E), padding last.
        lengths: int64 (N,).

    Returns:
        float (N, L, E), padding first.
    """
    steps = torch.arange(words.size(1), device=words.device)
    source = (steps - (words.size(1) - lengths.to(words.device))[:, None]) % words.size(1)
    return words.gather(1, source[..., None].expand_as(words))


def first_and_last_step(output: Tensor) -> Tensor:
    """Join the first and the last step, as some tutorials do.

    The forward half of the first and the reverse half of the last have read one token each.

    Args:
        output: float (N, L, 2*H_out).

    Returns:
        float (N, 4*H_out).
    """
    return torch.cat([output[:, 0], output[:, -1]], dim=1)
