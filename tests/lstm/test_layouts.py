"""One step in the layout of each framework that the chapter on the constructor lists."""

import torch
from torch import Tensor, nn

KINDS = "ifgo"


def update(i: Tensor, f: Tensor, g: Tensor, o: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def step_and_states() -> tuple[nn.LSTMCell, Tensor, Tensor, Tensor]:
    cell = nn.LSTMCell(3, 5, dtype=torch.float64)
    x, h, c = (torch.randn(2, size, dtype=torch.float64) for size in (3, 5, 5))
    return cell, x, h, c


def assert_equal(ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor]) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def blocks(order: str, weight: Tensor) -> Tensor:
    """Bring the blocks i, f, g, o into another order."""
    return torch.cat([weight.chunk(4)[KINDS.index(kind)] for kind in order])


def test_keras_has_i_f_c_o_transposed_and_one_bias():
    cell, x, h, c = step_and_states()
    kernel, recurrent_kernel = cell.weight_ih.T, cell.weight_hh.T
    a = x @ kernel + h @ recurrent_kernel + cell.bias_ih + cell.bias_hh
    assert_equal(update(*a.chunk(4, dim=-1), c), cell(x, (h, c)))


def test_onnx_has_i_o_f_c_and_both_biases_in_a_row():
    cell, x, h, c = step_and_states()
    W, R = (blocks("iofg", weight) for weight in (cell.weight_ih, cell.weight_hh))
    B = torch.cat([blocks("iofg", bias) for bias in (cell.bias_ih, cell.bias_hh)])
    i, o, f, g = (x @ W.T + h @ R.T + sum(B.chunk(2))).chunk(4, dim=-1)
    assert_equal(update(i, f, g, o, c), cell(x, (h, c)))


def test_tensorflow_1_has_i_c_f_o_in_one_kernel_and_adds_1_to_the_forget_gate():
    cell, x, h, c = step_and_states()
    kernel = blocks("igfo", torch.cat([cell.weight_ih, cell.weight_hh], dim=1)).T
    forget_bias = torch.tensor([0.0, 0.0, 1.0, 0.0]).repeat_interleave(5)
    bias = blocks("igfo", cell.bias_ih + cell.bias_hh) - forget_bias
    i, g, f, o = (torch.cat([x, h], dim=-1) @ kernel + bias).chunk(4, dim=-1)
    assert_equal(update(i, f + 1, g, o, c), cell(x, (h, c)))


def test_flax_has_two_kernels_and_one_bias_for_each_gate():
    cell, x, h, c = step_and_states()
    parts = [cell.weight_ih, cell.weight_hh, cell.bias_ih + cell.bias_hh]
    a = [
        x @ kernel.T + h @ recurrent.T + bias
        for kernel, recurrent, bias in zip(*(part.chunk(4) for part in parts), strict=True)
    ]
    assert_equal(update(*a, c), cell(x, (h, c)))
