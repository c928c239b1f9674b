"""Two processes train together as one would, and a killed one changes nothing."""

import json
import os
import re
import subprocess
import sys
from itertools import chain

import pytest
import torch
from safetensors.torch import load_file

from lstm_tutorial.sentiment.data.batches import BucketSampler, PartSampler
from lstm_tutorial.sentiment.runs import pipeline
from lstm_tutorial.sentiment.training import parallel
from tests.cli.calls import FINISHED, assert_one_line, call
from tests.sentiment import parallel_program as program

DIFFER = ("command", "seconds", "peak_memory_mib", "machine")  # between runs that are equal


def torchrun(folder, mode, *options):
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    words += [*options, "-m", "tests.sentiment.parallel_program", str(folder), mode]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A folder with what two processes left, and what they printed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return folder, torchrun(folder, "undisturbed").stdout


@pytest.fixture
def sizes(monkeypatch):
    monkeypatch.setattr(pipeline, "BUILT_IN_SIZES", program.SIZES)


def outcome(folder):
    """A run's record without what differs between equal runs."""
    record = json.loads((folder / "run.json").read_text())
    for entry in record["epochs"]:
        del entry["seconds"]
    return {name: value for name, value in record.items() if name not in DIFFER}


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [1, 40, 41, 43])
def test_parts_hold_every_review_once_and_are_alike(n, processes):
    lengths = torch.randint(1, 30, (n,), generator=torch.Generator().manual_seed(n)).tolist()
    whole = BucketSampler(lengths, 8, shuffle=True, seed=5)
    parts = [PartSampler(whole, rank, processes) for rank in range(processes)]
    for epoch in (1, 2):
        for part in parts:
            part.set_epoch(epoch)
        seen = []
        passes = [list(zip(part, part.sizes(), strict=True)) for part in parts]
        assert {len(one) for one in passes} == {len(part) for part in parts} == {len(whole)}
        for batch, *step in zip(whole, *passes, strict=True):
            assert all(positions for positions, _ in step)  # else a process would wait for ever
            kept = [positions[:own] for positions, (own, _) in step]
            assert sorted(chain(*kept)) == sorted(batch)
            assert max(map(len, kept)) - min(map(len, kept)) <= 1
            assert {total for _, (_, total) in step} == {len(batch)}
            seen += chain(*kept)
        assert sorted(seen) == list(range(n))


def test_parts_of_a_batch_are_of_about_one_length():
    lengths = list(range(1, 65))
    (batch,) = BucketSampler(lengths, 64)
    parts = [next(iter(PartSampler(BucketSampler(lengths, 64), rank, 2))) for rank in (0, 1)]
    assert sorted(chain(*parts)) == batch
    assert [max(lengths[k] for k in part) for part in parts] == [63, 64]


def test_processes_drop_different_units(monkeypatch):
    drawn = set()
    for rank in (0, 1, 2):
        torch.manual_seed(3)
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        parallel.draw_differently()
        drawn.add(tuple(torch.rand(3).tolist()))
    assert len(drawn) == 3


def test_gradients_and_measures_are_those_of_one_process(undisturbed, record_property):
    folder, _ = undisturbed
    alone = program.gradients()
    assert len(alone["gradients"]) == 4
    worst = 0.0
    for rank in (0, 1):
        found = torch.load(folder / f"gradients-{rank}.pt")
        for step, expected in zip(found["gradients"], alone["gradients"], strict=True):
            for ours, theirs in zip(step, expected, strict=True):
                worst = max(worst, float((ours - theirs).abs().max()))
        for name in ("trained", "evaluated"):
            assert found[name] == pytest.approx(alone[name], abs=1e-6)
    assert max(float(g.abs().max()) for g in alone["gradients"][0]) > 0.01
    assert worst <= 1e-6
    record_property("figures", f"gradients of two processes and of one: within {worst:.1e}")


