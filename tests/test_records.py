"""The committed records of training runs: complete, repeatable as they say, and good enough."""

import json
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from lstm_tutorial.__main__ import app
from lstm_tutorial.sentiment.records import KEYS

RECORDS = sorted((Path(__file__).resolve().parent.parent / "book" / "records").glob("*.json"))


@pytest.fixture(params=RECORDS, ids=lambda path: path.stem)
def record(request) -> dict:
    return json.loads(request.param.read_text(encoding="utf-8"))


def test_both_runs_on_imdb_are_there():
    assert {"imdb-max", "imdb-final-states"} <= {path.stem for path in RECORDS}


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
    accuracies = [epoch["validation_accuracy"] for epoch in record["epochs"]]
    assert record["best_epoch"] == 1 + accuracies.index(max(accuracies))
    assert record["seconds"] < 12 * 60


def test_record_holds_no_private_path(record):
    assert "$IMDB_ARCHIVE" in record["command"]
    assert "/" not in record["command"].replace("$IMDB_ARCHIVE", "")


def test_better_run_passes_88_and_a_half_percent():
    scores = [json.loads(p.read_text())["test"]["accuracy"] for p in RECORDS if "imdb" in p.stem]
    assert max(scores) >= 0.885


def test_records_were_made_with_the_pinned_torch(record):
    pinned = (RECORDS[0].parent.parent.parent / "requirements.txt").read_text()
    assert f"torch=={record['versions']['torch'].split('+')[0]}\n" in pinned
