"""``LSTM`` is ``torch.nn.LSTM``: numbers, gradients, names, start, copies and dropout.

What it refuses is in test_lstm_errors, dtypes and devices in test_lstm_dtypes, what a training step
costs in test_lstm_growth.
"""

import copy
import inspect
import io
import itertools
import pickle
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.autograd import forward_ad
from torch.autograd.functional import jacobian
from torch.nn.utils import parametrizations, prune
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence
from torch.utils.checkpoint import checkpoint

from lstm_tutorial.packed_order import reversal
from tests.lstm.equality import Case, Tally, each, flat, results

KINDS = ("padded", "unbatched", "packed sorted", "packed unsorted")
EQUALITY_SUMMARY: list[str] = []


@st.composite
def cases(draw: st.DrawFn, dtype: torch.dtype) -> Case:
    hidden_size = draw(st.integers(1, 6))
    kind = draw(st.sampled_from(KINDS))
    rows = 1 if kind == "unbatched" else draw(st.integers(1, 4))
    lengths = draw(st.lists(st.integers(1, 9), min_size=rows, max_size=rows))
    return Case(
        input_size=draw(st.integers(1, 5)),
        hidden_size=hidden_size,
        num_layers=draw(st.integers(1, 3)),
        bias=draw(st.booleans()),
        batch_first=draw(st.booleans()),
        bidirectional=draw(st.booleans()),
        proj_size=draw(st.integers(0, hidden_size - 1)),
        kind=kind,
        hx=draw(st.booleans()),
        lengths=tuple(lengths),
        strided=draw(st.booleans()),
        dtype=dtype,
    )


@each
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_random_configurations_equal_torch(ours, dtype):
    tally = Tally()

    @settings(max_examples=250, derandomize=True, database=None, deadline=None)
    @given(case=cases(dtype), seed=st.integers(0, 2**31))
    def compare(case: Case, seed: int) -> None:
        tally.compare(ours, case, seed)

    compare()
    assert tally.configurations[dtype] >= 250
    EQUALITY_SUMMARY.extend(f"hypothesis: {line}" for line in tally.lines(ours.__name__))


@each
def test_grid_equals_torch(ours):
    tally = Tally()
    flags = (False, True)
    for layers, both, bias, first, proj, kind, hx in itertools.product(
        (1, 2), flags, flags, flags, (0, 2), KINDS, flags
    ):
        case = Case(3, 4, layers, bias, first, both, proj, kind, hx)
        tally.compare(ours, case)
    assert tally.configurations[torch.float64] == 256
    EQUALITY_SUMMARY.extend(f"fixed grid: {line}" for line in tally.lines(ours.__name__))


@each
def test_first_and_second_derivatives_are_right(ours):
    case = Case(
        num_layers=2, bidirectional=True, proj_size=2, hx=True, lengths=(4, 2), hidden_size=3
    )
    for kind in ("padded", "packed unsorted"):
        case = Case(**{**case.__dict__, "kind": kind})
        lstm = case.build(ours)
        x, states = case.tensors()
        leaves = [leaf.requires_grad_() for leaf in (x, *states)]

        def outputs(x, h, c, lstm=lstm, case=case):
            output, (h_n, c_n) = lstm(case.pack(x), (h, c))
            return getattr(output, "data", output), h_n, c_n

        assert torch.autograd.gradcheck(outputs, leaves)
        # Entry by entry where the lengths differ; elsewhere in one random direction.
        assert torch.autograd.gradgradcheck(outputs, leaves, fast_mode=kind == "padded")


@pytest.mark.kernels
@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [1e30, -1e30, float("inf"), float("nan")])
def test_saturated_gates_and_nan_come_out_as_torchs(ours, value, dtype):
    case = Case(hidden_size=20, dtype=dtype)
    x, states = case.tensors()
    x[2, 1] = value
    mine, theirs = case.build(ours), case.build(nn.LSTM)
    mine.load_state_dict(theirs.state_dict())
    found, expected = results(mine, case, x, states), results(theirs, case, x, states)
    limits = {"rtol": 1e-5, "atol": 1e-5 if dtype == torch.float32 else 1e-12}
    torch.testing.assert_close(found, expected, **limits, equal_nan=True)


@each
def test_constructor_takes_torchs_arguments_in_torchs_order(ours):
    names = "input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size"
    parameters = inspect.signature(ours).parameters
    assert list(parameters) == [*names.split(), "device", "dtype"]
    arguments = (3, 5, 2, False, True, 0.25, True, 2, "cpu", torch.float64)
    mine, theirs = ours(*arguments), nn.LSTM(*arguments)
    for name in names.split():
        assert getattr(mine, name) == getattr(theirs, name)
    assert ours(3, 5).dropout == nn.LSTM(3, 5).dropout == 0.0


