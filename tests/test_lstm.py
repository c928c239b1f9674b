"""``LSTM`` is ``torch.nn.LSTM``: numbers, gradients, names, start, dropout, and everything else."""

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
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from lstm_tutorial import LSTM
from lstm_tutorial.lstm import reversal
from tests.equality import Case, Tally, results

IMPLEMENTATIONS = [LSTM]
KINDS = ("padded", "unbatched", "packed sorted", "packed unsorted")
EQUALITY_SUMMARY: list[str] = []

each = pytest.mark.parametrize("ours", IMPLEMENTATIONS, ids=lambda cls: cls.__name__)


@st.composite
def cases(draw: st.DrawFn, dtype: torch.dtype) -> Case:
    hidden_size = draw(st.integers(1, 6))
    kind = draw(st.sampled_from(KINDS))
    rows = 1 if kind == "unbatched" else draw(st.integers(1, 4))
    lengths = draw(st.lists(st.integers(1, 7), min_size=rows, max_size=rows))
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
        num_layers=2, bidirectional=True, proj_size=2, hx=True, lengths=(3, 2), hidden_size=3
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
        assert torch.autograd.gradgradcheck(outputs, leaves)


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
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_near_torch(ours, dtype):
    theirs = nn.LSTM(3, 4, 2, bidirectional=True)
    mine = ours(3, 4, 2, bidirectional=True)
    mine.load_state_dict(theirs.state_dict())
    mine, theirs = mine.to(dtype), theirs.to(dtype)
    x = torch.randn(5, 2, 3, dtype=dtype)
    found, expected = mine(x)[0], theirs(x)[0]
    assert found.dtype == expected.dtype == dtype
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)


@each
@pytest.mark.parametrize("proj_size", [0, 2])
@pytest.mark.parametrize("packed", [False, True])
def test_autocast_returns_torchs_dtypes(ours, proj_size, packed):
    theirs = nn.LSTM(3, 4, 2, bidirectional=True, proj_size=proj_size)
    mine = ours(3, 4, 2, bidirectional=True, proj_size=proj_size)
    mine.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 2, 3)
    x = pack_padded_sequence(x, [5, 3]) if packed else x
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, expected = (flat(lstm(x)) for lstm in (mine, theirs))
    assert [t.dtype for t in found] == [t.dtype for t in expected]
    for mine_value, their_value in zip(found, expected, strict=True):
        torch.testing.assert_close(mine_value, their_value, rtol=0, atol=0.05)


def flat(result: tuple) -> list[torch.Tensor]:
    output, (h_n, c_n) = result
    return [output.data if isinstance(output, PackedSequence) else output, h_n, c_n]


@each
def test_functional_call_uses_the_given_weights(ours):
    mine, theirs = ours(3, 4, bidirectional=True), nn.LSTM(3, 4, bidirectional=True)
    weights = {name: torch.randn_like(w) for name, w in theirs.named_parameters()}
    x = torch.randn(5, 2, 3)
    found, expected = (torch.func.functional_call(m, weights, (x,)) for m in (mine, theirs))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@each
def test_meta_device_gives_shapes_without_numbers(ours):
    arguments = {"num_layers": 2, "bidirectional": True, "proj_size": 2, "device": "meta"}
    x = torch.randn(5, 2, 3, device="meta")
    found, expected = (flat(cls(3, 4, **arguments)(x)) for cls in (ours, nn.LSTM))
    assert [t.shape for t in found] == [t.shape for t in expected]
    assert all(t.device.type == "meta" for t in found)


@each
def test_an_empty_batch_comes_back_empty(ours):
    for batch_first in (False, True):
        x = torch.zeros(0, 5, 3) if batch_first else torch.zeros(5, 0, 3)
        lstm, theirs = (c(3, 4, 2, batch_first=batch_first) for c in (ours, nn.LSTM))
        assert [t.shape for t in flat(lstm(x))] == [t.shape for t in flat(theirs(x))]


@each
@pytest.mark.parametrize("kind", ["padded", "packed unsorted"])
def test_dropout_draws_torchs_masks_between_layers_and_in_training_only(ours, kind):
    case = Case(num_layers=3, bidirectional=True, kind=kind)
    x, states = case.tensors()
    pair = [cls(3, 4, 3, dropout=0.4, bidirectional=True, dtype=torch.float64)
            for cls in (ours, nn.LSTM)]  # fmt: skip
    pair[0].load_state_dict(pair[1].state_dict())
    for training in (True, False):
        found = []
        for lstm in pair:
            torch.manual_seed(9)
            found.append(results(lstm.train(training), case, x, states))
        torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-12)


@each
def test_dropout_of_one_leaves_only_the_last_layers_biases_to_speak(ours):
    lstm, theirs = (cls(3, 4, 2, dropout=1.0) for cls in (ours, nn.LSTM))
    lstm.load_state_dict(theirs.state_dict())
    a, b = (lstm(torch.randn(5, 2, 3))[0] for _ in range(2))
    assert torch.equal(a, b)
    torch.testing.assert_close(a, theirs(torch.randn(5, 2, 3))[0], rtol=0, atol=1e-6)


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


@each
@pytest.mark.parametrize("packed", [False, True])
def test_memory_kept_for_the_backward_pass_grows_linearly_with_length(ours, packed):
    def kept(length: int) -> int:
        x = torch.randn(length, 3, 4, requires_grad=True)
        lengths = [length, length // 2, length // 4]
        total = 0

        def count(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal total
            total += tensor.nelement() * tensor.element_size()
            return tensor

        lstm = ours(4, 8, bidirectional=True)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            lstm(pack_padded_sequence(x, lengths) if packed else x)
        return total

    assert kept(200) < 4.4 * kept(50)


@each
def test_work_of_a_packed_training_step_grows_linearly_with_length(ours):
    def bytes_allocated(length: int) -> int:
        lstm = ours(4, 8, bidirectional=True)
        x = torch.randn(length, 3, 4, requires_grad=True)
        packed = pack_padded_sequence(x, [length, length // 2, length // 4])
        activities = [torch.profiler.ProfilerActivity.CPU]
        with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
            lstm(packed)[0].data.sum().backward()
        return sum(max(0, event.self_cpu_memory_usage) for event in profile.events())

    assert bytes_allocated(200) < 4.6 * bytes_allocated(50)


def test_reversing_packed_data_twice_gives_it_back():
    lengths = torch.tensor([5, 3, 3, 1])
    batch_sizes = (torch.arange(5)[:, None] < lengths).sum(1)
    index = reversal(batch_sizes)
    assert torch.equal(index[index], torch.arange(12))
    steps = torch.repeat_interleave(batch_sizes)
    assert (steps + steps[index])[:4].tolist() == [4, 2, 2, 0]  # first and last step of each row
