"""The command line: what a run leaves behind, what survives a kill, what a mistake looks like."""

import contextlib
import json
import os
import re
import shlex
import struct
import subprocess
import sys
import typing
from pathlib import Path
from types import SimpleNamespace

import pytest
from safetensors.torch import load_file
from typer.testing import CliRunner

from lstm_tutorial.cli import commands as command_line
from lstm_tutorial.cli import lines as cli
from lstm_tutorial.cli.commands import app
from lstm_tutorial.sentiment import runs
from lstm_tutorial.sentiment.data import imdb
from lstm_tutorial.sentiment.data.text import load_vocab
from lstm_tutorial.sentiment.models.bilstm import POOLINGS
from lstm_tutorial.sentiment.runs import pipeline, records
from lstm_tutorial.sentiment.runs.settings import Settings

SMALL = ["--embedding-dim", "8", "--hidden-size", "8", "--epochs", "2", "--threads", "1"]
BUILT_IN = ["--corpus", "built-in", *SMALL]
FINISHED = ["run.json", "vocab.json", "weights.safetensors"]


def call(*arguments, **options):
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(word) for word in arguments], **options)


def call_outside(*arguments, **options):
    """Run a command in a process of its own, as a user does."""
    words = [sys.executable, "-m", "lstm_tutorial", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=300, **options)


def assert_one_line(result, *parts):
    """A mistake ends in one line on stderr, and in a status that is not zero."""
    status = result.exit_code if hasattr(result, "exit_code") else result.returncode
    assert status not in (0, None)
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1, result.stderr
    for part in parts:
        assert str(part) in result.stderr, result.stderr


@pytest.fixture
def small_corpus(monkeypatch):
    monkeypatch.setattr(pipeline, "BUILT_IN_SIZES", {"train": 200, "test": 60})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run on the built-in corpus, and what the command printed."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    result = call("train", folder, *BUILT_IN)
    assert result.exit_code == 0, result.output
    return folder, result.stdout


def write_imdb(parent, per_class=20):
    """Write a folder in the layout of IMDB: 20 reviews a class, four to a film."""
    root = parent / "aclImdb"
    for split in ("train", "test"):
        for label, word, rating in (("neg", "awful", 2), ("pos", "lovely", 9)):
            folder = root / split / label
            folder.mkdir(parents=True)
            films = [f"{split[1]}{label}{k // 4}" for k in range(per_class)]
            urls = [f"http://www.imdb.com/title/tt{k // 4:07d}/usercomments" for k in range(20)]
            (root / split / f"urls_{label}.txt").write_text("\n".join(urls) + "\n")
            for k, film in enumerate(films):
                text = f"A {word} film, I say<br />so much for it. word{k // 4}{split} {film}"
                (folder / f"{k}_{rating}.txt").write_text(text, encoding="utf-8")
    return root


# What the commands say about themselves


def test_help_lists_the_commands():
    result = call("--help")
    assert result.exit_code == 0
    assert all(name in result.output for name in ("download", "train", "evaluate", "predict"))


def test_importing_the_command_line_leaves_the_heavy_modules_alone():
    script = "import sys, lstm_tutorial.__main__; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    heavy = {"torchtext", "matplotlib", "sklearn", "pooch", "safetensors"}
    assert heavy.isdisjoint(found.stdout.split())


def test_the_command_line_knows_every_pooling():
    assert typing.get_args(command_line.Pooling) == POOLINGS


def read_all(terminal):
    """Read a pseudo-terminal until nobody holds its other end."""
    shown = b""
    with contextlib.suppress(OSError), open(terminal, "rb", buffering=0) as stream:
        while data := stream.read(1000):
            shown += data
    return shown


def test_training_shows_a_bar_on_a_terminal_and_none_in_a_log(tmp_path):
    fcntl = pytest.importorskip("fcntl", reason="needs a pseudo-terminal")
    termios = pytest.importorskip("termios", reason="needs a pseudo-terminal")
    terminal, end = os.openpty()
    size = struct.pack("HHHH", 24, 80, 0, 0)  # rows and columns: tqdm shows nothing on none
    fcntl.ioctl(end, termios.TIOCSWINSZ, size)
    words = [sys.executable, "-m", "lstm_tutorial", "train", str(tmp_path / "run"), *SMALL]
    words += ["--root", str(write_imdb(tmp_path)), "--batch-size", "4"]
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=end)
    os.close(end)
    shown = read_all(terminal).decode()
    assert process.wait(timeout=300) == 0
    assert "batches: " in shown
    assert "/8 [" in shown  # 32 reviews in batches of 4
    assert [line[:7] for line in (tmp_path / "log").read_text().splitlines()[:2]] == [
        "epoch 1",
        "epoch 2",
    ]


