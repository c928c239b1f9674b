"""``pretrain``, ``probe`` and ``train --init``: records, resuming, and mistakes in one line."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import typer
from safetensors.torch import load_file

from lstm_tutorial.cli.commands import app
from lstm_tutorial.sentiment import training
from lstm_tutorial.sentiment.data import imdb
from lstm_tutorial.sentiment.data.review import Review
from lstm_tutorial.sentiment.runs import pretraining
from lstm_tutorial.sentiment.runs.pretraining_settings import PretrainingSettings
from lstm_tutorial.sentiment.studies import ablation, language
from lstm_tutorial.sentiment.studies.language import follow_sentiment, longest_copy, mean_states
from tests.cli.calls import FINISHED, assert_one_line, call, whole_files, write_imdb

SIZES = ["--embedding-dim", "16", "--hidden-size", "8", "--threads", "1"]
SHORT = [*SIZES, "--epochs", "1", "--batch-size", "2", "--length", "5"]


@pytest.fixture(scope="module")
def read_first(tmp_path_factory):
    """A language model of a small copy of IMDB's layout, and that copy."""
    parent = tmp_path_factory.mktemp("read")
    root = write_imdb(parent)
    result = call("pretrain", parent / "lm", "--root", root, *SHORT)
    assert result.exit_code == 0, result.stderr
    return parent / "lm", root, result.stdout


def test_the_command_has_an_option_for_every_setting_and_the_same_defaults():
    command = typer.main.get_command(app).commands["pretrain"]
    options = {option.name: option.default for option in command.params}
    of_the_call = {"run_dir", "root", "threads", "resume", "help"}
    assert set(PretrainingSettings.options()) == options.keys() - of_the_call
    for name in PretrainingSettings.options():
        assert options[name] == getattr(PretrainingSettings(), name), name


def test_a_run_leaves_weights_vocabulary_and_a_record(read_first):
    folder, _, printed = read_first
    assert sorted(os.listdir(folder)) == FINISHED
    record = json.loads((folder / "run.json").read_text())
    assert record["command"].startswith('python -m lstm_tutorial pretrain lm --root "$IMDB')
    assert PretrainingSettings.from_record(record).length == 5
    assert len(record["epochs"]) == 10
    assert record["data"]["train"] + record["data"]["validation"] == 40
    assert record["test"] is None
    last = record["epochs"][-1]
    assert last["validation_loss"] == pytest.approx(sum(last["validation_losses"]) / 2)
    assert "epoch 1 part 10/10: train perplexity" in printed
    assert "tokens/s" in printed


def test_no_test_text_is_read(read_first, monkeypatch, tmp_path):
    asked, load = [], imdb.load
    monkeypatch.setattr(imdb, "load", lambda part, root: asked.append(part) or load(part, root))
    assert call("pretrain", tmp_path / "lm", "--root", read_first[1], *SHORT).exit_code == 0
    assert set(asked) == {"train"}
    words = {word for word in pretraining.load(tmp_path / "lm").vocab.stoi if "test" in word}
    assert not words  # each text of the copy names its split


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path):
    options = ["--corpus", "built-in", *SIZES, "--vocab-size", "200", "--epochs", "1"]
    assert call("pretrain", tmp_path / "whole", *options).exit_code == 0
    words = [sys.executable, "-m", "lstm_tutorial", "pretrain", str(tmp_path / "run"), *options]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("epoch 1 part 1/10")
        process.kill()
    whole_files(tmp_path / "run")
    assert_one_line(call("pretrain", tmp_path / "run", *options), "unfinished run", "--resume")
    assert call("pretrain", tmp_path / "run", *options, "--resume").exit_code == 0
    assert sorted(os.listdir(tmp_path / "run")) == FINISHED
    weights = [load_file(tmp_path / name / "weights.safetensors") for name in ("run", "whole")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])


