"""``train --resume``: a run that was killed, or met a full disk, goes on to the same weights."""

import json
import os
import re
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from tests.cli.calls import BUILT_IN, FINISHED, assert_one_line, call, whole_files


def test_resuming_a_finished_run_changes_nothing(finished):
    folder, _ = finished
    before = {name: (folder / name).read_bytes() for name in FINISHED}
    (folder / "checkpoint.safetensors").write_bytes(b"left over by a kill after the last write")
    assert call("train", folder, *BUILT_IN, "--resume").exit_code == 0
    assert {name: (folder / name).read_bytes() for name in os.listdir(folder)} == before


def test_a_run_that_was_not_tested_is_when_it_is_resumed(small_corpus, tmp_path):
    assert call("train", tmp_path / "run", *BUILT_IN, "--threads", "1", "--no-test").exit_code == 0
    again = call("train", tmp_path / "run", *BUILT_IN, "--resume")
    whole = call("train", tmp_path / "whole", *BUILT_IN)
    assert again.stdout.startswith("test accuracy ")
    assert again.stdout == whole.stdout.splitlines(keepends=True)[-1]
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["test"]["n"] == 60
    assert record["command"].endswith("--threads 1")  # that of the training, now with the test


def test_resuming_with_other_settings_names_them(finished):
    folder, _ = finished
    result = call("train", folder, *BUILT_IN, "--resume", "--lr", "0.01", "--seed", "5")
    assert_one_line(result, "lr was 0.004, is 0.01", "seed was 0, is 5")
    assert "hidden_size" not in result.stderr


def test_an_unfinished_run_is_neither_overwritten_nor_evaluated(tmp_path):
    (tmp_path / "started.json").write_text("{}")
    assert_one_line(call("train", tmp_path, *BUILT_IN), "unfinished run", "--resume")
    assert_one_line(call("evaluate", tmp_path), "unfinished run", "--resume")
    result = call("train", tmp_path, *BUILT_IN, "--resume")
    assert_one_line(result, "other settings", "hidden_size was None, is 8")


def test_a_run_killed_in_the_middle_of_an_epoch_goes_on(tmp_path):
    options = [*BUILT_IN, "--epochs", "4", "--max-length", "16"]
    assert call("train", tmp_path / "whole", *options).exit_code == 0
    words = [sys.executable, "-m", "lstm_tutorial", "train", str(tmp_path / "run"), *options]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("epoch 1: ")
        process.kill()
    assert process.returncode != 0
    assert "run.json" not in os.listdir(tmp_path / "run")
    whole_files(tmp_path / "run")

    resumed = call("train", tmp_path / "run", *options, "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert not resumed.stdout.startswith("epoch 1: ")
    assert sorted(os.listdir(tmp_path / "run")) == FINISHED
    expected = load_file(tmp_path / "whole" / "weights.safetensors")
    for name, value in load_file(tmp_path / "run" / "weights.safetensors").items():
        assert value.equal(expected[name]), f"{name} differs"


KILL_EVERYWHERE = """
import os, signal, sys
import torch, torch._dynamo, tqdm  # what every child would import again
from lstm_tutorial.cli.commands import app
from lstm_tutorial.sentiment import runs
from lstm_tutorial.sentiment.runs import pipeline

pipeline.BUILT_IN_SIZES = {"train": 110, "test": 10}
parent, options = sys.argv[1], sys.argv[2:]
left = 0  # moments until the kill


def moment():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def half_written(file):
    if left == 1:  # the file has to be half there when the kill comes
        os.ftruncate(file, os.fstat(file).st_size // 2)
    moment()
    fsync(file)


def replaced(part, path):
    replace(part, path)
    moment()


def stepped(optimizer, closure=None):
    step(optimizer)
    moment()


fsync, replace, step = os.fsync, os.replace, torch.optim.Adam.step
os.fsync, os.replace, torch.optim.Adam.step = half_written, replaced, stepped


def train_in_child(folder, kill_at, *more):
    global left
    left = kill_at
    child = os.fork()
    if child == 0:
        try:
            app(["train", folder, *options, *more])
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(end.code or 0)
    return os.waitpid(child, 0)[1]


assert train_in_child(f"{parent}/whole", 0) == 0
k, status = 0, signal.SIGKILL
while status == signal.SIGKILL:
    k += 1
    status = train_in_child(f"{parent}/{k}", k)
    if status == signal.SIGKILL:
        print("killed at", k, *sorted(os.listdir(f"{parent}/{k}")), flush=True)
        assert train_in_child(f"{parent}/{k}", 0, "--resume") == 0
assert status == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills copies of one process: needs os.fork")
def test_a_run_killed_at_any_step_or_write_goes_on(tmp_path):
    options = [*BUILT_IN, "--hidden-size", "4"]
    words = [sys.executable, "-c", KILL_EVERYWHERE, str(tmp_path), *options]
    result = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    moments = re.findall(r"^killed at (\d+) ?(.*)$", result.stdout, flags=re.MULTILINE)
    steps, writes = 2 * 2, 4 + 2  # two batches and one checkpoint an epoch, and four other files
    assert len(moments) >= steps + writes
    assert any("checkpoint.safetensors.part" in files for _, files in moments)
    expected = (tmp_path / "whole" / "weights.safetensors").read_bytes()
    for k, _ in moments:
        assert sorted(os.listdir(tmp_path / k)) == FINISHED, f"after the kill at moment {k}"
        assert (tmp_path / k / "weights.safetensors").read_bytes() == expected, k


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs the device /dev/full (Linux)")
@pytest.mark.parametrize("name", ["started.json", *FINISHED, "checkpoint.safetensors"])
def test_a_full_disk_is_one_line_and_resuming_recovers(small_corpus, tmp_path, name):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / f"{name}.part").symlink_to("/dev/full")  # what is written there meets a full disk
    result = call("train", folder, *BUILT_IN)
    assert_one_line(result, "No space left on device", folder / name)
    assert name not in os.listdir(folder)
    assert not list(folder.glob("*.part"))
    whole_files(folder)

    assert call("train", folder, *BUILT_IN, "--resume").exit_code == 0
    assert call("train", tmp_path / "whole", *BUILT_IN).exit_code == 0
    weights = [path / "weights.safetensors" for path in (folder, tmp_path / "whole")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