def test_download_names_the_folder(tmp_path):
    root = write_imdb(tmp_path)  # as if downloaded before
    assert call("download", "--cache", tmp_path).stdout == f"{root}\n"


def test_a_failing_download_is_one_line(tmp_path, monkeypatch):
    def fail(cache):
        raise OSError("could not download https://example.org/a.tar.gz:\n  refused")

    monkeypatch.setattr(imdb, "download", fail)
    assert_one_line(call("download", "--cache", tmp_path), "could not download", "refused")


def test_lines_of_an_error_become_sentences_of_one_line():
    result = call("describe", 128, 256, "--input", "10,32,64")
    assert_one_line(result, "Expected 128, got 64. To fix it: the last axis")


def test_the_name_of_a_file_is_no_review(tmp_path):
    path = tmp_path / "reviews.txt"
    path.write_text("A fine film.\n", encoding="utf-8")
    assert_one_line(call("predict", path), "got the name of a file", f"--file {path}")
    assert call("predict", "superb").exit_code == 0


# What a run leaves behind


def test_a_run_leaves_weights_vocabulary_and_record(finished):
    folder, stdout = finished
    assert sorted(os.listdir(folder)) == FINISHED
    record = json.loads((folder / "run.json").read_text())
    assert tuple(record) == records.KEYS
    assert record["configuration"]["hidden_size"] == 8
    assert record["data"] == {"corpus": "built-in", "train": 4500, "validation": 500, "test": 1000}
    assert record["machine"]["threads"] == 1
    assert 50 < record["peak_memory_mib"] < 4000
    assert [entry["epoch"] for entry in record["epochs"]] == [1, 2]
    seconds = sum(entry["seconds"] for entry in record["epochs"])
    assert record["seconds"] == pytest.approx(seconds, abs=0.1)
    assert len(re.findall(r"^epoch \d: ", stdout, flags=re.MULTILINE)) == 2


def test_evaluate_finds_what_the_record_says(finished):
    folder, stdout = finished
    test = json.loads((folder / "run.json").read_text())["test"]
    line = f"test accuracy {test['accuracy']:.4f}, loss {test['loss']:.4f}, 1000 reviews\n"
    assert stdout.endswith(line)
    assert call("evaluate", folder).stdout == line


def test_evaluate_on_the_validation_part_finds_the_best_epoch(finished):
    folder, _ = finished
    record = json.loads((folder / "run.json").read_text())
    best = record["epochs"][record["best_epoch"] - 1]
    expected = f"validation accuracy {best['validation_accuracy']:.4f}"
    assert call("evaluate", folder, "--split", "validation").stdout.startswith(expected)


def test_the_recorded_command_repeats_the_run_bit_for_bit(finished, tmp_path):
    folder, _ = finished
    words = shlex.split(json.loads((folder / "run.json").read_text())["command"])
    assert words[:4] == ["python", "-m", "lstm_tutorial", "train"]
    assert call(*words[3:4], tmp_path / words[4], *words[5:]).exit_code == 0
    again = tmp_path / words[4] / "weights.safetensors"
    assert again.read_bytes() == (folder / "weights.safetensors").read_bytes()


def test_the_record_carries_no_path(tmp_path):
    root = write_imdb(tmp_path)
    result = call("train", tmp_path / "my run", "--root", root, *SMALL, "--pooling", "mean")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "my run" / "run.json").read_text()
    assert str(tmp_path) not in text
    assert json.loads(text)["command"] == (
        "python -m lstm_tutorial train 'my run' --root \"$IMDB_ARCHIVE\" --pooling mean "
        "--epochs 2 --embedding-dim 8 --hidden-size 8 --threads 1"
    )


def test_without_a_root_the_download_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("LSTM_TUTORIAL_CACHE", str(write_imdb(tmp_path).parent))
    assert call("train", tmp_path / "run", *SMALL).exit_code == 0
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["data"] == {"corpus": "imdb", "train": 32, "validation": 8, "test": 40}
    assert "IMDB_ARCHIVE" not in record["command"]


