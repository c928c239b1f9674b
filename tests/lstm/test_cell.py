"""One step: the equations, and ``LSTMCell`` as ``torch.nn.LSTMCell``."""

import copy
import inspect
import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lstm_tutorial import LSTMCell, lstm_gates, lstm_step


def test_gates_come_in_the_order_i_f_g_o():
    i, f, g, o = lstm_gates(torch.tensor([[0.0, math.log(3), 1.0, -math.log(3)]]))
    assert i.item() == 0.5
    assert f.item() == pytest.approx(0.75)
    assert g.item() == pytest.approx(math.tanh(1))
    assert o.item() == pytest.approx(0.25)


def test_a_step_by_hand():
    h, c = lstm_step(
        torch.tensor([[2.0, 1.0, -1.0, -1.0]], dtype=torch.float64)
        + torch.tensor([[0, 1, 0, 0.5]]),
        (torch.full((1, 1), 0.5).double(), torch.full((1, 1), 0.75).double()),
        torch.tensor([[-1.0], [2.0], [0.5], [1.0]], dtype=torch.float64),
    )
    i, f, g, o = 1 / (1 + math.exp(-1.5)), 1 / (1 + math.exp(-3)), math.tanh(-0.75), 0.5
    assert c.item() == pytest.approx(f * 0.75 + i * g, abs=1e-15)
    assert h.item() == pytest.approx(o * math.tanh(f * 0.75 + i * g), abs=1e-15)


def results(cell: nn.Module, x: torch.Tensor, hx: tuple | None) -> list[torch.Tensor]:
    leaves = [leaf.clone().requires_grad_() for leaf in (x, *(hx or ()))]
    h, c = cell(leaves[0], tuple(leaves[1:]) or None)
    loss = h.sin().sum() + (c**2).sum()
    return [h, c, *torch.autograd.grad(loss, [*leaves, *cell.parameters()])]


@settings(max_examples=100, derandomize=True, database=None, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    n=st.sampled_from([None, 0, 1, 3]),
    bias=st.booleans(),
    given_hx=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_cell_equals_torchs_in_values_and_gradients(sizes, n, bias, given_hx, seed):
    torch.manual_seed(seed)
    theirs = nn.LSTMCell(*sizes, bias=bias, dtype=torch.float64)
    ours = LSTMCell(*sizes, bias=bias, dtype=torch.float64)
    ours.load_state_dict(theirs.state_dict())
    rows = () if n is None else (n,)
    x = torch.randn(*rows, sizes[0], dtype=torch.float64)
    hx = tuple(torch.randn(2, *rows, sizes[1], dtype=torch.float64)) if given_hx else None
    torch.testing.assert_close(results(ours, x, hx), results(theirs, x, hx), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "arguments", [(3, 4), (3, 1), (3, 4, False), (3, 4, 0), (3, 4, 1), (0, 4), (3, 0)]
)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_cell_has_torchs_parameters_start_and_repr(arguments):
    torch.manual_seed(1)
    theirs = nn.LSTMCell(*arguments)
    torch.manual_seed(1)
    ours = LSTMCell(*arguments)
    assert repr(ours) == repr(theirs)
    pairs = zip(ours.named_parameters(), theirs.named_parameters(), strict=True)
    for (name, weight), (expected_name, expected) in pairs:
        assert name == expected_name
        assert torch.equal(weight, expected)


def test_gradcheck_of_the_cell():
    cell = LSTMCell(2, 3, dtype=torch.float64)
    leaves = [torch.randn(2, size, dtype=torch.float64, requires_grad=True) for size in (2, 3, 3)]
    assert torch.autograd.gradcheck(lambda x, h, c: cell(x, (h, c)), leaves)
    assert torch.autograd.gradgradcheck(lambda x, h, c: cell(x, (h, c)), leaves)


@pytest.mark.kernels
@pytest.mark.parametrize("bias", [True, False])
def test_autocast_and_half_precision_return_torchs_dtypes_and_values_near(bias):
    theirs, ours = nn.LSTMCell(3, 4, bias), LSTMCell(3, 4, bias)
    ours.load_state_dict(theirs.state_dict())
    x, hx = torch.randn(2, 3), tuple(torch.randn(2, 2, 4))
    for states in (None, hx):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.testing.assert_close(ours(x, states), theirs(x, states), rtol=0, atol=0.05)
    for dtype in (torch.bfloat16, torch.float16):
        states = tuple(state.to(dtype) for state in hx)
        found, expected = (cell.to(dtype)(x.to(dtype), states) for cell in (ours, theirs))
        torch.testing.assert_close(found, expected, rtol=0, atol=0.02)


def test_the_forms_of_hx_that_torchs_cell_takes():
    theirs, ours = nn.LSTMCell(3, 4), LSTMCell(3, 4)
    theirs.load_state_dict(ours.state_dict())
    x, h, c = torch.randn(3), torch.randn(4), torch.randn(4)
    for hx in ((h, c), [h, c], torch.stack([h, c]), (h, c, c)):
        torch.testing.assert_close(ours(x, hx), theirs(x, hx), rtol=0, atol=1e-6)


def test_copies_of_the_cell_compute_the_same():
    cell, x = LSTMCell(3, 4), torch.randn(2, 3)
    for other in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
        assert torch.equal(other(x)[0], cell(x)[0])


def test_constructor_of_the_cell_takes_torchs_arguments_in_torchs_order():
    names = list(inspect.signature(LSTMCell).parameters)
    assert names == list(inspect.signature(nn.LSTMCell).parameters)


@pytest.mark.parametrize("shape", [(2, 3), (3,)])
def test_the_cell_on_the_meta_device(shape):
    x = torch.randn(shape, device="meta")
    found, expected = (cls(3, 4, device="meta")(x) for cls in (LSTMCell, nn.LSTMCell))
    assert [t.shape for t in found] == [t.shape for t in expected]


def test_gradient_along_the_cell_state_is_the_product_of_the_forget_gates():
    """With the hidden states held: what the chapter on gates derives."""
    torch.manual_seed(0)
    cell = nn.LSTMCell(3, 5, dtype=torch.float64)
    xs, hs = torch.randn(4, 1, 3).double(), torch.randn(4, 1, 5).double()

    def last(c: torch.Tensor) -> torch.Tensor:
        for x, h in zip(xs, hs, strict=True):
            c = cell(x, (h, c))[1]
        return c[0]

    start = torch.randn(1, 5).double()
    found = torch.autograd.functional.jacobian(last, start)[:, 0]
    projected = xs @ cell.weight_ih.T + cell.bias_ih + hs @ cell.weight_hh.T + cell.bias_hh
    forget = projected.chunk(4, dim=-1)[1].sigmoid().prod(dim=0)[0]
    torch.testing.assert_close(found, torch.diag(forget), rtol=0, atol=1e-12)
