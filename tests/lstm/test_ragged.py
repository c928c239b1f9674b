"""``ragged.run`` promises what packing gives: outputs, states, gradients, dropout masks."""

import copy
import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstm_tutorial import LSTM, ragged

LENGTHS = torch.tensor([2, 5, 1, 5])
N, H_IN, H = 4, 3, 4
LAYOUTS = list(itertools.product((1, 2, 3), (False, True), (True, False), (False, True)))
KINDS = [(nn.LSTM, {}), (nn.LSTM, {"proj_size": 2}), (nn.GRU, {}), (nn.RNN, {})]
KINDS += [(nn.RNN, {"nonlinearity": "relu"})]


@pytest.fixture(params=["whole", "one block", "blocks with padding", "blocks without"])
def length(request, monkeypatch) -> int:
    """L, and with it the way that a call goes: in blocks where L is longer than any row."""
    if request.param.startswith("blocks"):
        rows_per_call = 1 if request.param == "blocks with padding" else 0
        monkeypatch.setattr(ragged, "_rows_per_call", lambda rnn, x: rows_per_call)
    return 5 if request.param == "whole" else 6


def make(kind, extra: dict, layout: tuple, dropout: float = 0.0, sizes=(H_IN, H)) -> nn.RNNBase:
    num_layers, bidirectional, bias, batch_first = layout
    return kind(
        *sizes,
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
    length = x.size(1 if rnn.batch_first else 0)
    return pad_packed_sequence(output, rnn.batch_first, total_length=length)[0], finals


def through_ragged(rnn: nn.RNNBase, x: Tensor, hx) -> tuple:
    return ragged.run(rnn, x, LENGTHS, hx)


def under_autocast(rnn: nn.RNNBase, x: Tensor, hx) -> tuple:
    with torch.autocast("cpu", torch.bfloat16):
        return ragged.run(rnn, x, LENGTHS, hx)


@pytest.mark.parametrize(("kind", "extra"), KINDS)
@pytest.mark.parametrize("given", [False, True], ids=["no hx", "hx"])
def test_outputs_states_and_gradients_are_those_of_packing(kind, extra, given, length):
    torch.manual_seed(0)
    for layout in LAYOUTS:
        rnn = make(kind, extra, layout)
        x = torch.randn(
            *((N, length) if rnn.batch_first else (length, N)), H_IN, dtype=torch.float64
        )
        states = states_for(rnn) if given else None
        ours = results(rnn, through_ragged, x, states)
        theirs = results(rnn, through_packing, x, states)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("kind", "extra"), KINDS)
def test_dropout_draws_the_masks_that_packing_draws(kind, extra, length):
    torch.manual_seed(0)
    for layout in LAYOUTS:
        rnn = make(kind, extra, layout, dropout=0.4)
        x = torch.randn(
            *((N, length) if rnn.batch_first else (length, N)), H_IN, dtype=torch.float64
        )
        ours = results(rnn, through_ragged, x, None)
        theirs = results(rnn, through_packing, x, None)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_what_padding_holds_makes_no_difference(length):
    torch.manual_seed(0)
    rnn = make(nn.LSTM, {}, (2, True, True, False))
    x = torch.randn(length, N, H_IN, dtype=torch.float64)
    clean = results(rnn, through_ragged, x, None)
    x[torch.arange(length)[:, None] >= LENGTHS] = float("nan")
    soiled = results(rnn, through_ragged, x, None)
    torch.testing.assert_close(soiled, clean, rtol=0, atol=0)


@pytest.mark.kernels
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("given", [False, True], ids=["no hx", "hx"])
@pytest.mark.parametrize(("kind", "extra"), KINDS)
def test_float32_stays_within_1e_5_of_packing(kind, extra, given, training, length):
    torch.manual_seed(0)
    rnn = make(kind, extra, (2, True, True, True)).float().train(training)
    x = torch.randn(N, length, H_IN)
    states = [state.float() for state in states_for(rnn)] if given else None
    ours, theirs = (results(rnn, run, x, states) for run in (through_ragged, through_packing))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.kernels
