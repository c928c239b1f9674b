"""What proves the quiz of the chapter on variants of the cell."""

import torch
from torch import nn
from torch.nn.utils import parametrize

from lstm_tutorial.minimal import parallel_scan
from lstm_tutorial.variants import layer_norm_step
from tests.book.quizzes import proves


@proves("quiz-variants-chunks")
def cell_states_of_chunks(choice: str) -> bool:
    lstm, x, hx = nn.LSTM(3, 4), torch.randn(50, 2, 3), None
    found = []
    for part in x.split(10):
        output, hx = lstm(part, hx)
        assert len(output) == 10  # hidden states
        found += hx[1]
    return len(found) == int(choice.removeprefix("All "))


@proves("quiz-variants-scale")
def step_with_scaled_weights(choice: str) -> bool:
    H = 64
    a, hx = torch.randn(3, 4 * H), (torch.rand(3, H), torch.randn(3, H))
    weight, norms = torch.randn(4 * H, H), (nn.LayerNorm(4 * H), nn.LayerNorm(H))
    (before, c), (after, d) = (layer_norm_step(a, hx, w, *norms) for w in (weight, 100 * weight))
    same = torch.allclose(before, after, atol=1e-3) and torch.allclose(c, d, atol=1e-3)
    return {
        "Next to nothing": same,
        "The gates saturate": not same,
        "Its output is 100 times as large": torch.allclose(100 * before, after),
    }[choice]


@proves("quiz-variants-mask")
def masks_of_a_call(choice: str) -> bool:
    lstm, x = nn.LSTM(3, 4), torch.randn(6, 1, 3).expand(6, 2, 3)
    parametrize.register_parametrization(lstm, "weight_hh_l0", nn.Dropout(0.5))
    with parametrize.cached():
        output, _ = lstm(x)
        plain = nn.LSTM(3, 4)
        for name, weight in plain.named_parameters():
            weight.data.copy_(getattr(lstm, name))
    same_for_all_steps = torch.allclose(plain(x)[0], output, atol=1e-6)
    same_for_all_rows = torch.allclose(output[:, 0], output[:, 1], atol=1e-6)
    return {
        "One for each step": not same_for_all_steps,
        "One for each sequence": not same_for_all_rows,
        "One for all steps and sequences": same_for_all_steps and same_for_all_rows,
    }[choice]


@proves("quiz-variants-rounds")
def rounds_of_the_scan(choice: str) -> bool:
    joined = []

    class Counted(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            joined.append(function is torch.cat)
            return super().__torch_function__(function, types, args, kwargs or {})

    parallel_scan(*torch.rand(2, 512, 1).as_subclass(Counted).unbind(0))
    return sum(joined) == 2 * int(choice)  # written and kept