def test_with_nothing_held_out_all_reviews_are_learned_and_the_last_epoch_stays(tmp_path):
    options = ["--root", write_imdb(tmp_path), *SMALL, "--validation-fraction", "0"]
    result = call("train", tmp_path / "run", *options)
    assert result.exit_code == 0, result.output
    assert "validation" not in result.stdout
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["data"] == {"corpus": "imdb", "train": 40, "validation": 0, "test": 40}
    assert record["best_epoch"] == len(record["epochs"]) == 2
    assert "validation_accuracy" not in record["epochs"][-1]


def test_a_validation_part_that_was_never_held_out_is_not_measured(small_corpus, tmp_path):
    folder = tmp_path / "run"
    assert call("train", folder, *BUILT_IN, "--validation-fraction", "0").exit_code == 0
    refused = call("evaluate", folder, "--split", "validation")
    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert refused.stderr == (
        "Error: expected a run that held out reviews for validation, got one that trained on all: "
        "choose --split test, or train with --validation-fraction 0.1\n"
    )
    assert call("evaluate", folder, "--split", "test").exit_code == 0


def test_another_seed_gives_other_weights_and_the_same_parts(small_corpus, tmp_path):
    for seed in ("0", "1"):
        assert call("train", tmp_path / seed, *BUILT_IN, "--seed", seed).exit_code == 0
    first, second = [(tmp_path / seed / "weights.safetensors").read_bytes() for seed in "01"]
    assert first != second
    vocabularies = [(tmp_path / seed / "vocab.json").read_bytes() for seed in "01"]
    assert vocabularies[0] == vocabularies[1]


# What the parts of IMDB are used for


def test_the_vocabulary_comes_from_the_training_part_alone(tmp_path):
    root = write_imdb(tmp_path)
    options = ["--root", root, *SMALL, "--validation-fraction", "0.2"]
    assert call("train", tmp_path / "run", *options).exit_code == 0
    train, validation = imdb.split_by_film(imdb.load("train", root), 0.2, pipeline.SPLIT_SEED)
    words = set(load_vocab(tmp_path / "run" / "vocab.json").itos)
    films = [{review.text.split()[-2] for review in part} for part in (train, validation)]
    assert films[0] <= words
    assert films[1]
    assert films[1].isdisjoint(words)
    assert not any("test" in word for word in words)


def test_the_test_part_is_read_once_when_training_is_over(tmp_path, monkeypatch):
    root = write_imdb(tmp_path)
    events, load, replace = [], imdb.load, os.replace

    def recording_load(split, root):
        events.append(f"read {split}")
        return load(split, root)

    def recording_replace(part, path):
        events.append(Path(path).name)
        replace(part, path)

    monkeypatch.setattr(imdb, "load", recording_load)
    monkeypatch.setattr(os, "replace", recording_replace)
    assert call("train", tmp_path / "a", "--root", root, *SMALL).exit_code == 0
    assert events == [
        *["read train", "started.json", "vocab.json"],
        *["checkpoint.safetensors"] * 2,
        *["weights.safetensors", "read test", "run.json"],
    ]


def test_no_test_leaves_the_test_part_unread(tmp_path):
    root = write_imdb(tmp_path)
    for path in (root / "test").rglob("*.txt"):
        path.unlink()
    result = call("train", tmp_path / "run", "--root", root, *SMALL, "--no-test")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["test"] is None
    assert record["data"]["test"] is None
    assert "test accuracy" not in result.stdout


# Whose folder it is


def test_a_finished_run_is_not_overwritten(finished):
    folder, _ = finished
    before = {name: (folder / name).read_bytes() for name in FINISHED}
    assert_one_line(call("train", folder, *BUILT_IN), "finished run", folder)
    assert {name: (folder / name).read_bytes() for name in os.listdir(folder)} == before


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


def test_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    for options in ([], ["--resume"]):
        assert_one_line(
            call("train", tmp_path, *BUILT_IN, *options), "does not contain a run", tmp_path
        )
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_an_unfinished_run_is_neither_overwritten_nor_evaluated(tmp_path):
    (tmp_path / "started.json").write_text("{}")
    assert_one_line(call("train", tmp_path, *BUILT_IN), "unfinished run", "--resume")
    assert_one_line(call("evaluate", tmp_path), "unfinished run", "--resume")
    result = call("train", tmp_path, *BUILT_IN, "--resume")
    assert_one_line(result, "other settings", "hidden_size was None, is 8")


