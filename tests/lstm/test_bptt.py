"""FastLSTM's two passes: what the equality suite, which runs on it as well, does not reach."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils._python_dispatch import TorchDispatchMode

from lstm_tutorial import LSTM, scan
from lstm_tutorial.bptt import FEW, FastLSTM
from lstm_tutorial.compiled import CompiledLSTM
from tests.lstm.equality import Case, Tally, flat, needs_compiler, results
from tests.lstm.test_lstm import KINDS


def saved_bytes(lstm: nn.Module, x: torch.Tensor) -> int:
    """How much memory a forward pass keeps for its backward pass, each storage counted once."""
    storages = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = lstm(x)
    del output
    return sum(storages.values())


@pytest.mark.parametrize("chunk", [1, 130, 200])  # one step, two and three of four sequences
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("proj_size", [0, 2])
@pytest.mark.parametrize("ours", [FastLSTM, pytest.param(CompiledLSTM, marks=needs_compiler)])
def test_the_size_of_the_chunks_changes_nothing(monkeypatch, ours, chunk, kind, proj_size):
    case = Case(num_layers=2, bidirectional=True, proj_size=proj_size, kind=kind, hx=True)
    x, states = case.tensors()
    fast, theirs = case.build(ours), case.build(nn.LSTM)
    fast.load_state_dict(theirs.state_dict())
    monkeypatch.setattr(scan, "CHUNK", chunk)
    found, expected = results(fast, case, x, states), results(theirs, case, x, states)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


needs_onednn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="torch was built without oneDNN"
)


class OneDNNProducts(TorchDispatchMode):
    """Count the products that oneDNN computes for us."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.mkldnn._linear_pointwise.default
        return func(*args, **kwargs or {})


@pytest.mark.kernels
@needs_onednn
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("proj_size", [0, 2])
@pytest.mark.parametrize("ours", [FastLSTM, pytest.param(CompiledLSTM, marks=needs_compiler)])
def test_products_of_onednn_change_nothing(monkeypatch, ours, kind, bias, proj_size):
    monkeypatch.setattr(scan, "WIDE", 0)
    case = Case(bidirectional=True, bias=bias, proj_size=proj_size, kind=kind, hx=True)
    with OneDNNProducts() as products:
        Tally().compare(ours, dataclasses.replace(case, dtype=torch.float32))
    steps, walked = max(case.lengths), 0 if ours is CompiledLSTM else 2
    assert products.count == 2 * (2 + walked * steps)  # directions, input, gradient, states


@pytest.mark.kernels
@needs_onednn
def test_products_are_onednns_where_they_are_large():
    with OneDNNProducts() as products:
        FastLSTM(3, 255)(torch.randn(5, 1, 3))
    assert products.count == 0
    with torch.backends.mkldnn.flags(enabled=False), OneDNNProducts() as products:
        FastLSTM(3, 256)(torch.randn(5, 1, 3))
    assert products.count == 0
    with OneDNNProducts() as products:
        FastLSTM(3, 256, dtype=torch.float64)(torch.randn(5, 1, 3, dtype=torch.float64))
    assert products.count == 0
    with OneDNNProducts() as products:
        output, _ = FastLSTM(3, 256)(torch.randn(5, 1, 3, requires_grad=True))
    assert products.count == 6  # the input's, and the state's in each of five steps
    with OneDNNProducts() as products:
        output.sum().backward()
    assert products.count == 6  # the same for the gradients


@pytest.mark.parametrize("grad", [torch.no_grad, torch.inference_mode])
def test_without_a_backward_pass_no_gates_are_kept(monkeypatch, grad):
    kept = []

    def spy(*args):
        results = scan.scan_forward(*args)
        kept.append(results[3])
        return results

    monkeypatch.setattr("lstm_tutorial.bptt.scan_forward", spy)
    fast, x = FastLSTM(3, 4), torch.randn(5, 2, 3)
    trained, _ = fast(x)
    with grad():
        inferred, _ = fast(x)
    fast.requires_grad_(False)(x)
    assert [len(gates) for gates in kept] == [1, 0, 0]
    torch.testing.assert_close(inferred, trained, rtol=0, atol=0)


