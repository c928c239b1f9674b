"""Greedy and beam search over any model that takes one step at a time from an LSTM's state."""

from collections.abc import Callable

import torch
from torch import Tensor

from lstm_tutorial.tasks.dates import BOS, EOS, PAD

State = tuple[Tensor, Tensor]
Step = Callable[[Tensor, State], tuple[Tensor, State]]


def greedy_search(step: Step, state: State, max_length: int) -> Tensor:
    """Take the most probable token at every step.

    Args:
        step: from tokens, int64 (N,), and a state to log-probabilities, float (N, V), and the
            next state.
        state: before the first step, each (num_layers, N, H).
        max_length: of the answers.

    Returns:
        int64 (N, at most max_length), ``PAD`` after each ``EOS``.
    """
    tokens = torch.full((state[0].size(1),), BOS, device=state[0].device)
    answers, ended = [], torch.zeros_like(tokens, dtype=torch.bool)
    for _ in range(max_length):
        log_probabilities, state = step(tokens, state)
        tokens = log_probabilities.argmax(-1).masked_fill(ended, PAD)
        answers.append(tokens)
        ended = ended | (tokens == EOS)
        if ended.all():
            break
    return torch.stack(answers, dim=1)


def beam_search(step: Step, state: State, width: int, max_length: int) -> tuple[Tensor, Tensor]:
    """Keep the ``width`` most probable beginnings of every answer.

    An answer that has ended stays in the beam with its score. The score is the sum of the
    log-probabilities, without a bonus for length.

    Args:
        step: as in :func:`greedy_search`, for N*width rows.
        state: before the first step, each (num_layers, N*width, H): ``width`` equal rows per
            source, next to each other.
        width: of the beam, at least 1.
        max_length: of the answers.

    Returns:
        Answers, int64 (N, width, at most max_length), best first, ``PAD`` after each ``EOS``;
        their scores, float (N, width), -inf where there are fewer answers than ``width``.

    Raises:
        ValueError: if the state's rows are not a multiple of ``width``.
    """
    rows = state[0].size(1)
    if width < 1 or rows % width:
        raise ValueError(
            f"expected a multiple of {width} rows in the state, got {rows}: "
            "repeat each source's state with repeat_interleave(width, dim=1)"
        )
    first = torch.arange(0, rows, width, device=state[0].device)[:, None]  # (N, 1)
    answers = torch.full((rows, 1), BOS, device=first.device)
    scores = state[0].new_full((len(first), width), -torch.inf)
    scores[:, 0] = 0.0  # all rows of a source begin equal: only one may count
    ended = torch.zeros(rows, dtype=torch.bool, device=first.device)
    for _ in range(max_length):
        log_probabilities, state = step(answers[:, -1], state)  # (N*width, V)
        classes = log_probabilities.size(-1)
        log_probabilities = log_probabilities.masked_fill(ended[:, None], -torch.inf)
        log_probabilities[:, PAD].masked_fill_(ended, 0.0)
        total = scores.reshape(-1, 1) + log_probabilities
        scores, chosen = total.view(len(first), width * classes).topk(width)
        origin = (first + chosen // classes).flatten()
        tokens = (chosen % classes).flatten()
        answers = torch.cat([answers[origin], tokens[:, None]], dim=1)
        ended = ended[origin] | (tokens == EOS)
        state = state[0][:, origin], state[1][:, origin]
        if ended.all():
            break
    return answers[:, 1:].view(len(first), width, -1), scores