@pytest.mark.parametrize("given", [False, True], ids=["no hx", "hx"])
@pytest.mark.parametrize(("kind", "extra"), KINDS)
def test_autocast_changes_neither_results_nor_gradients(kind, extra, given, length):
    torch.manual_seed(0)
    rnn = make(kind, extra, (2, True, True, False)).float()
    x, states = torch.randn(length, N, H_IN), None
    if given:
        states = [state.float() for state in states_for(rnn)]
    ours, expected = (results(rnn, run, x, states) for run in (under_autocast, through_ragged))
    torch.testing.assert_close(ours, expected, rtol=0, atol=0)


@pytest.mark.kernels
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_under_autocast_bfloat16_is_converted_to_the_dtype_of_the_weights(kind, length):
    rnn = make(kind, {}, (1, True, True, False)).float()
    x, *states = (t.bfloat16() for t in (torch.randn(length, N, H_IN), *states_for(rnn)))
    hx, exact = (tuple(states), tuple(state.float() for state in states))
    if kind is nn.GRU:
        hx, exact = hx[0], exact[0]
    found = under_autocast(rnn, x, hx)
    torch.testing.assert_close(found, through_ragged(rnn, x.float(), exact), rtol=0, atol=0)


@pytest.mark.kernels
@pytest.mark.parametrize("features", [3, 4])
def test_bfloat16_features_are_even_in_number_and_give_what_packing_gives(
    features, length, monkeypatch
):
    torch.manual_seed(0)
    rnn = make(nn.LSTM, {}, (2, True, True, False), sizes=(features, H)).bfloat16()
    x, kernel, seen = torch.randn(length, N, features).bfloat16(), torch.lstm, []

    def recording(steps, *others):
        seen.append(steps.size(2))
        return kernel(steps, *others)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "lstm", recording)
        patch.setitem(ragged.KERNELS, "LSTM", recording)
        found = results(rnn, through_ragged, x, None)
    assert seen
    assert not any(size % 2 for size in seen)
    torch.testing.assert_close(found, results(rnn, through_packing, x, None), rtol=0.1, atol=0.1)


def test_gradcheck_and_double_backward(length):
    torch.manual_seed(0)
    rnn = make(nn.LSTM, {}, (1, True, True, False), sizes=(2, 2))  # every entry costs two passes
    x = torch.randn(length, N, 2, dtype=torch.float64, requires_grad=True)

    def outputs(x):
        output, (h_n, c_n) = ragged.run(rnn, x, LENGTHS)
        return output, h_n, c_n

    assert torch.autograd.gradcheck(outputs, x)
    assert torch.autograd.gradgradcheck(outputs, x)


def test_gradients_that_travel_back_in_a_batch_are_those_of_each(length):
    torch.manual_seed(0)
    rnn = make(nn.LSTM, {}, (2, True, True, False))
    x = torch.randn(length, N, H_IN, dtype=torch.float64, requires_grad=True)
    output, _ = ragged.run(rnn, x, LENGTHS)
    grads = torch.randn(3, *output.shape, dtype=torch.float64)
    (batched,) = torch.autograd.grad(output, x, grads, retain_graph=True, is_grads_batched=True)
    each = [torch.autograd.grad(output, x, grad, retain_graph=True)[0] for grad in grads]
    torch.testing.assert_close(batched, torch.stack(each), rtol=0, atol=1e-12)


def test_what_the_gradient_holds_on_padding_makes_no_difference(length):
    torch.manual_seed(0)
    rnn = make(nn.LSTM, {}, (2, True, True, False))
    x = torch.randn(length, N, H_IN, dtype=torch.float64, requires_grad=True)
    output, _ = ragged.run(rnn, x, LENGTHS)
    grad = torch.ones_like(output)
    wanted = [x, *rnn.parameters()]
    clean = torch.autograd.grad(output, wanted, grad, retain_graph=True)
    grad[torch.arange(length)[:, None] >= LENGTHS] = float("inf")
    soiled = torch.autograd.grad(output, wanted, grad)
    torch.testing.assert_close(soiled, clean, rtol=0, atol=0)


