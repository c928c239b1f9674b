"""CompiledLSTM: what the equality suite, which runs on it as well, does not reach."""

import os
import pickle

import pytest
import torch
from torch import nn

from lstm_tutorial import compiled
from lstm_tutorial.bptt import FastLSTM
from lstm_tutorial.compiled import CompiledLSTM
from lstm_tutorial.scan import EAGER
from tests.equality import Case, needs_compiler, results

KINDS = ["padded", "packed unsorted"]


@needs_compiler
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("proj_size", [0, 3])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_sharing_the_sequences_out_changes_nothing(kind, proj_size, threads):
    lengths = (9, 9, 6, 4, 4, 2, 1)
    case = Case(5, 37, 2, True, False, True, proj_size, kind, hx=True, lengths=lengths)
    x, states = case.tensors()
    ours, theirs = case.build(CompiledLSTM), case.build(nn.LSTM)
    ours.load_state_dict(theirs.state_dict())
    torch.set_num_threads(threads)
    found, expected = results(ours, case, x, states), results(theirs, case, x, states)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@needs_compiler
def test_compiled_walks_run_and_other_devices_take_torchs_operations(monkeypatch):
    lstm = CompiledLSTM(3, 4)
    assert lstm._walks(torch.randn(5, 3)) is compiled.walks() is not EAGER
    assert lstm._walks(torch.randn(5, 3, device="meta")) is EAGER
    called = []
    walks = compiled.walks()
    spied = walks._replace(forward=lambda *args: (called.append("walk"), walks.forward(*args)))
    monkeypatch.setattr(compiled, "walks", lambda: spied)
    lstm(torch.randn(5, 2, 3))
    assert called == ["walk"]


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [1e4, -1e4, float("inf"), float("nan")])
def test_saturated_gates_and_nan_come_out_as_torchs(value, dtype):
    ours, theirs = CompiledLSTM(3, 20, dtype=dtype), nn.LSTM(3, 20, dtype=dtype)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 2, 3, dtype=dtype)
    x[2, 1] = value
    torch.testing.assert_close(ours(x)[0], theirs(x)[0], rtol=0, atol=1e-5, equal_nan=True)


@needs_compiler
def test_loading_leaves_denormal_numbers_and_the_path_alone():
    before = os.environ["PATH"]
    CompiledLSTM(3, 4)(torch.randn(5, 2, 3))
    compiled.walks.__wrapped__()
    assert os.environ["PATH"] == before
    assert torch.full((64,), 1e-39).mul(0.5).gt(0).all()


@needs_compiler
def test_a_pickled_module_runs():
    lstm, x = CompiledLSTM(3, 4), torch.randn(5, 2, 3)
    assert torch.equal(pickle.loads(pickle.dumps(lstm))(x)[0], lstm(x)[0])


@pytest.mark.parametrize("missing", ["compiler", "ninja"])
def test_without_a_compiler_or_ninja_the_call_says_what_is_missing(monkeypatch, missing):
    if missing == "compiler":
        monkeypatch.setenv("CXX", "no-such-compiler")
    else:
        monkeypatch.setattr("torch.utils.cpp_extension.is_ninja_available", lambda: False)
    assert not compiled.can_compile()
    monkeypatch.setattr(compiled, "walks", compiled.walks.__wrapped__)
    with pytest.raises(RuntimeError, match=r"expected a C\+\+ compiler and ninja.*FastLSTM"):
        CompiledLSTM(3, 4)(torch.randn(5, 2, 3))


@needs_compiler
def test_it_agrees_with_fastlstm_to_a_rounding_error():
    fast = FastLSTM(8, 33, 2, bidirectional=True, dtype=torch.float64)
    ours = CompiledLSTM(8, 33, 2, bidirectional=True, dtype=torch.float64)
    ours.load_state_dict(fast.state_dict())
    x = torch.randn(40, 3, 8, dtype=torch.float64)
    torch.testing.assert_close(ours(x), fast(x), rtol=0, atol=1e-14)