@each
def test_parameters_have_torchs_names_order_shapes_and_first_values(ours):
    for layers, both, bias, proj in itertools.product((1, 3), (False, True), (True, False), (0, 2)):
        arguments = {"num_layers": layers, "bidirectional": both, "bias": bias, "proj_size": proj}
        torch.manual_seed(5)
        theirs = nn.LSTM(3, 4, **arguments)
        torch.manual_seed(5)
        mine = ours(3, 4, **arguments)
        pairs = zip(mine.named_parameters(), theirs.named_parameters(), strict=True)
        for (name, weight), (expected_name, expected) in pairs:
            assert name == expected_name
            assert torch.equal(weight, expected)
        assert [[w.shape for w in ws] for ws in mine.all_weights] == [
            [w.shape for w in ws] for ws in theirs.all_weights
        ]
        assert all(w is getattr(mine, n) for n, w in mine.named_parameters())


@each
def test_repr_is_torchs(ours):
    for arguments in (
        {},
        {"num_layers": 2, "dropout": 0.5, "bias": False},
        {"proj_size": 2, "batch_first": True, "bidirectional": True},
        {"bidirectional": 1},
        {"bidirectional": 0},
    ):
        assert repr(ours(3, 4, **arguments)) == repr(nn.LSTM(3, 4, **arguments)).replace(
            "LSTM", ours.__name__
        )


@each
def test_weights_go_over_both_ways(ours):
    arguments = {"num_layers": 2, "bidirectional": True, "proj_size": 2}
    mine, theirs = ours(3, 4, **arguments), nn.LSTM(3, 4, **arguments)
    theirs.load_state_dict(mine.state_dict())
    x = torch.randn(5, 2, 3)
    torch.testing.assert_close(mine(x), theirs(x), rtol=0, atol=1e-6)
    mine.load_state_dict(nn.LSTM(3, 4, **arguments).state_dict())


@each
def test_copies_compute_the_same(ours):
    lstm, x = ours(3, 4, 2, bidirectional=True), torch.randn(5, 2, 3)
    saved = io.BytesIO()
    torch.save(lstm.state_dict(), saved)
    saved.seek(0)
    loaded = ours(3, 4, 2, bidirectional=True)
    loaded.load_state_dict(torch.load(saved, weights_only=True))
    for other in (copy.deepcopy(lstm), pickle.loads(pickle.dumps(lstm)), loaded):
        assert torch.equal(other(x)[0], lstm(x)[0])


@each
@pytest.mark.parametrize("packed", [False, True])
def test_functional_call_uses_the_given_weights(ours, packed):
    mine, theirs = ours(3, 4, bidirectional=True), nn.LSTM(3, 4, bidirectional=True)
    weights = {name: torch.randn_like(w) for name, w in theirs.named_parameters()}
    x = torch.randn(5, 2, 3)
    x = pack_padded_sequence(x, [5, 3]) if packed else x
    found, expected = (flat(torch.func.functional_call(m, weights, (x,))) for m in (mine, theirs))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@each
def test_gradients_of_each_example_equal_torchs(ours):
    x = torch.randn(3, 5, 2, 3)
    mine, theirs = (cls(3, 4, bidirectional=True) for cls in (ours, nn.LSTM))
    weights = dict(theirs.named_parameters())

    def gradients(lstm: nn.Module) -> dict[str, torch.Tensor]:
        def loss(weights, x):
            return torch.func.functional_call(lstm, weights, (x,))[0].sin().sum()

        return torch.vmap(torch.func.grad(loss), in_dims=(None, 0))(weights, x)

    torch.testing.assert_close(gradients(mine), gradients(theirs), rtol=0, atol=1e-5)


@each
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_vmap_and_forward_derivatives_for_which_torch_has_no_kernel(ours):
    lstm, x = ours(3, 4, dtype=torch.float64), torch.randn(5, 2, 3, dtype=torch.float64)
    models = [ours(3, 4, dtype=torch.float64) for _ in range(3)]
    weights, _ = torch.func.stack_module_state(models)
    outputs = torch.vmap(lambda w: torch.func.functional_call(lstm, w, (x,))[0])(weights)
    for found, model in zip(outputs, models, strict=True):
        torch.testing.assert_close(found, model(x)[0], rtol=0, atol=1e-12)
    tangent = torch.randn_like(x)
    _, forward = torch.func.jvp(lambda x: lstm(x)[0].sum(), (x,), (tangent,))
    backward = torch.func.grad(lambda x: lstm(x)[0].sum())(x)
    torch.testing.assert_close(forward, (backward * tangent).sum(), rtol=0, atol=1e-12)