def test_reversing_twice_gives_back_the_rows():
    index = ragged.reverse_rows(LENGTHS, 6)
    assert torch.equal(index[index], torch.arange(6 * N))
    rows = index.view(6, N) // N
    assert rows[:, 0].tolist() == [1, 0, 2, 3, 4, 5]  # length 2: two steps swapped, padding stays


def test_in_eval_mode_dropout_drops_nothing():
    torch.manual_seed(0)
    rnn = make(nn.LSTM, {}, (2, True, True, False), dropout=0.4).eval()
    x = torch.randn(5, N, H_IN, dtype=torch.float64)
    ours, theirs = (results(rnn, run, x, None) for run in (through_ragged, through_packing))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("rows_per_call", "blocks"),
    [
        (0, [(1, 4), (1, 3), (3, 2)]),  # calls cost nothing, and save nothing where none ends
        (1, [(2, 4), (3, 2)]),  # a row of padding is worth a call
        (3, [(3, 4), (2, 2)]),  # 2 + 1 rows of padding are, and 2 * 2 that are saved
        (4, [(5, 4)]),  # all seven rows of padding cannot be worth two calls
    ],
)
def test_a_block_ends_when_its_padding_is_worth_a_call(rows_per_call, blocks):
    assert ragged.cut_blocks(LENGTHS, rows_per_call) == blocks


def test_a_block_goes_on_where_too_little_would_be_saved():
    lengths = torch.tensor([1, 1, 4])
    assert ragged.cut_blocks(lengths, 3) == [(4, 3)]  # four rows cost it, two would be saved
    assert ragged.cut_blocks(lengths, 2) == [(2, 3), (2, 1)]


def test_blocks_leave_out_nearly_all_padding_of_reviews():
    torch.manual_seed(0)
    lengths = torch.randint(30, 257, (64,))
    rows_per_call = ragged._rows_per_call(nn.LSTM(100, 128), torch.empty(0))
    blocks = ragged.cut_blocks(lengths, rows_per_call)
    rows = sum(steps * running for steps, running in blocks)
    assert lengths.sum() <= rows < 1.1 * lengths.sum() < 0.7 * 256 * 64


def test_a_large_module_is_not_called_more_often_than_pays():
    large = nn.LSTM(4096, 4096, num_layers=1, device="meta")
    rows_per_call = ragged._rows_per_call(large, torch.empty(0))
    assert ragged.cut_blocks(torch.tensor([60, 64]), rows_per_call) == [(64, 2)]


def test_a_relu_that_would_overflow_on_padding_is_that_of_packing():
    torch.manual_seed(0)
    rnn = make(nn.RNN, {"nonlinearity": "relu"}, (1, False, False, False))
    with torch.no_grad():
        rnn.weight_hh_l0.fill_(1e80)
        rnn.weight_ih_l0.fill_(1.0)
    x = torch.full((5, N, H_IN), 1e-50, dtype=torch.float64)
    x[0, LENGTHS == 1] = 1e100  # three more steps are too many
    gradients = []
    for run in (through_ragged, through_packing):
        output, _ = run(rnn, x, None)
        output[:1].sum().backward()
        gradients.append([p.grad.clone() for p in rnn.parameters()])
        rnn.zero_grad()
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=0)


def test_large_biases_do_not_reopen_what_is_shut_on_padding(length):
    torch.manual_seed(0)
    rnn = make(nn.LSTM, {}, (1, True, True, False))
    with torch.no_grad():
        for bias in (rnn.bias_ih_l0, rnn.bias_ih_l0_reverse):
            bias[:H], bias[H : 2 * H] = 300.0, -300.0  # take every input, and forget every state
    x, states = torch.randn(length, N, H_IN, dtype=torch.float64), states_for(rnn)
    ours, theirs = (results(rnn, run, x, states) for run in (through_ragged, through_packing))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_nothing_is_cut_outside_of_the_cpu(monkeypatch):
    monkeypatch.setattr(ragged, "ROWS", 0)
    monkeypatch.setattr(ragged, "MULTIPLICATIONS", 0)
    monkeypatch.setattr(ragged, "_run_blocks", None)  # not to be called
    lstm = nn.LSTM(H_IN, H, bidirectional=True, device="meta")
    output, (h_n, c_n) = ragged.run(lstm, torch.empty(5, N, H_IN, device="meta"), LENGTHS)
    assert output.shape == (5, N, 2 * H)
    assert h_n.shape == c_n.shape == (2, N, H)