# Killed, and going on


def whole_files(folder):
    """Read every file of a run folder but those still being written, to show that none is half."""
    for path in Path(folder).iterdir():
        if path.suffix == ".json":
            json.loads(path.read_text())
        if path.suffix == ".safetensors":
            assert all(value.isfinite().all() for value in load_file(path).values())


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


# Asking a run


def test_predict_prints_label_and_probability(finished):
    folder, _ = finished
    line = call("predict", "--run", folder, "a warm and wonderful film").stdout
    assert re.fullmatch(r"(positive|negative) (0\.[5-9]\d\d|1\.000)\n", line)


def test_predict_answers_stdin_line_by_line_and_in_order(finished):
    folder, _ = finished
    reviews = [
        review.text for review in pipeline.read_part("test", Settings(corpus="built-in"), None)
    ]
    lines = sorted(reviews, key=len)[:3] + sorted(reviews, key=len)[-3:] + reviews[:3]
    alone = [call("predict", "--run", folder, line).stdout for line in lines]
    together = call("predict", "--run", folder, input="\n".join(lines) + "\n").stdout
    assert together == "".join(alone)
    assert len(set(alone)) > 1


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_is_told_what_to_type(monkeypatch, capsys, terminal):
    stdin = SimpleNamespace(buffer=[b"good\n"], isatty=lambda: terminal)
    monkeypatch.setattr("sys.stdin", stdin)
    with cli.open_lines(None, None) as lines:
        assert list(lines) == [b"good\n"]
    assert capsys.readouterr().err.startswith("Type reviews, one per line") == terminal


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"good\n\nbad\n", "line 2"), (b"good\n<br />\n", "line 2"), (b" \n", "line 1")],
)
def test_an_empty_line_is_named_after_the_answers_before_it(finished, data, line):
    result = call("predict", "--run", finished[0], input=data)
    assert_one_line(result, "empty review", line)
    answer = call("predict", "--run", finished[0], "good").stdout
    assert result.stdout == answer * (line == "line 2")


def test_a_line_that_is_not_utf8_is_named_after_the_answers_before_it(finished):
    result = call("predict", "--run", finished[0], input=b"good\nbad\xff\n")
    assert_one_line(result, "UTF-8", "line 2")
    assert result.stdout == call("predict", "--run", finished[0], "good").stdout


def test_a_byte_order_mark_is_no_part_of_the_first_review():
    answer = call("predict", "Terrible.").stdout
    assert call("predict", input=b"\xef\xbb\xbfTerrible.\nTerrible.\n").stdout == 2 * answer


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize(("closed", "name"), [("<&-", "input"), (">&-", "output")])
def test_a_closed_stream_is_one_line(finished, closed, name):
    words = [sys.executable, "-m", "lstm_tutorial", "predict", "--run", str(finished[0])]
    line = f"{shlex.join(words)} {'good' if name == 'output' else ''} {closed}"
    result = subprocess.run(line, shell=True, stderr=subprocess.PIPE, text=True)
    assert_one_line(result, f"standard {name}")


def test_an_empty_input_is_a_mistake(finished):
    assert_one_line(call("predict", "--run", finished[0], input=b""), "got nothing")


def test_an_argument_that_is_not_utf8_is_a_mistake(finished):
    assert_one_line(call("predict", "--run", finished[0], "bad \udcff"), "UTF-8")


# Mistakes: one line, and nothing half-written


BAD_OPTIONS = [
    ("--epochs", "0"),
    ("--epochs", "four"),
    ("--batch-size", "-1"),
    ("--lr", "0"),
    ("--lr", "nan"),
    ("--dropout", "1.5"),
    ("--dropout", "nan"),
    ("--pooling", "min"),
    ("--keep", "middle"),
    ("--corpus", "tweets"),
    ("--vocab-size", "2"),
    ("--max-length", "0"),
    ("--validation-fraction", "-0.1"),
    ("--validation-fraction", "1"),
    ("--validation-fraction", "0.0001"),
    ("--ema", "1"),
    ("--validation-fraction", "0.9999"),
    ("--hidden-size", "99999999999"),
    ("--threads", "0"),
    ("--seed", "-1"),
    ("--seed", "99999999999999999999999"),
    ("--optimizer", "sgd"),
]