def test_two_processes_end_where_one_does(undisturbed, sizes, tmp_path):
    result = call("train", tmp_path / "one", *program.NO_DROPOUT.split())
    assert result.exit_code == 0, result.output
    one, two = outcome(tmp_path / "one"), outcome(undisturbed[0] / "no-dropout")
    losses = [entry["train_loss"] for entry in one["epochs"]]
    assert min(losses) < losses[0] - 0.005
    for ours, theirs in zip(two.pop("epochs"), one.pop("epochs"), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)
    assert two.pop("test") == pytest.approx(one.pop("test"), abs=1e-4)
    assert two == one


def test_the_first_process_alone_writes_one_record_and_prints(undisturbed):
    folder, stdout = undisturbed
    found = {"gradients-0.pt", "gradients-1.pt", "no-dropout", "undisturbed"}
    assert set(os.listdir(folder)) == found
    assert sorted(os.listdir(folder / "undisturbed")) == FINISHED
    record = json.loads((folder / "undisturbed" / "run.json").read_text())
    assert record["machine"]["processes"] == 2
    assert record["command"].startswith("torchrun --nproc_per_node 2 -m lstm_tutorial train")
    assert record["test"]["n"] == program.SIZES["test"]
    assert len(re.findall("^epoch ", stdout, re.M)) == 2 * 4
    assert len(re.findall("^test accuracy ", stdout, re.M)) == 2
    assert call("records", folder / "undisturbed" / "run.json").exit_code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
def test_a_killed_process_is_restarted_and_changes_nothing(undisturbed, tmp_path):
    done = torchrun(tmp_path, "killed", "--max-restarts", "1")
    assert (tmp_path / "was-killed").exists()
    assert re.findall(r"^epoch (\d)", done.stdout, re.M) == ["1", "2", "3", "4"]
    folders = tmp_path / "killed", undisturbed[0] / "undisturbed"
    assert sorted(os.listdir(folders[0])) == FINISHED
    assert outcome(folders[0]) == outcome(folders[1])
    killed, whole = (load_file(folder / "weights.safetensors") for folder in folders)
    assert killed.keys() == whole.keys()
    assert all(value.equal(whole[name]) for name, value in killed.items())


@pytest.mark.parametrize("given", [("RANK",), ("WORLD_SIZE",), ("RANK", "MASTER_ADDR")])
def test_a_process_without_its_rendezvous_says_what_is_missing(given, monkeypatch, tmp_path):
    for name in parallel.NEEDED:
        monkeypatch.delenv(name, raising=False)
    for name in given:
        monkeypatch.setenv(name, "0")
    result = call("train", tmp_path / "run", *program.OPTIONS.split())
    lacking = ", ".join(name for name in parallel.NEEDED if name not in given)
    assert_one_line(result, f"got no {lacking}: start", "torchrun", "or unset RANK")
    assert not (tmp_path / "run").exists()


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    assert parallel._backend(1, gpus=0) == "gloo"
    assert parallel._backend(1, gpus=2) == "nccl"
    with pytest.raises(ValueError, match=r"2 GPUs and a process 2: use --nproc_per_node 2"):
        parallel._backend(2, gpus=2)


def test_a_checkpoint_of_other_processes_is_refused(undisturbed, sizes, tmp_path, monkeypatch):
    options = [*program.OPTIONS.split(), "--resume"]
    monkeypatch.setattr(parallel, "gather", lambda state: torch.stack([state, state]))
    monkeypatch.setattr(torch.optim.Adam, "step", _stop_after(program.STEPS + 1))
    assert call("train", tmp_path / "run", *options).exit_code != 0
    monkeypatch.undo()
    monkeypatch.setattr(pipeline, "BUILT_IN_SIZES", program.SIZES)
    result = call("train", tmp_path / "run", *options)
    assert_one_line(result, "checkpoint of 1 process(es), got that of 2: continue with as many")


def _stop_after(steps):
    step, left = torch.optim.Adam.step, steps

    def stepped(optimizer, closure=None):
        nonlocal left
        left -= 1
        if left == 0:
            raise MemoryError("stopped")
        return step(optimizer)

    return stepped
