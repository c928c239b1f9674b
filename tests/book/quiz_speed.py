"""What proves the quizzes of the backward pass and of speed."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils._python_dispatch import TorchDispatchMode

from lstm_tutorial import lstm_gates, lstm_step, ragged
from tests.book.quiz_calls import packed_run
from tests.book.quizzes import proves


@proves("quiz-bptt-road")
def factor_of_the_memory(choice: str) -> bool:
    W_hh, c = torch.randn(16, 4), torch.randn(1, 4, requires_grad=True)
    projected, h = torch.randn(1, 16), torch.randn(1, 4)
    _, c_next = lstm_step(projected, (h, c), W_hh, None)
    (factor,) = torch.autograd.grad(c_next.sum(), c)
    i, f, _, _ = lstm_gates(projected + h @ W_hh.T)
    candidates = {
        "Whh": torch.ones(1, 16) @ W_hh,
        "The input gate": i,
        "The forget gate": f,
        "1 − tanh²(ct)": 1 - c_next.detach().tanh() ** 2,
    }
    return torch.allclose(candidates[choice], factor)


@proves("quiz-bptt-shut")
def gradients_of_a_shut_unit(choice: str) -> bool:
    a = torch.randn(1, 4).index_fill(1, torch.tensor(3), -1000.0).requires_grad_()
    h, _ = lstm_step(a, (torch.zeros(1, 1), torch.randn(1, 1)), torch.zeros(4, 1), None)
    reached = (torch.autograd.grad(h.sum(), a)[0][0] != 0).tolist()
    return {
        "All but ao": reached == [True, True, True, False],
        "Only ao": reached == [False, False, False, True],
        "None": not any(reached),
    }[choice]


@proves("quiz-bptt-product")
def gradient_as_a_product(choice: str) -> bool:
    L, N, H = 6, 3, 4
    lstm = nn.LSTM(2, H, dtype=torch.float64)
    h, c, preactivations = [torch.zeros(N, H).double()], torch.zeros(N, H).double(), []
    for x in torch.randn(L, N, 2, dtype=torch.float64):
        projected = x @ lstm.weight_ih_l0.T + lstm.bias_ih_l0 + lstm.bias_hh_l0
        a = projected + h[-1] @ lstm.weight_hh_l0.T
        preactivations.append(a)
        state, c = lstm_step(a, (h[-1], c), torch.zeros(4 * H, H).double(), None)
        h.append(state)
    leaves = [lstm.weight_hh_l0, *preactivations]
    expected, *d_a = torch.autograd.grad(torch.stack(h).square().sum(), leaves)
    names = {"d_a": torch.cat(d_a), "h": torch.stack(h).detach(), "L": L}
    return torch.allclose(eval(choice, names), expected, rtol=0, atol=1e-12)


@proves("quiz-bptt-far")
def gradient_from_far(choice: str) -> bool:
    def arriving(bias: float) -> float:
        torch.manual_seed(0)
        lstm, x = nn.LSTM(3, 8).double(), torch.randn(101, 1, 3).double().requires_grad_()
        with torch.no_grad():
            lstm.bias_ih_l0[8:16], lstm.bias_hh_l0[8:16] = bias, 0.0
        return torch.autograd.grad(lstm(x)[0][-1].sum(), x)[0][0].norm().item()

    ratio = arriving(5) / arriving(0)
    return {
        "It is many times larger": ratio > 100,
        "It is about the same": 0.1 < ratio < 10,
        "It is many times smaller": ratio < 0.01,
    }[choice]


class CountSlices(TorchDispatchMode):
    """Count the numbers that the backward pass of slices writes."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ == "slice_backward":
            self.numbers += result.numel()
        return result


@proves("quiz-speed-twice")
def growth_with_the_length(choice: str) -> bool:
    def written(L: int) -> int:
        packed = pack_padded_sequence(torch.randn(L, 2, 3), [L, L // 2])
        loss = nn.LSTM(3, 4)(packed)[0].data.sum()
        with CountSlices() as counter:
            loss.backward()
        return counter.numbers

    return round(written(200) / written(100)) == int(choice)


@proves("quiz-speed-right")
def packed_results(choice: str) -> bool:
    lstm, x = nn.LSTM(3, 4, bidirectional=True, batch_first=True), torch.randn(3, 6, 3)
    lengths = torch.tensor([6, 4, 1])
    x = x.masked_fill((torch.arange(6) >= lengths[:, None])[..., None], 0)
    expected, _ = packed_run(lstm, x, lengths)
    shift = [6 - int(length) for length in lengths]
    left = torch.stack([row.roll(k, 0) for row, k in zip(x, shift, strict=True)])
    runs = {
        "Padding on the right, no lengths": lambda: lstm(x)[0],
        "Padding on the left, no lengths": lambda: torch.stack(
            [row.roll(-k, 0) for row, k in zip(lstm(left)[0], shift, strict=True)]
        ),
        "Padding on the right, no lengths, rows sorted by length": lambda: lstm(x)[0],
        "ragged.run with the lengths": lambda: ragged.run(lstm, x, lengths)[0],
    }
    valid = (torch.arange(6) < lengths[:, None])[..., None]  # above, the rows are sorted already
    return torch.allclose(runs[choice]() * valid, expected, atol=1e-6)


@proves("quiz-speed-before")
def known_before_the_loop(choice: str) -> bool:
    cell, x = nn.LSTMCell(3, 4), torch.randn(5, 2, 3)

    def products(first: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both products of the last step, when the first step reads something else."""
        h = c = torch.zeros(2, 4)
        for x_t in (first, *x[1:-1]):
            h, c = cell(x_t, (h, c))
        return x[-1] @ cell.weight_ih.T, h @ cell.weight_hh.T

    before, after = products(x[0]), products(x[0] + 1)
    of_x, of_h = (torch.equal(u, v) for u, v in zip(before, after, strict=True))
    return {
        "Neither": not of_x and not of_h,
        "h @ weight_hh.T": of_h and not of_x,
        "x @ weight_ih.T": of_x and not of_h,
        "Both": of_x and of_h,
    }[choice]


@proves("quiz-speed-fused")
@torch.no_grad()
def fused(choice: str) -> bool:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this build of torch has no fused CPU kernel")
    lstm, x = nn.LSTM(3, 4), torch.randn(6, 2, 3)
    if "float64" in choice:
        lstm, x = lstm.double(), x.double()
    if "packed" in choice:
        x = pack_padded_sequence(x, [6, 3])
    with torch.profiler.profile() as profile:
        lstm(x)
    return any("mkldnn_rnn" in event.key for event in profile.key_averages())