@pytest.mark.parametrize("option", BAD_OPTIONS, ids=" ".join)
def test_a_bad_option_is_refused(small_corpus, tmp_path, option):
    assert_one_line(call("train", tmp_path / "run", *BUILT_IN, *option))
    assert os.listdir(tmp_path) == []


def remove_training_part(root):
    for path in (root / "train").rglob("*.txt"):
        path.unlink()


def empty_a_review(root):
    (root / "train" / "neg" / "3_2.txt").write_text(" \n")


def write_latin_1(root):
    (root / "train" / "neg" / "3_2.txt").write_bytes("d\xe9j\xe0 vu".encode("latin-1"))


@pytest.mark.parametrize(
    ("spoil", "part"),
    [(remove_training_part, "train"), (empty_a_review, "3"), (write_latin_1, "3_2.txt")],
)
def test_spoilt_reviews_are_a_mistake(tmp_path, spoil, part):
    root = write_imdb(tmp_path)
    spoil(root)
    assert_one_line(call("train", tmp_path / "run", "--root", root, *SMALL), part)
    assert not (tmp_path / "run").exists()


def test_a_missing_or_broken_source_is_a_mistake(tmp_path):
    broken = tmp_path / "aclImdb_v1.tar.gz"
    broken.write_bytes(b"\x1f\x8b this is not an archive")
    empty = tmp_path / "empty"
    empty.mkdir()
    for root in (tmp_path / "nowhere", broken, empty):
        assert_one_line(call("train", tmp_path / "run", "--root", root, *SMALL), root.name)
    assert not (tmp_path / "run").exists()


def test_the_built_in_corpus_takes_no_root(tmp_path):
    assert_one_line(call("train", tmp_path / "run", *BUILT_IN, "--root", tmp_path), "--root")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", ["evaluate", "predict"])
@pytest.mark.parametrize("kind", ["missing", "empty", "file", "foreign", "no json", "missing keys"])
def test_a_foreign_run_folder_is_a_mistake(tmp_path, command, kind):
    folder = tmp_path / "run"
    if kind not in ("missing", "file"):
        folder.mkdir()
    if kind == "file":
        folder.write_text("not a folder")
    if kind == "foreign":
        (folder / "thesis.txt").write_text("years of work")
    if kind == "no json":
        (folder / "run.json").write_text('{"command": ')
    if kind == "missing keys":
        (folder / "run.json").write_text('{"command": "make"}')
    words = ["evaluate", folder] if command == "evaluate" else ["predict", "--run", folder, "good"]
    assert_one_line(call(*words), folder)


@pytest.mark.parametrize("name", ["pooling", "max_length", "batch_size", "keep"])
def test_a_setting_that_is_missing_from_a_run_is_a_mistake(finished, tmp_path, name):
    for file in FINISHED:
        (tmp_path / file).write_bytes((finished[0] / file).read_bytes())
    record = json.loads((tmp_path / "run.json").read_text())
    del record["configuration"][name]
    for configuration in (record["configuration"], None):
        (tmp_path / "run.json").write_text(json.dumps(record | {"configuration": configuration}))
        asked = call("predict", "--run", tmp_path, "good")
        assert_one_line(asked, "run.json is damaged: missing", name)


def test_records_tells_a_folder_and_a_missing_file_from_a_record(finished, tmp_path):
    assert_one_line(call("records", finished[0]), "expected a JSON file, got the folder")
    assert_one_line(call("records", tmp_path / "none.json"), "none.json is missing")
    for command, words in ((3, "its command is not text"), ("python -m lstm_tutorial 'x", "x")):
        (tmp_path / "a.json").write_text(
            json.dumps({"command": command, "versions": {}, "machine": {}})
        )
        assert_one_line(call("records", tmp_path / "a.json"), "a.json", words)


