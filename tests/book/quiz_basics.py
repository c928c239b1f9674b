"""What proves the quizzes of the gates and of the constructor."""

import re

import torch
from torch import nn

from tests.book.quizzes import proves


def shape_in(text: str) -> tuple[int, ...]:
    """Read the last shape that a text names."""
    return tuple(int(size) for size in re.findall(r"\((\d+(?:, \d+)+)\)", text)[-1].split(", "))


@proves("quiz-gates-rows")
def output_gate_rows(choice: str) -> bool:
    cell = nn.LSTMCell(6, 10)
    states = torch.randn(3, 10), torch.randn(3, 10)
    h, c = cell(torch.randn(3, 6), states)
    shown, kept = (
        torch.autograd.grad(state.sum(), cell.weight_hh, retain_graph=True)[0] != 0
        for state in (h, c)
    )
    chosen = torch.zeros(40, 10, dtype=torch.bool)
    exec(f"{choice} = True", {"cell": type("Cell", (), {"weight_hh": chosen})})
    return torch.equal(chosen, shown & ~kept)  # o alone acts on h and not on c


@proves("quiz-gates-remember")
@torch.no_grad()
def keeps(choice: str) -> bool:
    held = dict(re.findall(r"([ifo]) (open|shut)", choice))
    cell = nn.LSTMCell(3, 4)
    for gate, state in held.items():
        rows = slice(4 * "ifgo".index(gate), 4 * "ifgo".index(gate) + 4)
        cell.weight_ih[rows] = cell.weight_hh[rows] = cell.bias_hh[rows] = 0
        cell.bias_ih[rows] = 30 if state == "open" else -30
    h, c = torch.zeros(1, 4), torch.tensor([[0.5, -0.3, 0.9, -2.0]])
    start = c
    for x in torch.randn(50, 1, 3):
        h, c = cell(x, (h, c))
    return torch.allclose(c, start)


@proves("quiz-gates-layer-2")
def columns_of_layer_2(choice: str) -> bool:
    lstm = nn.LSTM(8, 5, num_layers=2, bidirectional=True)
    return shape_in(choice) == lstm.weight_ih_l1.shape


@proves("quiz-gates-half")
@torch.no_grad()
def left_after_ten_steps(choice: str) -> bool:
    lstm = nn.LSTM(3, 1)
    for weight in lstm.parameters():
        weight.zero_()
    start = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
    left = lstm(torch.randn(10, 1, 3), start)[1][1].item()
    return abs(left - float(choice.removesuffix("%")) / 100) < 1e-3 * left + 1e-4


@proves("quiz-parameters-bias")
def bias_gradients(choice: str) -> bool:
    lstm = nn.LSTM(3, 4, dtype=torch.float64)
    lstm(torch.randn(5, 2, 3, dtype=torch.float64))[0].square().sum().backward()
    b_ih, b_hh = lstm.bias_ih_l0.grad, lstm.bias_hh_l0.grad
    return {
        "bias_hh_l0.grad is zero": not b_hh.any(),
        "They have opposite signs": torch.equal(b_ih.sign(), -b_hh.sign()),
        "They are equal": torch.allclose(b_ih, b_hh, rtol=0, atol=1e-12),
        "They differ like any two parameters": not torch.allclose(b_ih, b_hh),
    }[choice]


@proves("quiz-parameters-forget-bias")
@torch.no_grad()
def forget_bias(choice: str) -> bool:
    lstm = nn.LSTM(3, 4)
    for name, weight in lstm.named_parameters():
        if name.startswith("bias"):
            weight[4:8] = 1
    total = (lstm.bias_ih_l0 + lstm.bias_hh_l0)[4:8]
    return {
        "1": bool((total == 1).all()),
        "2": bool((total == 2).all()),
        "1, and a small random number": bool(((total - 1).abs() <= 0.5).all()),
    }[choice]


def zero_columns(grad: torch.Tensor) -> bool:
    """Tell whether something that these weights read was zero: its column then has no gradient."""
    return bool((grad.abs().sum(dim=0) == 0).any())


@proves("quiz-parameters-dropout")
def dropped(choice: str) -> bool:
    lstm = nn.LSTM(8, 16, num_layers=2, dropout=0.5)

    def gradients(L: int) -> dict[str, torch.Tensor]:
        lstm.zero_grad()
        lstm(torch.randn(L, 1, 8))[0].sum().backward()
        return {name: weight.grad for name, weight in lstm.named_parameters()}

    one, two = gradients(1), gradients(2)
    recurrent = [two[f"weight_hh_l{layer}"] for layer in range(2)]
    return {
        "Numbers of the input": zero_columns(one["weight_ih_l0"]),
        "Numbers of output": bool((lstm(torch.randn(9, 4, 8))[0] == 0).any()),
        "Numbers of the old hidden state that a step reads": any(map(zero_columns, recurrent)),
        "Numbers that the second layer reads from the first": zero_columns(one["weight_ih_l1"]),
    }[choice]


@proves("quiz-parameters-proj")
def has_8_features(choice: str) -> bool:
    lstm = nn.LSTM(10, 8, proj_size=3, dtype=torch.float64)
    output, (h_n, c_n) = lstm(torch.randn(5, 2, 10, dtype=torch.float64))
    tensors = {"output": output, "h_n": h_n, "c_n": c_n, "weight_hh_l0": lstm.weight_hh_l0}
    return tensors[choice].size(-1) == 8


@proves("quiz-parameters-double")
def growth(choice: str) -> bool:
    small, large = (nn.LSTM(3, H).weight_hh_l0.numel() for H in (6, 12))
    return large == int(choice) * small