def test_batch_first_can_be_said_at_the_call():
    torch.manual_seed(0)
    rnn = make(nn.GRU, {}, (1, True, True, False))
    x = torch.randn(N, 6, H_IN, dtype=torch.float64)
    output, h_n = ragged.run(rnn, x, LENGTHS, batch_first=True)
    expected, h_expected = ragged.run(rnn, x.transpose(0, 1), LENGTHS)
    torch.testing.assert_close(output, expected.transpose(0, 1), rtol=0, atol=0)
    torch.testing.assert_close(h_n, h_expected, rtol=0, atol=0)


def test_a_pair_of_states_may_be_a_list(length):
    torch.manual_seed(0)
    rnn = make(nn.LSTM, {}, (1, True, True, False))
    x, states = torch.randn(length, N, H_IN, dtype=torch.float64), states_for(rnn)
    found = ragged.run(rnn, x, LENGTHS, states)
    torch.testing.assert_close(found, ragged.run(rnn, x, LENGTHS, tuple(states)), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lengths": [2, 0, 1, 5]}, r"between 1 and 6, got 0 at position 1: drop empty rows first"),
        ({"lengths": [2, 7, 1, 5]}, r"between 1 and 6, got 7 at position 1: cut it to 6"),
        ({"lengths": None}, r"one length for each row, got None"),
        ({"hx": (None, None)}, r"expected tensors as initial states, got NoneType"),
        ({"lengths": [2, 5]}, r"one length for each of the 4 rows of the \(L, N, H_in\) input"),
        ({"input": torch.zeros(6, H_IN, dtype=torch.float64)}, r"expected a 3-D batch, got 2-D"),
        (
            {"lengths": [], "input": torch.zeros(6, 0, H_IN, dtype=torch.float64)},
            r"at least one step and one row in the \(L, N, H_in\) input, got none",
        ),
        ({"input": torch.zeros(6), "batch_first": True}, r"expected a 3-D batch, got 1-D"),
        (
            {"input": torch.zeros(0, N, H_IN, dtype=torch.float64)},
            r"at least one step and one row in the \(L, N, H_in\) input, got none",
        ),
        ({"lengths": [2.0, 5.0, 1.0, 5.0]}, r"whole numbers as lengths, got torch.float32"),
        ({"lengths": [True, True, True, True]}, r"whole numbers as lengths, got torch.bool"),
        ({"lengths": [2j, 5j, 1j, 5j]}, r"whole numbers as lengths, got torch.complex64"),
        (
            {"hx": (torch.zeros(1, N, H), torch.zeros(2, N, H))},
            r"initial state 0 of shape \(2, 4, 4\), got \(1, 4, 4\)",
        ),
        ({"hx": torch.zeros(2, N, H)}, r"expected a pair of states for LSTM, got Tensor"),
        ({"hx": (torch.zeros(2, N, H),)}, r"expected a pair of states for LSTM, got 1 of them"),
    ],
)
def test_bad_input_is_named(change, message):
    rnn = make(nn.LSTM, {}, (1, True, True, False))
    arguments = {"input": torch.zeros(6, N, H_IN, dtype=torch.float64), "lengths": LENGTHS}
    with pytest.raises(ValueError, match=message):
        ragged.run(rnn, **(arguments | change))


def test_a_compiled_module_is_run():
    rnn, x = make(nn.LSTM, {}, (1, True, True, False)), torch.randn(6, N, H_IN, dtype=torch.float64)
    compiled, plain = (ragged.run(r, x, LENGTHS)[0] for r in (torch.compile(rnn), rnn))
    torch.testing.assert_close(compiled, plain, rtol=0, atol=0)