@pytest.mark.parametrize("most", [2, 128])
def test_chunks_cover_every_row_once(monkeypatch, most):
    monkeypatch.setattr(scan, "STEPS", most)
    for sizes in ([5] * 7, [5, 4, 4, 1, 1, 1], [1], [3, 0]):
        runs = list(scan.chunks(sizes, width=scan.CHUNK // 12))
        assert [size for run in runs for size in run.sizes] == sizes
        rows = [k for run in runs for k in range(run.rows.start, run.rows.stop)]
        assert rows == list(range(sum(sizes)))
        assert len(runs) == -(-len(sizes) // min(most, max(1, 12 // sizes[0])))
        found = [sizes[0], *sizes]  # rows of the states: the initial ones, then those of each step
        for run in runs:
            assert run.states.stop == sizes[0] + run.rows.stop
            before = run.states.stop - run.states.start - sum(run.sizes)
            assert [before, *run.sizes] == found[: 1 + len(run.sizes)]
            found = found[len(run.sizes) :]


def test_local_derivatives_are_autograds():
    torch.manual_seed(0)
    a = torch.randn(6, 4, 3, dtype=torch.float64, requires_grad=True)
    c_before = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    i, f, o = (torch.sigmoid(a[:, k]) for k in (0, 1, 3))
    c = f * c_before + i * torch.tanh(a[:, 2])
    m = o * torch.tanh(c)
    by_c = torch.autograd.grad(c.sum(), (a, c_before), retain_graph=True)
    by_o, of_c = torch.autograd.grad(m.sum(), (a, c))
    kept = torch.stack([i, f, torch.sigmoid(-2 * a[:, 2]), o], dim=1).flatten(1).detach()
    found, found_of_c = scan.local_derivatives(kept, c_before.detach(), c.detach())
    torch.testing.assert_close(found[:, :3], by_c[0][:, :3], rtol=0, atol=1e-14)
    torch.testing.assert_close(found[:, 3], by_o[:, 3], rtol=0, atol=1e-14)
    torch.testing.assert_close(found_of_c, of_c, rtol=0, atol=1e-14)


@pytest.mark.parametrize("packed", [False, True])
def test_backward_may_run_twice(packed):
    x = torch.randn(5, 3, 3)
    x = pack_padded_sequence(x, [5, 3, 2]) if packed else x
    fast = FastLSTM(3, 4, bidirectional=True)
    loss = flat(fast(x))[0].sin().sum()
    first = torch.autograd.grad(loss, list(fast.parameters()), retain_graph=True)
    second = torch.autograd.grad(loss, list(fast.parameters()))
    assert all(torch.equal(u, v) for u, v in zip(first, second, strict=True))


def test_nothing_is_kept_without_gradients_and_less_than_lstm_with_them():
    x = torch.randn(40, 8, 16)
    fast, plain = FastLSTM(16, 32), LSTM(16, 32)
    assert saved_bytes(fast, x) < saved_bytes(plain, x)
    with torch.no_grad():
        assert saved_bytes(fast, x) == 0
    assert saved_bytes(fast.requires_grad_(False), x) == 0


def test_gradients_come_only_where_they_are_asked_for():
    fast = FastLSTM(3, 4)
    fast.weight_hh_l0.requires_grad_(False)
    x = torch.randn(5, 2, 3, requires_grad=True)
    fast(x)[0].sum().backward()
    assert fast.weight_hh_l0.grad is None
    assert fast.weight_ih_l0.grad.any()
    assert x.grad.any()


@pytest.mark.parametrize("hidden_size", [1, 4])
def test_a_call_leaves_the_weights_as_they_were(hidden_size):
    fast = FastLSTM(3, hidden_size)
    before = [weight.clone() for weight in fast.parameters()]
    fast(torch.randn(5, 2, 3))[0].sum().backward()
    assert all(torch.equal(u, v) for u, v in zip(fast.parameters(), before, strict=True))


def test_changing_the_output_in_place_is_refused_as_torch_does():
    def double_and_differentiate(output: torch.Tensor) -> None:
        output.mul_(2)
        output.sum().backward()

    for lstm in (FastLSTM(3, 4), nn.LSTM(3, 4)):
        output, _ = lstm(torch.randn(5, 2, 3))
        with pytest.raises(RuntimeError, match="inplace"):
            double_and_differentiate(output)


@pytest.mark.kernels
def test_calls_that_torch_rewrites_and_those_of_few_steps_go_through_lstm(monkeypatch):
    def fail(*args):
        raise AssertionError("the hand-derived pass ran")

    monkeypatch.setattr(scan, "scan_forward", fail)
    monkeypatch.setattr("lstm_tutorial.bptt.scan_forward", fail)
    fast, x = FastLSTM(3, 4), torch.randn(5, 2, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        fast(x)
    torch.func.grad(lambda x: fast(x)[0].sum())(x)
    FastLSTM(3, 4, dtype=torch.bfloat16)(x.bfloat16())
    fast(x[: FEW - 1])
    for enough in (x, x[:FEW]):
        with pytest.raises(AssertionError, match="hand-derived"):
            fast(enough)
