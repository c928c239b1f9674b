"""CompiledLSTM: what the equality suite, which runs on it as well, does not reach."""

import contextlib
import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from lstm_tutorial import compiled
from lstm_tutorial.bptt import FastLSTM
from lstm_tutorial.compiled import CompiledLSTM
from lstm_tutorial.scan import EAGER
from tests.lstm.equality import Case, needs_compiler, results

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
def test_loading_leaves_denormal_numbers_alone():
    CompiledLSTM(3, 4)(torch.randn(5, 2, 3))
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
        monkeypatch.setattr("shutil.which", {compiled._compiler()[0]: "found"}.get)
    assert not compiled.can_compile()
    monkeypatch.setattr(compiled, "_load", compiled._load.__wrapped__)
    with pytest.raises(RuntimeError, match=r"expected a C\+\+ compiler and ninja.*FastLSTM"):
        CompiledLSTM(3, 4)(torch.randn(5, 2, 3))


def test_only_torchs_warning_of_a_missing_gpu_is_left_out(caplog, monkeypatch):
    logger = logging.getLogger(compiled._extension().__name__)
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    monkeypatch.setattr(logger, "propagate", False)
    logger.warning("No CUDA runtime is found, using CUDA_HOME='%s'", "/usr/local/cuda")
    logger.warning("no compiler")
    assert caplog.messages == ["no compiler"]


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
    for _ in range(2):  # torch alone would believe the second time that it is built
        with pytest.raises(RuntimeError, match="Error building extension"):
            CompiledLSTM(3, 4)(torch.randn(5, 2, 3))
    assert os.environ["PATH"] == before


@needs_compiler
def test_what_was_built_is_not_taken_for_another_source_or_processor(monkeypatch, tmp_path):
    name = compiled._name(["-O3"])
    assert compiled._name(["-O3", "-mavx2"]) != name
    monkeypatch.setattr(compiled, "SOURCE", tmp_path / "scan.cpp")
    compiled.SOURCE.write_text("other", encoding="utf-8")
    assert compiled._name(["-O3"]) != name


def build(folder: Path) -> subprocess.Popen:
    """Load ``scan.cpp`` of this folder in another process."""
    code = "from lstm_tutorial import compiled; from pathlib import Path; "
    code += f"compiled.SOURCE = Path({str(folder / 'scan.cpp')!r}); compiled._load()"
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True)


def opened(pipe: Path, reader: subprocess.Popen) -> BinaryIO:
    """Open a pipe to write as soon as somebody reads it."""
    while reader.poll() is None:
        with contextlib.suppress(OSError):
            return open(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK), "wb")
        time.sleep(0.05)
    raise AssertionError("the process ended before it compiled")


@needs_compiler
@pytest.mark.parametrize("killed", [False, True])
def test_a_build_under_way_or_killed_holds_no_other_process_up(monkeypatch, tmp_path, killed):
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "built"))
    included = tmp_path / "included"
    os.mkfifo(included)  # the compiler reads it, and waits until the test closes it
    (tmp_path / "scan.cpp").write_text(f'#include "{included}"', encoding="utf-8")
    first = build(tmp_path)
    with opened(included, first):
        if killed:
            os.killpg(first.pid, signal.SIGKILL)
        included.unlink()
        included.touch()
        assert build(tmp_path).wait(timeout=120) == 0
    assert first.wait(timeout=120) == (-signal.SIGKILL if killed else 0)


@needs_compiler
def test_what_is_built_loads_beside_an_old_lock_and_is_not_built_twice(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "built"))
    monkeypatch.setattr(compiled, "SOURCE", tmp_path / "scan.cpp")
    compiled.SOURCE.touch()
    for lock in ("lock", f"{compiled._name(compiled._flags())}/lock"):  # as torch leaves it
        path = tmp_path / "built" / lock
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (0, 0))
    compiled._load.__wrapped__()
    monkeypatch.setattr("torch.utils.cpp_extension.load", None)
    compiled._load.__wrapped__()