@each
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_dual_numbers_carry_the_derivative_forward(ours):
    lstm, x = ours(3, 4, dtype=torch.float64), torch.randn(5, 2, 3, dtype=torch.float64)
    tangent = torch.randn_like(x)
    with forward_ad.dual_level():
        output, _ = lstm(forward_ad.make_dual(x, tangent))
        found = forward_ad.unpack_dual(output).tangent
    _, expected = torch.func.jvp(lambda x: lstm(x)[0], (x,), (tangent,))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@each
def test_weights_may_be_replaced_pruned_or_parametrized(ours):
    def parametrized(lstm: nn.Module) -> None:
        parametrizations.weight_norm(lstm, "weight_hh_l0")

    def pruned(lstm: nn.Module) -> None:
        prune.l1_unstructured(lstm, "weight_ih_l1", amount=0.5)

    def replaced(lstm: nn.Module) -> None:
        lstm.weight_hh_l1 = nn.Parameter(torch.ones(16, 4))

    for change in (parametrized, pruned, replaced):
        mine, theirs = ours(3, 4, 2), nn.LSTM(3, 4, 2)
        mine.load_state_dict(theirs.state_dict())
        change(mine), change(theirs)
        x = torch.randn(5, 2, 3)
        torch.testing.assert_close(mine(x), theirs(x), rtol=0, atol=1e-5)
        shapes = [[tuple(w.shape) for w in weights] for weights in theirs.all_weights]
        assert [[tuple(w.shape) for w in weights] for weights in mine.all_weights] == shapes


@each
def test_a_missing_weight_is_named(ours):
    lstm = ours(3, 4, 2)
    del lstm.weight_hh_l1
    with pytest.raises(AttributeError, match="weight_hh_l1"):
        lstm(torch.randn(5, 2, 3))


@each
def test_frozen_weights_and_no_grad_keep_no_graph(ours):
    x = torch.randn(5, 2, 3)
    assert not ours(3, 4).requires_grad_(False)(x)[0].requires_grad
    with torch.no_grad():
        assert not ours(3, 4)(x)[0].requires_grad
    with torch.inference_mode():
        assert ours(3, 4)(x)[0].is_inference()


@each
@pytest.mark.parametrize("batch_first", [False, True])
def test_an_empty_batch_comes_back_empty(ours, batch_first):
    shape = (0, 5, 3) if batch_first else (5, 0, 3)
    states = torch.zeros(2, 0, 4)
    for hx in (None, (states, states)):
        x = torch.zeros(shape, requires_grad=True)
        mine, theirs = (cls(3, 4, 2, batch_first=batch_first) for cls in (ours, nn.LSTM))
        assert [t.shape for t in flat(mine(x, hx))] == [t.shape for t in flat(theirs(x, hx))]
        mine(x, hx)[0].sum().backward()
        assert x.grad.shape == x.shape
        assert all(not weight.grad.any() for weight in mine.parameters())


@each
def test_the_forms_of_hx_that_torch_takes(ours):
    lstm, theirs = ours(3, 4, 2), nn.LSTM(3, 4, 2)
    lstm.load_state_dict(theirs.state_dict())
    x, states = torch.randn(5, 3), torch.randn(2, 2, 4)
    torch.testing.assert_close(lstm(x, states), theirs(x, states), rtol=0, atol=1e-5)
    x, states = x[:, None], [state[:, None] for state in states]
    torch.testing.assert_close(lstm(x, states), theirs(x, states), rtol=0, atol=1e-5)
    expanded = [torch.ones(1, 1, 4).expand(2, 1, 4)] * 2
    torch.testing.assert_close(lstm(x, expanded), theirs(x, expanded), rtol=0, atol=1e-5)
    assert torch.equal(lstm(input=x, hx=tuple(states))[0], lstm(x, states)[0])


@each
def test_a_packed_result_keeps_the_inputs_order(ours):
    x = torch.randn(5, 3, 3)
    packed = pack_padded_sequence(x, [2, 5, 3], enforce_sorted=False)
    output, _ = ours(3, 4)(packed)
    for name in ("batch_sizes", "sorted_indices", "unsorted_indices"):
        assert torch.equal(getattr(output, name), getattr(packed, name))
    assert ours(3, 4)(pack_padded_sequence(x, [5, 3, 2]))[0].sorted_indices is None


@each
def test_a_last_step_without_rows_is_taken_as_torch_takes_it(ours):
    mine, theirs = (cls(3, 4, bidirectional=True) for cls in (ours, nn.LSTM))
    mine.load_state_dict(theirs.state_dict())
    packed = PackedSequence(torch.randn(3, 3), torch.tensor([2, 1, 0]))
    torch.testing.assert_close(flat(mine(packed)), flat(theirs(packed)), rtol=0, atol=1e-5)


@each
def test_flatten_parameters_may_be_called_and_changes_nothing(ours):
    module = ours(3, 4)
    before = copy.deepcopy(module.state_dict())
    assert module.flatten_parameters() is None
    torch.testing.assert_close(module.state_dict(), before, rtol=0, atol=0)


