"""``train``: what a run leaves behind, which reviews it uses, and mistakes that leave nothing."""

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

import pytest

from lstm_tutorial.cli import commands as command_line
from lstm_tutorial.sentiment import runs
from lstm_tutorial.sentiment.data import imdb
from lstm_tutorial.sentiment.data.text import load_vocab
from lstm_tutorial.sentiment.models.bilstm import POOLINGS
from lstm_tutorial.sentiment.runs import pipeline, records
from lstm_tutorial.sentiment.runs.settings import Settings
from tests.cli.calls import BUILT_IN, FINISHED, SMALL, assert_one_line, call, write_imdb

ROOT = Path(__file__).resolve().parents[2]


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


def test_another_seed_gives_other_weights_and_the_same_parts(small_corpus, tmp_path):
    for seed in ("0", "1"):
        assert call("train", tmp_path / seed, *BUILT_IN, "--seed", seed).exit_code == 0
    first, second = [(tmp_path / seed / "weights.safetensors").read_bytes() for seed in "01"]
    assert first != second
    vocabularies = [(tmp_path / seed / "vocab.json").read_bytes() for seed in "01"]
    assert vocabularies[0] == vocabularies[1]


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


def test_a_finished_run_is_not_overwritten(finished):
    folder, _ = finished
    before = {name: (folder / name).read_bytes() for name in FINISHED}
    assert_one_line(call("train", folder, *BUILT_IN), "finished run", folder)
    assert {name: (folder / name).read_bytes() for name in os.listdir(folder)} == before


def test_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    for options in ([], ["--resume"]):
        assert_one_line(
            call("train", tmp_path, *BUILT_IN, *options), "does not contain a run", tmp_path
        )
    assert os.listdir(tmp_path) == ["thesis.txt"]


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
    ("--precision", "float16"),
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


def test_a_run_folder_that_cannot_be_made_is_a_mistake(small_corpus, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        assert_one_line(call("train", folder, *BUILT_IN), folder)
    assert os.listdir(tmp_path) == ["file"]


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


@pytest.mark.parametrize(
    ("preset", "path"),
    [
        ("max", "book/records/imdb-max.json"),
        ("final-states", "book/records/imdb-final-states.json"),
        ("small --init lm-small", "lstm_tutorial/sentiment/shipped/run.json"),
        ("strong", "book/records/strong-0.json"),
        ("first-attempt", "book/records/first-attempt.json"),
        ("tiny", "book/records/tiny-32.json"),
        ("reading-first --init lm", "book/records/reading-first-0.json"),
    ],
)
def test_a_preset_repeats_its_record(preset, path, monkeypatch):
    seen = []
    monkeypatch.setattr(runs, "train", lambda folder, settings, *_, **__: seen.append(settings))
    call("train", "somewhere", "--preset", *preset.split())
    record = json.loads((ROOT / path).read_text())
    assert seen == [Settings.from_record(record)]


def test_an_option_given_wins_over_the_preset(monkeypatch):
    seen = []
    monkeypatch.setattr(runs, "train", lambda folder, settings, *_, **__: seen.append(settings))
    call("train", "somewhere", "--preset", "strong", "--ngrams", "2")
    assert (seen[0].ngrams, seen[0].vocab_size) == (2, 60_000)


def test_an_unknown_preset_is_refused():
    assert_one_line(
        call("train", "somewhere", "--preset", "huge"), "strong, reading-first", "'huge'"
    )