@pytest.mark.parametrize("module", [LSTM(H_IN, H), nn.LSTMCell(H_IN, H), nn.Linear(H_IN, H)])
def test_another_module_is_named(module):
    with pytest.raises(TypeError, match=rf"LSTM, GRU or RNN, got \S+\.{type(module).__name__}"):
        ragged.run(module, torch.zeros(6, N, H_IN), LENGTHS)


def test_a_pair_of_states_is_refused_where_the_module_has_one():
    rnn, x = make(nn.GRU, {}, (1, True, True, False)), torch.zeros(6, N, H_IN, dtype=torch.float64)
    state = torch.zeros(2, N, H, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"expected one state for GRU, got 2 of them"):
        ragged.run(rnn, x, LENGTHS, (state, state))


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (torch.zeros(6, N, H_IN + 1, dtype=torch.float64), RuntimeError),
        (torch.zeros(6, N, H_IN), ValueError),
        (torch.zeros(6, N, H_IN, dtype=torch.int64), ValueError),
    ],
)
def test_features_and_dtypes_are_refused_in_torchs_words(x, error):
    rnn = make(nn.LSTM, {}, (1, True, True, False))
    with pytest.raises(error) as theirs:
        rnn(x)
    with pytest.raises(error) as ours:
        ragged.run(rnn, x, LENGTHS)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.kernels
@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("k", [0, 1])
def test_a_state_of_another_dtype_is_refused_with_what_to_do(k, autocast):
    rnn, x = nn.LSTM(H_IN, H), torch.zeros(6, N, H_IN)
    hx = [torch.zeros(1, N, H), torch.zeros(1, N, H)]
    hx[k] = hx[k].long() if autocast else hx[k].double()
    told = rf"initial state {k} of torch\.float32, as the input, got torch\.\w+64: convert it"
    with torch.autocast("cpu", enabled=autocast), pytest.raises(ValueError, match=told):
        ragged.run(rnn, x, LENGTHS, hx)


def test_under_autocast_whole_numbers_are_refused_as_outside_it():
    ids = torch.zeros(6, N, H_IN, dtype=torch.int64)
    with torch.autocast("cpu"), pytest.raises(ValueError, match="does not match weight dtype"):
        ragged.run(nn.LSTM(H_IN, H), ids, LENGTHS)


def test_a_packed_batch_is_refused():
    packed = pack_padded_sequence(torch.zeros(6, N, H_IN), LENGTHS, enforce_sorted=False)
    with pytest.raises(TypeError, match=r"the padded batch itself and its lengths, got a Packed"):
        ragged.run(nn.LSTM(H_IN, H), packed, LENGTHS)


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int16, torch.int32])
def test_lengths_may_be_of_any_whole_type(dtype):
    torch.manual_seed(0)
    rnn = make(nn.LSTM, {}, (1, True, True, False))
    x, lengths = torch.randn(100, N, H_IN, dtype=torch.float64), torch.tensor([2, 100, 60, 100])
    expected = ragged.run(rnn, x, lengths)
    torch.testing.assert_close(ragged.run(rnn, x, lengths.to(dtype)), expected, rtol=0, atol=0)


def test_functional_call_may_replace_the_weights_by_those_of_another_dtype():
    rnn, x, lengths = nn.LSTM(3, 4), torch.randn(5, 2, 3), [5, 2]
    half = copy.deepcopy(rnn).bfloat16()
    model = nn.ModuleDict({"rnn": rnn})
    model.forward = lambda x: ragged.run(model["rnn"], x, lengths)[0]
    rounded = {name: weight.bfloat16() for name, weight in model.named_parameters()}
    found = torch.func.functional_call(model, rounded, (x.bfloat16(),))
    assert torch.equal(found, ragged.run(half, x.bfloat16(), lengths)[0])
    assert ragged.run(rnn, x, lengths)[0].dtype == torch.float32