@each
@pytest.mark.filterwarnings("ignore")  # tracing is deprecated, says torch, and warns of each check
def test_a_traced_module_computes_the_same(ours):
    lstm, x = ours(3, 4), torch.randn(5, 2, 3, requires_grad=True)
    traced = torch.jit.trace(lstm, (torch.randn(5, 2, 3),))
    outputs = [module(x)[0] for module in (traced, lstm)]
    torch.testing.assert_close(*outputs, rtol=0, atol=1e-6)
    found, expected = (torch.autograd.grad(output.sum(), x) for output in outputs)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@each
def test_strides_are_torchs(ours):
    for first, shape in ((False, (5, 2, 3)), (True, (2, 5, 3))):
        mine, theirs = (cls(3, 4, batch_first=first, bidirectional=True) for cls in (ours, nn.LSTM))
        found, expected = (flat(lstm(torch.randn(shape))) for lstm in (mine, theirs))
        assert [t.is_contiguous() for t in found] == [t.is_contiguous() for t in expected]


@each
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [0.0, 0.4, 1.0])
def test_dropout_draws_torchs_masks_between_layers_and_in_training_only(ours, kind, rate):
    case = Case(num_layers=3, bidirectional=True, kind=kind)
    x, states = case.tensors()
    pair = [cls(3, 4, 3, dropout=rate, bidirectional=True, dtype=torch.float64)
            for cls in (ours, nn.LSTM)]  # fmt: skip
    pair[0].load_state_dict(pair[1].state_dict())
    for training in (True, False):
        found, generators = [], []
        for lstm in pair:
            torch.manual_seed(9)
            found.append(results(lstm.train(training), case, x, states))
            generators.append(torch.get_rng_state())
        torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-12)
        assert torch.equal(*generators)


@each
def test_dropout_zeroes_the_share_it_promises_and_nothing_after_the_last_layer(ours):
    lstm = ours(2, 500, 2, dropout=0.3)
    with torch.no_grad():  # the second layer passes on what it gets, unit by unit
        for weight in (lstm.weight_hh_l1, lstm.bias_ih_l1, lstm.bias_hh_l1, lstm.weight_ih_l1):
            weight.zero_()
        lstm.weight_ih_l1[1000:1500].copy_(torch.eye(500))  # g
        output = lstm(torch.randn(20, 4, 2))[0]
    assert (output[-1] != 0).all()
    dropped = (lstm(torch.randn(1, 40, 2))[0] == 0).float().mean().item()
    assert dropped == pytest.approx(0.3, abs=0.02)


@each
def test_dropout_with_one_layer_warns_in_torchs_words_at_the_callers_line(ours):
    def warning(cls: type) -> warnings.WarningMessage:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            cls(3, 4, dropout=0.5)
        assert len(caught) == 1
        return caught[0]

    mine, theirs = warning(ours), warning(nn.LSTM)
    assert (mine.category, str(mine.message)) == (theirs.category, str(theirs.message))
    assert mine.filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours(3, 4, num_layers=2, dropout=0.5)


def test_reversing_packed_data_twice_gives_it_back():
    lengths = torch.tensor([5, 3, 3, 1])
    batch_sizes = (torch.arange(5)[:, None] < lengths).sum(1)
    index = reversal(batch_sizes)
    assert torch.equal(index[index], torch.arange(12))
    steps = torch.repeat_interleave(batch_sizes)
    assert (steps + steps[index])[:4].tolist() == [4, 2, 2, 0]  # first and last step of each row


@each
def test_gradients_may_come_in_any_memory_layout(ours):
    lstm, theirs = ours(3, 4, dtype=torch.float64), nn.LSTM(3, 4, dtype=torch.float64)
    lstm.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    weights = [torch.randn(4, 2, size, dtype=torch.float64) for size in (5, 1, 1)]
    found = []
    for module in (lstm, theirs):
        output, states = module(x)
        results = (output, *states)
        loss = sum((w * t.permute(2, 1, 0)).sum() for w, t in zip(weights, results, strict=True))
        found.append(torch.autograd.grad(loss, list(module.parameters())))
    torch.testing.assert_close(*found, rtol=0, atol=1e-12)


@each
def test_activation_checkpointing_and_batched_gradients_work(ours):
    lstm, theirs = ours(3, 4, dtype=torch.float64), nn.LSTM(3, 4, dtype=torch.float64)
    lstm.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)

    def gradients(module: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        output = checkpoint(lambda x: module(x)[0], x, use_reentrant=False)
        (grad,) = torch.autograd.grad(output.sum(), x)
        return grad, jacobian(lambda x: module(x)[0], x.detach(), vectorize=True)

    torch.testing.assert_close(gradients(lstm), gradients(theirs), rtol=0, atol=1e-12)