def test_a_classifier_starts_from_it_and_its_record_says_so(read_first, tmp_path):
    folder, root, _ = read_first
    options = ["--root", root, *SIZES, "--epochs", "1", "--init", folder]
    result = call("train", tmp_path / "still", *options, "--init-share", "0")
    assert result.exit_code == 0, result.stderr
    record = json.loads((tmp_path / "still" / "run.json").read_text())
    assert record["configuration"]["init"] == "lm"
    assert record["init"]["command"].startswith("python -m lstm_tutorial pretrain lm")
    assert "--init lm" in record["command"]
    given, taken = (load_file(f / "weights.safetensors") for f in (folder, tmp_path / "still"))
    assert torch.equal(taken["lstm.weight_hh_l0"], given["lstms.0.weight_hh_l0"])
    assert torch.equal(taken["lstm.bias_ih_l0_reverse"], given["lstms.1.bias_ih_l0"])
    assert torch.equal(taken["embedding.weight"][1:], given["embedding.weight"][1:])

    assert call("train", tmp_path / "moved", *options, "--ngrams", "2").exit_code == 0
    moved = load_file(tmp_path / "moved" / "weights.safetensors")
    assert not torch.equal(moved["deep.lstm.weight_hh_l0"], given["lstms.0.weight_hh_l0"])
    difference = moved["deep.lstm.weight_hh_l0"] - given["lstms.0.weight_hh_l0"]
    assert difference.abs().max() < 0.05  # a few steps away from where it began


def test_fewer_labels_are_balanced_and_chosen_by_the_seed(read_first, tmp_path):
    options = ["--root", read_first[1], *SIZES, "--epochs", "1", "--labels", "10", "--no-test"]
    assert call("train", tmp_path / "few", *options).exit_code == 0
    assert json.loads((tmp_path / "few" / "run.json").read_text())["data"]["train"] == 10
    result = call("train", tmp_path / "odd", *options[:-3], "--labels", "11")
    assert_one_line(result, "expected an even number of labels up to", "got 11")


@pytest.fixture
def _small_study(monkeypatch):
    """The study of labels with the sizes of the small language model, and ten labels."""
    base = replace(ablation.SMALL, embedding_dim=16, hidden_size=8, epochs=1, batch_size=4)
    few = {"labels": 10}
    variants = {"10 labels": few, "10 labels, read first": few | {"init": "lm"}, "all labels": {}}
    monkeypatch.setitem(ablation.BASES, "labels", base)
    monkeypatch.setitem(ablation.STUDIES, "labels", variants)


@pytest.mark.usefixtures("_small_study")
def test_the_study_of_labels_starts_half_of_its_variants_from_it(read_first, tmp_path, monkeypatch):
    given, fit, seen = pretraining.load(read_first[0]).model, training.fit, []

    def note(model, loader, *rest, **options):
        start = torch.equal(model.lstm.weight_hh_l0_reverse, given.lstms[1].weight_hh_l0)
        seen.append((start, sorted(label for _, label in loader.dataset)))
        return fit(model, loader, *rest, **options)

    monkeypatch.setattr(training, "fit", note)
    path = tmp_path / "labels-0.json"
    words = ["ablate", path, "--root", read_first[1], "--study", "labels"]
    result = call(*words, "--init", read_first[0])
    assert result.exit_code == 0, result.stderr
    assert [start for start, _ in seen] == [False, True, False]
    assert seen[0][1] == seen[1][1] == [0] * 5 + [1] * 5
    assert len(seen[2][1]) == 32
    record = json.loads(path.read_text())
    assert "ablate labels-0.json --study labels --init lm-small" in record["command"]
    assert record["init"]["command"].startswith("python -m lstm_tutorial pretrain lm")
    assert_one_line(call(*words), "a language model with the study labels only, got none")
    words = ["ablate", tmp_path / "other.json", "--root", read_first[1], "--init", read_first[0]]
    assert_one_line(call(*words), "lm with mistakes")


def test_probing_writes_a_record(read_first, tmp_path, monkeypatch):
    folder, root, _ = read_first
    seen = []

    def following(model, *others):
        seen.append(model.embedding.weight)
        return follow_sentiment(model, *others)

    monkeypatch.setattr(language, "follow_sentiment", following)
    result = call("probe", tmp_path / "language.json", folder, "--root", root)
    assert result.exit_code == 0, result.stderr
    record = json.loads((tmp_path / "language.json").read_text())
    assert (
        record["command"] == 'python -m lstm_tutorial probe language.json lm --root "$IMDB_ARCHIVE"'
    )
    assert list(record["perplexities"]) == ["1-gram", "3-gram", "5-gram", "LSTM", "LSTM, reverse"]
    shares = {key: value for key, value in record["unit"].items() if "accuracy" in key}
    assert all(0 <= share <= 1 for share in shares.values())
    assert shares.keys() > {"accuracy of words", "accuracy of untrained units"}
    read, untrained = seen
    assert read.shape == untrained.shape
    assert not torch.equal(read, untrained)
    assert record["copies"]["longest"] >= 1
    words = set(pretraining.load(folder).vocab.itos) | {"▪"}
    sample = record["copies"]["sample"].split()
    assert len(sample) == 100
    assert set(sample) <= words - {"<pad>", "<unk>"}


