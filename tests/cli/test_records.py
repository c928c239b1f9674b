"""The committed records of training runs: complete, repeatable as they say, and good enough."""

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from lstm_tutorial.cli.commands import app
from lstm_tutorial.cli.records import check_figures
from lstm_tutorial.sentiment.runs.records import KEYS, in_lines

ROOT = Path(__file__).resolve().parents[2]


def load(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


RECORDS = {path.stem: load(path) for path in sorted((ROOT / "book" / "records").glob("*.json"))}
RUNS = {name: r for name, r in RECORDS.items() if r["command"].split()[3] == "train"}


@pytest.fixture(params=RUNS)
def record(request) -> dict:
    return RUNS[request.param]


def test_the_records_that_chapters_read_are_there():
    assert {"imdb-max", "imdb-final-states"} <= set(RUNS)
    assert {"ablation-0", "ablation-1", "ablation-2", "analysis"} <= set(RECORDS) - set(RUNS)


def test_record_is_complete(record):
    assert set(KEYS) <= set(record)
    assert record["data"]["test"] == record["test"]["n"] == 25_000
    assert record["data"]["train"] + record["data"]["validation"] == 25_000


def test_recorded_command_parses_to_the_recorded_configuration(record):
    words = shlex.split(record["command"])
    assert words[:4] == ["python", "-m", "lstm_tutorial", "train"]
    train = get_command(app).commands["train"]
    given = train.make_context("train", words[4:]).params
    assert {k: given[k] for k in record["configuration"]} == record["configuration"]
    assert given["seed"] == record["seed"]


def test_best_epoch_is_the_best_on_the_validation_part(record):
    if record["data"]["validation"] == 0:  # every review is for training
        assert record["best_epoch"] == len(record["epochs"])
        return
    accuracies = [epoch["validation_accuracy"] for epoch in record["epochs"]]
    assert record["best_epoch"] == 1 + accuracies.index(max(accuracies))


def test_the_runs_of_the_first_chapter_take_less_than_12_minutes():
    assert max(run["seconds"] for name, run in RUNS.items() if "imdb" in name) < 12 * 60


@pytest.mark.parametrize("name", RECORDS)
def test_record_holds_no_private_path(name):
    command = RECORDS[name]["command"]
    assert "$IMDB_ARCHIVE" in command
    assert "/" not in command.replace("$IMDB_ARCHIVE", "")


def test_better_run_passes_88_and_a_half_percent():
    scores = [run["test"]["accuracy"] for name, run in RUNS.items() if "imdb" in name]
    assert max(scores) >= 0.885


@pytest.mark.parametrize("name", RECORDS)
def test_a_command_in_lines_is_the_same_command(name):
    command = RECORDS[name]["command"]
    as_one = in_lines(command).replace("\\\n", "")  # as a shell does, and shlex doesn't
    assert shlex.split(as_one) == shlex.split(command)
    lines = in_lines(command, width=40).splitlines()
    pairs = re.findall(r"--\S+ (?!--)\S+", command)
    assert len(lines) > 2
    assert [pair for pair in pairs if not any(pair in line for line in lines)] == []


@pytest.mark.parametrize("name", RECORDS)
def test_records_were_made_with_the_pinned_torch(name):
    pinned = (ROOT / "requirements.txt").read_text()
    assert f"torch=={RECORDS[name]['versions']['torch'].split('+')[0]}\n" in pinned


def test_every_confident_error_is_described_in_its_order():
    described = load(ROOT / "book" / "confident-errors.json")
    errors = RECORDS["analysis"]["classifiers"]["shipped"]["confident errors"]
    assert list(described) == [error["id"] for error in errors]
    assert all(set(entry) == {"kind", "description"} for entry in described.values())
    sides = [(error["probability"] > 0.5, "/neg/" in error["id"]) for error in errors]
    assert all(is_positive == is_negative for is_positive, is_negative in sides)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A book of one page, which reads two runs and prints the accuracy of each."""
    records, page = tmp_path / "book" / "records", tmp_path / "book" / "page.ipynb"
    records.mkdir(parents=True)
    for seed, accuracy in enumerate((0.9142, 0.9256)):
        (records / f"run-{seed}.json").write_text(json.dumps({"test": {"accuracy": accuracy}}))
    source = 'load(f"records/run-{seed}.json")'

    def show(text: str, source: str = source) -> Path:
        cell = {"cell_type": "code", "source": [source], "outputs": [{"text": [text]}]}
        page.write_text(json.dumps({"cells": [cell]}))
        return records / "run-1.json"

    monkeypatch.chdir(tmp_path)
    return show


@pytest.mark.parametrize("text", ["92.56%", "seed 1: 92.6", "mean 91.99", "mean 92.0"])
def test_a_page_that_shows_a_run_or_the_mean_of_its_seeds_passes(checkout, text):
    assert check_figures(checkout(text)) == "1 shown in page.ipynb"


@pytest.mark.parametrize("text", ["92.5", "92.57", "192.56", "9256", ""])
def test_a_page_that_shows_another_number_is_named(checkout, text):
    with pytest.raises(ValueError, match=r"page\.ipynb does not show the accuracy of the run"):
        check_figures(checkout(text))


def test_a_record_that_no_page_reads_is_named(checkout):
    with pytest.raises(ValueError, match="no page of the book reads"):
        check_figures(checkout("92.56", source="pass"))