@pytest.mark.parametrize("name", FINISHED)
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_run_is_a_mistake(finished, tmp_path, name, damage):
    for other in FINISHED:
        data = (finished[0] / other).read_bytes()
        if other != name or damage == "cut":
            (tmp_path / other).write_bytes(data[: len(data) // 2] if other == name else data)
    assert_one_line(call("predict", "--run", tmp_path, "good"), tmp_path / name)


def test_a_run_folder_that_cannot_be_made_is_a_mistake(small_corpus, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        assert_one_line(call("train", folder, *BUILT_IN), folder)
    assert os.listdir(tmp_path) == ["file"]


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


@pytest.mark.parametrize("call_that_fails", ["mkdir", "open"])
def test_a_read_only_disk_is_one_line(small_corpus, tmp_path, monkeypatch, call_that_fails):
    import builtins
    import errno

    real = {"mkdir": os.mkdir, "open": builtins.open}[call_that_fails]

    def refuse(path, *args, **kwargs):
        if str(tmp_path) in str(path):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os if call_that_fails == "mkdir" else builtins, call_that_fails, refuse)
    result = call("train", tmp_path / "run", *BUILT_IN)
    assert_one_line(result, "Read-only file system", tmp_path / "run")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs the device /dev/full (Linux)")
def test_a_full_disk_behind_stdout_is_one_line(finished):
    words = [sys.executable, "-m", "lstm_tutorial", "predict", "--run", str(finished[0]), "good"]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        result = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, env=buffered)
    assert_one_line(result, "No space left on device: standard output")


def test_a_mistake_outside_has_no_traceback(tmp_path):
    result = call_outside("evaluate", tmp_path / "nowhere")
    assert_one_line(result, "does not exist")
    assert result.stdout == ""


def test_debug_shows_where_a_mistake_was_found(tmp_path):
    told = call("evaluate", tmp_path / "none").stderr
    result = call("--debug", "evaluate", tmp_path / "none")
    assert result.exit_code == 1
    assert result.stderr.startswith("Traceback")
    assert "in load_record\n" in result.stderr
    assert result.stderr.endswith(told)


def test_a_bug_keeps_its_traceback(finished, monkeypatch):
    def bug(*args):
        raise KeyError("a bug")

    monkeypatch.setattr(pipeline, "make_loader", bug)
    assert isinstance(call("evaluate", finished[0]).exception, KeyError)


ROOT = Path(__file__).resolve().parents[2]


def test_committed_records_are_whole_and_their_commands_still_mean_the_same(monkeypatch):
    monkeypatch.chdir(ROOT)
    result = call("records")
    assert result.exit_code == 0, result.stderr
    listed = [*ROOT.glob("book/records/*.json"), "shipped"]
    assert result.stdout.count("json: python -m lstm_tutorial ") == len(listed)
    assert result.stdout.count(" shown in ") == len(listed)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda record: record.pop("epochs"), "missing epochs"),
        (lambda record: record["configuration"].update(lr=1.0), "does not ask for its lr"),
        (
            lambda record: record.update(command=record["command"] + " --ngrams 2"),
            "does not ask for its ngrams",
        ),
        (lambda record: record["configuration"].update(wings=2), "r.json: unknown settings: wings"),
        (
            lambda record: record.update(command="python -m lstm_tutorial fly"),
            "is no longer a valid command",
        ),
        (lambda record: record.update(command="make it"), "a command of this project"),
        (lambda record: record.pop("machine"), "missing machine"),
    ],
)
def test_a_record_that_no_longer_holds_is_reported(tmp_path, change, says):
    record = json.loads((ROOT / "book/records/imdb-max.json").read_text())
    change(record)
    (tmp_path / "r.json").write_text(json.dumps(record))
    assert_one_line(call("records", tmp_path / "r.json"), says)


@pytest.mark.parametrize(
    ("preset", "path"),
    [
        ("max", "book/records/imdb-max.json"),
        ("final-states", "book/records/imdb-final-states.json"),
        ("small", "lstm_tutorial/sentiment/shipped/run.json"),
        ("strong", "book/records/strong-0.json"),
        ("first-attempt", "book/records/first-attempt.json"),
        ("tiny", "book/records/tiny-32.json"),
    ],
)
def test_a_preset_repeats_its_record(preset, path, monkeypatch):
    seen = []
    monkeypatch.setattr(runs, "train", lambda folder, settings, *_, **__: seen.append(settings))
    call("train", "somewhere", "--preset", preset)
    record = json.loads((ROOT / path).read_text())
    assert seen == [Settings.from_record(record)]


def test_an_option_given_wins_over_the_preset(monkeypatch):
    seen = []
    monkeypatch.setattr(runs, "train", lambda folder, settings, *_, **__: seen.append(settings))
    call("train", "somewhere", "--preset", "strong", "--ngrams", "2")
    assert (seen[0].ngrams, seen[0].vocab_size) == (2, 60_000)


def test_an_unknown_preset_is_refused():
    assert_one_line(call("train", "somewhere", "--preset", "huge"), "strong, small", "'huge'")