@pytest.mark.parametrize("sign", [1, -1])
def test_the_unit_is_the_one_that_follows_the_label_whatever_its_sign(monkeypatch, sign):
    reviews = [Review(("bad", "good")[k % 2], k % 2) for k in range(40)]
    labels = np.arange(40) % 2
    states = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    states[:, 2] = sign * (labels - 0.2)
    monkeypatch.setattr(language, "mean_states", lambda _, ids: states[[i[0] for i in ids]])
    ids = [[k] for k in range(20)], [[k] for k in range(20, 40)]
    found = follow_sentiment(None, reviews[:20], reviews[20:], ids, seed=0)
    assert (found["unit"], found["accuracy"], found["n"]) == (2, 1.0, 20)
    assert found["accuracy of all units"] == found["accuracy of words"] == 1.0


def test_copies_are_the_longest_shared_run():
    assert longest_copy([[1, 2, 3, 9], [4, 5]], [7, 2, 3, 8, 5]) == 2
    assert longest_copy([[1, 2]], [1, 2]) == 2
    assert longest_copy([[1]], [2]) == 0


def test_what_people_copy_is_measured_without_the_words_that_are_unknown(read_first):
    run = pretraining.load(read_first[0])
    known, unknown = len(run.vocab) - 1, run.vocab.stoi["<unk>"]
    read = torch.tensor([known, known, known, unknown] * 1_000)
    found = language.find_copies(run, read, read, seed=0)
    assert found["longest of people"] == 3


def test_mean_states_read_the_forward_lstm_and_ignore_padding(read_first):
    model, texts = pretraining.load(read_first[0]).model, [[5, 4, 3], [6], [2, 3]]
    found = mean_states(model, texts)
    for text, mean in zip(texts, found, strict=True):
        output, _ = model.lstms[0](model.embedding(torch.tensor([0, *text])))
        torch.testing.assert_close(torch.tensor(mean), output.mean(0).detach())


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["pretrain", "lm", "--validation-fraction", "0"], ["validation_fraction above 0"]),
        (["pretrain", "lm", "--lr", "-1"], ["expected lr greater than 0, got -1.0"]),
        (["train", "run", "--init", "nowhere"], ["nowhere does not exist"]),
        (["probe", "missing/x.json", "nowhere"], ["missing is not a folder: create it first"]),
        (["probe", "x.json", "nowhere"], ["nowhere does not exist"]),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(words, parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_one_line(call(*words), *parts)
    assert os.listdir(tmp_path) == []


def test_folders_of_the_other_kind_are_refused(read_first, finished, tmp_path):
    language, root, _ = read_first
    classifier = finished[0]
    result = call("train", tmp_path / "run", "--root", root, *SIZES, "--init", classifier)
    assert_one_line(result, "does not contain a language model", "pooling")
    assert_one_line(call("evaluate", language), "is damaged", "missing pooling")
    result = call("train", tmp_path / "run", "--root", root, "--init", language)
    assert_one_line(result, "sizes", "got (")
    assert not (tmp_path / "run").exists()


def test_training_in_bfloat16_leaves_float32_or_says_what_it_needs(tmp_path, monkeypatch):
    options = ["--corpus", "built-in", *SIZES, "--vocab-size", "200", "--epochs", "1"]
    half = [*options, "--precision", "bfloat16"]
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        assert call("pretrain", tmp_path / "half", *half).exit_code == 0
        assert call("pretrain", tmp_path / "whole", *options).exit_code == 0
        runs = [pretraining.load(tmp_path / name) for name in ("half", "whole")]
        losses = [run.record["epochs"][-1]["validation_loss"] for run in runs]
        assert losses[0] == pytest.approx(losses[1], abs=0.05)
        weights = [run.model.embedding.weight for run in runs]
        assert weights[0].dtype == torch.float32
        assert not torch.equal(*weights)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    result = call("pretrain", tmp_path / "refused", *half)
    assert_one_line(result, "expected a processor with bfloat16", "leave the option out")
    assert not (tmp_path / "refused").exists()
