"""``ragged.run`` promises what packing gives: outputs, states, gradients, dropout masks."""

import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstm_tutorial import ragged

LENGTHS = torch.tensor([2, 5, 1, 5])
N, L, H_IN, H = 4, 6, 3, 4  # L is longer than any row
LAYOUTS = list(itertools.product((1, 2, 3), (False, True), (True, False), (False, True)))
KINDS = [(nn.LSTM, {}), (nn.LSTM, {"proj_size": 2}), (nn.GRU, {}), (nn.RNN, {})]
KINDS += [(nn.RNN, {"nonlinearity": "relu"})]


def make(kind, extra: dict, layout: tuple, dropout: float = 0.0) -> nn.RNNBase:
    num_layers, bidirectional, bias, batch_first = layout
    return kind(
        H_IN,
        H,
        num_layers=num_layers,
        bidirectional=bidirectional,
        bias=bias,
        batch_first=batch_first,
        dropout=dropout if num_layers > 1 else 0.0,
        dtype=torch.float64,
        **extra,
    )


def states_for(rnn: nn.RNNBase) -> list[Tensor]:
    layers = rnn.num_layers * (2 if rnn.bidirectional else 1)
    sizes = [rnn.proj_size or H, H] if rnn.mode == "LSTM" else [H]
    return [torch.randn(layers, N, size, dtype=torch.float64) for size in sizes]


def results(rnn: nn.RNNBase, run, x: Tensor, states: list[Tensor] | None) -> list[Tensor]:
    """Output, final states, and the gradients of input, parameters and initial states."""
    x = x.clone().requires_grad_()
    leaves = [] if states is None else [state.clone().requires_grad_() for state in states]
    hx = None if states is None else tuple(leaves) if rnn.mode == "LSTM" else leaves[0]
    torch.manual_seed(7)  # the same dropout masks
    output, finals = run(rnn, x, hx)
    finals = finals if isinstance(finals, tuple) else (finals,)
    loss = output.sin().sum() + sum((final**2).sum() for final in finals)
    gradients = torch.autograd.grad(loss, [x, *rnn.parameters(), *leaves])
    return [output, *finals, *gradients]


def through_packing(rnn: nn.RNNBase, x: Tensor, hx) -> tuple:
    packed = pack_padded_sequence(x, LENGTHS, rnn.batch_first, enforce_sorted=False)
    output, finals = rnn(packed, hx)
    return pad_packed_sequence(output, rnn.batch_first, total_length=L)[0], finals


def through_ragged(rnn: nn.RNNBase, x: Tensor, hx) -> tuple:
    return ragged.run(rnn, x, LENGTHS, hx)


@pytest.mark.parametrize(("kind", "extra"), KINDS)
@pytest.mark.parametrize("given", [False, True], ids=["no hx", "hx"])
def test_outputs_states_and_gradients_are_those_of_packing(kind, extra, given):
    torch.manual_seed(0)
    for layout in LAYOUTS:
        rnn = make(kind, extra, layout)
        x = torch.randn(*((N, L) if rnn.batch_first else (L, N)), H_IN, dtype=torch.float64)
        states = states_for(rnn) if given else None
        ours = results(rnn, through_ragged, x, states)
        theirs = results(rnn, through_packing, x, states)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("kind", "extra"), KINDS)
def test_dropout_draws_the_masks_that_packing_draws(kind, extra):
    torch.manual_seed(0)
    for layout in LAYOUTS:
        rnn = make(kind, extra, layout, dropout=0.4)
        x = torch.randn(*((N, L) if rnn.batch_first else (L, N)), H_IN, dtype=torch.float64)
        ours = results(rnn, through_ragged, x, None)
        theirs = results(rnn, through_packing, x, None)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_what_padding_holds_makes_no_difference():
    torch.manual_seed(0)
    rnn = make(nn.LSTM, {}, (2, True, True, False))
    x = torch.randn(L, N, H_IN, dtype=torch.float64)
    clean = results(rnn, through_ragged, x, None)
    x[torch.arange(L)[:, None] >= LENGTHS] = float("nan")
    soiled = results(rnn, through_ragged, x, None)
    torch.testing.assert_close(soiled, clean, rtol=0, atol=0)


def test_float32_stays_within_1e_5_of_packing():
    torch.manual_seed(0)
    rnn = make(nn.LSTM, {}, (2, True, True, True)).float()
    x = torch.randn(N, L, H_IN)
    ours, theirs = (results(rnn, run, x, None) for run in (through_ragged, through_packing))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_gradcheck_and_double_backward():
    torch.manual_seed(0)
    rnn = make(nn.LSTM, {}, (1, True, True, False))
    x = torch.randn(L, N, H_IN, dtype=torch.float64, requires_grad=True)

    def outputs(x):
        output, (h_n, c_n) = ragged.run(rnn, x, LENGTHS)
        return output, h_n, c_n

    assert torch.autograd.gradcheck(outputs, x)
    assert torch.autograd.gradgradcheck(outputs, x)


def test_reversing_twice_gives_back_the_rows():
    index = ragged.reverse_rows(LENGTHS, L)
    assert torch.equal(index[index], torch.arange(L * N))
    rows = index.view(L, N) // N
    assert rows[:, 0].tolist() == [1, 0, 2, 3, 4, 5]  # length 2: two steps swapped, padding stays


def test_batch_first_can_be_said_at_the_call():
    torch.manual_seed(0)
    rnn = make(nn.GRU, {}, (1, True, True, False))
    x = torch.randn(N, L, H_IN, dtype=torch.float64)
    output, h_n = ragged.run(rnn, x, LENGTHS, batch_first=True)
    expected, h_expected = ragged.run(rnn, x.transpose(0, 1), LENGTHS)
    torch.testing.assert_close(output, expected.transpose(0, 1), rtol=0, atol=0)
    torch.testing.assert_close(h_n, h_expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lengths": [2, 0, 1, 5]}, r"between 1 and 6, got 0 at position 1: drop empty rows first"),
        ({"lengths": [2, 7, 1, 5]}, r"between 1 and 6, got 7 at position 1"),
        ({"lengths": [2, 5]}, r"one length for each of the 4 rows of the \(L, N, H_in\) input"),
        ({"input": torch.zeros(L, H_IN, dtype=torch.float64)}, r"expected a 3-D batch, got 2-D"),
        (
            {"hx": (torch.zeros(1, N, H), torch.zeros(2, N, H))},
            r"initial state 0 of shape \(2, 4, 4\)",
        ),
    ],
)
def test_bad_input_is_named(change, message):
    rnn = make(nn.LSTM, {}, (1, True, True, False))
    arguments = {"input": torch.zeros(L, N, H_IN, dtype=torch.float64), "lengths": LENGTHS}
    with pytest.raises(ValueError, match=message):
        ragged.run(rnn, **(arguments | change))
