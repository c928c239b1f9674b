"""``init_like_keras`` draws what Keras' LSTM starts with."""

import math

import pytest
import torch
from torch import nn

from lstm_tutorial.initialisation import init_like_keras

LSTMS = [
    {},
    {"num_layers": 2, "bidirectional": True},
    {"bias": False},
    {"proj_size": 8},
]


@pytest.fixture(params=LSTMS, ids=str)
def lstm(request) -> nn.LSTM:
    made = nn.LSTM(24, 32, **request.param)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        init_like_keras(made)
    return made


def named(lstm: nn.LSTM, start: str) -> list[torch.Tensor]:
    return [p.detach() for name, p in lstm.named_parameters() if name.startswith(start)]


def test_recurrent_weights_are_orthogonal_as_a_whole(lstm):
    for weight in named(lstm, "weight_hh"):
        torch.testing.assert_close(weight.T @ weight, torch.eye(weight.shape[1]), rtol=0, atol=1e-5)


def test_input_weights_fill_glorots_interval(lstm):
    for weight in named(lstm, "weight_ih") + named(lstm, "weight_hr"):
        limit = math.sqrt(6 / sum(weight.shape))
        assert 0.95 * limit < weight.abs().max() <= limit
        assert weight.std() == pytest.approx(limit / math.sqrt(3), rel=0.1)


def test_biases_add_up_to_one_for_the_forget_gate_and_to_nothing_elsewhere(lstm):
    H = lstm.hidden_size
    for one, other in zip(named(lstm, "bias_ih"), named(lstm, "bias_hh"), strict=True):
        total = one + other
        assert (total[H : 2 * H] == 1).all()
        assert not total[:H].any()
        assert not total[2 * H :].any()
