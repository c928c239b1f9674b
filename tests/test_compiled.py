"""CompiledLSTM: what the equality suite, which runs on it as well, does not reach."""

import os
import pickle
import sys
import time

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from lstm_tutorial import compiled
from lstm_tutorial.bptt import FastLSTM
from lstm_tutorial.compiled import CompiledLSTM
from lstm_tutorial.scan import EAGER
from tests.equality import Case, needs_compiler, results

KINDS = ["padded", "packed unsorted"]


@pytest.mark.kernels
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
def test_compiled_walks_run_and_other_devices_take_torchs_operations():
    lstm = CompiledLSTM(3, 4)
    assert lstm._walks(torch.randn(5, 3)) == compiled.walks() != EAGER
    assert lstm._walks(torch.randn(5, 3, device="meta")) is EAGER
    with profile(activities=[ProfilerActivity.CPU]) as record:
        lstm(torch.randn(5, 2, 3))[0].sum().backward()
    called = {event.name for event in record.events()}
    assert {"lstm_tutorial::walk", "lstm_tutorial::walk_back"} <= called


@needs_compiler
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the walks run on one thread")
def test_threads_share_the_sequences_out():
    lstm = CompiledLSTM(3, 4)
    lstm(torch.randn(5, 2, 3))
    for threads, begins in ((1, [0]), (2, [0, 4]), (3, [0, 3, 6]), (9, list(range(7)))):
        torch.set_num_threads(threads)
        assert sorted(torch.ops.lstm_tutorial.shares(7)) == begins


@needs_compiler
def test_loading_leaves_denormal_numbers_and_the_path_alone():
    before = os.environ["PATH"]
    CompiledLSTM(3, 4)(torch.randn(5, 2, 3))
    compiled._load.__wrapped__()
    assert os.environ["PATH"] == before
    assert torch.full((64,), 1e-39).mul(0.5).gt(0).all()


@needs_compiler
def test_a_pickled_module_runs():
    lstm, x = CompiledLSTM(3, 4), torch.randn(5, 2, 3)
    assert torch.equal(pickle.loads(pickle.dumps(lstm))(x)[0], lstm(x)[0])


@pytest.mark.parametrize("missing", ["compiler", "ninja"])
def test_without_a_compiler_or_ninja_the_call_says_what_is_missing(monkeypatch, missing):
    if missing == "compiler":
        monkeypatch.setenv("CXX", "no-such-compiler -O1")
    else:
        monkeypatch.setattr("torch.utils.cpp_extension.is_ninja_available", lambda: False)
    assert not compiled.can_compile()
    monkeypatch.setattr(compiled, "_load", compiled._load.__wrapped__)
    with pytest.raises(RuntimeError, match=r"expected a C\+\+ compiler and ninja.*FastLSTM"):
        CompiledLSTM(3, 4)(torch.randn(5, 2, 3))


@needs_compiler
def test_it_agrees_with_fastlstm_to_a_rounding_error():
    fast = FastLSTM(8, 33, 2, bidirectional=True, dtype=torch.float64)
    ours = CompiledLSTM(8, 33, 2, bidirectional=True, dtype=torch.float64)
    ours.load_state_dict(fast.state_dict())
    x = torch.randn(40, 3, 8, dtype=torch.float64)
    torch.testing.assert_close(ours(x), fast(x), rtol=0, atol=1e-14)


@needs_compiler
def test_a_failing_compiler_is_a_runtime_error_that_leaves_the_path_alone(monkeypatch, tmp_path):
    broken = tmp_path / "scan.cpp"
    broken.write_text("int main(", encoding="utf-8")
    monkeypatch.setattr(compiled, "SOURCE", broken)
    monkeypatch.setattr(compiled, "_load", compiled._load.__wrapped__)
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "built"))
    before = os.environ["PATH"]
    for _ in range(2):  # the second time torch believes that it is built
        with pytest.raises(RuntimeError):
            CompiledLSTM(3, 4)(torch.randn(5, 2, 3))
    assert os.environ["PATH"] == before


@needs_compiler
def test_what_was_built_is_not_taken_for_another_source_or_processor(monkeypatch, tmp_path):
    name = compiled._name(["-O3"])
    assert compiled._name(["-O3", "-mavx2"]) != name
    monkeypatch.setattr(compiled, "SOURCE", tmp_path / "scan.cpp")
    compiled.SOURCE.write_text("other", encoding="utf-8")
    assert compiled._name(["-O3"]) != name


def test_a_lock_that_was_left_behind_is_named_and_a_fresh_one_waited_for(tmp_path):
    lock = tmp_path / "lock"
    compiled._check_lock(lock)
    lock.touch()
    compiled._check_lock(lock)
    long_ago = time.time() - compiled.WAIT - 60
    os.utime(lock, (long_ago, long_ago))
    with pytest.raises(RuntimeError, match=f"never ended, got .*{lock.name}: delete it"):
        compiled._check_lock(lock)
