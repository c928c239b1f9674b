"""Follow one unit of a classifier through a text: its gates, its states, and the verdict so far."""

from typing import NamedTuple

import torch
from torch import Tensor

from lstm_tutorial.cell import lstm_gates, lstm_step
from lstm_tutorial.sentiment.data.text import encode, tokenize
from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from lstm_tutorial.sentiment.runs.run import Run
from lstm_tutorial.sentiment.studies.observing import bilstm_of
from lstm_tutorial.sentiment.training.evaluation import evaluating


class Reading(NamedTuple):
    """Hold what one unit does while a text of L tokens is read.

    Args:
        tokens: L of them.
        unit: number of the unit, from 0, in the forward direction of the first layer.
        weight: the unit's weight in the last layer.
        steps: float (L, 6): i, f, g, o, and the states c and h after each token.
        probabilities: float (L,), that the film is liked, of the text up to each token.
    """

    tokens: list[str]
    unit: int
    weight: float
    steps: Tensor
    probabilities: Tensor


@torch.no_grad()
def read(run: Run, text: str) -> Reading:
    """Read a text with the forward unit that moves the verdict most.

    That is the unit whose largest hidden state, times its weight in the last layer, is largest in
    size: max pooling takes this state, so the product is what the unit adds to the logit.

    Args:
        run: of a max-pooled BiLSTM with one layer.
        text: with at least one word.

    Returns:
        The unit, and what it does at each token.

    Raises:
        ValueError: if the text has no words.
    """
    tokens = tokenize(text)
    if not tokens:
        raise ValueError("expected some words, got an empty text")
    model, ids = bilstm_of(run.model), torch.tensor(encode(tokens, run.vocab))
    steps = walk(model, ids)
    weights = model.classifier.weight[0, : steps.size(2)]
    unit = int((steps[:, 5].amax(dim=0) * weights).abs().argmax())
    prefixes = [ids[: t + 1] for t in range(len(ids))]
    rows = torch.nn.utils.rnn.pad_sequence(prefixes, batch_first=True)
    with evaluating(model):
        logits = model(rows, torch.arange(1, len(ids) + 1))
    return Reading(tokens, unit, weights[unit].item(), steps[..., unit], logits.sigmoid())


def walk(model: BiLSTMClassifier, ids: Tensor) -> Tensor:
    """Compute the gates and states of every forward unit, which ``nn.LSTM`` does not return.

    Args:
        model: with a BiLSTM of one layer.
        ids: long (L,).

    Returns:
        float (L, 6, H): i, f, g, o, c, h.
    """
    lstm = model.lstm
    weight_hh, bias_hh = lstm.get_parameter("weight_hh_l0"), lstm.get_parameter("bias_hh_l0")
    projected = model.embedding(ids) @ lstm.weight_ih_l0.T + lstm.bias_ih_l0  # (L, 4*H)
    h = c = projected.new_zeros(1, lstm.hidden_size)
    found = []
    for row in projected.split(1):
        gates = lstm_gates(row + h @ weight_hh.T + bias_hh)
        h, c = lstm_step(row, (h, c), weight_hh, bias_hh)
        found.append(torch.cat([*gates, c, h]))
    return torch.stack(found)
